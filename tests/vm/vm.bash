# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What the tests in a machine share: tests/lib.bash, a containerd.service with the CRI
# plugin, and a client of it made of curl and protoc. They run in hack/vm-test only.
#
# A file says: load vm; setup_file() { vm_file_begin; } setup() { vm_begin; } teardown() { vm_end; }

[ -n "${AZL_VM:-}" ] || {
	echo "these tests run in a virtual machine: hack/vm-test" >&2
	return 1
}

VM_REPO=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
# shellcheck source=tests/lib.bash
BATS_TEST_DIRNAME=$VM_REPO/tests . "$VM_REPO/tests/lib.bash"
# shellcheck source=tests/cri.bash
. "$VM_REPO/tests/cri.bash"

NODE_CONTAINERD_LOG=/dev/null # the journal has it

# ---- a file of tests ----

# The handlers of the CRI: azl is asked for by name, or as the package's configuration says; azlpath by the path
# of its program under the name of the reference, which is called runc here.
vm_config() {
	local shipped=/usr/share/azl/containerd/azl-v2.toml
	node_containerd_config | grep -v cri
	cat <<-EOF
		[plugins."io.containerd.grpc.v1.cri"]
		  sandbox_image = "docker.io/library/azl-pause:latest"
		  enable_selinux = false
		  [plugins."io.containerd.grpc.v1.cri".cni]
		    bin_dir = "/usr/lib/cni"
		    conf_dir = "/etc/cni/net.d"
		  [plugins."io.containerd.grpc.v1.cri".containerd]
		    snapshotter = "overlayfs"
		    default_runtime_name = "azl"
		    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.azlfs]
		      runtime_type = "io.containerd.azl.v2"
		      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.azlfs.options]
		        SystemdCgroup = false
		    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.azlpath]
		      runtime_type = "io.containerd.runc.v2"
		      runtime_path = "$E2E_SHIM"
		      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.azlpath.options]
		        SystemdCgroup = true
		    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
		      runtime_type = "io.containerd.runc.v2"
		      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
		        SystemdCgroup = true
	EOF
	if [ -e "$shipped" ]; then
		sed -n '/^# BEGIN azl/,/^# END azl/p' "$shipped"
	else
		cat <<-EOF
			[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.azl]
			  runtime_type = "io.containerd.azl.v2"
			  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.azl.options]
			    SystemdCgroup = true
		EOF
	fi
}

vm_network() {
	mkdir -p /etc/cni/net.d
	cat >/etc/cni/net.d/10-azl.conflist <<-EOF
		{ "cniVersion": "1.0.0", "name": "azl", "plugins": [
		  { "type": "bridge", "bridge": "azl0", "isGateway": true,
		    "ipam": { "type": "host-local", "ranges": [[{ "subnet": "10.88.0.0/24" }]] } } ] }
	EOF
}

vm_images() {
	local dir=/tmp/azl-images
	mkdir -p "$dir"
	"$VM_REPO/hack/image" "$dir/busybox.tar" || return
	"$VM_REPO/hack/image" --name docker.io/library/azl-pause:latest --command "sleep infinity" "$dir/pause.tar" || return
	ctr image import "$dir/busybox.tar" >/dev/null || return
	ctr -n k8s.io image import "$dir/busybox.tar" >/dev/null || return
	ctr -n k8s.io image import "$dir/pause.tar" >/dev/null || return
	rm -r "$dir"
}

# Options of the runtime, which containers name by their files.
vm_options() {
	runtime_toml "$E2E/engine.toml" "$E2E_ENGINE"
	AZL_CGROUPS=systemd runtime_toml "$E2E/systemd.toml" "$E2E_ENGINE"
	AZL_CGROUPS=cgroupfs runtime_toml "$E2E/cgroupfs.toml" "$E2E_ENGINE"
}

