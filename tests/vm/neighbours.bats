# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2030,SC2031,SC2154
# A small service and a neighbour that goes wild, on a host as it is and on one that azlctl apply and
# the defaults have set up: the service's slowest answers of a hundred, and whether containerd answers.
# Times are ratios within one test: the processor may be emulated.
#
#   AZL_NEIGHBOUR_S   how long each measure takes (30)

load vm

HOST=/etc/azl/host.json
SECONDS_EACH=${AZL_NEIGHBOUR_S:-30}
NEIGHBOUR=$E2E/neighbour
HELD=/sys/fs/cgroup/azl-held

setup_file() {
	vm_file_begin
	cc -static -O2 -std=gnu17 -D_GNU_SOURCE -o "$NEIGHBOUR" "$VM_REPO/tests/tools/neighbour.c"
	# Swap, as a host may have it: what makes a hog everybody's problem.
	dd if=/dev/zero of=/swap bs=1M count=512 status=none
	chmod 0600 /swap
	mkswap /swap >/dev/null
	swapon /swap
}

teardown_file() {
	swapoff /swap
	rm -f /swap "$NEIGHBOUR"
}

setup() {
	vm_begin
	mkdir -p "${HOST%/*}"
	cp "$NEIGHBOUR" "$W/neighbour"
}

teardown() {
	plain_host
	e2e_kill_helpers
	[ ! -e "$HELD" ] || until_ok 10 rmdir "$HELD"
	vm_end
}

# The host as it is installed.
plain_host() {
	[ ! -e "$HOST" ] || azlctl revert >&2
	rm -f "$HOST"
}

# The host as azlctl apply sets it up, no more than its cgroups.
tuned_host() {
	echo '{"apply": {"sysctl": false, "modules": false, "containerd": false, "network": false}}' >"$HOST"
	azlctl apply >&2
}

scope() {
	FLAGS="--mount type=bind,src=$W,dst=/w,options=rbind:rw" run_scope "$@"
}

# measure NAME COMMAND...: "COUNT P50 P99 MAX FORKS REFUSED" of a service beside COMMAND into $W/NAME, and how long
# `ctr task ls` takes meanwhile, in ms, into $W/NAME.ctr
measure() {
	local name=$1 begin
	shift
	rm -f "$W/socket" "$W/go"
	scope "$T$name-s" /w/neighbour serve /w/socket
	scope "$T$name-n" "$@"
	until_ok 10 test -S "$W/socket"
	helper "$NEIGHBOUR" ask "$W/socket" "$SECONDS_EACH" "$W/go" \
		"/sys/fs/cgroup/azl.slice/azl-$T$name-n.scope/cgroup.kill" >"$W/$name" 2>"$W/$name.err"
	until_ok 10 test -e "$W/go"
	: >"$W/$name.ctr"
	# On the plain host there may be no process left to ask with.
	if [ "$name" = tuned ]; then
		sleep $((SECONDS_EACH / 2))
		begin=${EPOCHREALTIME/[.,]/}
		timeout 60 ctr task ls >/dev/null && echo $(((${EPOCHREALTIME/[.,]/} - begin) / 1000)) >"$W/$name.ctr"
	fi
	wait "$HELPER" || {
		cat "$W/$name.err"
		return 1
	}
	echo "# $name: $(cat "$W/$name")" >&3
	remove "$T$name-s" "$T$name-n"
}

# both COMMAND...: measures on both hosts; $PLAIN and $TUNED are their slowest answers of a hundred
both() {
	local begin idle
	plain_host
	measure plain "$@"
	tuned_host
	begin=${EPOCHREALTIME/[.,]/}
	ctr task ls >/dev/null
	idle=$(((${EPOCHREALTIME/[.,]/} - begin) / 1000))
	measure tuned "$@"
	cp "$W/plain" "$AZL_RESULTS/neighbours-$BATS_TEST_NUMBER.plain"
	cp "$W/tuned" "$AZL_RESULTS/neighbours-$BATS_TEST_NUMBER.tuned"
	PLAIN=$(cut -d ' ' -f 3 "$W/plain") TUNED=$(cut -d ' ' -f 3 "$W/tuned")
	echo "# p99 $PLAIN us on a plain host, $TUNED us on a tuned one; ctr task ls $(cat "$W/tuned.ctr") ms, at rest $idle ms" >&3
	# two seconds, on a processor of its own
	[ "$(cat "$W/tuned.ctr")" -le $((2000 * VM_SLOW)) ]
	# and a shell can be started on it
	equal "$(cut -d ' ' -f 6 "$W/tuned")" 0
}

# All but 400 MB of the machine is taken: an emulated processor would need minutes to eat the rest. The
# neighbour wants 600: on a plain host swap makes that possible, and everybody waits for it.
@test "a neighbour that eats memory: p99 on a tuned host is at most half of a plain one's" {
	local free
	free=$(awk '/^MemAvailable/ { print int($2 / 1024) }' /proc/meminfo)
	mkdir "$HELD"
	helper sh -c 'echo $$ >'"$HELD"'/cgroup.procs; echo -1000 >/proc/self/oom_score_adj; exec "$0" hold "$1"' \
		"$NEIGHBOUR" $((free - 400)) >"$W/held"
	until_ok 20 has_text "$W/held" held
	both /w/neighbour eat /w/go 600
	[ $((TUNED * 2)) -le "$PLAIN" ]
}

# systemd's own limit for a scope (DefaultTasksMax) ends a bomb on both hosts, and shares of the processor are
# equal on both: p99 is told, and what counts is that the tuned host answers and refuses nobody.
@test "a fork bomb as neighbour: a tuned host answers, and processes can be started on it" {
	both /w/neighbour fork /w/go
}

@test "a neighbour that burns the processor: a tuned host answers, and processes can be started on it" {
	both /w/neighbour burn /w/go 32
}
