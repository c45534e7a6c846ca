# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2154
# What goes wrong, and that it is told and leaves nothing behind.

load lib

setup_file() { e2e_file_begin; }
teardown_file() { e2e_file_end; }
setup() { e2e_begin; }

teardown() {
	if mountpoint -q "$E2E_STATE/small"; then
		ctr -n small task ls -q | xargs -r -n 1 ctr -n small task rm -f >/dev/null 2>&1 || true
		ctr -n small container ls -q | xargs -r -n 1 ctr -n small container rm >/dev/null 2>&1 || true
	fi
	e2e_end
}

SERVICE=containerd.task.v2.Task

# run_fake "FLAGS" ID COMMAND...: detached, made by the fake engine
run_fake() {
	local flags=$1
	shift
	# shellcheck disable=SC2086
	timeout -k 2 $E2E_LIMIT_S ctr run -d --cpu-shares 0 --runtime io.containerd.azl.v2 $FAKE $flags "$IMAGE" "$@" 3>&- </dev/null
}

# fails COMMAND...: it must, and not by a time limit; its output is in $output
fails() {
	run "$@"
	if [ "$status" -eq 0 ] || [ "$status" -ge 124 ]; then
		echo "status $status: $output"
		return 1
	fi
}

# A container whose engine hangs in SUBCOMMAND has got there.
hangs() {
	until_ok 5 test -s "$E2E/hanging"
}

# ---- what is missing ----

@test "a missing init binary is named" {
	fails run_fg "" $T /no/such/program
	has /no/such/program
}

@test "an init binary that may not be executed is named" {
	fails run_fg "" $T /etc/passwd
	has /etc/passwd
	has_one denied "not permitted"
}

@test "a missing exec binary is named, and the container lives" {
	run_bg "" $T sleep 1000
	fails run_exec $T /no/such/program
	has /no/such/program
	fails run_exec $T /etc/passwd
	has_one denied "not permitted"
	run -0 run_exec $T echo fine
}

@test "a missing rootfs is named" {
	fails timeout -k 2 $E2E_LIMIT_S ctr run --rm --cpu-shares 0 "${RUNTIME[@]}" --rootfs "$W/no-rootfs" $T true
	has no-rootfs
	ctr container rm $T || true
}

@test "a working directory that is a file is told" {
	fails run_fg "--cwd /etc/passwd" $T true
	has /etc/passwd
}

@test "a mount that fails is named with its reason" {
	container_alone $T sleep 1000
	upper=$(ctr snapshot mounts "$W" $T | grep -o 'upperdir=[^,]*' | cut -d= -f2 | tr -d ' "')
	[ -d "$upper" ]
	mv "$upper" "$upper.away"
	fails timeout -k 2 $E2E_LIMIT_S ctr task start -d $T
	has "no such file or directory"
	has mount
	has rootfs
	mv "$upper.away" "$upper"
	until_ok 5 e2e_nothing_left
}

@test "a bind mount without a source is named" {
	fails run_fg "--mount type=bind,src=$W/no-source,dst=/mnt,options=rbind:ro" $T true
	has no-source
}

@test "an unknown file system is told" {
	fails run_fg "--mount type=nosuchfs,src=none,dst=/mnt" $T true
	has mnt
}

# ---- the engine ----

@test "a missing engine is named" {
	echo 'BinaryName = "no-such-runc"' >"$W/runtime.toml"
	fails timeout -k 2 $E2E_LIMIT_S ctr run --rm --cpu-shares 0 --runtime io.containerd.azl.v2 --runtime-config-path "$W/runtime.toml" "$IMAGE" $T true
	has no-such-runc
	has "not found"
}

@test "an engine that is no program is named" {
	echo text >"$W/engine"
	chmod +x "$W/engine"
	printf 'BinaryName = "%s"\n' "$W/engine" >"$W/runtime.toml"
	fails timeout -k 2 $E2E_LIMIT_S ctr run --rm --cpu-shares 0 --runtime io.containerd.azl.v2 --runtime-config-path "$W/runtime.toml" "$IMAGE" $T true
	[ -n "$output" ]
}

