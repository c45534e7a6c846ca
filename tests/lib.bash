# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What the end-to-end tests share. They run as root in a test node (hack/e2e) or in a
# virtual machine (hack/vm): a containerd of their own per file, and after each test
# a search for all that a container or its shim may leave behind.
#
# A file says: load lib; setup_file() { e2e_file_begin; } teardown_file() { e2e_file_end; }
# setup() { e2e_begin; } teardown() { e2e_end; }
#
#   AZL_RUNTIME_BINARY   runc (default) or crun: who makes the containers
#   AZL_CGROUPS          cgroupfs (default) or systemd: who makes their cgroups (SystemdCgroup = true)
#   AZL_LIVES, AZL_PARALLEL, AZL_EXECS, AZL_CONTAINERS   how long tests/shim_leaks.bats goes on

bats_require_minimum_version 1.5.0

E2E_REPO=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
E2E=/run/azl-e2e
E2E_STATE=/run/containerd/io.containerd.runtime.v2.task
E2E_SOCKETS=/run/containerd/s
E2E_TTRPC=$AZL_BUILD/tools/e2e_ttrpc
E2E_SHIM=$AZL_BUILD/containerd-shim-azl-v2
E2E_ENGINE=${AZL_RUNTIME_BINARY:-runc}
export AZL_CGROUPS=${AZL_CGROUPS:-cgroupfs}
export PATH=$AZL_BUILD:$PATH
# With systemd, a ctr that names a scope for each container.
[ "$AZL_CGROUPS" != systemd ] || export PATH=$E2E_REPO/tests/systemd:$PATH

# Limits are a quiet host's. In a machine the processor may be emulated (hack/vm), and every host may be
# shared: whoever waits waits six times as long at least, which costs nothing when it comes.
E2E_SLOW=${AZL_SLOW:-1}
E2E_PATIENCE=$((E2E_SLOW > 6 ? E2E_SLOW : 6))
E2E_LIMIT_S=$((20 * E2E_PATIENCE)) # how long a call of ctr may take
# ctr, on a slow machine: what it allocates is not worth a second thread that collects it.
[ "$E2E_SLOW" -eq 1 ] || export GOGC=off GOMAXPROCS=1

# shellcheck source=hack/node.d/containerd.sh
. "$E2E_REPO/hack/node.d/containerd.sh"
IMAGE=$NODE_IMAGE

# The runtime under test. ctr gives options of runc to the runtime named runc alone; everybody
# else gets them in a file.
RUNTIME=(--runtime io.containerd.azl.v2)
if [ "$E2E_ENGINE:$AZL_CGROUPS" != runc:cgroupfs ]; then
	RUNTIME+=(--runtime-config-path "$E2E/engine.toml")
fi

# runtime_toml FILE ENGINE: options of a runtime that make ENGINE the program
runtime_toml() {
	{
		[ "$2" = runc ] || printf 'BinaryName = "%s"\n' "$2"
		[ "$AZL_CGROUPS" != systemd ] || echo 'SystemdCgroup = true'
	} >"$1"
}

# ---- a file of tests ----

e2e_file_begin() {
	mkdir -p "$E2E"
	runtime_toml "$E2E/engine.toml" "$E2E_ENGINE"
	runtime_toml "$E2E/fake.toml" "$E2E_REPO/tests/fake-runc"
	echo "$E2E_ENGINE" >"$E2E/real"
	: >"$E2E/fake"
	# The machine has a containerd of its own, under systemd, and where packages are installed a host as they have it.
	if [ -z "${AZL_NODE:-}" ]; then
		if [ -e /usr/share/azl/host.json ] && [ ! -e /etc/azl/host.json ]; then
			install -m 644 /usr/share/azl/host.json /etc/azl/
			systemctl restart azl-host.service || return
		fi
		until_ok 20 containerd_answers || return
		node_containerd_image || return
		return
	fi
	rm -f "$NODE_CONTAINERD_LOG"
	node_containerd_start || return
	disown "$NODE_CONTAINERD_PID"
	echo "$NODE_CONTAINERD_PID" >"$E2E/containerd.pid"
	node_containerd_image || return
}

e2e_file_end() {
	[ -n "${AZL_NODE:-}" ] || return 0
	NODE_CONTAINERD_PID=$(cat "$E2E/containerd.pid")
	node_containerd_stop
	rm -rf "$E2E"
}

