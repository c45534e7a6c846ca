# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2030,SC2031,SC2154
# Pods through the CRI's socket: a pause container and others, in one shim.
#
#   AZL_EXECS   how many times a command is run in a container (50; fewer, but ten, when that takes minutes)

load vm

setup_file() { vm_file_begin; }
setup() { vm_begin; }
teardown() { vm_end; }

shims() {
	pgrep -c -f "containerd-shim-$1" || true
}

# The whole life of a pod with two containers, for a handler.
pod_life() {
	local pod one two shim group
	pod=$(HANDLER=$1 pod_run "$T")
	one=$(HANDLER=$1 pod_add "$pod" one '' sh -c 'echo from one; sleep 1000')
	group=$(cgroup_of "$(pid_of "$one" k8s.io)")
	if [ "$1" = azlfs ]; then
		equal "$group" "/sys/fs/cgroup/azl-e2e/$one"
	else
		equal "$group" "/sys/fs/cgroup/azl.slice/cri-containerd-$one.scope"
	fi
	two=$(HANDLER=$1 pod_add "$pod" two '' sh -c 'echo from two >&2; trap "exit 9" TERM; while :; do sleep 0.1; done')
	shim=$(shim_of "$pod" k8s.io)
	equal "$(shim_of "$one" k8s.io)" "$shim"
	equal "$(shim_of "$two" k8s.io)" "$shim"
	[[ "$(readlink "/proc/$shim/exe")" == *"$2" ]]
	equal "$(pgrep -c -P "$shim")" 3
	run -0 pod_exec "$one" echo inside
	equal "$output" inside
	run -5 pod_exec "$two" sh -c 'exit 5'
	until_ok 10 has_text "$W/logs/one.log" "stdout F from one"
	until_ok 10 has_text "$W/logs/two.log" "stderr F from two"
	pod_stop "$two" 20
	pod_status "$two" >"$W/two"
	has_text "$W/two" "exit_code: 9"
	has_text "$W/two" "state: CONTAINER_EXITED"
	pod_state_is "$one" CONTAINER_RUNNING
	pod_stop "$one" 0
	pod_status "$one" >"$W/one"
	has_text "$W/one" "exit_code: 137"
	cri RemoveContainer <<<"container_id: \"$one\""
	run ! pod_status "$one"
	[ -d "/proc/$shim" ]
	pod_remove "$pod"
	until_ok 10 gone "$shim"
	equal "$(find "$E2E_STATE/k8s.io" -mindepth 1)" ""
	equal "$(find "$E2E_SOCKETS" -type s 2>/dev/null)" ""
	equal "$(find /sys/fs/cgroup/azl.slice /sys/fs/cgroup/azl-e2e -mindepth 1 -type d 2>/dev/null)" ""
}

@test "a pod with two containers lives in one shim and leaves nothing: by name, systemd's cgroups" {
	pod_life azl containerd-shim-azl-v2
}

@test "a pod with two containers lives in one shim and leaves nothing: by name, without systemd" {
	pod_life azlfs containerd-shim-azl-v2
}

@test "a pod with two containers lives in one shim and leaves nothing: by the program's path" {
	pod_life azlpath containerd-shim-azl-v2
}

@test "a pod with two containers lives in one shim and leaves nothing: the reference" {
	pod_life runc containerd-shim-runc-v2
}

@test "a pod's cgroups are scopes in its slice" {
	local pod one
	pod=$(pod_run "$T")
	one=$(pod_add "$pod" one '' sleep 1000)
	equal "$(cgroup_of "$(pid_of "$pod" k8s.io)")" "/sys/fs/cgroup/azl.slice/cri-containerd-$pod.scope"
	equal "$(cgroup_of "$(pid_of "$one" k8s.io)")" "/sys/fs/cgroup/azl.slice/cri-containerd-$one.scope"
	scope_active "cri-containerd-$one.scope"
	pod_remove "$pod"
	until_ok 10 scope_unknown "cri-containerd-$one.scope"
	until_ok 10 scope_unknown "cri-containerd-$pod.scope"
}

@test "fifty commands in a container: each with its output and its status" {
	local pod one i n=${AZL_EXECS:-50} shim before end=$((EPOCHSECONDS + 200))
	pod=$(pod_run "$T")
	one=$(pod_add "$pod" one '' sleep 1000)
	shim=$(shim_of "$pod" k8s.io)
	pod_exec "$one" true
	before=$(fds_of "$shim")
	for ((i = 0; i < n && (i < 10 || EPOCHSECONDS < end); i++)); do
		run pod_exec "$one" sh -c "echo out $i; exit $((i % 3))"
		equal "$status $output" "$((i % 3)) out $i"
	done
	echo "# $i commands" >&3
	until_ok 5 eval '[ "$(fds_of "$shim")" -eq "$before" ]'
}

@test "a command that takes too long is ended" {
	local pod one
	pod=$(pod_run "$T")
	one=$(pod_add "$pod" one '' sleep 1000)
	run cri ExecSync <<<"container_id: \"$one\" cmd: \"sleep\" cmd: \"888\" timeout: 2"
	[ "$status" -eq 1 ]
	has "status 4"
	until_ok 10 eval '! pgrep -f "^sleep 888" >/dev/null'
}

