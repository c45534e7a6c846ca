# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2154
# What a hostile container does to what enters it. Everything runs twice: as the shim does an exec
# by itself, and with io.azl.fastpaths=none through the runtime, which says what is right.

load lib

setup_file() {
	e2e_file_begin
	cc -D_GNU_SOURCE -O2 -static -o "$E2E/peek" "$E2E_REPO/tests/attacks/peek.c"
	sha256sum "$E2E_SHIM" "$(command -v "$E2E_ENGINE")" /etc/passwd >"$E2E/before"
}

teardown_file() { e2e_file_end; }
setup() {
	# other runtimes are entered by themselves, as they see fit
	[ "$E2E_ENGINE" = runc ] || skip "the shim enters containers of runc alone"
	e2e_begin
}

teardown() {
	[ "$E2E_ENGINE" = runc ] || return 0
	sha256sum --quiet -c "$E2E/before"
	e2e_end
}

# attacked WAY "FLAGS" ID COMMAND...: a container; WAY is fast or runtime
attacked() {
	local way=$1 flags=$2
	shift 2
	[ "$way" = fast ] || flags="$flags --annotation io.azl.fastpaths=none"
	run_bg "$flags --mount type=bind,src=$E2E/peek,dst=/peek,options=rbind:ro" "$@"
}

# exec_as "FLAGS" ID COMMAND...
exec_as() {
	local flags=$1
	shift
	# shellcheck disable=SC2086
	timeout -k 2 $E2E_LIMIT_S ctr task exec --exec-id "e$RANDOM$RANDOM" $flags "$@" 3>&- </dev/null
}

# in_terminal ID COMMAND...
in_terminal() {
	timeout -k 2 $E2E_LIMIT_S script -qec "ctr task exec -t --exec-id e$RANDOM$RANDOM $*" /dev/null 3>&-
}

root_of() {
	echo "/proc/$(pid_of "$1")/root"
}

@test "a program that is what enters the container gains nothing" {
	for way in fast runtime; do
		id=$T$way
		attacked $way "" $id sleep 1000
		run_exec $id sh -c 'ln -s /proc/self/exe /bin/link; printf "#!/proc/self/exe\n" >/bin/script; chmod 755 /bin/script'
		# which of them is an error depends on who enters; that it ends does not
		for name in link script /bin/link /proc/self/exe; do
			run run_exec $id $name argument
			[ "$status" -ne 124 ] && [ "$status" -ne 137 ]
		done
		run -0 run_exec $id echo alive
		equal "$output" alive
	done
}

# What a container sees of processes while they enter it: nothing but its own files, and programs
# that cannot be written.
watched() {
	local way=$1 flags=$2 id=$3
	attacked $way "$flags" $id /peek watch /seen
	until_ok 10 has_text "$(root_of $id)/seen" ready
	for i in $(seq "${AZL_EXECS:-60}"); do
		run -0 run_exec $id true
	done
	cp "$(root_of $id)/seen" "$W/$id"
	sed 's/^/# /' "$W/$id"
	run ! grep -q '^wrote' "$W/$id"
	remove $id
}

@test "what enters a container shows nothing of the host" {
	watched fast "" ${T}a
	run ! grep -q '^foreign \(fd\|cwd\|root\)\|^tracer' "$W/${T}a"
}

@test "what enters a container shows nothing of the host, even to who may trace everything" {
	watched fast "--cap-add CAP_SYS_PTRACE --cap-add CAP_DAC_READ_SEARCH" ${T}a
	run ! grep '^foreign \(fd\|cwd\|root\)' "$W/${T}a"
	run ! grep '^foreign exe' <(grep -v '/memfd:azl-join' "$W/${T}a")
	watched runtime "--cap-add CAP_SYS_PTRACE --cap-add CAP_DAC_READ_SEARCH" ${T}b
}

