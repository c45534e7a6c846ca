# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2030,SC2031,SC2154
# A container over its limit of memory: TaskOOM is published, and before TaskExit.
#
#   AZL_OOMS   how many containers die (50)

load vm

setup_file() {
	export BATS_TEST_TIMEOUT=$((500 + 20 * ${AZL_OOMS:-50}))
	vm_file_begin
}
setup() { vm_begin; }
teardown() { vm_end; }

# The runtime's own first process is charged to the container: much less is its end, not the command's.
OOM=(--memory-limit 32000000)

# die_of_memory ID FLAG...: ends when the container has
die_of_memory() {
	local id=$1
	shift
	timeout 120 ctr run --rm "$@" "${OOM[@]}" "$IMAGE" "$id" tail /dev/zero >/dev/null 2>&1 3>&-
}

# die_of_memory_often COUNT PREFIX FLAG...: two at a time
die_of_memory_often() {
	local count=$1 prefix=$2 i first=''
	shift 2
	for ((i = 0; i < count; i++)); do
		if [ -z "$first" ]; then
			die_of_memory "$prefix-$i" "$@" &
			first=$!
		else
			die_of_memory "$prefix-$i" "$@" || true
			wait "$first" || true
			first=''
		fi
	done
	[ -z "$first" ] || wait "$first" || true
}

# Prints how many of COUNT containers had their TaskOOM ahead of their TaskExit, and tells of the others.
in_order() {
	local count=$1 prefix=$2 i topics good=0
	for ((i = 0; i < count; i++)); do
		topics=$(topics_of "$prefix-$i")
		if [[ $topics =~ ^create\ start\ oom\ exit\ delete$ ]]; then
			good=$((good + 1))
		else
			echo "$prefix-$i: $topics" >&2
		fi
	done
	echo "$good"
}

@test "TaskOOM comes before TaskExit, every time" {
	local n=${AZL_OOMS:-50}
	events_begin
	die_of_memory_often "$n" "$T" "${RUNTIME[@]}" 3>&-
	until_ok 10 has_event "$T-$((n - 1))" delete
	cp "$W/events" "$AZL_RESULTS/oom-events.txt"
	equal "$(in_order "$n" "$T" 2>"$W/odd"; cat "$W/odd")" "$n"
}

@test "the reference, for comparison: TaskOOM and TaskExit" {
	local n=$((${AZL_OOMS:-50} / 5))
	events_begin
	die_of_memory_often "$n" "$T" --runtime io.containerd.runc.v2 3>&-
	until_ok 10 has_event "$T-$((n - 1))" delete
	in_order "$n" "$T" >"$AZL_RESULTS/oom-reference.txt" 2>&1
	echo "# the reference: $(tr '\n' ';' <"$AZL_RESULTS/oom-reference.txt") of $n in order" >&3
}

@test "TaskOOM tells of the container and its namespace" {
	events_begin
	run die_of_memory "$T" "${RUNTIME[@]}"
	until_ok 10 has_event "$T" delete
	grep -E "^[^ ]+ [^ ]+ [^ ]+ [^ ]+ default /tasks/oom \{\"container_id\":\"$T\"\}" "$W/events"
	equal "$(grep -c /tasks/oom "$W/events")" 1
}

@test "a process besides the first that runs out of memory is a TaskOOM, and the container lives" {
	events_begin
	run_bg "--memory-limit 40000000" "$T" sh -c 'echo -900 >/proc/self/oom_score_adj 2>/dev/null; exec sleep 1000'
	run run_exec "$T" tail /dev/zero
	equal "$status" 137
	until_ok 10 has_event "$T" oom
	has_status "$T" RUNNING
	run -0 run_exec "$T" echo alive
}

@test "a container with memory.oom.group dies whole, with one TaskOOM before its end" {
	events_begin
	run_bg "--memory-limit 40000000" "$T" sh -c 'sleep 1000 & sleep 1000 & wait'
	update "$T" '{"unified":{"memory.oom.group":"1"}}'
	run run_exec "$T" tail /dev/zero
	until_ok 20 has_status "$T" STOPPED
	until_ok 10 has_event "$T" exit
	[[ "$(topics_of "$T")" =~ oom.*exit$ ]]
	run ctr task rm "$T"
	has 137
}

# systemd removes a scope that is empty: the shim sleeps until that is done.
unseen() {
	local shim
	shim=$(shim_of "$T")
	kill -STOP "$shim"
	"$@"
	until_ok 30 scope_unknown "azl-$T.scope"
	kill -CONT "$shim"
	until_ok 10 has_event "$T" exit
}

go_on() {
	: >"$(bundle_of "$T")/rootfs/go"
}

@test "SystemdCgroup = true: TaskOOM is told when the scope is gone before the shim looks" {
	events_begin
	FLAGS='--memory-limit 32000000' run_scope "$T" sh -c 'until [ -e /go ]; do sleep 0.1; done; exec tail /dev/zero'
	until_ok 10 has_event "$T" start
	unseen go_on
	[[ "$(topics_of "$T")" =~ oom.*exit$ ]]
	run ctr task rm "$T"
	has 137
}

@test "SystemdCgroup = true: a child's OOM kill is told when the scope is gone and the shell ended by itself" {
	events_begin
	FLAGS='--memory-limit 32000000' run_scope "$T" \
		sh -c 'until [ -e /go ]; do sleep 0.1; done; tail /dev/zero; exit 3'
	until_ok 10 has_event "$T" start
	update "$T" '{"unified":{"memory.oom.group":"0"}}'
	unseen go_on
	[[ "$(topics_of "$T")" =~ oom.*exit$ ]]
	run ctr task rm "$T"
	[[ $output != *137* ]]
}

@test "SystemdCgroup = true: a kill is no TaskOOM when the scope is gone before the shim looks" {
	events_begin
	FLAGS='--memory-limit 40000000' run_scope "$T" sleep 1000
	unseen kill -KILL "$(pid_of "$T")"
	run ! has_event "$T" oom
}

@test "a kill by the machine is no TaskOOM" {
	events_begin
	run_bg "--memory-limit 40000000" "$T" sleep 1000
	kill -KILL "$(pid_of "$T")"
	until_ok 10 has_event "$T" exit
	run ! has_event "$T" oom
}

@test "processes die of a limit that Update brought" {
	events_begin
	run_bg "" "$T" sleep 1000
	until_ok 10 has_event "$T" start
	update "$T" '{"memory":{"limit":33554432}}'
	run run_exec "$T" tail /dev/zero
	until_ok 20 has_event "$T" oom
}