@test "a container over its memory limit is OOMKilled, again and again" {
	local pod id i
	pod=$(pod_run "$T")
	for i in 1 2 3; do
		id=$(pod_add "$pod" "hog$i" 'memory_limit_in_bytes: 32000000 oom_score_adj: 999' tail /dev/zero)
		until_ok 30 pod_state_is "$id" CONTAINER_EXITED
		equal "$(pod_status "$id" | field reason)" OOMKilled
		equal "$(pod_status "$id" | field exit_code)" 137
	done
	equal "$(cri PodSandboxStatus <<<"pod_sandbox_id: \"$pod\"" | grep -c NOTREADY)" 0
}

@test "ContainerStats and PodSandboxStats have figures" {
	local pod one
	pod=$(pod_run "$T")
	one=$(pod_add "$pod" one 'memory_limit_in_bytes: 50000000' sh -c 'v=$(head -c 5000000 /dev/zero | tr "\0" x); while :; do sleep 0.2; done')
	until_ok 20 eval '[ "$(cri ContainerStats <<<"container_id: \"'"$one"'\"" | grep -A 1 working_set_bytes | field value)" -gt 5000000 ]'
	cri ContainerStats <<<"container_id: \"$one\"" >"$W/stats"
	[ "$(grep -A 1 usage_core_nano_seconds "$W/stats" | field value)" -gt 0 ]
	[ "$(grep -A 1 usage_bytes "$W/stats" | field value)" -gt 5000000 ]
	[ "$(grep -A 1 rss_bytes "$W/stats" | field value)" -gt 5000000 ]
	[ "$(grep -A 1 available_bytes "$W/stats" | field value)" -gt 0 ]
	cri PodSandboxStats <<<"pod_sandbox_id: \"$pod\"" >"$W/pod"
	[ "$(grep -A 1 working_set_bytes "$W/pod" | field value)" -gt 0 ]
}

@test "UpdateContainerResources changes a container's limits" {
	local pod one group
	pod=$(pod_run "$T")
	one=$(pod_add "$pod" one 'memory_limit_in_bytes: 50000000' sleep 1000)
	group=$(cgroup_of "$(pid_of "$one" k8s.io)")
	equal "$(value "$group" memory.max)" 49999872
	cri UpdateContainerResources <<<"container_id: \"$one\" linux { memory_limit_in_bytes: 67108864 cpu_quota: 30000 cpu_period: 100000 }"
	equal "$(value "$group" memory.max)" 67108864
	equal "$(value "$group" cpu.max)" "30000 100000"
}

@test "a pod with a network of its own: an address, and an answer to ping" {
	local pod one ip
	pod=$(pod_run "$T" POD)
	one=$(pod_add "$pod" one '' sleep 1000)
	ip=$(cri PodSandboxStatus <<<"pod_sandbox_id: \"$pod\"" | field ip)
	[[ $ip == 10.88.0.* ]]
	run -0 pod_exec "$one" ip -4 addr
	has "$ip"
	ping -c 1 -W 5 "$ip"
	pod_remove "$pod"
	run ! ping -c 1 -W 1 "$ip"
}

@test "a container whose command does not exist is an error, and the pod goes on" {
	local pod one
	pod=$(pod_run "$T")
	run pod_add "$pod" bad '' /no/such/command
	[ "$status" -ne 0 ]
	has "no such file or directory"
	one=$(pod_add "$pod" one '' sleep 1000)
	run -0 pod_exec "$one" echo alive
}

@test "a pod whose shim was killed is not ready, and can be removed" {
	local pod one shim init
	pod=$(pod_run "$T")
	one=$(pod_add "$pod" one '' sleep 1000)
	shim=$(shim_of "$pod" k8s.io)
	init=$(pid_of "$one" k8s.io)
	kill -KILL "$shim"
	until_ok 30 gone "$init"
	until_ok 30 pod_state_is "$one" CONTAINER_EXITED
	until_ok 30 eval 'cri PodSandboxStatus <<<"pod_sandbox_id: \"'"$pod"'\"" | grep -q NOTREADY'
	pod_remove "$pod"
	until_ok 10 scope_unknown "cri-containerd-$one.scope"
	until_ok 10 scope_unknown "cri-containerd-$pod.scope"
}

@test "four pods at once" {
	local i pids=()
	for i in 1 2 3 4; do
		(
			T=$T$i
			pod=$(pod_run "$T") || exit
			one=$(pod_add "$pod" one '' sleep 1000) || exit
			equal "$(pod_exec "$one" echo "$T")" "$T" || exit
			pod_stop "$one" 0 && pod_remove "$pod" && echo "$T" >>"$W/done"
		) 3>&- &
		pids+=("$!")
	done
	wait "${pids[@]}" # bats has a child of its own, which waits for the test
	equal "$(wc -l <"$W/done")" 4
}
