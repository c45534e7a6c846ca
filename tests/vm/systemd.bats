# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2030,SC2031,SC2154
# systemd as the driver of cgroups, and without.

load vm

setup_file() { vm_file_begin; }
setup() { vm_begin; }
teardown() { vm_end; }

@test "SystemdCgroup = true: the container lives in a scope, which goes with it" {
	run_scope "$T" sleep 1000
	scope_active "azl-$T.scope"
	equal "$(cgroup_of "$(pid_of "$T")")" "/sys/fs/cgroup/azl.slice/azl-$T.scope"
	equal "$(systemctl show -P Slice "azl-$T.scope")" azl.slice
	run -0 run_exec "$T" echo inside
	remove "$T"
	until_ok 10 scope_unknown "azl-$T.scope"
	[ ! -e "/sys/fs/cgroup/azl.slice/azl-$T.scope" ]
}

@test "SystemdCgroup = true: the container's own end ends the scope" {
	run_scope "$T" sh -c 'exit 3'
	until_ok 10 has_status "$T" STOPPED
	run ctr task rm "$T"
	has 3
	until_ok 10 scope_unknown "azl-$T.scope"
}

@test "SystemdCgroup = true: limits are properties of the scope, and Update changes them" {
	FLAGS='--memory-limit 50000000 --cpus 0.5' run_scope "$T" sleep 1000
	equal "$(systemctl show -P MemoryMax "azl-$T.scope")" 50000000
	equal "$(systemctl show -P CPUQuotaPerSecUSec "azl-$T.scope")" 500ms
	update "$T" '{"memory":{"limit":67108864},"pids":{"limit":33},"cpu":{"quota":25000,"period":100000}}'
	equal "$(systemctl show -P MemoryMax "azl-$T.scope")" 67108864
	equal "$(systemctl show -P TasksMax "azl-$T.scope")" 33
	equal "$(value "/sys/fs/cgroup/azl.slice/azl-$T.scope" memory.max)" 67108864
	equal "$(value "/sys/fs/cgroup/azl.slice/azl-$T.scope" pids.max)" 33
	# systemd must not write its own limits over them.
	systemctl daemon-reload
	equal "$(value "/sys/fs/cgroup/azl.slice/azl-$T.scope" memory.max)" 67108864
	ctr task metrics --format json "$T" >"$W/json"
	equal "$(jq .memory.usage_limit "$W/json")" 67108864
}

@test "SystemdCgroup = true: pause, resume and a kill of all" {
	run_scope "$T" sh -c 'sleep 1000 & sleep 1000 & wait'
	ctr task pause "$T"
	has_status "$T" PAUSED
	ctr task resume "$T"
	has_status "$T" RUNNING
	ctr task kill -a -s KILL "$T"
	until_ok 10 has_status "$T" STOPPED
	ctr task rm "$T" || true
	until_ok 10 scope_unknown "azl-$T.scope"
}

@test "SystemdCgroup = true: nothing stays of a container whose shim was killed" {
	local shim init
	run_scope "$T" sleep 1000
	init=$(pid_of "$T")
	shim=$(shim_of "$T")
	kill -KILL "$shim"
	until_ok 20 gone "$init"
	until_ok 20 eval '[ -z "$(ctr task ls -q)" ]'
	until_ok 10 scope_unknown "azl-$T.scope"
	ctr container rm "$T"
}

@test "SystemdCgroup = true: no failed scope is left of a container that ran out of memory" {
	events_begin
	FLAGS='--memory-limit 32000000' run_scope "$T" tail /dev/zero
	until_ok 20 has_status "$T" STOPPED
	until_ok 10 has_event "$T" exit
	equal "$(topics_of "$T")" "create start oom exit"
	run ctr task rm "$T"
	has 137
	until_ok 10 scope_unknown "azl-$T.scope"
}

@test "SystemdCgroup = true: a scope that systemd stops is a container's end" {
	events_begin
	run_scope "$T" sleep 1000
	systemctl stop "azl-$T.scope"
	until_ok 20 has_status "$T" STOPPED
	until_ok 10 has_event "$T" exit
	ctr task rm "$T" || true
}

@test "SystemdCgroup = true: a container of the reference does the same" {
	timeout 60 ctr run -d --runc-systemd-cgroup --cgroup "azl.slice:azl:$T" "$IMAGE" "$T" sleep 1000 3>&- </dev/null
	scope_active "azl-$T.scope"
	remove "$T"
	until_ok 10 scope_unknown "azl-$T.scope"
}

@test "SystemdCgroup = false: the container lives in a cgroup of its own, which goes with it" {
	local group
	run_group "$T" sleep 1000
	group=$(cgroup_of "$(pid_of "$T")")
	equal "$group" "/sys/fs/cgroup/azl-e2e/$T"
	run -0 run_exec "$T" sh -c 'cat /proc/self/cgroup'
	remove "$T"
	[ ! -e "$group" ]
	run ! systemctl -q is-active "azl-$T.scope"
}

@test "SystemdCgroup = false: a container that made cgroups below its own goes with them" {
	local group
	FLAGS='--privileged' run_group "$T" sleep 1000
	group=$(cgroup_of "$(pid_of "$T")")
	mkdir -p "$group/a/b"
	remove "$T"
	[ ! -e "$group" ]
}
