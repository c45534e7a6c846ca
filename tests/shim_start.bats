# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2154
# The command line of the shim, as containerd calls it.

load lib

setup_file() {
	# What systemd gives to containerd must not reach runc.
	export NOTIFY_SOCKET=/run/azl-no-socket LISTEN_FDS=1 LISTEN_PID=1
	e2e_file_begin
}
teardown_file() { e2e_file_end; }

setup() {
	e2e_begin
	B=$W/b/$T
	mkdir -p "$B/rootfs"
	echo '{"ociVersion":"1.0.2","process":{"args":["true"],"cwd":"/"},"root":{"path":"rootfs"}}' >"$B/config.json"
	: >"$W/in"
}

teardown() {
	local path
	for path in "$W"/*.socket; do
		[ -e "$path" ] || continue
		"$E2E_TTRPC" "$(cat "$path")" call containerd.task.v2.Task Shutdown x >/dev/null 2>&1 || true
	done
	e2e_end
}

ADDRESS=/run/containerd/containerd.sock

# A field of a protobuf message: NUMBER TEXT, of fewer than 128 bytes
field() {
	# shellcheck disable=SC2059
	printf "\\x$(printf %02x $(($1 * 8 + 2)))\\x$(printf %02x ${#2})%s" "$2"
}

# Options with a cgroup for the shim, wrapped as `start` gets them.
options() {
	local inner
	inner=$(field 3 "$1")
	field 1 containerd.runc.v1.Options
	field 2 "$inner"
}

# shim_start [FLAG...]: in $B, with $W/in as standard input
shim_start() {
	(
		cd "$B" || exit
		MAX_SHIM_VERSION=2 timeout -k 1 $E2E_LIMIT_S "$E2E_SHIM" -namespace e2e -address "$ADDRESS" \
			-publish-binary /usr/bin/containerd -id "$T" "$@" start <"$W/in" 2>&1 3>&-
	)
}

# keep ADDRESS: to be shut down at the end. Sets socket.
keep() {
	socket=${1#unix://}
	echo "$socket" >"$W/${socket##*/}.socket"
}

expected_socket() {
	echo "/run/containerd/s/$(printf %s "$ADDRESS/e2e/$1" | sha256sum | cut -d' ' -f1)"
}

shim_pid() {
	"$E2E_TTRPC" "$socket" call containerd.task.v2.Task Connect x | awk '/^shim/ { print $2 }'
}

@test "start prints the address, writes it to the bundle and answers" {
	run -0 shim_start
	keep "$output"
	equal "$output" "unix://$(expected_socket $T)"
	equal "$(cat "$B/address")" "$output"
	equal "$(stat -c %a "$B/address")" 644
	run -0 "$E2E_TTRPC" "$socket" call containerd.task.v2.Task Connect x
	has "shim "
}

@test "the socket is for its owner alone" {
	run -0 shim_start
	keep "$output"
	equal "$(stat -c '%a %u %F' "$socket")" "600 0 socket"
	run setpriv --reuid 1000 --regid 1000 --clear-groups "$E2E_TTRPC" "$socket" call containerd.task.v2.Task Connect x
	[ "$status" -eq 2 ]
}

@test "another group is turned away though it may open the socket" {
	run -0 shim_start
	keep "$output"
	run setpriv --regid 1000 --clear-groups "$E2E_TTRPC" "$socket" call containerd.task.v2.Task Connect x
	[ "$status" -ne 0 ]
	[[ "$output" != *"shim "* ]]
}

@test "flags come with one dash or two, with a space or an equals sign" {
	run -0 sh -c "cd $B && $E2E_SHIM --namespace=e2e --address=$ADDRESS -publish-binary=/x --id $T -debug start </dev/null 2>&1"
	keep "$output"
	equal "$socket" "$(expected_socket $T)"
}

@test "an address is cleaned before it is hashed" {
	run -0 sh -c "cd $B && $E2E_SHIM -namespace e2e -address //run//containerd/./x/../containerd.sock -id $T start </dev/null 2>&1"
	keep "$output"
	equal "$socket" "$(expected_socket $T)"
}

@test "a missing namespace, id or action is an error" {
	run sh -c "cd $B && $E2E_SHIM -address $ADDRESS -id $T start </dev/null"
	[ "$status" -ne 0 ]
	has namespace
	run sh -c "cd $B && $E2E_SHIM -namespace e2e -address $ADDRESS start </dev/null"
	[ "$status" -ne 0 ]
	run sh -c "cd $B && $E2E_SHIM -namespace e2e -address $ADDRESS -id ../x start </dev/null"
	[ "$status" -ne 0 ]
	run sh -c "cd $B && $E2E_SHIM -namespace e2e -address $ADDRESS -id $T dance </dev/null"
	[ "$status" -ne 0 ]
	has dance
}

@test "-v tells the version" {
	run -0 "$E2E_SHIM" -v
	has Version:
	has Revision:
}

