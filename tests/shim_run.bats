# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2154
# What users of ctr do with containers.

load lib

setup_file() { e2e_file_begin; }
teardown_file() { e2e_file_end; }
setup() { e2e_begin; }
teardown() { e2e_end; }

@test "a container runs and its output arrives" {
	run -0 run_fg "" $T echo hello
	equal "$output" hello
}

@test "standard output and standard error stay apart" {
	run -0 --separate-stderr run_fg "" $T sh -c 'echo out; echo err >&2'
	equal "$output" out
	equal "$stderr" err
}

@test "the exit status of a container is handed on" {
	run -7 run_fg "" $T sh -c 'exit 7'
	run -255 run_fg "" ${T}b sh -c 'exit 255'
}

@test "a container killed by a signal exits with 128 and the signal" {
	run_bg "--with-ns pid:/proc/1/ns/pid" $T sleep 1000
	ctr task kill -s TERM $T
	until_ok 5 has_status $T STOPPED
	run ctr task rm $T
	has "143"
	run_bg "" ${T}b sleep 1000
	ctr task kill -s KILL ${T}b
	until_ok 5 has_status ${T}b STOPPED
	run ctr task rm ${T}b
	has "137"
}

@test "signals reach the container" {
	run_bg "" $T sh -c 'trap "exit 42" USR1; echo ready >/ready; while :; do sleep 0.05; done'
	until_ok 5 test -e "/proc/$(pid_of $T)/root/ready"
	ctr task kill -s USR1 $T
	until_ok 5 has_status $T STOPPED
	run ctr task rm $T
	has 42
}

@test "a kill of all reaches every process of a container" {
	run_bg "" $T sh -c 'sleep 1000 & sleep 1000 & wait'
	until_ok 5 eval '[ "$(run_exec '$T' pidof sleep | wc -w)" -eq 2 ]'
	ctr task kill -a -s KILL $T
	until_ok 5 has_status $T STOPPED
}

@test "standard input reaches the container and its end is seen" {
	output=$(printf 'one\ntwo\n' | input_for $T | run_fg "" $T cat)
	equal "$output" $'one\ntwo'
	output=$(head -c 3000000 /dev/zero | input_for ${T}b | run_fg "" ${T}b sh -c 'wc -c')
	equal "$output" 3000000
}

@test "environment, directory and user are set" {
	run -0 run_fg "--env AZL=yes --env B=2 --cwd /tmp --user 1000:1000" $T sh -c 'echo $AZL $B $PWD $(id -u) $(id -g)'
	equal "$output" "yes 2 /tmp 1000 1000"
}

@test "a container has namespaces of its own" {
	run -0 run_fg "" $T sh -c 'for n in pid net ipc uts mnt; do readlink /proc/self/ns/$n; done; echo $$'
	for n in pid net ipc uts mnt; do
		[[ "$output" != *"$(readlink /proc/self/ns/$n)"* ]]
	done
	equal "${lines[5]}" 1
}

@test "a container may share the host's network" {
	run -0 run_fg --net-host $T readlink /proc/self/ns/net
	equal "$output" "$(readlink /proc/self/ns/net)"
}

@test "a container may share the host's processes, and all of its own end with it" {
	run_bg "--with-ns pid:/proc/1/ns/pid" $T sh -c 'sleep 4321 & sleep 4321 & exec sleep 4322'
	until_ok 5 eval '[ "$(pgrep -cf "sleep 432[1]")" -eq 2 ]'
	ctr task kill -s KILL $T
	until_ok 5 has_status $T STOPPED
	until_ok 5 eval '[ "$(pgrep -cf "sleep 432[1]")" -eq 0 ]'
}

@test "a read-only root is read-only" {
	run run_fg --read-only $T touch /file
	[ "$status" -ne 0 ]
	has "Read-only"
}

@test "a bind mount is there" {
	echo content >"$W/file"
	run -0 run_fg "--mount type=bind,src=$W,dst=/mnt,options=rbind:ro" $T cat /mnt/file
	equal "$output" content
}

@test "what a container writes is its own" {
	run_bg "" $T sh -c 'echo mine >/file; sleep 1000'
	until_ok 5 run_exec $T test -s /file
	run -0 run_fg "" ${T}b ls /file /bin/sh || true
	[[ "$output" != *mine* ]]
	run -0 run_exec $T cat /file
	equal "$output" mine
}

@test "an exec runs in the container and its status is handed on" {
	run_bg "" $T sleep 1000
	run -3 run_exec $T sh -c 'echo in; exit 3'
	equal "$output" in
	run -0 run_exec $T sh -c 'readlink /proc/self/ns/pid; readlink /proc/1/ns/pid'
	equal "${lines[0]}" "${lines[1]}"
}

@test "an exec has its user, directory and standard input" {
	run_bg "--env A=1" $T sleep 1000
	output=$(echo text | timeout -k 2 $E2E_LIMIT_S ctr task exec --exec-id e --user 1000 --cwd /tmp $T sh -c 'cat; id -u; pwd; echo $A')
	equal "$output" $'text\n1000\n/tmp\n1'
}

