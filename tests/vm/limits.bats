# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2030,SC2031,SC2154
# Limits of every controller, their changes, and the figures that Stats hands on.

load vm

setup_file() { vm_file_begin; }
setup() { vm_begin; }
teardown() { vm_end; }

# Memory that is not given back: 40 MB of a shell's variable.
HOG='v=$(head -c 40000000 /dev/zero | tr "\0" x); echo held; sleep 1000'

@test "limits of memory, pids and processor reach the cgroup" {
	local group
	timeout 60 ctr run -d "${RUNTIME[@]}" --memory-limit 50000000 --cpus 0.5 --cpu-shares 512 "$IMAGE" "$T" sleep 1000 3>&-
	group=$(cgroup_of "$(pid_of "$T")")
	equal "$(value "$group" memory.max)" 49999872
	equal "$(value "$group" cpu.max)" "50000 100000"
	[ "$(value "$group" cpu.weight)" -ne 100 ]
}

@test "Update changes limits of memory, pids and processor" {
	local group
	run_bg "" "$T" sleep 1000
	group=$(cgroup_of "$(pid_of "$T")")
	equal "$(value "$group" memory.max)" max
	update "$T" '{"memory":{"limit":67108864,"reservation":33554432},"pids":{"limit":17},"cpu":{"quota":20000,"period":50000,"cpus":"0","shares":2048}}'
	equal "$(value "$group" memory.max)" 67108864
	equal "$(value "$group" memory.low)" 33554432
	equal "$(value "$group" pids.max)" 17
	equal "$(value "$group" cpu.max)" "20000 50000"
	equal "$(value "$group" cpuset.cpus)" 0
	update "$T" '{"unified":{"memory.high":"60000000","pids.max":"23"}}'
	equal "$(value "$group" memory.high)" 59998208
	equal "$(value "$group" pids.max)" 23
}

@test "a limit that cannot be is an error, and the old one stays" {
	local group
	run_bg "" "$T" sleep 1000
	group=$(cgroup_of "$(pid_of "$T")")
	update "$T" '{"pids":{"limit":17}}'
	run update "$T" '{"unified":{"memory.max":"much"}}'
	[ "$status" -eq 1 ]
	run update "$T" '{"unified":{"no.such.file":"1"}}'
	[ "$status" -eq 1 ]
	run update "$T" '{"cpu":{"cpus":"77"}}'
	[ "$status" -eq 1 ]
	equal "$(value "$group" pids.max)" 17
	has_status "$T" RUNNING
	run -0 run_exec "$T" echo alive
}

@test "a limit of pids holds" {
	local group
	run_bg "" "$T" sleep 1000
	update "$T" '{"pids":{"limit":16}}'
	run run_exec "$T" sh -c 'i=0; while [ $i -lt 24 ]; do i=$((i + 1)); sleep 5 & done; wait'
	has "can't fork"
	group=$(cgroup_of "$(pid_of "$T")")
	equal "$(value "$group" pids.max)" 16
	[ "$(value "$group" pids.events max)" -gt 0 ]
	equal "$(ctr task metrics --format json "$T" | jq .pids.limit)" 16
}

# By its file: runc 1.1 takes no throttleWriteBpsDevice in an update.
@test "a limit of the device's bandwidth slows writes down" {
	local begin slow
	run_bg "" "$T" sleep 1000
	update "$T" '{"unified":{"io.max":"'"$(findmnt -no MAJ:MIN /)"' wbps=1000000"}}'
	begin=$EPOCHSECONDS
	run_exec "$T" dd if=/dev/zero of=/file bs=100000 count=40 conv=fsync
	slow=$((EPOCHSECONDS - begin))
	[ "$slow" -ge 3 ]
}

@test "a limit of processor time slows a container down" {
	local group
	timeout 60 ctr run -d "${RUNTIME[@]}" --cpus 0.2 "$IMAGE" "$T" sh -c 'while :; do :; done' 3>&-
	group=$(cgroup_of "$(pid_of "$T")")
	until_ok 20 eval '[ "$(value "'"$group"'" cpu.stat nr_throttled)" -gt 3 ]'
}

