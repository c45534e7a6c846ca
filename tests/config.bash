# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What the tests of shipped files share: an installation, containerd and its configuration. To be
# sourced after cni.bash.

# shellcheck disable=SC2034
ETC=$CNI_REPO/config/etc
CONFIG=/run/azl-config # of a file of tests; a test's is $W
# shellcheck disable=SC2034
ROOT=$CONFIG/root      # what make install made

# What `make install` makes, once; built with the same words as by hack/e2e.
make_here() {
	flock "$CNI_REPO/build/$AZL_NODE/.e2e.lock" make -s --no-print-directory -C "$CNI_REPO" BUILD="$CNI_REPO/build/$AZL_NODE" DEV=1 "$@"
}

installed() {
	make_here DESTDIR="$ROOT" PREFIX=/usr CNIDIR=/usr/lib/cni install >"$CONFIG/install.log" 2>&1 ||
		wrong "$(tail -n 20 "$CONFIG/install.log")"
}

here() {
	[ "$AZL_NODE" = pack ] || skip "by the programs of the node pack"
}

# ---- containerd ----

V=$(containerd --version | sed -n 's/.* v\{0,1\}\([0-9]*\)\.[0-9]*\.[0-9]*.*/\1/p')
case $V in
1) VERSION=2 CRI=io.containerd.grpc.v1.cri  ;;
*) VERSION=3 CRI=io.containerd.cri.v1.runtime  ;;
esac

# in_dump FILE SECTION KEY: its value; sections of TOML have either quotes
in_dump() {
	sed "s/'/\"/g" "$1" | awk -v s="[$2]" -v k="$3" '
		{ gsub(/^ +| +$/, "") }
		/^\[/ { inside = $0 == s }
		inside && $1 == k { sub(/^[^=]*= */, ""); print; exit }'
}

dump() {
	containerd --config "$1" config dump >"$W/dump" 2>"$W/dump.err" || wrong "$(cat "$W/dump.err")"
}

runtime_of() {
	in_dump "$W/dump" "plugins.\"$CRI\".containerd.runtimes.$1" "$2"
}

options_of() {
	in_dump "$W/dump" "plugins.\"$CRI\".containerd.runtimes.$1.options" "$2"
}

# containerd_start CONFIG: and CRI with it; its log is in $W/log
containerd_start() {
	containerd --root "$W/lib" --state "$W/state" --address "$W/sock" --config "$1" </dev/null >"$W/log" 2>&1 3>&- 4>&- &
	echo $! >"$W/containerd.pid"
	disown $!
	until_ok 20 ctr -a "$W/sock" --connect-timeout 1s version >/dev/null 2>&1 || wrong "$(tail -n 20 "$W/log")"
}

containerd_stop() {
	local pid
	pid=$(cat "$W/containerd.pid")
	kill "$pid" 2>/dev/null || true
	until_ok 10 eval "! kill -0 $pid 2>/dev/null"
	rm "$W/containerd.pid"
}

cri_is_up() {
	ctr -a "$W/sock" plugins ls | awk '$2 == "cri" { print $NF }' | grep -qx ok
}

# What a host's configuration has besides.
tail_of_config() {
	printf '[plugins."%s".cni]\n  bin_dir = "/usr/lib/cni"\n  conf_dir = "%s"\n' "$CRI" "$1"
}

# A node's of AKS. Source: Azure/AgentBaker, aks-node-controller/parser/templates/containerd_no_GPU.toml.gtpl,
# filled in for Azure Linux; version 3 is the same in the words of containerd 2.
aks_config() {
	local images=$CRI
	[ "$V" = 1 ] || images=io.containerd.cri.v1.images
	cat <<-EOF
		version = $VERSION
		oom_score = -999
	EOF
	case $V in
	1) printf '[plugins."%s"]\n  sandbox_image = "mcr.microsoft.com/oss/kubernetes/pause:3.6"\n' "$CRI" ;;
	*) printf '[plugins."%s".pinned_images]\n  sandbox = "mcr.microsoft.com/oss/kubernetes/pause:3.6"\n' "$images" ;;
	esac
	cat <<-EOF
		[plugins."$CRI".containerd]
		  default_runtime_name = "runc"
		  [plugins."$CRI".containerd.runtimes.runc]
		    runtime_type = "io.containerd.runc.v2"
		  [plugins."$CRI".containerd.runtimes.runc.options]
		    BinaryName = "/usr/bin/runc"
		    SystemdCgroup = true
		  [plugins."$CRI".containerd.runtimes.untrusted]
		    runtime_type = "io.containerd.runc.v2"
		  [plugins."$CRI".containerd.runtimes.untrusted.options]
		    BinaryName = "/usr/bin/runc"
		[plugins."$images".registry]
		  config_path = "/etc/containerd/certs.d"
		[metrics]
		  address = "127.0.0.1:10257"
	EOF
}