containerd_answers() {
	ctr --connect-timeout "${E2E_SLOW}s" version >/dev/null 2>&1
}

containerd_runs() {
	if [ -n "${AZL_NODE:-}" ]; then kill -0 "$(cat "$E2E/containerd.pid")"; else systemctl -q is-active containerd; fi
}

# All that containerd and the shims have logged.
containerd_log() {
	if [ -n "${AZL_NODE:-}" ]; then cat "$NODE_CONTAINERD_LOG"; else journalctl -q -o cat -u containerd; fi
}

# Kills containerd as a crash would. Where it is a service it is kept from coming back by itself.
containerd_kill() {
	local pid
	if [ -n "${AZL_NODE:-}" ]; then
		pid=$(cat "$E2E/containerd.pid")
		kill -KILL "$pid"
	else
		pid=$(systemctl show -P MainPID containerd)
		kill -KILL "$pid"
		systemctl stop containerd
	fi
	until_ok 5 gone "$pid"
}

# Starts it anew. It is no child of the test: that would be waited for.
containerd_again() {
	if [ -z "${AZL_NODE:-}" ]; then
		systemctl reset-failed containerd
		systemctl start containerd
		until_ok 20 containerd_answers
		return
	fi
	(
		setsid containerd --config /run/containerd.toml </dev/null >>"$NODE_CONTAINERD_LOG" 2>&1 3>&- 4>&- &
		echo $! >"$E2E/containerd.pid"
	)
	until_ok 20 containerd_answers
}

# ---- one test ----

e2e_begin() {
	T=t$BATS_TEST_NUMBER
	W=$E2E/$T
	mkdir -p "$W"
	: >"$E2E/fake"
	# the test before may have ended while containerd was away
	containerd_runs || containerd_again
}

e2e_end() {
	local id left=''
	: >"$E2E/fake"
	e2e_kill_helpers
	for id in $(ctr container ls -q); do
		ctr task rm -f "$id" >/dev/null 2>&1 || true
		ctr container rm "$id" >/dev/null 2>&1 || true
	done
	if ! until_ok 5 e2e_nothing_left; then
		left=$(e2e_left)
		echo "left behind:"
		echo "$left"
		containerd_log | grep -v level=info | tail -n 8 | sed 's/^/containerd: /'
		e2e_force
	fi
	rm -rf "$W"
	[ -z "$left" ]
}

# A failed test must not fail the next ones.
e2e_force() {
	local pid dir
	for pid in $(pidof containerd-shim-azl-v2 containerd-shim-runc-v2); do kill -KILL "$pid"; done
	pkill -KILL -x fake-runc || true
	for dir in /sys/fs/cgroup/default/*/ /sys/fs/cgroup/azl.slice/azl-*.scope/; do
		[ ! -e "$dir/cgroup.kill" ] || echo 1 >"$dir/cgroup.kill"
	done
	sleep 0.5
	if [ -n "${AZL_VM:-}" ]; then
		systemctl stop 'azl-*.scope'
		systemctl reset-failed 'azl-*.scope'
	fi
	rmdir /sys/fs/cgroup/default/*/ 2>/dev/null || true
	awk '$5 ~ /io.containerd.runtime.v2.task/ { print $5 }' /proc/self/mountinfo | xargs -r umount -l
	rm -rf "$E2E_STATE"/*/* /run/containerd/runc/*/* "$E2E_SOCKETS"/*
}

# Background helpers of a test: their pids are listed.
helper() {
	"$@" 3>&- &
	echo $! >>"$W/helpers"
	HELPER=$!
}

e2e_kill_helpers() {
	local pid
	[ -e "$W/helpers" ] || return 0
	while read -r pid; do
		! kill "$pid" 2>/dev/null || wait "$pid" 2>/dev/null || true
	done <"$W/helpers"
	rm -f "$W/helpers"
}

# All that containers and shims leave behind, one line each.
e2e_left() {
	local d
	{
		find /proc/[0-9]*/ns/pid -maxdepth 0 -printf '%p %l\n' 2>/dev/null | grep -vwF "$(readlink /proc/self/ns/pid)"
		grep -lsE '^(containerd-shim|runc|crun|fake-runc|exe)' /proc/[0-9]*/comm
	} | grep -oE '^/proc/[0-9]+' | sort -u | while read -r d; do
		echo "process ${d#/proc/}: $(tr '\0' ' ' <"$d/cmdline" 2>/dev/null) ($(grep -s State "$d/status"))"
	done
	grep -E 'io.containerd.runtime.v2.task|/run/netns/azl' /proc/self/mountinfo | sed 's/^/mount: /'
	find "$E2E_SOCKETS" -mindepth 1 ! -name '.lock*' 2>/dev/null | sed 's/^/socket: /'
	find "$E2E_STATE" -mindepth 2 -maxdepth 2 2>/dev/null | sed 's/^/bundle: /'
	# crun keeps an empty directory and its seccomp programs there, for all containers
	find /run/containerd/runc -mindepth 2 -maxdepth 2 ! -name '.*' 2>/dev/null | sed 's/^/state: /'
	find /run/crun -mindepth 1 -maxdepth 1 ! -name '.*' 2>/dev/null | sed 's/^/state: /'
	find /sys/fs/cgroup/default /sys/fs/cgroup/k8s.io /sys/fs/cgroup/azl-e2e -mindepth 1 -maxdepth 1 -type d 2>/dev/null |
		sed 's/^/cgroup: /'
	find /sys/fs/cgroup/system.slice /sys/fs/cgroup/azl.slice -name 'azl-*.scope' 2>/dev/null | sed 's/^/cgroup: /'
	true
}