# Two shims look at one cgroup that stands still: they must see the same. crun does not mind that
# the cgroup is in use.
@test "Stats are those of the reference, for the same cgroup" {
	local other=${T}r
	FLAGS='--memory-limit 100000000' run_group "$T" \
		sh -c 'dd if=/dev/zero of=/f bs=1M count=3 conv=fsync 2>/dev/null; v=$(head -c 3000000 /dev/zero | tr "\0" x); echo; sleep 1000'
	timeout 60 ctr run -d --runc-binary crun --cgroup "/azl-e2e/$T" "$IMAGE" "$other" sleep 1000 3>&- </dev/null
	equal "$(cgroup_of "$(pid_of "$other")")" "$(cgroup_of "$(pid_of "$T")")"
	until_ok 20 eval '[ "$(value "/sys/fs/cgroup/azl-e2e/'"$T"'" memory.current)" -gt 3000000 ]'
	sleep 1
	ctr task pause "$T"
	ctr task metrics --format json "$T" >"$W/azl.json"
	ctr task metrics --format json "$other" >"$W/runc.json"
	ctr task metrics --format json "$T" >"$W/again.json"
	ctr task resume "$T"
	cp "$W"/*.json "$AZL_RESULTS"
	jq -S . "$W/azl.json" >"$W/azl"
	jq -S . "$W/runc.json" >"$W/runc"
	jq -S . "$W/again.json" >"$W/again"
	if cmp -s "$W/azl" "$W/again"; then
		diff "$W/runc" "$W/azl"
	else
		# Something moved: what moved between our own two answers may differ.
		diff "$W/azl" "$W/again" | sed -n 's/^[<>] *"\([^"]*\)".*/\1/p' | sort -u >"$W/moved"
		echo "moved: $(tr '\n' ' ' <"$W/moved")"
		diff <(grep -vFwf "$W/moved" "$W/runc") <(grep -vFwf "$W/moved" "$W/azl")
	fi
	jq -e '.cpu.usage_usec > 0 and .memory.usage > 3000000 and .memory.usage_limit == 99999744 and .pids.current >= 1
		and (.io.usage | length) > 0' "$W/azl.json"
	ctr task rm -f "$other"
	ctr container rm "$other"
	# crun's, not a container's.
	rm -rf /run/containerd/runc/default/.empty-directory
}

# stats_follow FOLDER: what Stats says is what the cgroup's files say; neither can be asked at one moment
stats_follow() {
	ctr task metrics --format json "$T" >"$W/json"
	equal "$(jq .pids.current "$W/json")" 3 &&
		equal "$(jq .memory.usage_limit "$W/json")" "$(value "$1" memory.max)" &&
		equal "$(jq .memory.anon "$W/json")" "$(value "$1" memory.stat anon)" &&
		equal "$(jq .memory.pgfault "$W/json")" "$(value "$1" memory.stat pgfault)" &&
		equal "$(jq .cpu.usage_usec "$W/json")" "$(value "$1" cpu.stat usage_usec)"
}

@test "Stats follow the cgroup's own files" {
	local group
	timeout 60 ctr run -d "${RUNTIME[@]}" --memory-limit 50000000 "$IMAGE" "$T" sh -c 'sleep 1000 & sleep 1000 & wait' 3>&-
	group=$(cgroup_of "$(pid_of "$T")")
	until_ok 10 eval '[ "$(cat "'"$group"'/pids.current")" -eq 3 ]'
	# its processes may be starting still
	until_ok 10 stats_follow "$group" >"$W/differs" || stats_follow "$group"
}

@test "Stats count the processes of a pod's container that moves memory" {
	run_bg "--memory-limit 100000000" "$T" sh -c "$HOG"
	until_ok 30 eval '[ "$(ctr task metrics --format json "'"$T"'" | jq .memory.anon)" -gt 30000000 ]'
}
