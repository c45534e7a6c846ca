# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2154
# Many execs at once, and execs while something else happens to their container: every call is
# answered, every exit is told once and in order, nothing is left. The calls go straight to the
# shim (the act `storm` of tests/tools/oracle).
#
#   AZL_STORM_SECONDS   how long execs go on over many containers (5)
#   AZL_STORM_RATE      how many a second (500)
#   AZL_STORM_CONTAINERS   over how many containers (50)
#   AZL_STORM_ROUNDS    how many containers end under execs (15)
#   AZL_STORM_RACES     how many execs race in one container (200)
#   AZL_STORM_PACE      how many of those begin in a second (250; 0: as many as can)

load lib

STORM=/run/azl-same
SLEEP='{\"args\":[\"/bin/sleep\",\"100\"],\"cwd\":\"/\",\"env\":[\"PATH=/bin\"],\"user\":{\"uid\":0,\"gid\":0}}'

setup_file() {
	export PACE=${AZL_STORM_PACE:-250} RACES=${AZL_STORM_RACES:-200}
	e2e_file_begin
	"$E2E_REPO/tests/same/prepare" "$STORM"
}
teardown_file() { e2e_file_end; }
setup() { e2e_begin; }
teardown() { e2e_end; }

# storm <SCRIPT: a script of the oracle driver that says nothing with "!"
storm() {
	local rc=0
	mkdir -p "$W/script"
	ln -s "$E2E_REPO/tests/oracle/bundle" "$W/script/bundle"
	cat >"$W/script/storm.script"
	timeout -k 5 $((220 * E2E_SLOW)) "$STORM/oracle" "${STORM_SHIM:-$E2E_SHIM}" "$W/script/storm.script" "$W/work" "storm-$T" \
		"$STORM/rootfs" >"$W/out" 2>"$W/err" </dev/null || rc=$?
	grep '^storm: [0-9]' "$W/err" | tail -n 3 | sed 's/^/# /' >&3 || true
	if [ "$rc" -ne 0 ] || grep -q '^!' "$W/out" || ! grep -q '^< storm: all ended' "$W/out"; then
		echo "the driver ended with $rc"
		grep -nE '^!|^driver' "$W/out" | head -n 30
		tail -n 5 "$W/out"
		tail -n 15 "$W/err"
		return 1
	fi
}

# One container with a shim of its own; its words are those of `bundle`.
container() {
	printf '%s\n' "limit 30" "bundle c1 $*" 'shim c1' 'create c1' 'start c1' 'storm execs=8 at_once=8 errors=ok' \
		'sh "ls /proc/$SHIM_PID/fd | wc -l >$WORK/fds"'
}

# As before the storm: descriptors and children of the shim, processes of the container.
nothing_left() {
	printf '%s\n' 'wait-for "test $(ls /proc/$SHIM_PID/fd | wc -l) -le $(cat $WORK/fds)"' \
		'wait-for "test $(for p in $(cat /proc/$SHIM_PID/task/*/children); do grep -q ^azl-sealed /proc/$p/cmdline || echo $p; done | wc -w) -eq 1"' \
		'wait-for "test $(wc -l <$CGROUP/c1/cgroup.procs) -eq 1"' \
		'kill c1 signal=9' 'wait c1' 'delete c1' 'sh "ls $BUNDLES/c1 | grep -c exec || true"'
}

@test "64 execs at once in one container" {
	{
		container args=/bin/sleep,1000
		echo "storm execs=64 at_once=64"
		echo "storm execs=$RACES at_once=64 rate=$PACE"
		nothing_left
	} | storm
}

@test "64 execs at once under a seccomp profile" {
	{
		container args=/bin/sleep,1000 seccomp=true
		echo "storm execs=64 at_once=64"
		nothing_left
	} | storm
}

@test "${AZL_STORM_RATE:-500} execs a second over ${AZL_STORM_CONTAINERS:-50} containers" {
	seconds=${AZL_STORM_SECONDS:-5} rate=${AZL_STORM_RATE:-500} containers=${AZL_STORM_CONTAINERS:-50}
	{
		echo "limit 30"
		for i in $(seq "$containers"); do
			printf '%s\n' "bundle c$i args=/bin/sleep,1000" "shim c$i" "sh \"echo \$SHIM_PID >>\$WORK/shims\"" "create c$i" "start c$i"
		done
		echo "storm execs=100 at_once=8"
		echo 'sh "for p in $(cat $WORK/shims); do ls /proc/$p/fd | wc -l; done >$WORK/before"'
		echo "storm execs=$((seconds * rate)) at_once=128 rate=$rate"
		echo 'wait-for "for p in $(cat $WORK/shims); do ls /proc/$p/fd | wc -l; done | cmp -s - $WORK/before"'
		echo 'wait-for "test $(for p in $(cat $WORK/shims); do for c in $(cat /proc/$p/task/*/children); do grep -q ^azl-sealed /proc/$c/cmdline || echo $c; done; done | wc -w) -eq '"$containers"'"'
	} | BATS_TEST_TIMEOUT=600 storm
}

@test "execs while the container pauses and resumes" {
	{
		container args=/bin/sleep,1000
		echo "storm execs=$RACES at_once=8 rate=$PACE race=pause exit=0"
		echo "state c1"
		nothing_left
	} | storm
	grep -q '^< State c1: .*status=RUNNING' "$W/out"
}

@test "execs that are killed at any moment" {
	{
		container args=/bin/sleep,1000
		echo "storm execs=$RACES at_once=16 rate=$PACE race=kill exit=137 \"text=$SLEEP\""
		nothing_left
	} | storm
}

@test "execs that are deleted at any moment" {
	{
		container args=/bin/sleep,1000
		echo "storm execs=$RACES at_once=16 rate=$PACE race=delete exit=0"
		nothing_left
	} | storm
}

# rounds ARG...: containers of one shim, each with a storm of its own
rounds() {
	local i
	echo "limit 30"
	printf '%s\n' 'bundle c0 annotation=io.containerd.runc.v2.group=pod args=/bin/sleep,1000' 'shim c0' 'create c0' 'start c0' \
		'sh "ls /proc/$SHIM_PID/fd | wc -l >$WORK/fds"'
	for i in $(seq "${AZL_STORM_ROUNDS:-15}"); do
		printf '%s\n' "bundle c$i annotation=io.containerd.runc.v2.group=pod $1" "create c$i" "async w Wait id=c$i" "start c$i" \
			"storm id=c$i $2" "join w" "delete c$i" "wait-for \"test ! -e \$CGROUP/c$i\""
	done
	printf '%s\n' 'wait-for "test $(ls /proc/$SHIM_PID/fd | wc -l) -le $(cat $WORK/fds)"' \
		'wait-for "test $(for p in $(cat /proc/$SHIM_PID/task/*/children); do grep -q ^azl-sealed /proc/$p/cmdline || echo $p; done | wc -w) -eq 1"'
}

@test "execs while init is killed" {
	rounds args=/bin/sleep,1000 "execs=12 at_once=12 end=kill spread_us=30000 exit=137 \"text=$SLEEP\"" | storm
	rm -rf "$W/script"
	rounds "args=/bin/sleep,1000 pid=host" "execs=12 at_once=12 end=kill spread_us=30000 exit=137 \"text=$SLEEP\"" | storm
}

@test "execs while init ends by itself" {
	rounds "args=/bin/sleep,0.02" "execs=30 at_once=6 errors=ok" | storm
}
