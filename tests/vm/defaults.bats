# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2030,SC2031,SC2154
# The host's defaults in force: by both drivers of cgroups, under the CRI, after Updates.

load vm

HOST=/etc/azl/host.json

setup_file() { vm_file_begin; }

setup() {
	vm_begin
	mkdir -p "${HOST%/*}"
	LOG_FROM=$(date '+%Y-%m-%d %H:%M:%S')
}

teardown() {
	rm -f "$HOST"
	vm_end
}

host() {
	printf '%s' "$1" >"$HOST"
}

group_of() {
	cgroup_of "$(pid_of "$@")"
}

# are FOLDER FILE=VALUE...: what is in force
are() {
	local folder=$1 pair wrong=''
	shift
	for pair; do
		[ "$(cat "$folder/${pair%%=*}")" = "${pair#*=}" ] || {
			echo "$folder/${pair%%=*}: got $(cat "$folder/${pair%%=*}"), wanted ${pair#*=}"
			wrong=1
		}
	done
	[ -z "$wrong" ]
}

KERNEL=(pids.max=max memory.swap.max=max memory.oom.group=0 memory.high=max)
# of 2 GiB: what systemd gives by itself
TASKS=$(default_tasks)
DEFAULTS=("pids.max=$TASKS" memory.swap.max=0 memory.oom.group=1 memory.high=max)
# of a container without CPU shares: ctr says 1024, unless it is told 0
WEIGHT=cpu.weight=10
# memory.oom.group of a pod's container is kubelet's
PODS=("pids.max=$TASKS" memory.swap.max=0 memory.oom.group=0 memory.high=max)

@test "without the host's file the kernel's own values are in force" {
	run_group "$T" sleep 1000
	are "/sys/fs/cgroup/azl-e2e/$T" "${KERNEL[@]}"
}

@test "SystemdCgroup = false: defaults are in force, and fast paths go on" {
	host '{}'
	run_group "$T" sleep 1000
	are "/sys/fs/cgroup/azl-e2e/$T" "${DEFAULTS[@]}" "$WEIGHT"
	run -0 run_exec "$T" echo inside
	remove "$T"
	! journalctl -q -o cat -u containerd --since "$LOG_FROM" | grep -F "$T" | grep -F 'goes to the runtime: ' |
		grep -vF 'is being asked' || [ "$E2E_ENGINE" != runc ]
}

@test "SystemdCgroup = true: defaults are in force, and systemd knows of them" {
	host '{}'
	FLAGS='--cpu-shares 0' run_scope "$T" sleep 1000
	are "/sys/fs/cgroup/azl.slice/azl-$T.scope" "${DEFAULTS[@]}" "$WEIGHT"
	equal "$(systemctl show -P TasksMax "azl-$T.scope")" "$TASKS"
	# never more than without a default
	[ "$TASKS" -le "$(systemctl show -P DefaultTasksMax)" ]
	equal "$(systemctl show -P MemorySwapMax "azl-$T.scope")" 0
	equal "$(systemctl show -P CPUWeight "azl-$T.scope")" 10
	systemctl daemon-reload
	are "/sys/fs/cgroup/azl.slice/azl-$T.scope" "${DEFAULTS[@]}" "$WEIGHT"
}

@test "every default there is, where the kernel has the file" {
	local group
	host '{"containers": {"pids.max": 50, "memory.swap.max": "8Mi", "memory.oom.group": false, "memory.high": 0.5,
		"memory.zswap.max": "4Mi", "io.weight": 70, "cpu.weight": 33}}'
	FLAGS='--memory-limit 64000000' run_group "$T" sleep 1000
	group=/sys/fs/cgroup/azl-e2e/$T
	are "$group" pids.max=50 memory.swap.max=8388608 memory.oom.group=0 memory.high=31997952 cpu.weight=33
	[ ! -e "$group/memory.zswap.max" ] || are "$group" memory.zswap.max=4194304
	[ ! -e "$group/io.weight" ] || equal "$(cat "$group/io.weight")" "default 70"
}

# Also what is not there yet is no reason to fail: nobody has io under azl-new.
@test "a default whose file the host does not have is left out" {
	host '{"containers": {"io.weight": 70, "memory.zswap.max": 0}}'
	run_group "$T" sleep 1000
	are "/sys/fs/cgroup/azl-e2e/$T" "${DEFAULTS[@]}"
}

@test "Update keeps the defaults that it does not name" {
	local group
	host '{"containers": {"memory.high": 0.5}}'
	run_group "$T" sleep 1000
	group=/sys/fs/cgroup/azl-e2e/$T
	are "$group" "${DEFAULTS[@]}"
	update "$T" '{"cpu":{"quota":20000,"period":50000}}'
	are "$group" "${DEFAULTS[@]}" "$WEIGHT" "cpu.max=20000 50000"
	update "$T" '{"pids":{"limit":17}}'
	are "$group" pids.max=17 memory.swap.max=0 memory.oom.group=1 memory.high=max
	update "$T" '{"memory":{"limit":67108864}}'
	are "$group" pids.max=17 memory.max=67108864 memory.swap.max=0 memory.oom.group=1 memory.high=33554432
	update "$T" '{"memory":{"limit":-1}}'
	are "$group" pids.max=17 memory.max=max memory.swap.max=0 memory.oom.group=1 memory.high=max
	update "$T" '{"unified":{"memory.swap.max":"4096"}}'
	update "$T" '{"memory":{"limit":33554432}}'
	are "$group" memory.swap.max=4096 memory.high=16777216
}

