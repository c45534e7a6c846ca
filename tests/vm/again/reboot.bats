# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC1091,SC2016,SC2030,SC2031,SC2034,SC2154
# After the boot that interrupted what tests/vm/reboot.bats made: first of what runs again.

BATS_TEST_DIRNAME=${BATS_TEST_DIRNAME%/again}
load vm

setup_file() {
	mkdir -p "$E2E"
	vm_options
	until_ok 60 containerd_answers
	until_ok 60 cri ListPodSandbox </dev/null >/dev/null 2>&1
}

setup() {
	T=a$BATS_TEST_NUMBER
	W=$E2E/$T
	mkdir -p "$W"
}

@test "boot: nothing is left of what it interrupted, and no unit failed" {
	equal "$(ctr task ls -q)$(ctr -n k8s.io task ls -q)" ''
	equal "$(e2e_left)" ''
	equal "$(vm_left)" ''
	equal "$(systemctl list-units --failed --plain --no-legend 'azl*' 'containerd*' '*.scope' '*.slice')" ''
}

@test "boot: where packages are installed, azl-host applied the host's file before containerd began" {
	[ -e /usr/lib/systemd/system/azl-host.service ] || skip "no packages are installed"
	equal "$(systemctl show -P ActiveState azl-host.service)" active
	[ "$(systemctl show -P ActiveEnterTimestampMonotonic azl-host.service)" -le \
		"$(systemctl show -P ExecMainStartTimestampMonotonic containerd.service)" ]
	equal "$(value /sys/fs/cgroup/system.slice memory.min)" 536870912
}

@test "boot: each container starts again and is removed" {
	local id
	for id in scope group paused ended; do
		echo "$id"
		timeout 60 ctr task start -d "$id" </dev/null 3>&-
		[ "$id" = ended ] || run -0 run_exec "$id" echo alive
		remove "$id"
	done
	until_ok 20 e2e_nothing_left
	equal "$(vm_left)" ''
}

@test "boot: the pod is told as ended and is removed, and a new one runs" {
	local pod one
	pod=$(cri ListPodSandbox </dev/null | field id)
	[ -n "$pod" ]
	cri ListPodSandbox </dev/null | grep SANDBOX_NOTREADY
	pod_remove "$pod"
	pod=$(pod_run "$T")
	one=$(pod_add "$pod" one '' sleep 1000)
	run -0 pod_exec "$one" echo alive
	equal "$output" alive
	pod_remove "$pod"
	until_ok 20 e2e_nothing_left
	equal "$(vm_left)" ''
}
