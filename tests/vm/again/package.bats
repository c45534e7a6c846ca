# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC1091,SC2016,SC2030,SC2031,SC2034,SC2154
# After the boot that follows tests/vm/package.bats.

BATS_TEST_DIRNAME=${BATS_TEST_DIRNAME%/again}
load vm
. "$VM_REPO/tests/vm/package.bash"

setup_file() {
	mkdir -p "$E2E"
	printf 'SystemdCgroup = true\n' >"$E2E/systemd.toml"
	host_nic
	until_ok 60 containerd_answers
}

setup() {
	T=a$BATS_TEST_NUMBER
	W=$E2E/$T
	mkdir -p "$W"
}

@test "boot: values of the kernel, modules and folders are there by themselves" {
	sysctls_are_in_force
	equal "$(systemctl show -P Result systemd-sysctl.service systemd-modules-load.service systemd-tmpfiles-setup.service | sort -u)" "$(printf '\nsuccess')"
	sed '/^#/d' /usr/lib/modules-load.d/azl.conf >"$W/modules"
	while read -r module; do [ -e "/sys/module/$module" ] || wrong "$module"; done <"$W/modules"
	equal "$(stat -c %a /run/azl)" 755
}

@test "boot: azl-host ran before containerd" {
	equal "$(systemctl show -P ActiveState azl-host.service)" active || wrong "$(systemctl status azl-host.service; journalctl -u azl-host)"
	[ "$(systemctl show -P ActiveEnterTimestampMonotonic azl-host.service)" -le \
		"$(systemctl show -P ExecMainStartTimestampMonotonic containerd.service)" ]
	run azlctl apply --dry-run
	equal "$status" 0 || wrong "$output"
}

@test "boot: a container from before is started again, and a pod is new" {
	local pod one
	equal "$(ctr task ls -q)" ''
	timeout 60 ctr task start -d keep
	run -0 run_exec keep echo alive
	equal "$(program_of "$(shim_of keep)")" /usr/bin/containerd-shim-azl-v2
	remove keep
	until_ok 60 cri ListPodSandbox </dev/null >/dev/null 2>&1
	pod=$(pod_run "$T" POD)
	one=$(pod_add "$pod" one '' sleep 1000)
	run -0 pod_exec "$one" ip -4 route show default
	has eth0
	pod_remove "$pod"
}
