# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2030,SC2031,SC2154
# What a boot interrupts: last before it (hack/vm-test --reboot); tests/vm/again/reboot.bats goes on after it.

load vm

setup_file() { vm_file_begin; }
setup() { vm_begin; }

@test "containers by both drivers, one paused, one that ended, and a pod are there when the host goes down" {
	local pod
	run_scope scope sleep 1000
	run_group group sleep 1000
	run_bg "" paused sleep 1000
	ctr task pause paused
	run_bg "" ended true
	until_ok 10 has_status ended STOPPED
	pod=$(pod_run "$T")
	pod_add "$pod" one '' sleep 1000
	if [ -e /usr/share/azl/host.json ]; then
		install -D -m 644 /usr/share/azl/host.json /etc/azl/host.json
	fi
}