@test "options that are no TOML are told" {
	echo 'BinaryName = [' >"$W/runtime.toml"
	fails timeout -k 2 $E2E_LIMIT_S ctr run --rm --cpu-shares 0 --runtime io.containerd.azl.v2 --runtime-config-path "$W/runtime.toml" "$IMAGE" $T true
	has runtime.toml
}

@test "an option file that is missing is told" {
	fails timeout -k 2 $E2E_LIMIT_S ctr run --rm --cpu-shares 0 --runtime io.containerd.azl.v2 --runtime-config-path "$W/no.toml" "$IMAGE" $T true
	has no.toml
}

@test "an engine that fails to create is quoted" {
	fake "create fail"
	fails run_fake "" $T sleep 1000
	has "OCI runtime create failed"
	has "the fake engine refuses"
}

@test "an engine that fails without a word to create is told so" {
	fake "create mute"
	fails run_fake "" $T sleep 1000
	has "OCI runtime create failed"
}

@test "an engine that is killed in create is told so" {
	fake "create killed"
	fails run_fake "" $T sleep 1000
	has "OCI runtime create failed"
	has "did not terminate successfully: exit status 137"
}

@test "an engine that prints rubbish in create breaks nothing" {
	fake "create rubbish"
	fails run_fake "" $T sleep 1000
	has "OCI runtime create failed"
}

@test "an engine that leaves no pid file is told so" {
	for mode in nopid emptypid badpid; do
		fake "create $mode"
		fails run_fake "" $T$mode sleep 1000
		has pid
		fake
		ctr container rm $T$mode 2>/dev/null || true
		until_ok 5 e2e_nothing_left
	done
}

@test "an engine that claims to have created and has not is found out" {
	fake "create nothing"
	fails run_fake "" $T sleep 1000
	has "init.pid"
}

@test "an engine that fails to start is quoted, and the container can be removed" {
	fake "start fail"
	run run_fake "" $T sleep 1000
	if [ "$status" -ne 0 ]; then
		has "the fake engine refuses"
	else
		# started without the engine's help: that is the shim's own way
		has_status $T RUNNING
	fi
}

@test "an engine that fails in exec is quoted, and the container lives" {
	run_fake "" $T sh -c 'sleep 1000 & wait'
	fake "exec fail"
	run run_exec $T true
	[ "$status" -eq 0 ] || has "the fake engine refuses"
	fake "exec killed"
	run run_exec $T true
	fake
	run -0 run_exec $T echo fine
	equal "$output" fine
}

@test "an engine that cannot delete does not keep the container for ever" {
	run_fake "" $T sleep 1000
	fake "delete fail"
	ctr task kill -s KILL $T
	until_ok 5 has_status $T STOPPED
	timeout -k 2 $E2E_LIMIT_S ctr task rm $T || true
	fake
	ctr task rm $T 2>/dev/null || true
	ctr container rm $T
	until_ok 5 e2e_nothing_left
}

# laps METHOD ID: 200 calls to $socket, each within 50 ms. Whoever shares the processor may hold one of them up:
# twenty tries, which a shim that waits would all fail.
laps() {
	local try median longest
	for try in {1..20}; do
		read -r median longest < <("$E2E_TTRPC" "$socket" lap 200 "$@")
		echo "$1, try $try: median $median us, longest $longest us"
		[ "$median" -ge $((5000 * E2E_SLOW)) ] || [ "$longest" -ge $((50000 * E2E_SLOW)) ] || return 0
	done
	return 1
}

@test "while a create hangs, State and Wait answer within 50 ms" {
	group="--annotation io.containerd.runc.v2.group=$T"
	run_fake "$group" ${T}a sleep 1000
	run_fake "$group" ${T}b true
	until_ok 5 has_status ${T}b STOPPED
	fake "create hang"
	rm -f "$E2E/hanging"
	helper run_fake "$group" ${T}c sleep 1000
	hangs
	socket=$(socket_of ${T}a)
	laps State ${T}a
	laps Wait ${T}b
	laps State ${T}c
	run -0 timeout $E2E_LIMIT_S ctr task exec --exec-id e ${T}a echo alive
	equal "$output" alive
	kill -KILL "$(cat "$E2E/hanging")"
	wait "$HELPER" || true
	has_status ${T}a RUNNING
}

