# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2154
# What containers write and read, and who it goes to.

load lib

setup_file() { e2e_file_begin; }
teardown_file() { e2e_file_end; }
setup() { e2e_begin; }
teardown() { e2e_end; }

# The sum of the first N numbers' lines, as the containers below write them.
lines_sum() {
	seq 1 "$1" | md5sum | cut -d' ' -f1
}

# Containers below write when this has been called: ctr itself reads until it has detached.
go() {
	touch "/proc/$(pid_of "$1")/root/go"
}
WAIT='while [ ! -e /go ]; do sleep 0.02; done'

# A FIFO of a detached container, for reading.
fifo_of() {
	find /run/containerd/fifo -name "$1-$2" | head -n 1
}

# drained FIFO LINE: reads into $W/out until that line has come
drained() {
	helper cat "$1" >>"$W/out"
	until_ok 5 eval 'tail -n 1 "$W/out" | cmp -s - <(echo '"$2"')'
	kill "$HELPER"
	wait "$HELPER" || true
}

@test "50 MB of output arrive whole" {
	head -c 52428800 /dev/urandom >"$W/data"
	run_fg "--mount type=bind,src=$W,dst=/mnt,options=rbind:ro" $T cat /mnt/data | cmp - "$W/data"
}

@test "50 MB of an exec's output arrive whole" {
	head -c 52428800 /dev/urandom >"$W/data"
	run_bg "--mount type=bind,src=$W,dst=/mnt,options=rbind:ro" $T sleep 1000
	run_exec $T cat /mnt/data | cmp - "$W/data"
}

@test "2 MB through a terminal arrive whole" {
	# script sends an end of file that it reads into the terminal, where it is echoed
	mkfifo "$W/never"
	output=$(timeout -k 2 $E2E_LIMIT_S script -qec "ctr run -t --rm --cpu-shares 0 ${RUNTIME[*]} $IMAGE $T sh -c 'echo; seq 1 300000'" /dev/null <>"$W/never" |
		tr -d '\r' | grep -E '^[0-9]+$' | md5sum | cut -d' ' -f1)
	equal "$output" "$(lines_sum 300000)"
}

@test "10 MB of input arrive whole" {
	seq 1 1400000 >"$W/in"
	output=$(input_for $T <"$W/in" | run_fg "" $T md5sum | cut -d' ' -f1)
	equal "$output" "$(lines_sum 1400000)"
}

@test "what is written just before the end arrives" {
	for i in 1 2 3 4 5; do
		output=$(run_fg "" $T$i sh -c 'echo first; echo last')
		equal "$output" $'first\nlast'
	done
}

@test "a reader that goes away and returns misses nothing" {
	run_bg "" $T sh -c "$WAIT; seq 1 20000; sleep 1000"
	go $T
	fifo=$(fifo_of $T stdout)
	# Readers that take a piece each; between them nobody reads.
	: >"$W/out"
	for i in 1 2 3 4 5; do
		timeout $E2E_LIMIT_S dd if="$fifo" of="$W/out" oflag=append conv=notrunc bs=4096 count=2 iflag=fullblock 2>/dev/null
	done
	has_status $T RUNNING
	drained "$fifo" 20000
	equal "$(md5sum <"$W/out" | cut -d' ' -f1)" "$(lines_sum 20000)"
}

@test "a container without a reader waits and is not hurt" {
	run_bg "" $T sh -c "$WAIT; seq 1 100000; echo done >/done; sleep 1000"
	go $T
	sleep 0.5
	has_status $T RUNNING
	[ ! -e "/proc/$(pid_of $T)/root/done" ]
	: >"$W/out"
	drained "$(fifo_of $T stdout)" 100000
	until_ok 5 test -e "/proc/$(pid_of $T)/root/done"
	equal "$(md5sum <"$W/out" | cut -d' ' -f1)" "$(lines_sum 100000)"
}

@test "containerd is killed while a container writes: it runs on and its output is whole" {
	run_bg "--log-uri file://$W/log" ${T}f sh -c 'i=0; while [ $i -lt 300 ]; do i=$((i+1)); echo $i; sleep 0.01; done; sleep 1000'
	run_bg "" $T sh -c "$WAIT; "'i=0; while [ $i -lt 300 ]; do i=$((i+1)); echo $i; sleep 0.01; done; sleep 1000'
	go $T
	read_for 0.3 "$(fifo_of $T stdout)" >"$W/out"
	containerd_kill
	kill -0 "$(pid_of $T)"
	sleep 0.5
	containerd_again
	has_status $T RUNNING
	has_status ${T}f RUNNING
	until_ok 10 has_text "$W/log" 300
	for i in $(seq 40); do
		read_for 0.5 "$(fifo_of $T stdout)" >>"$W/out"
		! grep -qx 300 "$W/out" || break
	done
	equal "$(md5sum <"$W/out" | cut -d' ' -f1)" "$(lines_sum 300)"
	equal "$(md5sum <"$W/log" | cut -d' ' -f1)" "$(lines_sum 300)"
	run -0 run_exec $T echo alive
	equal "$output" alive
}

