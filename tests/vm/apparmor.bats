# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154
# Profiles of AppArmor. The same container is made three ways: by the reference, by us, whose execs
# then do without runc (it says what it is asked: tests/tools/counted_runc.c), and by us with every
# act given to runc.

load vm

PROFILE=azl-test

setup_file() {
	vm_file_begin
	[ "$E2E_ENGINE" = runc ] || return 0
	equal "$(cat /sys/module/apparmor/parameters/enabled)" Y
	cc -static -O2 -D_GNU_SOURCE -DCOUNTED_REAL="\"$(command -v runc)\"" -o "$E2E/counted" "$VM_REPO/tests/tools/counted_runc.c"
	runtime_toml "$E2E/counted.toml" "$E2E/counted"
}

setup() {
	[ "$E2E_ENGINE" = runc ] || skip "the shim does so with runc alone"
	vm_begin
	profile_load
	RUNTIME=(--runtime io.containerd.azl.v2 --runtime-config-path "$E2E/counted.toml")
	: >"$E2E/calls"
}

teardown() {
	[ "$E2E_ENGINE" = runc ] || return 0
	vm_end
}

# profile_load [RULE]: everything is allowed but to write one file, or RULE.
profile_load() {
	apparmor_parser -rK <<-EOF
		profile $PROFILE flags=(attach_disconnected,mediate_deleted) {
		  capability,
		  file,
		  mount,
		  network,
		  pivot_root,
		  ptrace,
		  signal,
		  umount,
		  unix,
		  ${1:-deny /tmp/denied w,}
		}
	EOF
}

profile_remove() {
	echo "profile $PROFILE {}" | apparmor_parser -R
}

# run_three FLAGS: containers $T-reference, $T-fast, $T-none
run_three() {
	local flags="$1 --mount type=tmpfs,src=tmpfs,dst=/tmp,options=rw"
	# shellcheck disable=SC2086
	timeout 60 ctr run -d --cpu-shares 0 $flags "$IMAGE" "$T-reference" sleep 1000 3>&- </dev/null
	run_bg "$flags" "$T-fast" sleep 1000
	run_bg "$flags --annotation io.azl.fastpaths=none" "$T-none" sleep 1000
}

# The three execs of a command end alike and say the same: $status, $output.
exec_alike() {
	local way first
	for way in reference fast none; do
		run run_exec "$T-$way" "$@"
		# behind a filter that forbids fsopen, some builds of runc open another /proc than others
		output=$(sed -E 's,write (/proc/|fsmount:fscontext:proc/)(thread-)?self/attr/,write /proc/self/attr/,' <<<"$output")
		echo "$way: $status $output"
		[ "$way" != reference ] || first="$status $output"
		equal "$status $output" "$first"
	done
}

# The same, and runc is asked for those alone that are given to it.
exec_three() {
	exec_alike "$@"
	equal "$(execs_of "$T-fast")" 0
	[ "$(execs_of "$T-none")" -gt 0 ]
}

# How many execs of a container runc was asked for.
execs_of() {
	grep -E ' exec .*--process ' "$E2E/calls" | grep -cF " $1 "
}

# A profile holds, and is missed in the same words when it is gone. What the program is comes later.
holds() {
	run_three "--apparmor-profile $PROFILE $1"
	exec_three sh -c 'cat /proc/self/attr/current /proc/1/attr/current; echo x >/tmp/allowed && echo written; echo x 2>&1 >/tmp/denied' 2>&1
	equal "$(head -n 3 <<<"$output")" "$PROFILE (enforce)
$PROFILE (enforce)
written"
	has "can't create /tmp/denied: Permission denied"
	exec_three grep -E '^(NoNewPrivs|Seccomp|CapEff)' /proc/self/status
	has "$2"
	profile_remove
	exec_three no-such-program
	echo "# ${output##*: exec failed: }" >&3
	has "apparmor failed to apply profile: write /proc/self/attr/apparmor/exec: no such file or directory"
	[ "$status" -ne 0 ]
}

@test "a profile holds in an exec" {
	holds "" "NoNewPrivs:	1"
}

@test "a profile holds in an exec that may gain privileges, behind a filter" {
	holds "--allow-new-privs --seccomp" "NoNewPrivs:	0"
}

@test "a profile holds in an exec that may not gain privileges, with a filter" {
	holds --seccomp "NoNewPrivs:	1"
}

@test "a profile holds in an exec of a user, and in a terminal" {
	run_three "--apparmor-profile $PROFILE --user 1000:1000"
	exec_three sh -c 'id -u; cat /proc/self/attr/current'
	equal "$output" "1000
$PROFILE (enforce)"
	run timeout 60 script -qec "ctr task exec -t --exec-id t1 $T-fast cat /proc/self/attr/current" /dev/null
	has "$PROFILE (enforce)"
	equal "$(execs_of "$T-fast")" 0
}

# The logs of a container say that an exec went to runc.
given_away() {
	journalctl -q -u containerd -o cat | grep -F "$1" | grep -qE 'exec( [^ ]*)? goes to the runtime'
}

# With user namespaces ctr has options of its own for the runtime, so that the log must do.
@test "a profile holds in an exec in a user namespace" {
	RUNTIME=(--runtime io.containerd.azl.v2)
	run_bg "" "$T-first" sleep 1000
	until_ok 10 grep -qsxF "$(command -v runc)" /run/azl/runtimes/*.version
	run_three "--apparmor-profile $PROFILE --uidmap 0:100000:65536 --gidmap 0:100000:65536"
	exec_alike sh -c 'cat /proc/self/uid_map /proc/self/attr/current'
	has " 100000 "
	has "$PROFILE (enforce)"
	run ! given_away "$T-fast"
	until_ok 5 given_away "$T-none"
}

@test "unconfined is a profile, too, and none is none" {
	run_three "--apparmor-profile unconfined"
	exec_three cat /proc/self/attr/current
	equal "$output" unconfined
	remove "$T-reference" "$T-fast" "$T-none"
	run_three ""
	exec_three cat /proc/self/attr/current
	equal "$output" unconfined
}

# prints_alike FLAGS WHAT: what execs and containers print comes with the reference and with us, whose output is WHAT.
prints_alike() {
	local way runtime what=pipe:
	run_three "$1"
	for way in reference fast; do
		runtime=()
		[ "$way" = reference ] || runtime=("${RUNTIME[@]}") what=$2
		equal "$(run_exec "$T-$way" sh -c 'echo out; echo err >&2' 2>"$W/err")" out
		equal "$(cat "$W/err")" err
		# shellcheck disable=SC2086
		run -0 --separate-stderr timeout 60 ctr run --rm --cpu-shares 0 "${runtime[@]}" $1 "$IMAGE" "$T-$way-out" \
			sh -c 'readlink /proc/$$/fd/1; echo err >&2' 3>&- </dev/null
		has "$what"
		equal "$stderr" err
	done
}

# What an unconfined process opened, as the shim did, AppArmor lets through.
@test "a profile that forbids all writing by path leaves a container its output" {
	profile_load 'deny /** w,'
	prints_alike "--apparmor-profile $PROFILE" containerd/fifo/
}

@test "the default profile of the CRI holds in an exec, which is fast" {
	local pod one handler
	for handler in azl runc; do
		pod=$(HANDLER=$handler pod_run "$T$handler")
		one=$(T=$T$handler HANDLER=$handler pod_add "$pod" one '' sleep 1000)
		run -0 pod_exec "$one" cat /proc/self/attr/current
		equal "$output" "cri-containerd.apparmor.d (enforce)"
		run ! given_away "$one"
		pod_remove "$pod"
	done
}