@test "a client that gives up on a hanging create leaves nothing" {
	fake "create hang"
	rm -f "$E2E/hanging"
	helper ctr run -d --cpu-shares 0 --runtime io.containerd.azl.v2 --runtime-config-path "$E2E/fake.toml" "$IMAGE" $T sleep 1000
	hangs
	kill -KILL "$HELPER"
	fake
	until_ok 20 e2e_nothing_left
}

@test "an engine that is slow is waited for" {
	fake "create slow" "start slow" "exec slow"
	run_fake "" $T sleep 1000
	run -0 run_exec $T echo fine
	equal "$output" fine
	fake "create late" "start late" "exec late"
	run_fake "" ${T}b sh -c 'exit 3'
	until_ok 5 has_status ${T}b STOPPED
}

# ---- ids and states ----

@test "a duplicate container id is refused" {
	run_bg "" $T sleep 1000
	fails run_bg "" $T sleep 1000
	has "already exists"
	has_status $T RUNNING
}

@test "a duplicate exec id is refused" {
	run_bg "" $T sleep 1000
	helper timeout -k 2 $E2E_LIMIT_S ctr task exec --exec-id same $T sleep 1000
	until_ok 5 eval 'ctr task ps '$T' | grep -q same'
	fails timeout -k 2 $E2E_LIMIT_S ctr task exec --exec-id same $T true
	has "already exists"
}

@test "the shim itself refuses a duplicate id" {
	run_bg "" $T sleep 1000
	run -3 "$E2E_TTRPC" "$(socket_of $T)" create $T "$(bundle_of $T)"
	has "6 "
	has_status $T RUNNING
}

@test "unknown ids are not found" {
	run_bg "" $T sleep 1000
	socket=$(socket_of $T)
	for method in State Start Delete Pids Pause Resume Kill Exec ResizePty CloseIO Update Wait Stats Checkpoint; do
		run "$E2E_TTRPC" "$socket" call $SERVICE $method nobody
		[ "$status" -eq 3 ]
		has "5 "
	done
	for method in State Start Delete Kill ResizePty Wait; do
		run "$E2E_TTRPC" "$socket" call $SERVICE $method $T nobody
		[ "$status" -eq 3 ]
		has "5 "
	done
	run "$E2E_TTRPC" "$socket" call $SERVICE CloseIO $T nobody # without a class, as the reference
	[ "$status" -eq 3 ]
	has "2 process does not exist nobody: not found"
	run -0 "$E2E_TTRPC" "$socket" call $SERVICE Connect nobody
	has "task 0"
}

@test "calls in the wrong state are refused and change nothing" {
	run_bg "" $T sleep 1000
	for method in Start Delete Resume; do
		run -3 task_call $T $method
		has running
		has_status $T RUNNING
	done
	ctr task pause $T
	for method in Start Delete Pause; do
		run -3 task_call $T $method
	done
	fails run_exec $T true
	has paused
	ctr task resume $T
	ctr task kill -s KILL $T
	until_ok 5 has_status $T STOPPED
	for method in Start Pause Resume; do
		run -3 task_call $T $method
	done
	fails run_exec $T true
	run -0 task_call $T Wait
	has "exit 137"
	run -0 task_call $T State
	has "status 3"
}

# ---- frames ----

@test "unknown services and methods are unimplemented" {
	run_bg "" $T sleep 1000
	socket=$(socket_of $T)
	run -3 "$E2E_TTRPC" "$socket" call no.such.Service State $T
	has "12 "
	run -3 "$E2E_TTRPC" "$socket" call $SERVICE Dance $T
	has "12 "
	run -3 "$E2E_TTRPC" "$socket" call "" "" $T
	has "12 "
}