@test "-info tells name and features" {
	"$E2E_SHIM" -info </dev/null >"$W/info"
	grep -qa io.containerd.azl.v2 "$W/info"
	grep -qa types.containerd.io/opencontainers/runtime-spec/1/features/Features "$W/info"
	grep -qa '"ociVersionMax"' "$W/info"
}

@test "containerd reads what -info tells" {
	ctr plugins inspect-runtime --help >/dev/null 2>&1 || skip "this ctr does not ask"
	ctr plugins 2>&1 | grep -q inspect-runtime || skip "this ctr does not ask"
	run -0 ctr plugins inspect-runtime --runtime=io.containerd.azl.v2
	has io.containerd.azl.v2
	has ociVersionMax
}

@test "start with parameters of containerd 2.3 answers as version 3" {
	{
		field 1 $T
		field 2 e2e
	} >"$W/in"
	run -0 shim_start
	equal "$output" "{\"version\":3,\"address\":\"unix://$(expected_socket $T)\",\"protocol\":\"ttrpc\"}"
	keep "$(cat "$B/address")"
	run -0 "$E2E_TTRPC" "$socket" call containerd.task.v3.Task Connect x
	has "shim "
}

@test "start puts its socket where the parameters say" {
	{
		field 1 $T
		field 2 e2e
		field 9 "$W/sockets"
	} >"$W/in"
	run -0 shim_start
	has "unix://$W/sockets/"
	keep "$(cat "$B/address")"
	run -0 "$E2E_TTRPC" "$socket" call containerd.task.v2.Task Connect x
}

@test "parameters of somebody else are no parameters" {
	{
		field 1 somebody-else
		field 2 e2e
	} >"$W/in"
	run -0 shim_start
	keep "$output"
	equal "$output" "unix://$(expected_socket $T)"
}

@test "options of unknown types and rubbish do not keep it from starting" {
	{
		field 1 google.protobuf.Empty
	} >"$W/in"
	run -0 shim_start
	keep "$output"
	T=${T}x
	head -c 100 /dev/urandom >"$W/in"
	run -0 shim_start
	keep "$output"
}

@test "a broken config.json is told" {
	echo '{"annotations": ' >"$B/config.json"
	run shim_start
	[ "$status" -ne 0 ]
	has config.json
	run ls "$(expected_socket $T)"
	[ "$status" -ne 0 ]
}

@test "a missing config.json is none of its business" {
	rm "$B/config.json"
	run -0 shim_start
	keep "$output"
}

@test "a group decides about the socket" {
	echo '{"annotations":{"io.kubernetes.cri.sandbox-id":"pod","x":"y"}}' >"$B/config.json"
	run -0 shim_start
	keep "$output"
	equal "$socket" "$(expected_socket pod)"
	echo '{"annotations":{"io.kubernetes.cri.sandbox-id":"pod","io.containerd.runc.v2.group":"first"}}' >"$B/config.json"
	T=${T}x
	run -0 shim_start
	keep "$output"
	equal "$socket" "$(expected_socket first)"
}

@test "a living shim is joined, and its address written" {
	echo '{"annotations":{"io.kubernetes.cri.sandbox-id":"pod2"}}' >"$B/config.json"
	run -0 shim_start
	keep "$output"
	first=$output
	pid=$(shim_pid)
	B=$W/b/second
	mkdir -p "$B"
	cp "$W/b/$T/config.json" "$B/"
	T=${T}x
	run -0 shim_start
	equal "$output" "$first"
	equal "$(cat "$B/address")" "$first"
	equal "$(shim_pid)" "$pid"
	equal "$(shims | wc -l)" 1
}

@test "the socket of a dead shim is replaced" {
	run -0 shim_start
	keep "$output"
	pid=$(shim_pid)
	kill -KILL "$pid"
	until_ok 5 gone "$pid"
	[ -S "$socket" ]
	run -0 shim_start
	equal "${output#unix://}" "$socket"
	[ "$(shim_pid)" != "$pid" ]
}

@test "many starts of one group at once give one shim" {
	echo '{"annotations":{"io.kubernetes.cri.sandbox-id":"pod3"}}' >"$B/config.json"
	for i in 1 2 3 4 5 6 7 8 9 10; do
		mkdir -p "$W/b/m$i"
		cp "$B/config.json" "$W/b/m$i/"
		(B=$W/b/m$i T=m$i shim_start >"$W/out.$i") 3>&- &
		pids[i]=$!
	done
	wait "${pids[@]}"
	equal "$(cat "$W"/out.* | sed 's/unix/\nunix/g' | sort -u | grep -c .)" 1
	keep "$(cat "$W/out.1")"
	shim_pid
	equal "$(shims | wc -l)" 1
}

@test "start ends at once and nobody keeps its streams" {
	from=${EPOCHREALTIME/./}
	output=$(shim_start)
	keep "$output"
	# A daemon with the pipe still open would have held up the substitution.
	[ $((${EPOCHREALTIME/./} - from)) -lt $((2000000 * E2E_PATIENCE)) ]
	equal "$(readlink "/proc/$(shim_pid)/fd/0" "/proc/$(shim_pid)/fd/1" "/proc/$(shim_pid)/fd/2" | sort -u)" /dev/null
	equal "$(readlink "/proc/$(shim_pid)/cwd")" /
}