# Tests here say themselves what they want of the host, which packages may have set up (tests/lib.bash).
host_is_plain() {
	[ -e /etc/azl/host.json ] || return 0
	timeout 120 "$AZL_BUILD/azlctl" revert >/dev/null
	rm -f /etc/azl/host.json
}

# Once per machine.
vm_file_begin() {
	mkdir -p "$E2E"
	host_is_plain
	[ ! -e "$E2E/ready" ] || return 0
	vm_options
	mkdir -p /etc/containerd
	vm_config >/etc/containerd/config.toml
	vm_network
	systemctl restart containerd
	until_ok 60 containerd_answers || return
	vm_images || return
	until_ok 60 cri ListPodSandbox </dev/null >/dev/null 2>&1 || return
	: >"$E2E/ready"
}

containerd_pid() {
	systemctl show -P MainPID containerd
}

# Names are unlike those of any other test: a scope that one leaves must not trouble the next.
vm_begin() {
	e2e_begin
	rmdir "$W"
	T=v${EPOCHREALTIME#*[.,]}
	W=$E2E/$T
	mkdir -p "$W"
}

vm_end() {
	local pod left
	for pod in $(cri ListPodSandbox </dev/null | sed -n 's/^ *id: "\(.*\)"/\1/p'); do
		pod_remove "$pod"
	done
	e2e_end || return
	left=$(vm_left)
	[ -z "$left" ] || echo "left behind: $left"
	[ -z "$left" ]
}

# What pods and scopes leave behind, beyond what e2e_left knows.
vm_left() {
	find /sys/fs/cgroup/azl.slice /sys/fs/cgroup/system.slice -mindepth 1 -maxdepth 1 -name '*.scope' 2>/dev/null
	systemctl list-units --all --plain --no-legend '*.scope' | grep -E 'azl-|cri-containerd-'
	find /run/netns -name 'cni-*' 2>/dev/null
	true
}

# ---- pods (tests/cri.bash) ----

pod_parent() {
	if [ "${HANDLER:-azl}" = azlfs ]; then echo /azl-e2e; else echo /azl.slice; fi
}

# update ID JSON: gives a task of ctr new limits
update() {
	local json=${2//\\/\\\\}
	grpc containerd.services.tasks.v1.Tasks Update UpdateTaskRequest Empty <<-EOF
		container_id: "$1"
		resources { type_url: "types.containerd.io/opencontainers/runtime-spec/1/LinuxResources" value: "${json//\"/\\\"}" }
	EOF
}

# ---- cgroups and scopes ----

# value FOLDER FILE [KEY]: a figure of a cgroup
value() {
	if [ $# -eq 2 ]; then cat "$1/$2"; else awk -v k="$3" '$1 == k { print $2 }' "$1/$2"; fi
}

scope_active() {
	systemctl -q is-active "$1"
}

# Not even failed: a unit that is not known at all.
scope_unknown() {
	[ "$(systemctl show -P LoadState "$1")" = not-found ] && [ "$(systemctl show -P ActiveState "$1")" = inactive ]
}

# run_group ID COMMAND...: without systemd as the driver of cgroups, in /azl-e2e/ID
PLAIN=(--runtime io.containerd.azl.v2 --runtime-config-path "$E2E/cgroupfs.toml")
run_group() {
	local id=$1
	shift
	# shellcheck disable=SC2086
	timeout 60 ctr run -d --cpu-shares 0 "${PLAIN[@]}" --cgroup "/azl-e2e/$id" ${FLAGS-} "$IMAGE" "$id" "$@" 3>&- </dev/null
}

# run_scope ID COMMAND...: with systemd as the driver of cgroups
SCOPE=(--runtime io.containerd.azl.v2 --runtime-config-path "$E2E/systemd.toml")
run_scope() {
	local id=$1
	shift
	# shellcheck disable=SC2086
	timeout 60 ctr run -d "${SCOPE[@]}" --cgroup "azl.slice:azl:$id" ${FLAGS-} "$IMAGE" "$id" "$@" 3>&- </dev/null
}