@test "a working directory through a descriptor of the host is refused" {
	for way in fast runtime; do
		id=$T$way
		attacked $way "" $id sleep 1000
		for fd in 3 4 5 6 7 8; do
			run exec_as "--cwd /proc/self/fd/$fd" $id pwd
			[ "$status" -ne 0 ]
			run exec_as "--cwd /proc/self/fd/$fd/../../../.." $id ls /
			[ "$status" -ne 0 ]
		done
		run exec_as "--cwd /none" $id pwd
		[ "$status" -ne 0 ]
		has 'chdir to cwd ("/none") set in config.json failed: no such file or directory'
	done
}

@test "an exec does not believe the container's /proc" {
	for way in fast runtime; do
		id=$T$way
		attacked $way "--privileged" $id sleep 1000
		run -0 run_exec $id sh -c 'mount -t tmpfs none /proc && mkdir -p /proc/self/fd /proc/self/attr /proc/thread-self &&
			ln -s /etc/passwd /proc/self/oom_score_adj && ln -s /etc/passwd /proc/self/exe && mkfifo /proc/self/setgroups'
		run run_exec $id echo alive
		# older runtimes want a true one
		[ $way = runtime ] || equal "$output" alive
		run run_exec $id cat /etc/passwd
		[ $way = runtime ] || [[ "$output" == root:* ]]
	done
}

@test "a terminal comes from the container's devpts or not at all" {
	for way in fast runtime; do
		id=$T$way
		attacked $way "--privileged" $id sleep 1000
		run -0 in_terminal $id tty
		has /dev/pts/
		run -0 run_exec $id sh -c 'rm -f /dev/ptmx; ln -s /dev/null /dev/ptmx'
		run in_terminal $id tty
		[ $way = runtime ] || has /dev/pts/
		run -0 run_exec $id sh -c 'mount --bind /dev/null /dev/pts/ptmx'
		run in_terminal $id tty
		[ "$status" -ne 0 ]
		run -0 run_exec $id sh -c 'umount /dev/pts/ptmx; umount /dev/pts; mkfifo /dev/pts/ptmx'
		if [ $way = fast ]; then
			run in_terminal $id tty
			[ "$status" -ne 0 ] && [ "$status" -ne 124 ]
			has ptmx
		fi
		run -0 run_exec $id echo alive
	done
}

# runc waits for ever at a pipe: it is not asked. Root, since ctr looks for other users itself.
@test "no file of users keeps an exec waiting" {
	attacked fast "" $T sleep 1000
	for make in 'mkfifo /etc/passwd' 'ln -s /dev/zero /etc/passwd' 'ln -s /dev/tty /etc/passwd' 'mkdir /etc/passwd' \
		'truncate -s 100G /etc/passwd' 'ln -s passwd /etc/passwd' 'yes x:x:1: | head -c 20000000 >/etc/passwd'; do
		run -0 run_exec $T sh -c "rm -rf /etc/passwd; $make"
		echo "$make"
		run -0 run_exec $T sh -c 'echo $HOME'
		equal "$output" /
	done
}

@test "a setuid program gains its owner's rights only without no_new_privs" {
	for way in fast runtime; do
		id=$T$way
		attacked $way "" ${id}a sleep 1000
		attacked $way "--allow-new-privs" ${id}b sleep 1000
		for one in a b; do
			run -0 run_exec $id$one sh -c 'cp /peek /suid; chmod 4755 /suid'
			run -0 exec_as "--user 1000" $id$one /suid euid
			[ $one = a ] && equal "$output" 1000
			[ $one = a ] || equal "$output" 0
		done
	done
}

@test "with a filter of system calls all this is the same" {
	for way in fast runtime; do
		id=$T$way
		attacked $way "--seccomp" ${id}a sleep 1000
		attacked $way "--seccomp --allow-new-privs" ${id}b sleep 1000
		for one in a b; do
			run -0 run_exec $id$one grep -E '^(Seccomp|NoNewPrivs|Seccomp_filters):' /proc/self/status
			[[ "$output" == *$'Seccomp:\t2'* ]]
			[[ "$output" == *$'Seccomp_filters:\t1'* ]]
			[[ "$output" == *$'NoNewPrivs:\t'$([ $one = a ] && echo 1 || echo 0)* ]]
			run run_exec $id$one unshare -m true
			[ "$status" -ne 0 ]
		done
	done
}