@test "malformed frames are answered or closed, and harm nobody" {
	run_bg "" $T sleep 1000
	socket=$(socket_of $T)
	# no protobuf in the frame
	run -0 "$E2E_TTRPC" "$socket" raw 00000004000000010100 ffffffff
	has "stream 1 type 2: 3 "
	# an even stream
	run -0 "$E2E_TTRPC" "$socket" raw 00000000000000020100
	has "stream 2 type 2: 3 "
	# stream 3, then 1
	run -0 "$E2E_TTRPC" "$socket" raw 00000000000000030100 00000000000000010100
	has "stream 1 type 2: 3 "
	# an unknown type is read over, and the next frame served
	run -0 "$E2E_TTRPC" "$socket" raw 00000002000000017f00 0000 00000000000000010100
	has "stream 1 type 2: 12 "
	# half a header, half a frame
	run -0 "$E2E_TTRPC" "$socket" raw 0000
	equal "$output" open
	run -0 "$E2E_TTRPC" "$socket" raw 00000064000000010100 0102
	equal "$output" open
	# a string that says that it is longer than the frame
	run -0 "$E2E_TTRPC" "$socket" raw 00000003000000010100 0aff01
	has "stream 1 type 2: 3 "
	has_status $T RUNNING
}

@test "a frame over the limit is skipped, and its call refused" {
	run_bg "" $T sleep 1000
	socket=$(socket_of $T)
	# 4 MiB and one byte announced; then as many sent, and a good frame
	run -0 "$E2E_TTRPC" "$socket" raw 00400001000000010100 zeros:4194305 00000000000000030100
	has "stream 1 type 2: 8 "
	has "stream 3 type 2: 12 "
}

@test "an endless frame takes no memory" {
	run_bg "" $T sleep 1000
	shim=$(shim_of $T)
	task_call $T State
	read -r before _ < <(memory_of "$shim")
	"$E2E_TTRPC" "$(socket_of $T)" endless 300000000
	read -r after _ < <(memory_of "$shim")
	echo "own memory $before kB before, $after kB after"
	[ "$after" -le $((before + 64)) ]
	has_status $T RUNNING
}

@test "a thousand connections are served" {
	run_bg "" $T sleep 1000
	shim=$(shim_of $T)
	task_call $T State
	read -r before _ < <(memory_of "$shim")
	fds=$(fds_of "$shim")
	# as many as its limit of descriptors allows at once; the others wait or are turned away
	prlimit --pid "$shim" --nofile=4096:4096 2>/dev/null || true
	run -0 "$E2E_TTRPC" "$(socket_of $T)" crowd 1000 $T
	equal "$output" 1000
	until_ok 5 eval '[ "$(fds_of '"$shim"')" -le '"$fds"' ]'
	read -r after _ < <(memory_of "$shim")
	for i in 1 2 3; do "$E2E_TTRPC" "$(socket_of $T)" crowd 1000 $T; done
	until_ok 5 eval '[ "$(fds_of '"$shim"')" -le '"$fds"' ]'
	read -r last _ < <(memory_of "$shim")
	echo "own memory $before kB before, $after kB after the first thousand, $last kB after four"
	[ "$after" -le $((before + 256)) ]
	[ "$last" -le $((after + 16)) ]
	has_status $T RUNNING
}

@test "a client that never reads is cut off in the end and harms nobody" {
	run_bg "" $T sleep 1000
	helper "$E2E_TTRPC" "$(socket_of $T)" mute 200000 State $T
	sleep 0.5
	read -r median _ < <("$E2E_TTRPC" "$(socket_of $T)" lap 50 State $T)
	echo "median $median us"
	[ "$median" -lt $((50000 * E2E_SLOW)) ]
	kill "$HELPER" 2>/dev/null || true
	has_status $T RUNNING
}

@test "a client that vanishes in the middle of a call harms nobody" {
	run_bg "" $T sleep 1000
	socket=$(socket_of $T)
	for method in Wait State Stats Pids Connect Pause Resume; do
		"$E2E_TTRPC" "$socket" vanish $method $T
	done
	until_ok 5 has_status $T RUNNING
	fds=$(fds_of "$(shim_of $T)")
	for i in $(seq 50); do "$E2E_TTRPC" "$socket" vanish Wait $T; done
	until_ok 5 eval '[ "$(fds_of "$(shim_of '$T')")" -le '"$fds"' ]'
}

# ---- resources ----