e2e_nothing_left() {
	[ -z "$(e2e_left)" ]
}

# ---- containers ----

# run_fg "FLAGS" ID COMMAND...: in the foreground, removed at its end
run_fg() {
	local flags=$1
	shift
	# shellcheck disable=SC2086
	timeout -k 2 "$E2E_LIMIT_S" ctr run --rm --cpu-shares 0 "${RUNTIME[@]}" $flags "$IMAGE" "$@" 3>&-
}

# run_bg "FLAGS" ID COMMAND...: detached
run_bg() {
	local flags=$1
	shift
	# shellcheck disable=SC2086
	timeout -k 2 "$E2E_LIMIT_S" ctr run -d --cpu-shares 0 "${RUNTIME[@]}" $flags "$IMAGE" "$@" 3>&- </dev/null
}

# container_alone ID COMMAND...: without a task
container_alone() {
	if [ "$AZL_CGROUPS" = systemd ]; then
		# ctr can name a cgroup in run alone
		run_bg "" "$@" && ctr task rm -f "$1"
	else
		ctr container create "${RUNTIME[@]}" --cpu-shares 0 "$IMAGE" "$@" 2>/dev/null ||
			ctr container create "${RUNTIME[@]}" "$IMAGE" "$@"
	fi
}

# run_exec ID COMMAND...: another process in it, with an id of its own
run_exec() {
	local id=$1
	shift
	timeout -k 2 "$E2E_LIMIT_S" ctr task exec --exec-id "e$RANDOM$RANDOM" "$id" "$@" 3>&- </dev/null
}

# Standard input for a container, kept open until it runs: ctr loses an end that it sees earlier,
# with every runtime.
input_for() {
	cat
	until_ok 5 has_status "$1" RUNNING
}

remove() {
	local id
	for id; do
		timeout -k 2 "$E2E_LIMIT_S" ctr task rm -f "$id" >/dev/null 2>&1 || true
		ctr container rm "$id"
	done
}

status_of() {
	ctr task ls | awk -v id="$1" '$1 == id { print $3 }'
}

has_status() {
	[ "$(status_of "$1")" = "$2" ]
}

bundle_of() {
	echo "$E2E_STATE/${2:-default}/$1"
}

pid_of() {
	cat "$(bundle_of "$@")/init.pid"
}

socket_of() {
	local address
	address=$(cat "$(bundle_of "$@")/address")
	echo "${address#unix://}"
}

# The shim is the parent of init.
parent_of() {
	awk '/^PPid/ { print $2 }' "/proc/$1/status"
}

# cgroup_of PID: the folder of its cgroup
cgroup_of() {
	echo "/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$1/cgroup")"
}

# default_tasks: the default of pids.max on this host
default_tasks() {
	local part
	part=$(($(sort -n /proc/sys/kernel/pid_max /proc/sys/kernel/threads-max | head -n 1) * 15 / 100))
	echo $((part < 4096 ? part : 4096))
}

shim_of() {
	parent_of "$(pid_of "$@")"
}

# task_call ID METHOD [EXEC]: straight to the shim's socket
task_call() {
	"$E2E_TTRPC" "$(socket_of "$1")" call containerd.task.v2.Task "$2" "$1" "${@:3}"
}

