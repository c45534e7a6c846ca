# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154
# What the shim does without runc where systemd and every controller are: scopes, full cgroups.

load vm

setup_file() {
	vm_file_begin
	[ "$E2E_ENGINE" = runc ] || return 0
	cc -static -O2 -D_GNU_SOURCE -DCOUNTED_REAL="\"$(command -v runc)\"" -o "$E2E/counted" "$VM_REPO/tests/tools/counted_runc.c"
	runtime_toml "$E2E/counted.toml" "$E2E/counted"
	AZL_CGROUPS=systemd runtime_toml "$E2E/counted-systemd.toml" "$E2E/counted"
	RUNTIME=(--runtime io.containerd.azl.v2 --runtime-config-path "$E2E/counted.toml")
	run_bg "" known true
	until_ok 5 has_status known STOPPED
	remove known
	until_ok 5 grep -qsxF "$E2E/counted" /run/azl/runtimes/*.version
}

setup() {
	[ "$E2E_ENGINE" = runc ] || skip "the shim does so with runc alone"
	vm_begin
	: >"$E2E/calls"
	RUNTIME=(--runtime io.containerd.azl.v2 --runtime-config-path "$E2E/counted.toml")
	SCOPE=(--runtime io.containerd.azl.v2 --runtime-config-path "$E2E/counted-systemd.toml")
}

teardown() {
	[ "$E2E_ENGINE" = runc ] || return 0
	vm_end
}

# called ID: which sub-commands runc was called with for it, in their order
called() {
	awk -v id="$1" '{
		command = ""; its = 0
		for (i = 1; i <= NF; i++) {
			if ($i == id) its = 1
			if (command == "" && $i ~ /^(create|start|exec|kill|delete|pause|resume|update|ps|state)$/) command = $i
		}
		if (its) { printf "%s%s", sep, command; sep = " " }
	}' "$E2E/calls"
}

logged() {
	journalctl -q -o cat -u containerd | grep -F -- "$2" | grep -qE "id=\"?$1\"?( |\$)"
}

@test "SystemdCgroup = true: all but create and delete go without runc, and the scope goes with delete" {
	local pid
	run_scope "$T" sleep 1000
	run -0 run_exec "$T" cat /proc/self/cgroup
	helper timeout -k 2 60 ctr task exec --exec-id inside "$T" sleep 1000
	until_ok 10 eval 'ctr task ps "$T" | grep -q inside'
	pid=$(ctr task ps "$T" | awk '/inside/ { print $1 }')
	equal "$(cgroup_of "$pid")" "/sys/fs/cgroup/azl.slice/azl-$T.scope"
	ctr task pause "$T"
	has_status "$T" PAUSED
	ctr task resume "$T"
	ctr task kill -s KILL "$T"
	until_ok 10 has_status "$T" STOPPED
	ctr task rm "$T" || true
	equal "$(called "$T")" "create delete"
	until_ok 5 logged "$T" "delete goes to the runtime: systemd must stop its scope"
	until_ok 10 scope_unknown "azl-$T.scope"
	[ ! -e "/sys/fs/cgroup/azl.slice/azl-$T.scope" ]
}

@test "SystemdCgroup = true: the delete command asks runc, and no failed scope is left" {
	FLAGS='--memory-limit 32000000' run_scope "$T" sh -c 'sleep 1000 & tail /dev/zero; sleep 1000'
	until_ok 20 eval '[ "$(value "/sys/fs/cgroup/azl.slice/azl-$T.scope" memory.events oom_kill)" -gt 0 ]'
	kill -KILL "$(shim_of "$T")"
	until_ok 20 eval '[ -z "$(ctr task ls -q)" ]'
	[[ "$(called "$T")" == *delete ]]
	until_ok 10 scope_unknown "azl-$T.scope"
	ctr container rm "$T"
}

@test "an exec into a container whose pids are used up fails in the words of runc, and works after" {
	local group
	run_bg "" "$T" sleep 1000
	update "$T" '{"pids":{"limit":1}}'
	group=$(cgroup_of "$(pid_of "$T")")
	equal "$(value "$group" pids.max)" 1
	run run_exec "$T" true
	[ "$status" -ne 0 ] && [ "$status" -ne 124 ]
	echo "$output"
	has "OCI runtime exec failed"
	# it was runc that said so: what could not enter has changed nothing
	[[ "$(called "$T")" == "create update exec"* ]]
	has_status "$T" RUNNING
	echo 100 >"$group/pids.max"
	run -0 run_exec "$T" echo fine
	equal "$output" fine
}

@test "execs at the limit of pids fail or run, and leave nothing" {
	local group i shim
	run_bg "" "$T" sleep 1000
	group=$(cgroup_of "$(pid_of "$T")")
	shim=$(shim_of "$T")
	for i in 2 3 4 5; do
		echo $i >"$group/pids.max"
		run timeout -k 2 60 ctr task exec --exec-id "x$i" "$T" true
		[ "$status" -ne 124 ]
	done
	echo max >"$group/pids.max"
	run -0 run_exec "$T" echo fine
	until_ok 10 has_one_child "$shim"
	equal "$(wc -l <"$group/cgroup.procs")" 1
}

@test "an exec into a container whose memory is used up ends, and the container is told of it" {
	local group i
	events_begin
	run_bg "--memory-limit 30000000" "$T" sh -c 'v=$(head -c 12000000 /dev/zero | tr "\0" x); echo held; sleep 1000'
	group=$(cgroup_of "$(pid_of "$T")")
	until_ok 30 eval '[ "$(cat "'"$group"'/memory.current")" -gt 10000000 ]'
	for i in 1 2 3; do
		run timeout -k 2 60 ctr task exec --exec-id "m$i" "$T" tail /dev/zero
		[ "$status" -ne 0 ] && [ "$status" -ne 124 ]
	done
	# init may have been the one that the kernel chose: then that is the answer, and its scope goes
	if has_status "$T" RUNNING; then
		run -0 run_exec "$T" echo fine
	fi
	until_ok 10 has_event "$T" oom
}

@test "an exec into a container without any memory left is an error or an end, never a hang" {
	local group now
	run_bg "" "$T" sleep 1000
	group=$(cgroup_of "$(pid_of "$T")")
	now=$(cat "$group/memory.current")
	echo $((now > 200000 ? now - 100000 : now)) >"$group/memory.max" || true
	run timeout -k 2 60 ctr task exec --exec-id x "$T" true
	[ "$status" -ne 124 ]
	[ ! -e "$group" ] || echo max >"$group/memory.max" || [ ! -e "$group" ]
	if has_status "$T" RUNNING; then
		run -0 run_exec "$T" echo fine
	fi
}

@test "pauses during execs, and execs during pauses, all end" {
	local i ran=0
	run_bg "" "$T" sleep 1000
	for i in $(seq 12); do
		helper timeout -k 2 60 ctr task exec --exec-id "p$i" "$T" true
		pids[i]=$HELPER
		ctr task pause "$T"
		has_status "$T" PAUSED
		ctr task resume "$T"
	done
	for i in $(seq 12); do
		code=0
		wait "${pids[i]}" || code=$?
		[ "$code" -ne 124 ] && [ "$code" -ne 137 ]
		[ "$code" -ne 0 ] || ran=$((ran + 1))
	done
	echo "$ran of 12 ran"
	run -0 run_exec "$T" echo fine
	until_ok 5 eval '[ "$(wc -l <"$(cgroup_of "$(pid_of "$T")")/cgroup.procs")" -eq 1 ]'
}
