# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2154
# Our shim beside containerd's own, and across restarts of containerd.

load lib

setup_file() { e2e_file_begin; }
teardown_file() { e2e_file_end; }
setup() { e2e_begin; }
teardown() { e2e_end; }

GO=containerd-shim-runc-v2

run_go() {
	timeout -k 2 $E2E_LIMIT_S ctr run -d --cpu-shares 0 --runtime io.containerd.runc.v2 "$IMAGE" "$@" </dev/null 3>&-
}

# shim_delete PROGRAM ID: as containerd calls it; its answer in hex
shim_delete() {
	local bundle
	bundle=$(bundle_of "$2")
	(
		cd "$bundle" || exit
		TTRPC_ADDRESS=/run/containerd/containerd.sock.ttrpc timeout -k 1 $E2E_LIMIT_S "$1" -namespace default \
			-address /run/containerd/containerd.sock -publish-binary /usr/bin/containerd -id "$2" -bundle "$bundle" \
			delete </dev/null | od -An -v -tx1 | tr -d ' \n'
	)
}

# All but the bundle, which is containerd's to remove, and the socket of a shim that was killed.
left_of() {
	e2e_left | grep -vE '^(bundle|socket):' || true
}

@test "our delete cleans up after a Go shim" {
	run_go $T sh -c 'sleep 1000 & wait'
	pid=$(pid_of $T)
	containerd_kill
	kill -KILL "$(shim_of $T)"
	run -0 shim_delete "$E2E_SHIM" $T
	# exit status 137
	has 108901
	until_ok 5 gone "$pid" # PID 1 reaps it
	until_ok 5 eval '[ -z "$(left_of)" ]' || true
	equal "$(left_of)" ""
	containerd_again
	until_ok 5 eval '[ -z "$(ctr task ls -q)" ]'
	rm -f "$E2E_SOCKETS"/*
}

@test "the Go shim's delete cleans up after ours" {
	run_bg "" $T sh -c 'sleep 1000 & wait'
	pid=$(pid_of $T)
	containerd_kill
	kill -KILL "$(shim_of $T)"
	run -0 shim_delete $GO $T
	has 108901
	until_ok 5 gone "$pid" # PID 1 reaps it
	until_ok 5 eval '[ -z "$(left_of)" ]' || true
	equal "$(left_of)" ""
	containerd_again
	until_ok 5 eval '[ -z "$(ctr task ls -q)" ]'
}

@test "both deletes answer alike" {
	run_bg "" $T sleep 1000
	run_go ${T}g sleep 1000
	a=$(pid_of $T) b=$(pid_of ${T}g)
	containerd_kill
	kill -KILL "$(shim_of $T)" "$(shim_of ${T}g)"
	# the pid and the status; the time differs
	ours=$(shim_delete "$E2E_SHIM" $T)
	theirs=$(shim_delete $GO ${T}g)
	[[ "$ours" == 08*1089011a* ]]
	[[ "$theirs" == 08*1089011a* ]]
	[ "$a" -ne "$b" ]
	containerd_again
	rm -f "$E2E_SOCKETS"/*
}

@test "delete twice is as good as once" {
	run_bg "" $T sleep 1000
	containerd_kill
	kill -KILL "$(shim_of $T)"
	run -0 shim_delete "$E2E_SHIM" $T
	run -0 shim_delete "$E2E_SHIM" $T
	has 108901
	containerd_again
}

@test "both shims live side by side" {
	run_bg "" $T sleep 1000
	run_go ${T}g sleep 1000
	equal "$(ctr task ls | grep -c RUNNING)" 2
	run -0 run_exec $T echo ours
	run -0 run_exec ${T}g echo theirs
	remove $T
	has_status ${T}g RUNNING
	remove ${T}g
}

@test "the state of the engine is where everybody looks for it" {
	[ "$E2E_ENGINE" = runc ] || skip "runc's own list"
	run_bg "" $T sleep 1000
	run -0 runc --root /run/containerd/runc/default list
	has $T
	has running
}

@test "containerd restarts, and running containers are as they were" {
	run_bg "" $T sleep 1000
	run_bg "--annotation io.containerd.runc.v2.group=g" ${T}a sleep 1000
	run_bg "--annotation io.containerd.runc.v2.group=g" ${T}b sleep 1000
	ctr task pause ${T}b
	shim=$(shim_of $T) pid=$(pid_of $T)
	containerd_kill
	containerd_again
	has_status $T RUNNING
	has_status ${T}a RUNNING
	has_status ${T}b PAUSED
	equal "$(shim_of $T)" "$shim"
	equal "$(pid_of $T)" "$pid"
	run -5 run_exec $T sh -c 'exit 5'
	ctr task resume ${T}b
	run -0 run_exec ${T}b true
	ctr task kill -s KILL $T
	until_ok 5 has_status $T STOPPED
	run ctr task rm $T
	has 137
}

@test "an exit before and an exit during the absence of containerd keep their status" {
	run_bg "" $T sh -c 'exit 7'
	until_ok 5 has_status $T STOPPED
	run_bg "" ${T}b sh -c 'while [ ! -e /go ]; do sleep 0.05; done; exit 9'
	pid=$(pid_of ${T}b)
	containerd_kill
	touch "/proc/$pid/root/go"
	until_ok 5 eval '! kill -0 '"$pid"' 2>/dev/null'
	containerd_again
	has_status $T STOPPED
	has_status ${T}b STOPPED
	run ctr task rm $T
	has 7
	run ctr task rm ${T}b
	has 9
}

@test "containerd restarts five times under a container that works" {
	run_bg "--log-uri file://$W/log" $T sh -c 'i=0; while :; do i=$((i+1)); echo $i; sleep 0.02; done'
	for i in 1 2 3 4 5; do
		containerd_kill
		containerd_again
		has_status $T RUNNING
	done
	ctr task kill -s KILL $T
	until_ok 5 has_status $T STOPPED
	# what it wrote last may be on its way
	until_ok 5 eval 'seq 1 "$(wc -l <"$W/log")" | cmp - "$W/log"'
}

@test "a shim that dies while containerd is away is cleaned up when it returns" {
	run_bg "" $T sleep 1000
	containerd_kill
	kill -KILL "$(shim_of $T)"
	containerd_again
	until_ok 10 eval '[ -z "$(ctr task ls -q)" ]'
	until_ok 10 e2e_nothing_left
}

@test "events flow again after a restart of containerd" {
	run_bg "" $T sleep 1000
	containerd_kill
	containerd_again
	events_begin
	run_exec $T true
	ctr task kill -s KILL $T
	until_ok 5 has_event $T exit
	until_ok 5 eval '[ "$(topics_of '$T')" = "exec-added exec-started exit exit" ]'
}

@test "an event that happens while containerd is away arrives afterwards" {
	run_bg "" $T sh -c 'while [ ! -e /go ]; do sleep 0.05; done; exit 9'
	pid=$(pid_of $T)
	containerd_kill
	touch "/proc/$pid/root/go"
	until_ok 5 gone "$pid"
	containerd_again
	until_ok 5 has_status $T STOPPED
	run -0 task_call $T Wait
	has "exit 9"
}