@test "a full disk is told at whatever file it hits, and leaves nothing" {
	ctr namespace create small 2>/dev/null || true
	ctr -n small image import --all-platforms /tmp/azl-busybox.tar >/dev/null
	mkdir -p "$E2E_STATE/small"
	told=0 worked=0
	for inodes in 6 8 9 10 11 12 14 18; do
		mount -t tmpfs -o "nr_inodes=$inodes,mode=0711" small "$E2E_STATE/small"
		run timeout -k 2 $E2E_LIMIT_S ctr -n small run --rm --cpu-shares 0 "${RUNTIME[@]}" "$IMAGE" $T$inodes echo works
		if [ "$status" -eq 0 ]; then
			equal "$output" works
			worked=$((worked + 1))
		else
			has "no space left on device" || has "No space left on device"
			told=$((told + 1))
		fi
		ctr -n small container rm $T$inodes 2>/dev/null || true
		until_ok 5 eval '[ -z "$(ls "$E2E_STATE/small")" ]'
		# Started, but containerd could not note it and forgot it: nobody will ever call this shim.
		shim=$(shims)
		# shellcheck disable=SC2086
		[ -z "$shim" ] || kill -TERM $shim || true # it may be ending by itself
		until_ok 5 eval '! pidof containerd-shim-azl-v2'
		until_ok 5 umount "$E2E_STATE/small"
	done
	echo "$told told, $worked worked"
	[ "$told" -gt 0 ] && [ "$worked" -gt 0 ]
	rmdir "$E2E_STATE/small"
	[ "$AZL_CGROUPS" = systemd ] || until_ok 5 rmdir /sys/fs/cgroup/small
	ctr -n small image rm "$IMAGE"
	ctr -n small content ls -q | xargs -r ctr -n small content rm >/dev/null
	ctr namespace rm small || true
}

@test "without descriptors the shim refuses, keeps its containers and recovers" {
	run_bg "" $T sleep 1000
	shim=$(shim_of $T)
	fds=$(fds_of "$shim")
	prlimit --pid "$shim" "--nofile=$((fds + 2)):4096"
	for i in 1 2 3; do
		run timeout -k 1 $E2E_LIMIT_S ctr task exec --exec-id x$i $T echo no </dev/null
		[ "$status" -ne 124 ] && [ "$status" -ne 137 ]
	done
	kill -0 "$shim"
	prlimit --pid "$shim" --nofile=1024:4096
	until_ok 5 has_status $T RUNNING
	run -0 run_exec $T echo fine
	equal "$output" fine
	until_ok 5 eval '[ "$(fds_of '"$shim"')" -le '"$((fds + 1))"' ]'
}

@test "without descriptors new connections are turned away and the loop does not spin" {
	run_bg "" $T sleep 1000
	shim=$(shim_of $T)
	prlimit --pid "$shim" "--nofile=$(fds_of "$shim"):4096"
	helper timeout $((3 * E2E_SLOW)) "$E2E_TTRPC" "$(socket_of $T)" crowd 50 $T >"$W/crowd"
	a=$(awk '{ print $14 + $15 }' "/proc/$shim/stat")
	sleep 1
	b=$(awk '{ print $14 + $15 }' "/proc/$shim/stat")
	echo "$((b - a)) ticks in a second"
	[ $((b - a)) -lt 50 ]
	prlimit --pid "$shim" --nofile=1024:4096
	until_ok 5 task_call $T State
}

@test "without memory the shim refuses, keeps its containers and recovers" {
	run_bg "" $T sleep 1000
	shim=$(shim_of $T)
	size=$(awk '/^VmSize/ { print $2 * 1024 }' "/proc/$shim/status")
	prlimit --pid "$shim" "--as=$size:unlimited"
	run "$E2E_TTRPC" "$(socket_of $T)" raw 002dc6c0000000010100 zeros:3000000
	has "stream 1 type 2: 8 "
	run timeout -k 1 $E2E_LIMIT_S ctr task exec --exec-id x $T echo maybe </dev/null
	[ "$status" -ne 124 ] && [ "$status" -ne 137 ]
	kill -0 "$shim"
	prlimit --pid "$shim" --as=unlimited:unlimited
	has_status $T RUNNING
	run -0 run_exec $T echo fine
	equal "$output" fine
}