# fake "SUBCOMMAND MODE"...: what the fake runc does from now on; needs $FAKE among the flags
FAKE="--runtime-config-path $E2E/fake.toml"
fake() {
	printf '%s\n' "$@" >"$E2E/fake"
}

# ---- waiting and looking ----

# until_ok SECONDS COMMAND...: until it succeeds; the seconds are a quiet host's
until_ok() {
	local end=$((${EPOCHREALTIME/./} + $1 * E2E_PATIENCE * 1000000))
	shift
	until "$@"; do
		[ "${EPOCHREALTIME/./}" -lt "$end" ] || return 1
		sleep "0.0$((E2E_SLOW + 1))"
	done
}

gone() {
	! kill -0 "$1" 2>/dev/null
}

has_text() {
	grep -qsF -- "$2" "$1"
}

# Collects events in $W/events from the moment that it returns.
events_begin() {
	local n=0
	helper ctr events >"$W/events" 2>/dev/null
	until [ -s "$W/events" ]; do
		n=$((n + 1))
		[ "$n" -lt 100 ] || return 1
		ctr namespace label default "probe=$n"
		sleep 0.05
	done
}

# read_for SECONDS FIFO: prints what comes in that time. Unlike a cat that is killed it loses nothing.
read_for() {
	local line end=$((${EPOCHREALTIME/[.,]/} + $(awk "BEGIN { print int($1 * 1000000) }"))) left fd
	exec {fd}<"$2"
	while left=$((end - ${EPOCHREALTIME/[.,]/})) && [ "$left" -gt 0 ]; do
		if IFS= read -r -u "$fd" -t "$(printf '%d.%06d' $((left / 1000000)) $((left % 1000000)))" line; then
			printf '%s\n' "$line"
		else
			printf '%s' "$line"
			break
		fi
	done
	exec {fd}<&-
}

# A shim's only child is the container's init; who holds a sealed runc does not count.
has_one_child() {
	local pid n=0
	for pid in $(cat /proc/"$1"/task/*/children); do
		grep -qs '^azl-sealed' "/proc/$pid/cmdline" || n=$((n + 1))
	done
	[ "$n" -eq 1 ]
}

# The shims, without the children that they have while they work, and without who holds a sealed runc.
shims() {
	local pid parent exe
	for pid in $(pidof containerd-shim-azl-v2); do
		grep -q '^azl-sealed' "/proc/$pid/cmdline" 2>/dev/null && continue
		parent=$(awk '/^PPid:/ { print $2 }' "/proc/$pid/status" 2>/dev/null)
		# a child may end while we look, or become runc
		exe=$(readlink "/proc/$pid/exe") || continue
		[[ $exe == */containerd-shim-azl-v2* ]] || continue
		[ -z "$parent" ] || [ "$(readlink "/proc/$parent/exe")" = "$exe" ] || echo "$pid"
	done
}

# The topics of a container's events in their order, without the slash and "tasks/".
topics_of() {
	grep -F "\"$1\"" "$W/events" | grep -oE '/tasks/[a-z-]+' | sed 's,/tasks/,,' | tr '\n' ' ' | sed 's/ $//'
}

has_event() {
	grep -F "\"$1\"" "$W/events" | grep -qF "/tasks/$2"
}

# A process's own memory in kB: its share of it, and all of it. All of PSS would change with the number of
# shims that share the program's pages, and so would Private_Dirty: on a tmpfs, where the program lies
# here, its pages count as dirty, and as private once a single process is left.
memory_of() {
	awk '/^Pss_Anon:/ { p = $2 } /^Anonymous:/ { d = $2 } END { print p, d }' "/proc/$1/smaps_rollup"
}

fds_of() {
	find "/proc/$1/fd" -mindepth 1 | wc -l
}

# has TEXT: in $output, told when it is not
has() {
	if [[ "$output" != *"$1"* ]]; then
		echo "wanted in the output: $1"
		echo "the output: $output"
		return 1
	fi
}

# has_one TEXT...: at least one of them in $output
has_one() {
	local text
	for text; do
		[[ "$output" != *"$text"* ]] || return 0
	done
	echo "wanted one of $* in the output: $output"
	return 1
}

# equal A B
equal() {
	if [ "$1" != "$2" ]; then
		echo "got:    $1"
		echo "wanted: $2"
		return 1
	fi
}