@test "a client that is killed does not hurt the container" {
	helper timeout -k 2 $E2E_LIMIT_S ctr run --rm --cpu-shares 0 "${RUNTIME[@]}" "$IMAGE" $T sh -c 'while :; do echo tick; sleep 0.02; done' >"$W/out"
	until_ok 5 has_text "$W/out" tick
	pkill -KILL -f "ctr run --rm .* $T sh"
	sleep 0.3
	has_status $T RUNNING
}

@test "file:// gets both streams" {
	run_bg "--log-uri file://$W/deep/er/log" $T sh -c 'echo out; echo err >&2'
	until_ok 5 has_status $T STOPPED
	until_ok 5 eval '[ "$(wc -l <"$W/deep/er/log")" -eq 2 ]'
	equal "$(sort "$W/deep/er/log" | tr '\n' ' ')" "err out "
}

@test "file:// is appended to" {
	echo before >"$W/log"
	run_bg "--log-uri file://$W/log" $T echo after
	until_ok 5 has_status $T STOPPED
	until_ok 5 has_text "$W/log" after
	equal "$(tr '\n' ' ' <"$W/log")" "before after "
}

@test "binary:// gets streams, arguments and an environment of its own" {
	cat >"$W/logger" <<-EOF
		#!/bin/bash
		printf '%s\n' "\$@" >$W/argv
		/usr/bin/env >$W/env
		/usr/bin/readlink /proc/\$\$/fd/0 /proc/\$\$/fd/1 /proc/\$\$/fd/2 >$W/std
		exec 5>&-
		/usr/bin/cat <&3 >$W/out &
		/usr/bin/cat <&4 >$W/err &
		wait
		echo end >$W/end
	EOF
	chmod +x "$W/logger"
	run_bg "--log-uri binary://$W/logger?key=value" $T sh -c 'echo to out; echo to err >&2'
	until_ok 5 has_status $T STOPPED
	remove $T
	until_ok 5 has_text "$W/err" "to err"
	until_ok 5 has_text "$W/out" "to out"
	equal "$(cat "$W/out")" "to out"
	equal "$(cat "$W/argv")" $'key\nvalue'
	equal "$(grep ^CONTAINER_ "$W/env" | sort)" $'CONTAINER_ID='$T$'\nCONTAINER_NAMESPACE=default'
	run ! grep -qE '^(PATH|TTRPC_ADDRESS|GRPC_ADDRESS|NAMESPACE|GOMAXPROCS)=.*(azl|containerd|default)' "$W/env"
	equal "$(sort -u "$W/std")" /dev/null
}

@test "binary:// that never says ready fails the start and leaves nothing" {
	printf '#!/bin/sh\nexit 1\n' >"$W/logger"
	chmod +x "$W/logger"
	run run_bg "--log-uri binary://$W/logger" $T echo hello
	# an end without a word counts as ready, as it always did
	until_ok 5 eval '! pgrep -f "$W/logger" >/dev/null'
}

@test "binary:// that is not there is told" {
	run run_bg "--log-uri binary://$W/no-logger" $T echo hello
	[ "$status" -ne 0 ]
	has "$W/no-logger"
}

@test "a null stream is the null device" {
	run_bg --null-io $T sleep 1000
	pid=$(pid_of $T)
	equal "$(readlink "/proc/$pid/fd/0" "/proc/$pid/fd/1" "/proc/$pid/fd/2" | sort -u)" /dev/null
}

@test "an orphan of an exec that keeps its output open does not hold up its removal" {
	run_bg "" $T sleep 1000
	from=$SECONDS
	run timeout -k 2 $E2E_LIMIT_S ctr task exec --exec-id e $T sh -c 'sleep 1000 & echo left' </dev/null
	has left
	[ $((SECONDS - from)) -le $((12 * E2E_SLOW)) ]
	has_status $T RUNNING
}

@test "closing standard input ends the reader" {
	(
		echo line
		until_ok 5 has_status $T RUNNING
	) | run_fg "" $T sh -c 'cat; echo end' >"$W/out"
	equal "$(cat "$W/out")" $'line\nend'
}

@test "a full disk below file:// does not stop the container" {
	mkdir "$W/small"
	mount -t tmpfs -o size=64k small "$W/small"
	run_bg "--log-uri file://$W/small/log" $T sh -c 'seq 1 50000; echo done >/done; sleep 1000'
	until_ok 5 test -e "/proc/$(pid_of $T)/root/done"
	has_status $T RUNNING
	remove $T
	umount "$W/small"
}
