# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Starts and stops containerd in a test node. To be sourced, in the node:
#
#   . /azl/src/hack/node.d/containerd.sh
#   node_containerd_start [CONFIG]
#   node_containerd_image [FILE]
#   ctr run --rm --cpu-shares 0 --runtime io.containerd.runc.v2 "$NODE_IMAGE" c1 echo hi
#   node_containerd_stop
#
# A node on a host with hybrid cgroups has none of the controllers cpu, memory, io
# and pids, and ctr asks for CPU shares unless told: hence --cpu-shares 0. The
# socket is the default one, so ctr needs no other option.

# shellcheck disable=SC2034
NODE_IMAGE=docker.io/library/azl-busybox:latest
NODE_CONTAINERD_LOG=${NODE_CONTAINERD_LOG:-/run/containerd.log}
NODE_CONTAINERD_PID=''

# What containerd 1.7 and 2.x both read. The snapshotter is the default one, overlayfs. CRI needs
# CNI, and for its pause container either a host with CPU shares or disable_cgroup.
node_containerd_config() {
	cat <<-EOF
		version = 2
		root = "/var/lib/containerd"
		state = "/run/containerd"
		oom_score = 0
		disabled_plugins = [
		  "io.containerd.grpc.v1.cri",
		  "io.containerd.cri.v1.images",
		  "io.containerd.cri.v1.runtime",
		  "io.containerd.snapshotter.v1.aufs",
		  "io.containerd.snapshotter.v1.blockfile",
		  "io.containerd.snapshotter.v1.btrfs",
		  "io.containerd.snapshotter.v1.devmapper",
		  "io.containerd.snapshotter.v1.erofs",
		  "io.containerd.snapshotter.v1.zfs",
		  "io.containerd.internal.v1.opt",
		  "io.containerd.internal.v1.tracing",
		  "io.containerd.tracing.processor.v1.otlp",
		  "io.containerd.nri.v1.nri",
		]
	EOF
}

# Starts containerd and waits until it answers. CONFIG is a file; without it, the one above.
# Its log goes to $NODE_CONTAINERD_LOG; what it finds shims with is $PATH.
node_containerd_start() {
	local config=${1-} end=$((SECONDS + 120))
	if [ -z "$config" ]; then
		config=/run/containerd.toml
		node_containerd_config >"$config"
	fi
	# The descriptor 3 of a test must not be kept open by a daemon that outlives it.
	containerd --config "$config" </dev/null >>"$NODE_CONTAINERD_LOG" 2>&1 3>&- &
	NODE_CONTAINERD_PID=$!
	until ctr --connect-timeout 1s version >/dev/null 2>&1; do
		if ! kill -0 "$NODE_CONTAINERD_PID" 2>/dev/null || [ "$SECONDS" -ge "$end" ]; then
			echo "containerd does not answer; the end of $NODE_CONTAINERD_LOG:" >&2
			tail -n 20 "$NODE_CONTAINERD_LOG" >&2
			return 1
		fi
		sleep 0.02
	done
}

# Imports the image that hack/image makes.
node_containerd_image() {
	local file=${1-}
	if [ -z "$file" ]; then
		file=/tmp/azl-busybox.tar
		[ -e "$file" ] || /azl/src/hack/image "$file" || return
	fi
	ctr image import --all-platforms "$file" >/dev/null
}

# Stops containerd. Shims and containers go on, as they do on a host; they end with the node.
node_containerd_stop() {
	local pid=$NODE_CONTAINERD_PID end=$((SECONDS + 30))
	[ -n "$pid" ] || return 0
	NODE_CONTAINERD_PID=''
	kill "$pid" 2>/dev/null || return 0
	while kill -0 "$pid" 2>/dev/null; do
		if [ "$SECONDS" -ge "$end" ]; then
			kill -KILL "$pid"
			break
		fi
		sleep 0.02
	done
	wait "$pid" 2>/dev/null || true
}
