# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC1091,SC2016,SC2030,SC2031,SC2034,SC2154
# The Debian packages on a host with systemd: what they bring, pods by what is shipped, an upgrade under
# running containers, removal. Each test goes on where the one before ended; tests/vm/again/ goes on
# after a boot. In a machine of its own: hack/vm-test trixie tests/vm/package.bats

load vm
. "$VM_REPO/tests/vm/package.bash"

setup_file() {
	mkdir -p "$E2E" /etc/containerd /etc/cni/net.d
	rm -f /etc/systemd/system/containerd.service.d/azl.conf
	printf 'SystemdCgroup = true\n' >"$E2E/systemd.toml"
	host_nic
	systemctl daemon-reload
}

setup() {
	T=p$BATS_TEST_NUMBER
	W=$E2E/$T
	mkdir -p "$W"
}

# What a failed test left does not trouble the next.
teardown() {
	local id
	for id in $(ctr container ls -q | grep "^$T" || true); do
		ctr task rm -f "$id" || true
		ctr container rm "$id" || true
	done
}

@test "what the packages bring is in force without a boot, and nothing of containerd is touched" {
	local before unit
	before=$(containerd_pid)
	dpkg -i "$PACKAGES"/*_0.1.0_*.deb
	equal "$(containerd_pid)" "$before"
	sysctls_are_in_force
	equal "$(stat -c %a /run/azl)" 755
	equal "$(systemctl show -P LoadState azl.slice)" loaded
	run systemctl is-enabled azl-host.service
	equal "$output" disabled
	for unit in $(dpkg -L azl-shim azl-cni azlctl | sed -n 's|^/usr/lib/systemd/system/||p'); do
		run systemd-analyze verify --man=no "$unit"
		equal "$unit: $status $output" "$unit: 0 "
	done
	[ ! -e /etc/containerd/conf.d ]
	equal "$(ls /etc/cni/net.d)" ''
	azlctl version
}

@test "azl-host waits for an azlctl that is at work" {
	mkdir -p /etc/azl
	jq -n '{ "apply": { "slices": false, "sysctl": false, "modules": false, "containerd": false, "network": false } }' >/etc/azl/host.json
	exec 9>/run/azl/azlctl.lock
	flock --nonblock 9
	systemctl start azl-host.service 9<&- || true
	until_ok 30 eval 'journalctl -u azl-host | grep -q "another azlctl is at work"'
	exec 9<&-
	until_ok 30 systemctl is-active -q azl-host.service
	systemctl stop azl-host.service
	rm /etc/azl/host.json
}

# As docs/INSTALL.md says it, but for the sandbox's image.
@test "containerd with the shipped handler, list of plugins and slice runs a pod" {
	local pod one address
	{
		node_containerd_config | grep -v cri
		printf '[plugins."io.containerd.grpc.v1.cri"]\n  sandbox_image = "docker.io/library/azl-pause:latest"\n'
		sed '/^version/d' "$SHARE/containerd/azl-v2.toml"
	} >/etc/containerd/config.toml
	install -m 600 "$SHARE/cni/azl-local.conflist" /etc/cni/net.d/10-azl.conflist
	systemctl restart containerd
	until_ok 60 containerd_answers
	vm_images
	until_ok 60 cri ListPodSandbox </dev/null >/dev/null 2>&1
	pod=$(pod_run "$T" POD)
	one=$(pod_add "$pod" one '' sleep 1000)
	address=$(pod_exec "$one" sh -c 'ip -4 -o address show dev eth0' | sed 's/.*inet \([0-9.]*\).*/\1/')
	[[ $address == 10.88.* ]]
	ping -q -c 1 -W 10 "$address"
	equal "$(cgroup_of "$(pid_of "$one" k8s.io)")" "/sys/fs/cgroup/azl.slice/cri-containerd-$one.scope"
	equal "$(program_of "$(shim_of "$pod" k8s.io)")" /usr/bin/containerd-shim-azl-v2
	[ -n "$(azl-cni leases)" ]
}

# What RuntimeClass charges a pod with: the figures go to the results.
@test "a pod's overhead is within that of the RuntimeClass" {
	local i charged limit pods=() total=0 pss=0 shim
	limit=$(sed -n 's/^ *memory: "\([0-9]*\)Mi"$/\1/p' "$SHARE/kubernetes/runtimeclass.yaml")
	for i in 1 2 3 4 5; do pods+=("$(pod_run "$T$i" POD)"); done
	for i in "${pods[@]}"; do
		charged=$(cat "/sys/fs/cgroup/azl.slice/cri-containerd-$i.scope/memory.current")
		shim=$(awk '/^Pss:/ { print $2 }' "/proc/$(shim_of "$i" k8s.io)/smaps_rollup")
		echo "pod: charged to its cgroup $((charged / 1024)) kB, PSS of its shim $shim kB" >>"$AZL_RESULTS/overhead.txt"
		total=$((total + charged / 1024)) pss=$((pss + shim))
		pod_remove "$i"
	done
	echo "mean: $((total / 5)) kB and $((pss / 5)) kB" >>"$AZL_RESULTS/overhead.txt"
	[ $(((total + pss) / 5)) -le $((limit * 1024)) ]
}