@test "execs run side by side" {
	run_bg "" $T sleep 1000
	for i in 1 2 3 4 5 6 7 8; do
		helper run_exec $T sh -c "sleep 0.2; echo $i; exit $i" >"$W/out.$i"
		pids[i]=$HELPER
	done
	for i in 1 2 3 4 5 6 7 8; do
		code=0
		wait "${pids[i]}" || code=$?
		equal "$code" "$i"
		equal "$(cat "$W/out.$i")" "$i"
	done
}

@test "an exec can be killed by itself" {
	run_bg "" $T sleep 1000
	helper timeout -k 2 $E2E_LIMIT_S ctr task exec --exec-id victim $T sleep 4323
	until_ok 5 eval 'pgrep -f "sleep 432[3]" >/dev/null'
	until_ok 5 ctr task kill -s TERM --exec-id victim $T
	code=0
	wait "$HELPER" || code=$?
	# sleep is no init: the signal ends it
	equal "$code" 143
	has_status $T RUNNING
}

@test "a container pauses and resumes" {
	run_bg "" $T sh -c 'i=0; while :; do i=$((i+1)); echo $i >/n.new; mv /n.new /n; done'
	until_ok 10 test -s "/proc/$(pid_of $T)/root/n"
	ctr task pause $T
	has_status $T PAUSED
	a=$(cat "/proc/$(pid_of $T)/root/n")
	sleep 0.1
	b=$(cat "/proc/$(pid_of $T)/root/n")
	equal "$a" "$b"
	run ctr task pause $T
	[ "$status" -ne 0 ]
	ctr task resume $T
	has_status $T RUNNING
	until_ok 5 eval '[ "$(cat /proc/$(pid_of '$T')/root/n)" != '"'$a'"' ]'
}

@test "a paused container can be killed and removed" {
	run_bg "" $T sleep 1000
	ctr task pause $T
	ctr task kill -s KILL $T
	until_ok 5 has_status $T STOPPED
	ctr task rm $T || true
	ctr container rm $T
}

@test "ps lists all processes and names execs" {
	run_bg "" $T sh -c 'sleep 1000 & wait'
	helper timeout -k 2 $E2E_LIMIT_S ctr task exec --exec-id named $T sleep 1000
	until_ok 5 eval 'ctr task ps '$T' | grep -q named'
	until_ok 5 eval '[ "$(ctr task ps '$T' | grep -c "^[0-9]")" -eq 3 ]'
	run -0 ctr task ps $T
	equal "$(grep -c '^[0-9]' <<<"$output")" 3
	grep -q "^$(pid_of $T) " <<<"$output"
}

@test "metrics are answered while a container runs" {
	run_bg "" $T sleep 1000
	run -0 ctr task metrics $T
	has cpu.usage_usec
	has pids.current
}

@test "a created container waits for its start" {
	container_alone $T sh -c 'echo started; sleep 1000'
	ctr task start -d $T </dev/null || skip "ctr cannot create containers without CPU shares here"
	has_status $T RUNNING
}

@test "a task can be started again after its removal" {
	run_bg "" $T sh -c 'exit 5'
	until_ok 5 has_status $T STOPPED
	ctr task rm $T || true
	ctr task start -d $T </dev/null
	until_ok 5 has_status $T STOPPED
	run ctr task rm $T
	has 5
}

@test "a running task is not removed unless forced" {
	run_bg "" $T sleep 1000
	run ctr task rm $T
	[ "$status" -ne 0 ]
	has_status $T RUNNING
	ctr task rm -f $T
	run ctr task ls -q
	equal "$output" ""
}

@test "attach sees what comes after it" {
	run_bg "" $T sh -c 'while :; do echo tick; sleep 0.1; done'
	helper timeout -k 2 $E2E_LIMIT_S ctr task attach $T >"$W/out"
	until_ok 5 has_text "$W/out" tick
	kill "$HELPER"
	has_status $T RUNNING
}

@test "a terminal is a terminal, with the size of the caller's" {
	run -0 timeout -k 2 $E2E_LIMIT_S script -qec "stty rows 33 cols 77; ctr run -t --rm --cpu-shares 0 ${RUNTIME[*]} $IMAGE $T sh -c 'tty; n=0; until stty size | grep -qx \"33 77\" || [ \$((n += 1)) -gt 500 ]; do sleep 0.02; done; stty size; exit 0'" /dev/null
	has /dev/pts/0
	has "33 77"
}

