# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2030,SC2031,SC2154
# containerd as a service that is restarted, killed, or gone for a while; and a shim whose own
# cgroup or limits leave it nothing.

load vm

setup_file() { vm_file_begin; }
setup() { vm_begin; }

teardown() {
	systemctl is-active -q containerd || systemctl start containerd
	until_ok 60 containerd_answers
	vm_end
}

# A container that counts into a file of the machine.
count_in_background() {
	timeout 60 ctr run -d "${RUNTIME[@]}" --log-uri "file://$W/$1.log" "$IMAGE" "$1" \
		sh -c 'i=0; while :; do i=$((i + 1)); echo $i; sleep 0.05; done' 3>&- </dev/null
	until_ok 20 test -s "$W/$1.log"
}

# Its output is 1, 2, 3, ... with nothing missing.
count_is_whole() {
	awk '$1 != NR { print "line " NR ": " $0; bad = 1 } END { exit bad }' "$W/$1.log"
}

service_returns() {
	until_ok 60 containerd_answers
	until_ok 20 eval '[ -n "$(ctr task ls -q)" ]'
}

restart() {
	systemctl restart containerd
	service_returns
}

crash() {
	local pid
	pid=$(containerd_pid)
	kill -KILL "$pid"
	until_ok 30 gone "$pid"
	service_returns
}

# Restarts or crashes with a container running, one that ends on the meantime, and looks.
survives() {
	local how=$1 init shim lines
	count_in_background "$T"
	timeout 60 ctr run -d "${RUNTIME[@]}" --log-uri "file://$W/late.log" "$IMAGE" "${T}late" \
		sh -c 'trap "echo last; exit 7" TERM; echo ready; while :; do sleep 0.1; done' 3>&- </dev/null
	until_ok 20 has_text "$W/late.log" ready
	init=$(pid_of "$T")
	shim=$(shim_of "$T")
	"$how" "${T}late"
	equal "$(pid_of "$T")" "$init"
	equal "$(shim_of "$T")" "$shim"
	has_status "$T" RUNNING
	run -0 run_exec "$T" echo alive
	equal "$output" alive
	until_ok 20 has_status "${T}late" STOPPED
	run ctr task rm "${T}late"
	has "code 7"
	has_text "$W/late.log" last
	lines=$(wc -l <"$W/$T.log")
	until_ok 20 eval '[ "$(wc -l <"'"$W/$T.log"'")" -gt '$((lines + 5))' ]'
	count_is_whole "$T"
	events_begin
	ctr task kill -s KILL "$T"
	until_ok 10 has_event "$T" exit
}

restart_with_exit() {
	systemctl stop containerd
	kill -TERM "$(pid_of "$1")"
	until_ok 20 gone "$(pid_of "$1")"
	systemctl start containerd
	service_returns
}

crash_with_exit() {
	local pid
	pid=$(containerd_pid)
	kill -KILL "$pid"
	kill -TERM "$(pid_of "$1")"
	until_ok 30 gone "$pid"
	until_ok 20 gone "$(pid_of "$1")"
	service_returns
}

@test "containers survive a stop and start of the service; one that ends meanwhile keeps its status" {
	survives restart_with_exit
}

@test "containers survive a crash of the service; one that ends meanwhile keeps its status" {
	survives crash_with_exit
}

@test "the service restarts five times under load" {
	local i
	count_in_background "$T"
	for i in 1 2 3 4 5; do
		restart
		run -0 run_exec "$T" echo "$i"
		equal "$output" "$i"
	done
	count_is_whole "$T"
}

@test "an exec goes on when the service is restarted, and its pid is reaped" {
	local execd
	run_bg "" "$T" sleep 1000
	ctr task exec -d --exec-id x1 "$T" sleep 777
	until_ok 10 eval '[ "$(ctr task ps "'"$T"'" | wc -l)" -eq 3 ]'
	execd=$(pgrep -f 'sleep 777' | head -n 1)
	restart
	kill -0 "$execd"
	kill -KILL "$execd"
	until_ok 10 gone "$execd"
	has_status "$T" RUNNING
}

@test "pods survive a restart of the service" {
	local pod one
	pod=$(pod_run "$T")
	one=$(pod_add "$pod" one '' sleep 1000)
	systemctl restart containerd
	until_ok 60 eval 'cri ListPodSandbox </dev/null >/dev/null 2>&1'
	until_ok 20 pod_state_is "$one" CONTAINER_RUNNING
	run -0 pod_exec "$one" echo alive
	has alive
	pod_stop "$one" 0
	pod_remove "$pod"
}

# ---- what a shim does with nothing left ----

# shim_cgroup FILE VALUE: puts the shim of the test into a cgroup of its own with a limit
shim_cgroup() {
	mkdir -p /sys/fs/cgroup/azl-shim
	echo "$SHIM" >/sys/fs/cgroup/azl-shim/cgroup.procs
	echo "$2" >"/sys/fs/cgroup/azl-shim/$1"
}

shim_cgroup_end() {
	echo max >"/sys/fs/cgroup/azl-shim/$1"
	echo "$SHIM" >/sys/fs/cgroup/system.slice/containerd.service/cgroup.procs
	until_ok 10 rmdir /sys/fs/cgroup/azl-shim 2>/dev/null
}

alive_again() {
	kill -0 "$SHIM"
	has_status "$T" RUNNING
	run -0 run_exec "$T" echo alive
	equal "$output" alive
}

@test "a shim that may make no process answers with errors and keeps its container" {
	run_bg "" "$T" sleep 1000
	SHIM=$(shim_of "$T")
	shim_cgroup pids.max 1
	run run_exec "$T" true
	[ "$status" -ne 0 ]
	has "resource temporarily unavailable"
	# these need no process
	run -0 timeout 20 ctr task pause "$T"
	run -0 timeout 20 ctr task resume "$T"
	# this is the runtime's
	run update "$T" '{"pids":{"limit":17}}'
	[ "$status" -ne 0 ]
	run -0 ctr task ls
	has_status "$T" RUNNING
	shim_cgroup_end pids.max
	alive_again
}

@test "a shim that may open no file answers with errors and keeps its container" {
	local now
	run_bg "" "$T" sleep 1000
	SHIM=$(shim_of "$T")
	now=$(fds_of "$SHIM")
	prlimit --pid "$SHIM" --nofile="$now:65536"
	run run_exec "$T" true
	[ "$status" -ne 0 ]
	has_status "$T" RUNNING
	prlimit --pid "$SHIM" --nofile=65536:65536
	alive_again
}

@test "a shim without memory for the runtime answers with errors and keeps its container" {
	run_bg "--annotation io.azl.fastpaths=none" "$T" sleep 1000
	SHIM=$(shim_of "$T")
	mkdir -p /sys/fs/cgroup/azl-shim
	echo "$SHIM" >/sys/fs/cgroup/azl-shim/cgroup.procs
	# The runtime is the larger one, and dies; the shim has its pages elsewhere already.
	shim_cgroup memory.max 2000000
	run run_exec "$T" true
	[ "$status" -ne 0 ]
	echo "the answer: $output"
	kill -0 "$SHIM"
	has_status "$T" RUNNING
	shim_cgroup_end memory.max
	alive_again
}