# tests/config_kubernetes.bats does it with a folder in the host's place.
@test "the installer for Kubernetes nodes, on a host: a pod of its handler, and the host as before" {
	local pod shim
	cp -a /etc/containerd/config.toml "$W/config.toml"
	run -0 env AZL_HOST= AZL_IMAGE=/azl/image/azl AZL_ON_HOST=env /azl/image/azl/install.sh install
	has "containerd is restarted"
	until_ok 60 cri ListPodSandbox </dev/null >/dev/null 2>&1
	pod=$(pod_run "$T" POD)
	equal "$(program_of "$(shim_of "$pod" k8s.io)")" /opt/azl/bin/containerd-shim-azl-v2
	run env AZL_HOST= AZL_IMAGE=/azl/image/azl AZL_ON_HOST=env /azl/image/azl/install.sh remove
	equal "$status" 3
	has "shim-binary-path"
	pod_remove "$pod"
	# the pod of the test before has an address still
	pod_remove "$(cri ListPodSandbox </dev/null | field id)"
	run -0 env AZL_HOST= AZL_IMAGE=/azl/image/azl AZL_ON_HOST=env /azl/image/azl/install.sh remove
	[ ! -e /opt/azl ]
	run ! grep azl-v2 /etc/containerd/config.toml
	cp -a "$W/config.toml" /etc/containerd/config.toml
	mkdir -p /run/azl
	systemctl restart containerd
	until_ok 60 cri ListPodSandbox </dev/null >/dev/null 2>&1
}

@test "an upgrade under running containers: none notices" {
	local before pod shim i=0
	before=$(containerd_pid)
	pod=$(pod_run "${T}pod" POD)
	shipped_run "$T" sh -c 'i=0; while :; do i=$((i + 1)); echo $i >/count; sleep 0.1; done'
	shim=$(shim_of "$T")
	dpkg -i "$PACKAGES"/*_0.2.0_*.deb >"$W/dpkg" 2>&1 &
	# execs while it happens
	while kill -0 $! 2>/dev/null; do
		run_exec "$T" true
		i=$((i + 1))
	done
	wait $!
	echo "# $i execs while dpkg was at work" >&3
	equal "$(containerd_pid)" "$before"
	equal "$(shim_of "$T")" "$shim"
	equal "$(program_of "$shim")" '/usr/bin/containerd-shim-azl-v2 (deleted)'
	/usr/bin/containerd-shim-azl-v2 -v | grep -q 0.2.0
	run -0 run_exec "$T" cat /count
	i=$output
	until_ok 10 eval '[ "$(run_exec "$T" cat /count)" -gt "$i" ]'
	# the pod of before, by the old shim and the new plugin
	pod_remove "$pod"
	equal "$(azl-cni leases | grep -c eth0)" 0
	# the old one still pauses, and cleans up
	ctr task pause "$T"
	ctr task resume "$T"
	remove "$T"
	until_ok 20 gone "$shim"
	# a new one is of the new program
	shipped_run "${T}b" sleep 1000
	equal "$(program_of "$(shim_of "${T}b")")" /usr/bin/containerd-shim-azl-v2
	remove "${T}b"
}

@test "containerd's delete, by the new program, cleans up after a shim of the old" {
	local shim
	dpkg -i "$PACKAGES"/azl-shim_0.1.0_*.deb
	shipped_run "$T" sleep 1000
	shim=$(shim_of "$T")
	dpkg -i "$PACKAGES"/azl-shim_0.2.0_*.deb
	kill -KILL "$shim"
	until_ok 20 eval '[ -z "$(ctr task ls -q)" ]'
	until_ok 10 scope_unknown "azl-$T.scope"
	ctr container rm "$T"
}

@test "removed, nothing is left but what its owner changed; not while containers run" {
	shipped_run "$T" sleep 1000
	run dpkg -r azl-shim
	[ "$status" -ne 0 ]
	has "containers of azl are running"
	run -0 run_exec "$T" echo alive
	remove "$T"
	echo '# mine' >>/etc/iproute2/rt_protos.d/azl.conf
	until_ok 10 eval 'dpkg -r azl-shim azl-cni azlctl >"$W/dpkg" 2>&1' || cat "$W/dpkg"
	[ ! -e /run/azl ] || wrong "$(find /run/azl)"
	[ -e /etc/iproute2/rt_protos.d/azl.conf ]
	equal "$(find /usr /etc -xdev -name '*azl*' ! -path '/etc/systemd/system/azl-run*' ! -path '*/multi-user.target.wants/azl-run*' \
		! -path '/etc/systemd/*.conf.d/azl.conf' ! -path '/etc/cni/*' ! -path '/etc/dpkg/*' ! -path '/etc/apt/*' | sort)" \
		/etc/iproute2/rt_protos.d/azl.conf
	equal "$(systemctl list-unit-files --no-legend 'azl*' | grep -v '^azl-run' || true)" ''
	dpkg --purge azl-shim azl-cni azlctl
	[ ! -e /etc/iproute2/rt_protos.d ]
	systemctl is-active -q containerd
}

@test "installed again, with a container that the next boot interrupts" {
	dpkg -i "$PACKAGES"/*_0.2.0_*.deb
	echo '{}' >/etc/azl/host.json
	systemctl enable azl-host.service
	shipped_run keep sleep 1000
	run -0 run_exec keep echo alive
}
