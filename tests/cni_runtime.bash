# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# containerd with our plugin, on a node of the fabric: the CRI, and ctr with --cni. A file of tests loads
# this instead of tests/cni.bash:
#
#   load cni_runtime; setup_file() { runtime_file_begin; } teardown_file() { runtime_file_end; }
#   setup() { runtime_begin; } teardown() { runtime_end; }

load lib
load cni
# shellcheck source=tests/cri.bash
. "$CNI_REPO/tests/cri.bash"

RUNTIME_CONFIG=/run/containerd.toml
RUNTIME_PID=/run/azl-cni-tests/containerd.pid
CONFS=/etc/cni/net.d
NET=azl

# ---- a file of tests ----

# The CRI gives its pause container CPU shares unless it may not touch cgroups, and a node of a hybrid
# host has none to give. containerd 2 cannot be told so any more.
runtime_config() {
	node_containerd_config | grep -v cri
	cat <<-EOF
		[plugins."io.containerd.grpc.v1.cri"]
		  sandbox_image = "docker.io/library/azl-pause:latest"
		  disable_cgroup = true
		  disable_apparmor = true
		  disable_hugetlb_controller = true
		  restrict_oom_score_adj = true
		  enable_selinux = false
		  [plugins."io.containerd.grpc.v1.cri".cni]
		    bin_dir = "/opt/cni/bin"
		    conf_dir = "$CONFS"
		  [plugins."io.containerd.grpc.v1.cri".containerd]
		    snapshotter = "overlayfs"
		    default_runtime_name = "azl"
		    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.azl]
		      runtime_type = "io.containerd.azl.v2"
	EOF
	[ "$(containerd_major)" -lt 2 ] || cat <<-EOF
		      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.azl.options]
		        BinaryName = "$CNI_REPO/tests/runc-without-cpu"
	EOF
}

containerd_major() {
	containerd --version | sed 's/.* v\{0,1\}\([0-9]*\)\.[0-9.]*.*/\1/'
}

runtime_file_begin() {
	cni_file_begin || return
	mkdir -p /opt/cni/bin "$CONFS"
	ln -sf /usr/lib/cni/* "$AZL_BUILD/azl-cni" /opt/cni/bin/
	conflist >"$CONFS/10-azl.conflist"
	runtime_config >"$RUNTIME_CONFIG"
	runtime_start || return
	"$CNI_REPO/hack/image" "$C/busybox.tar" || return
	"$CNI_REPO/hack/image" --name docker.io/library/azl-pause:latest --command "sleep infinity" "$C/pause.tar" || return
	ctr image import "$C/busybox.tar" >/dev/null || return
	ctr -n k8s.io image import "$C/busybox.tar" >/dev/null || return
	ctr -n k8s.io image import "$C/pause.tar" >/dev/null || return
	# the CRI counts an image in when it hears of it
	until_ok 20 ready
}

# In the network of the node. It is no child of the test: that would be waited for.
runtime_start() {
	(
		setsid nsenter --net=/run/netns/azl-node1 containerd --config "$RUNTIME_CONFIG" </dev/null \
			>>"$NODE_CONTAINERD_LOG" 2>&1 3>&- 4>&- &
		echo $! >"$RUNTIME_PID"
	)
	until_ok 30 eval 'ctr --connect-timeout 1s version >/dev/null 2>&1' && until_ok 20 eval 'cri Version </dev/null >/dev/null 2>&1'
}

# runtime_stop [SIGNAL]
runtime_stop() {
	local pid
	pid=$(cat "$RUNTIME_PID")
	kill "-${1:-TERM}" "$pid"
	until_ok 20 gone "$pid"
}

runtime_file_end() {
	runtime_stop
	cni_file_end
	rm -rf "$CONFS" /opt/cni/bin
}

# ---- one test ----

runtime_begin() {
	cni_begin
	T=t$BATS_TEST_NUMBER
	conflist >"$CONFS/10-azl.conflist"
}

runtime_end() {
	local id left=''
	pods_of_cri_remove || true
	for id in $(ctr container ls -q); do
		ctr task rm -f "$id" >/dev/null 2>&1 || true
		ctr container rm "$id"
	done
	if ! until_ok 5 pods_nothing_left; then
		left=$(pods_left)
		echo "left behind by containerd:"
		echo "$left"
		grep -v level=info "$NODE_CONTAINERD_LOG" | tail -n 8 | sed 's/^/containerd: /'
		e2e_force
	fi
	cni_end && [ -z "$left" ]
}

# What pods leave that cni_left does not look for.
pods_left() {
	e2e_left | grep -v '/run/netns/azl-'
	find /run/netns -name 'cni-*' | sed 's/^/namespace: /'
	true
}

pods_nothing_left() {
	[ -z "$(pods_left)" ]
}

# ---- networks ----

# conflist [PLUGIN...]: the network of the node, ours and those behind it
conflist() {
	list 1.0.0 '{"type": "portmap", "snat": true, "capabilities": {"portMappings": true}}' "$@"
}

# Puts a list where containerd sees it as a whole: its watcher of 1.7 misses a file that is moved in.
conflist_put() {
	cat >"$CONFS/$1.tmp"
	mv "$CONFS/$1.tmp" "$CONFS/$1"
}

# condition TYPE: true or false, and why
condition() {
	cri Status </dev/null | awk -v t="$1" '
		/conditions \{/ { type = ""; ok = "false"; why = "" }
		/type: / { gsub(/"/, ""); type = $2 }
		/status: true/ { ok = "true" }
		/message: / { sub(/.*message: /, ""); why = $0 }
		/^  \}/ && type == t { print ok, why }'
}

ready() {
	[[ "$(condition NetworkReady)" == true* ]]
}

not_ready() {
	[[ "$(condition NetworkReady)" == false* ]]
}

# ---- pods ----

pod_parent() {
	:
}

# A pod on the network, and the fabric is told of its address: prints its id.
pod_up() {
	local id
	id=$(pod_run "$1" POD) || return
	[ -n "$id" ] || return
	fabric_register 1 "$(pod_ip "$id")" && echo "$id"
}

# All that the CRI knows of, as a kubelet does with pods that it does not want.
pods_of_cri_remove() {
	local id
	for id in $(cri ListPodSandbox </dev/null | sed -n 's/^ *id: "\(.*\)"/\1/p'); do
		pod_remove "$id" || return
	done
}

pod_ip() {
	cri PodSandboxStatus <<<"pod_sandbox_id: \"$1\"" | field ip
}

# in_pod ID COMMAND...: a program of the node in the pod's network
in_pod() {
	${ON-} nsenter "--net=/proc/$(pid_of "$1" "${POD_NAMESPACE:-k8s.io}")/ns/net" "${@:2}"
}