@test "SystemdCgroup = true: Update keeps the defaults that it does not name" {
	local group=/sys/fs/cgroup/azl.slice/azl-$T.scope
	host '{"containers": {"memory.high": 0.5}}'
	FLAGS='--memory-limit 50000000' run_scope "$T" sleep 1000
	are "$group" "pids.max=$TASKS" memory.swap.max=0 memory.oom.group=1 memory.high=24997888
	update "$T" '{"memory":{"limit":67108864},"cpu":{"quota":20000,"period":50000}}'
	are "$group" "pids.max=$TASKS" memory.swap.max=0 memory.oom.group=1 memory.high=33554432
	systemctl daemon-reload
	are "$group" "pids.max=$TASKS" memory.swap.max=0 memory.oom.group=1 memory.high=33554432
}

@test "under the CRI: containers get them, pause containers and what kubelet decided do not" {
	local pod one two
	host '{}'
	pod=$(pod_run "$T")
	# its pids.max is systemd's
	are "$(group_of "$pod" k8s.io)" memory.swap.max=max memory.oom.group=0
	one=$(pod_add "$pod" one 'cpu_shares: 2 oom_score_adj: 1000' sleep 1000)
	are "$(group_of "$one" k8s.io)" "${PODS[@]}"
	# as kubelet writes for a container with a limit
	two=$(pod_add "$pod" two 'cpu_shares: 102 memory_limit_in_bytes: 50331648 memory_swap_limit_in_bytes: 58720256
		unified { key: "memory.oom.group" value: "1" } unified { key: "memory.high" value: "40960000" }' sleep 1000)
	are "$(group_of "$two" k8s.io)" "pids.max=$TASKS" memory.swap.max=8388608 memory.oom.group=1 memory.high=40960000
	cri UpdateContainerResources <<<"container_id: \"$one\" linux { memory_limit_in_bytes: 67108864 cpu_shares: 512 }"
	are "$(group_of "$one" k8s.io)" memory.max=67108864 "${PODS[@]}"
}

# What a container's init does when a child of it is killed for memory.
SURVIVOR='tail /dev/zero; echo survived >/survived; sleep 1000'

@test "a container out of memory ends as a whole, and with the annotation off does not" {
	host '{}'
	timeout 60 ctr run -d "${RUNTIME[@]}" --memory-limit 32000000 "$IMAGE" "${T}a" sh -c "$SURVIVOR" 3>&- </dev/null
	until_ok 30 has_status "${T}a" STOPPED
	timeout 60 ctr run -d "${RUNTIME[@]}" --memory-limit 32000000 --annotation io.azl.defaults.memory.oom.group=off \
		"$IMAGE" "${T}b" sh -c "$SURVIVOR" 3>&- </dev/null
	until_ok 30 test -e "$(bundle_of "${T}b")/rootfs/survived"
	has_status "${T}b" RUNNING
}

# containerd.service is at -999, and nobody says anything for a container of ctr.
@test "the OOM killer finds a container before the host's services" {
	host '{}'
	run_bg "" "$T" sleep 1000
	equal "$(cat "/proc/$(pid_of "$T")/oom_score_adj")" 0
	run -0 run_exec "$T" cat /proc/self/oom_score_adj
	equal "$output" 0
	run -0 azlctl explain "$T"
	has containers.oom_score_adj
	rm "$HOST"
	run_bg "" "${T}b" sleep 1000
	equal "$(cat "/proc/$(pid_of "${T}b")/oom_score_adj")" -998
	timeout 60 ctr run -d --runtime io.containerd.runc.v2 "$IMAGE" "${T}c" sleep 1000 3>&- </dev/null
	equal "$(cat "/proc/$(pid_of "${T}c")/oom_score_adj")" -998
}

@test "a fork bomb ends at its container's limit, and the host goes on" {
	local group
	host '{"containers": {"pids.max": 64}}'
	run_group "$T" sh -c 'while :; do sleep 1000 & done'
	group=/sys/fs/cgroup/azl-e2e/$T
	until_ok 20 eval '[ "$(value '"$group"' pids.events max)" -gt 0 ]'
	[ "$(cat "$group/pids.current")" -le 64 ]
	run_bg "" "${T}b" sleep 1000
	has_status "${T}b" RUNNING
	# It is the shell's last act to fail to fork: it ends by itself.
	until_ok 20 has_status "$T" STOPPED
}
