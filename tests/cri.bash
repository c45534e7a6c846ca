# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# A client of the CRI made of curl and protoc, and pods by it: Debian packages no client. To be sourced
# after tests/lib.bash; $W is the test's folder.
#
#   CRI_TIMEOUT_S     how long a call may take (100)
#   POD_MORE          more text for a pod's configuration
#   pod_parent        a function: the cgroup under which a pod is to be

CRI_SOCKET=/run/containerd/containerd.sock
CRI_PROTO=${BASH_SOURCE[0]%/*}/cri.proto

# ---- gRPC: one call with curl ----

# grpc SERVICE METHOD REQUEST RESPONSE <TEXT: prints the answer as text
grpc() {
	local dir size status
	dir=$(mktemp -d)
	protoc -I "${CRI_PROTO%/*}" --encode="runtime.v1.$3" "$CRI_PROTO" >"$dir/body" || return 2
	size=$(stat -c %s "$dir/body")
	{
		# shellcheck disable=SC2059
		printf "\\x00$(printf '\\x%02x' $((size >> 24)) $((size >> 16 & 255)) $((size >> 8 & 255)) $((size & 255)))"
		cat "$dir/body"
	} >"$dir/frame"
	curl -sS --max-time "${CRI_TIMEOUT_S:-100}" --http2-prior-knowledge --unix-socket "$CRI_SOCKET" \
		-o "$dir/answer" -D "$dir/head" \
		-H 'content-type: application/grpc' -H 'te: trailers' -H "containerd-namespace: ${GRPC_NAMESPACE:-default}" \
		--data-binary "@$dir/frame" "http://localhost/$1/$2" 2>"$dir/err" || {
		cat "$dir/err" >&2
		rm -r "$dir"
		return 2
	}
	status=$(sed -n 's/^grpc-status: \([0-9]*\).*/\1/p' "$dir/head")
	if [ "$status" != 0 ]; then
		echo "$2: status ${status:-none}: $(sed -n 's/^grpc-message: //p' "$dir/head" | tr -d '\r')" >&2
		rm -r "$dir"
		return 1
	fi
	tail -c +6 "$dir/answer" | protoc -I "${CRI_PROTO%/*}" --decode="runtime.v1.$4" "$CRI_PROTO"
	rm -r "$dir"
}

# cri METHOD <TEXT
cri() {
	grpc runtime.v1.RuntimeService "$1" "$1Request" "$1Response"
}

# ---- pods ----

# quoted NAME WORD...: a repeated field of text
quoted() {
	local name=$1 word
	shift
	for word; do
		word=${word//\\/\\\\}
		printf '%s: "%s" ' "$name" "${word//\"/\\\"}"
	done
}

# field NAME: the first value of it in a message in text, without quotes
field() {
	sed -n "s/^ *$1: \"\{0,1\}\([^\"]*\)\"\{0,1\}$/\1/p" | head -n 1
}

# pod_config NAME [NODE|POD]: with the network of the host unless told
pod_config() {
	cat <<-EOF
		metadata { name: "$1" uid: "$1" namespace: "test" }
		log_directory: "$W/logs"
		${POD_MORE-}
		hostname: "$([ "${2:-NODE}" = NODE ] || echo "$1")"
		linux {
		  cgroup_parent: "$(pod_parent)"
		  security_context { namespace_options { network: ${2:-NODE} pid: CONTAINER } }
		}
	EOF
}

# pod_run NAME [NODE|POD]: prints its id; $HANDLER says by whom
pod_run() {
	mkdir -p "$W/logs"
	cri RunPodSandbox <<-EOF | field pod_sandbox_id
		config { $(pod_config "$@") }
		runtime_handler: "${HANDLER:-azl}"
	EOF
}

pod_remove() {
	cri StopPodSandbox <<<"pod_sandbox_id: \"$1\"" && cri RemovePodSandbox <<<"pod_sandbox_id: \"$1\""
}

# pod_add POD NAME RESOURCES COMMAND...: creates and starts a container; prints its id
pod_add() {
	local pod=$1 name=$2 resources=$3 id
	shift 3
	id=$(
		cri CreateContainer <<-EOF | field container_id
			pod_sandbox_id: "$pod"
			config {
			  metadata { name: "$name" }
			  image { image: "$IMAGE" }
			  $(quoted command "$@")
			  log_path: "$name.log"
			  linux { resources { $resources } security_context { namespace_options { pid: CONTAINER } } }
			}
			sandbox_config { $(pod_config "$T") }
		EOF
	)
	[ -n "$id" ] || return 1
	cri StartContainer <<<"container_id: \"$id\"" && echo "$id"
}

# pod_exec ID COMMAND...: prints its output; ends as the command does
pod_exec() {
	local id=$1 answer code
	shift
	answer=$(cri ExecSync <<<"container_id: \"$id\" $(quoted cmd "$@") timeout: 60") || return 125
	printf '%b' "$(field stdout <<<"$answer")"
	code=$(field exit_code <<<"$answer")
	return "${code:-0}"
}

pod_stop() {
	cri StopContainer <<<"container_id: \"$1\" timeout: ${2:-5}"
}

pod_status() {
	cri ContainerStatus <<<"container_id: \"$1\""
}

pod_state_is() {
	[ "$(pod_status "$1" | field state)" = "${2#CONTAINER_CREATED}" ]
}