@test "a terminal follows a new size" {
	cat >"$W/session" <<-EOF
		stty rows 20 cols 60
		(
			until ctr task ls | grep -q "$T .*RUNNING"; do sleep 0.1; done
			# ctr looks at the size, then begins to hear of changes: the first may go unheard
			while ctr task ls | grep -q "$T .*RUNNING"; do
				stty -F /dev/tty rows 42 cols 123
				stty -F /dev/tty rows 41 cols 123
				sleep 0.5
			done
		) &
		ctr run -t --rm --cpu-shares 0 ${RUNTIME[*]} $IMAGE $T sh -c 'while [ "\$(stty size)" != "41 123" ]; do sleep 0.05; done; echo size is right'
	EOF
	run timeout -k 2 $E2E_LIMIT_S script -qec "bash $W/session" /dev/null
	has "size is right"
}

@test "an exec has a terminal" {
	run_bg "" $T sleep 1000
	run -4 timeout -k 2 $E2E_LIMIT_S script -qec "ctr task exec -t --exec-id tty $T sh -c 'tty; exit 4'" /dev/null
	has /dev/pts/
}

@test "an image of 120 layers runs" {
	"$E2E_REPO/hack/image" --layers 120 --name docker.io/library/azl-layers:latest "$W/layers.tar"
	ctr image import --all-platforms "$W/layers.tar" >/dev/null
	IMAGE=docker.io/library/azl-layers:latest run -0 run_fg "" $T sh -c 'cat /layers/last; ls /layers | wc -l'
	equal "${lines[0]}" 120
	equal "${lines[1]}" 121
	ctr image rm docker.io/library/azl-layers:latest
}

@test "containers of one group share a shim, which ends with the last" {
	group="--annotation io.containerd.runc.v2.group=$T"
	run_bg "$group" ${T}a sleep 1000
	run_bg "$group" ${T}b sleep 1000
	run_bg "" ${T}c sleep 1000
	shim=$(shim_of ${T}a)
	equal "$(shim_of ${T}b)" "$shim"
	[ "$(shim_of ${T}c)" != "$shim" ]
	equal "$(socket_of ${T}a)" "$(socket_of ${T}b)"
	remove ${T}a
	run -0 run_exec ${T}b echo alive
	equal "$output" alive
	kill -0 "$shim"
	remove ${T}b
	until_ok 5 gone "$shim"
	has_status ${T}c RUNNING
}

@test "two containers of a new group that start at once share a shim" {
	group="--annotation io.kubernetes.cri.sandbox-id=$T"
	for i in 1 2 3 4; do
		helper run_bg "$group" $T$i sleep 1000
		pids[i]=$HELPER
	done
	for i in 1 2 3 4; do wait "${pids[i]}"; done
	shim=$(shim_of ${T}1)
	for i in 2 3 4; do equal "$(shim_of $T$i)" "$shim"; done
	equal "$(shims | wc -l)" 1
}

@test "events come in order" {
	events_begin
	run_bg "" $T sleep 1000
	run_exec $T true
	ctr task pause $T
	ctr task resume $T
	ctr task kill -s KILL $T
	until_ok 5 has_event $T exit
	until_ok 5 has_status $T STOPPED
	ctr task rm $T || true
	until_ok 5 has_event $T delete
	equal "$(topics_of $T)" "create start exec-added exec-started exit paused resumed exit delete"
}

@test "the exit of an exec comes before the exit of its container" {
	events_begin
	run_bg "" $T sleep 1000
	for i in 1 2 3; do helper timeout -k 2 $E2E_LIMIT_S ctr task exec --exec-id x$i $T sleep 1000; done
	until_ok 5 eval '[ "$(grep -c exec-started "$W/events")" -eq 3 ]'
	ctr task kill -s KILL $T
	until_ok 5 eval '[ "$(grep -c /tasks/exit "$W/events")" -eq 4 ]'
	grep /tasks/exit "$W/events" | tail -n 1 | grep -q "\"id\":\"$T\""
}

@test "the metadata of containers survives odd names" {
	id=A.b_c-D9
	run -0 run_fg "" $id echo fine
	equal "$output" fine
	long=$(head -c 76 /dev/zero | tr '\0' n)
	run -0 run_fg "" "$long" echo fine
	equal "$output" fine
}

@test "containers of other namespaces do not meet" {
	ctr namespace create azl-other
	ctr -n azl-other image import --all-platforms /tmp/azl-busybox.tar >/dev/null
	run_bg "" $T sleep 1000
	ctr -n azl-other run -d --cpu-shares 0 "${RUNTIME[@]}" "$IMAGE" $T sleep 1001 </dev/null
	[ "$(shim_of $T)" != "$(shim_of $T azl-other)" ]
	remove $T
	run -0 ctr -n azl-other task exec --exec-id e $T echo alive
	equal "$output" alive
	ctr -n azl-other task rm -f $T
	ctr -n azl-other container rm $T
	ctr -n azl-other image rm "$IMAGE"
	until_ok 5 eval '[ -z "$(ls "$E2E_STATE/azl-other")" ]'
	[ "$AZL_CGROUPS" = systemd ] || rmdir /sys/fs/cgroup/azl-other
	ctr -n azl-other content ls -q | xargs -r ctr -n azl-other content rm >/dev/null
	ctr namespace rm azl-other || true
}