# ---- death of the shim ----

# The shim is killed: containerd finds out, calls delete, and nothing may be left.
shim_dies() {
	local shim=$1
	kill -KILL "$shim"
	until_ok 10 gone "$shim"
	fake
	until_ok 10 eval '[ -z "$(ctr task ls -q)" ]'
	until_ok 10 e2e_nothing_left
}

@test "killed while its container runs, with an exec" {
	run_bg "" $T sh -c 'sleep 1000 & sleep 1000 & wait'
	helper timeout -k 2 $E2E_LIMIT_S ctr task exec --exec-id x $T sleep 1000
	until_ok 5 eval 'ctr task ps '$T' | grep -q x'
	pid=$(pid_of $T)
	shim_dies "$(shim_of $T)"
	gone "$pid"
}

@test "killed while its container is paused" {
	run_bg "" $T sleep 1000
	ctr task pause $T
	shim_dies "$(shim_of $T)"
}

@test "killed while its container is stopped" {
	run_bg "" $T true
	until_ok 5 has_status $T STOPPED
	shim_dies "$(task_call $T Connect | awk '/^shim/ { print $2 }')"
}

@test "killed while the container shares the host's processes" {
	run_bg "--with-ns pid:/proc/1/ns/pid" $T sh -c 'sleep 4331 & exec sleep 4332'
	shim_dies "$(shim_of $T)"
	until_ok 5 eval '! pgrep -f "sleep 433[12]"'
}

@test "killed while create hangs before its work" {
	fake "create hang"
	rm -f "$E2E/hanging"
	helper run_fake "" $T sleep 1000
	hangs
	shim_dies "$(shims)"
	wait "$HELPER" || true
}

@test "killed while create has done its work" {
	fake "create late"
	helper run_fake "" $T sleep 1000
	until_ok 5 test -s "$(bundle_of $T)/init.pid"
	shim_dies "$(shims)"
	wait "$HELPER" || true
}

@test "killed while it starts, and while it deletes" {
	fake "start late"
	helper run_fake "" $T sleep 1000
	until_ok 5 test -s "$(bundle_of $T)/init.pid"
	shim_dies "$(shims)"
	wait "$HELPER" || true
	ctr container rm $T || true
	run_fake "" ${T}b sleep 1000
	ctr task kill -s KILL ${T}b
	until_ok 5 has_status ${T}b STOPPED
	fake "delete late"
	helper timeout -k 2 $E2E_LIMIT_S ctr task rm ${T}b
	sleep 0.1
	kill -KILL $(shims) 2>/dev/null || true
	wait "$HELPER" || true
	fake
	until_ok 10 e2e_nothing_left
}

@test "killed at any moment of a run" {
	for delay in 0.01 0.03 0.05 0.07 0.09 0.11 0.13 0.16 0.2 0.25; do
		helper run_bg "" $T$delay sleep 1000
		until_ok 5 pidof containerd-shim-azl-v2 >/dev/null
		sleep "$delay"
		kill -KILL $(shims) 2>/dev/null || true
		wait "$HELPER" || true
		ctr task rm -f $T$delay >/dev/null 2>&1 || true
		ctr container rm $T$delay 2>/dev/null || true
		if ! until_ok 8 e2e_nothing_left; then
			echo "after $delay s:"
			e2e_left
			return 1
		fi
	done
}

@test "killed with a group: every member is cleaned up" {
	group="--annotation io.containerd.runc.v2.group=$T"
	for i in 1 2 3; do run_bg "$group" $T$i sleep 1000; done
	shim_dies "$(shim_of ${T}1)"
}

@test "the death of a shim is told with status 137" {
	events_begin
	run_bg "" $T sleep 1000
	pid=$(pid_of $T)
	kill -KILL "$(shim_of $T)"
	until_ok 5 has_event $T exit
	grep /tasks/exit "$W/events" | grep -q "\"pid\":$pid"
	grep /tasks/exit "$W/events" | grep -q '"exit_status":137'
	until_ok 5 has_event $T delete
}