@test "the daemon is a subreaper with a score above containerd's" {
	run -0 shim_start
	keep "$output"
	pid=$(shim_pid)
	wanted=$(($(cat /proc/self/oom_score_adj) + 1))
	[ "$wanted" -le 1000 ] || wanted=1000
	equal "$(cat "/proc/$pid/oom_score_adj")" "$wanted"
	run_bg "" $T sleep 1000
	comm=$(cat "/proc/$(shim_of $T)/comm")
	equal "$comm" "containerd-shim"
}

@test "the shim goes into the cgroup that it is told" {
	mkdir -p /sys/fs/cgroup/azl-e2e/shims
	options /azl-e2e/shims >"$W/in"
	run -0 shim_start
	keep "$output"
	equal "$(cat "/proc/$(shim_pid)/cgroup" | sed -n 's/^0:://p')" /azl-e2e/shims
	"$E2E_TTRPC" "$socket" call containerd.task.v2.Task Shutdown x || true
	until_ok 5 rmdir /sys/fs/cgroup/azl-e2e/shims
	rmdir /sys/fs/cgroup/azl-e2e
}

@test "a cgroup that is not there is told, and no shim stays" {
	options /azl-e2e/no-such-cgroup >"$W/in"
	run shim_start
	[ "$status" -ne 0 ]
	has no-such-cgroup
	[ ! -e "$(expected_socket $T)" ]
	equal "$(shims | wc -l)" 0
}

@test "the log goes to the FIFO, and a full FIFO holds up nobody" {
	mkfifo "$B/log"
	exec 8<>"$B/log"
	run -0 shim_start -debug
	keep "$output"
	kill -TERM "$(shim_pid)"
	until_ok 5 test ! -e "$socket"
	IFS= read -r -t $E2E_LIMIT_S -u 8 line
	[ -n "$line" ]
	T=${T}x
	timeout $E2E_SLOW dd if=/dev/zero of="$B/log" bs=4096 count=64 2>/dev/null || true
	run -0 shim_start -debug
	keep "$output"
	[ -n "$(shim_pid)" ]
	exec 8>&-
}

@test "SIGTERM removes the socket and leaves containers alone" {
	run_bg "" $T sleep 1000
	pid=$(pid_of $T) path=$(socket_of $T)
	containerd_kill
	kill -TERM "$(shim_of $T)"
	until_ok 5 test ! -e "$path"
	kill -0 "$pid"
	containerd_again
	until_ok 5 gone "$pid"
}

@test "shutdown of a shim without containers ends it and removes its socket" {
	run -0 shim_start
	keep "$output"
	pid=$(shim_pid)
	"$E2E_TTRPC" "$socket" call containerd.task.v2.Task Shutdown x || true
	until_ok 5 gone "$pid"
	[ ! -e "$socket" ]
}

@test "a shim that nobody calls ends by itself" {
	run -0 shim_start
	keep "$output"
	sleep 1
	[ -S "$socket" ]
	until_ok 40 test ! -e "$socket"
	until_ok 5 eval '! pidof containerd-shim-azl-v2'
}

@test "what systemd told containerd does not reach the engine" {
	fake "create env"
	# shellcheck disable=SC2086
	timeout -k 2 $E2E_LIMIT_S ctr run -d --cpu-shares 0 --runtime io.containerd.azl.v2 $FAKE "$IMAGE" $T sleep 1000 </dev/null
	[ -s "$E2E/env" ]
	run ! grep -qE '^(NOTIFY_SOCKET|LISTEN_FDS|LISTEN_PID)=' "$E2E/env"
	grep -q ^PATH= "$E2E/env"
}

@test "delete of a half-made bundle says how it went and fails not" {
	(cd "$B" && "$E2E_SHIM" -namespace e2e -address "$ADDRESS" -id $T -bundle "$B" delete </dev/null >"$W/out" 2>"$W/err")
	[ -s "$W/out" ]
	equal "$(cat "$W/err")" ""
	# field 2: the exit status, 137
	od -An -tx1 "$W/out" | tr -d ' \n' | grep -q 108901
	rm "$B/config.json"
	(cd "$B" && "$E2E_SHIM" -namespace e2e -address "$ADDRESS" -id $T -bundle "$B" delete </dev/null >"$W/out")
	[ -s "$W/out" ]
}

@test "delete does not touch a living group" {
	echo '{"annotations":{"io.kubernetes.cri.sandbox-id":"pod4"}}' >"$B/config.json"
	run -0 shim_start
	keep "$output"
	pid=$(shim_pid)
	(cd "$B" && "$E2E_SHIM" -namespace e2e -address "$ADDRESS" -id $T -bundle "$B" delete </dev/null >/dev/null)
	[ -S "$socket" ]
	equal "$(shim_pid)" "$pid"
}
