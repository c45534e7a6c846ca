# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2030,SC2031,SC2154
# A small HTTP service and neighbours that go wild, on a host as it is and on one that azlctl apply and the
# defaults have set up: the service's slowest answers of a hundred, and whether containerd answers. The same
# commands on both; the service states CPU shares (1024, as ctr does by itself), its neighbours state nothing.
# Times are ratios within one test: the processor may be emulated.
#
#   AZL_NEIGHBOUR_S   how long each measure takes (30)

load vm

HOST=/etc/azl/host.json
SECONDS_EACH=${AZL_NEIGHBOUR_S:-30}
NEIGHBOUR=$E2E/neighbour
PORT=8080
THREADS=$(cat /proc/sys/kernel/threads-max)

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
	echo "$THREADS" >/proc/sys/kernel/threads-max
	plain_host
	vm_end
}

# The host as it is installed.
plain_host() {
	[ ! -e "$HOST" ] || azlctl revert >&2
	rm -f "$HOST"
}

# The host as azlctl apply sets it up, no more than its cgroups, and the defaults of containers.
tuned_host() {
	echo '{"apply": {"sysctl": false, "modules": false, "containerd": false, "network": false}}' >"$HOST"
	azlctl apply >&2
}

# starts FLAGS ID COMMAND...: as ctr does by itself; with IN_SLICE in the slice that azlctl apply sets up, with
# BY_RUNTIME in a cgroup that the runtime makes, whoever makes the others
starts() {
	local flags="$1 --mount type=bind,src=$W,dst=/w,options=rbind:rw" id=$2
	shift 2
	if [ -n "${IN_SLICE-}" ]; then
		FLAGS=$flags run_scope "$id" /w/neighbour "$@"
	elif [ -n "${BY_RUNTIME-}" ]; then
		# shellcheck disable=SC2086
		timeout 100 ctr run -d "${PLAIN[@]}" --cgroup "/azl-e2e/$id" $flags "$IMAGE" "$id" /w/neighbour "$@" 3>&- </dev/null
	else
		# shellcheck disable=SC2086
		timeout 100 ctr run -d "${RUNTIME[@]}" $flags "$IMAGE" "$id" /w/neighbour "$@" 3>&- </dev/null
	fi
}

# ctr_takes: how long `ctr task ls` takes, in ms
ctr_takes() {
	local begin=${EPOCHREALTIME/[.,]/}
	timeout 100 ctr task ls >/dev/null && echo $(((${EPOCHREALTIME/[.,]/} - begin) / 1000))
}

# measure NAME COUNT WHAT...: "COUNT P50 P99 MAX FORKS REFUSED" of a service beside COUNT neighbours into
# $W/NAME, and how long containerd takes to answer meanwhile into $W/NAME.ctr
measure() {
	local name=$1 count=$2 i kills=() ids=() asker
	shift 2
	rm -f "$W/go"
	# shellcheck disable=SC2086
	starts --net-host "$T$name-s" serve "$PORT" ${SERVES-}
	for ((i = 0; i < count; i++)); do
		starts '--cpu-shares 0' "$T$name-$i" "$1" /w/go "${@:2}"
		ids+=("$T$name-$i")
		kills+=("$(cgroup_of "$(pid_of "$T$name-$i")")/cgroup.kill")
	done
	helper "$NEIGHBOUR" ask "$PORT" "$SECONDS_EACH" "$W/go" "${kills[@]}" >"$W/$name" 2>"$W/$name.err"
	asker=$HELPER
	until_ok 10 test -e "$W/go" || {
		cat "$W/$name.err"
		return 1
	}
	# Beside a fork bomb on the plain host there is no process left to ask with.
	if [ "$name" = tuned ] || [ "$1" != fork ]; then
		sleep $((SECONDS_EACH / 2))
		ctr_takes >"$W/$name.ctr" || [ "$name" = plain ]
	fi
	wait "$asker" || {
		cat "$W/$name.err"
		return 1
	}
	echo "# $name: $(cat "$W/$name")" >&3
	# that of a plain host may have ended for want of a thread
	until_ok 60 containerd_answers
	remove "$T$name-s" "${ids[@]}"
}

# both COUNT WHAT...: measures on both hosts. The slowest answers of a hundred are to take half the time at
# most, the service lives, containerd answers in two seconds, and a shell can be started.
both() {
	local plain tuned idle
	plain_host
	measure plain "$@"
	tuned_host
	idle=$(ctr_takes)
	measure tuned "$@"
	cp "$W/plain" "$AZL_RESULTS/neighbours-$BATS_TEST_NUMBER.plain"
	cp "$W/tuned" "$AZL_RESULTS/neighbours-$BATS_TEST_NUMBER.tuned"
	plain=$(cut -d ' ' -f 3 "$W/plain") tuned=$(cut -d ' ' -f 3 "$W/tuned")
	echo "# p99 $plain us on a plain host, $tuned us on a tuned one;" \
		"ctr task ls $(cat "$W/plain.ctr" 2>/dev/null || echo '-'), $(cat "$W/tuned.ctr") ms, at rest $idle ms" >&3
	[ $((tuned * 2)) -le "$plain" ]
	! grep -q gone "$W/tuned"
	equal "$(cut -d ' ' -f 6 "$W/tuned")" 0
	# on a processor of its own
	[ "$(cat "$W/tuned.ctr")" -le $((2000 * E2E_SLOW)) ]
}

# Another container holds nearly all that containers get on a tuned host: an emulated processor would need
# minutes to eat it. What the neighbour wants more than that is there on a plain host, with swap, and everybody
# pays for it.
@test "a neighbour that eats memory: p99 on a tuned host is at most half of a plain one's" {
	local free hold group IN_SLICE=1
	free=$(awk '/^MemAvailable/ { print int($2 / 1024) }' /proc/meminfo)
	tuned_host
	hold=$(($(systemctl show -P MemoryMax azl.slice) / 1048576 - 100))
	plain_host
	starts '' "$T-hold" hold "$hold"
	echo -1000 >"/proc/$(pid_of "$T-hold")/oom_score_adj"
	group=$(cgroup_of "$(pid_of "$T-hold")")
	echo 0 >"$group/memory.swap.max"
	until_ok 20 eval '[ "$(value "$group" memory.current)" -gt '$((hold * 1048576))' ]'
	both 1 eat $((free - hold + 150))
}

# Of processes that share their memory, on hosts that have more memory than tasks: it is these that there are none
# left of (out of memory by processes alone, a plain host ends for good). The service answers each request in a
# process of its own. systemd would bound the bomb on a plain host, too (DefaultTasksMax), the runtime's cgroups do not.
@test "a fork bomb as neighbour: p99 on a tuned host is at most half of a plain one's" {
	local BY_RUNTIME=1 SERVES=fork
	echo 6000 >/proc/sys/kernel/threads-max
	both 1 fork
}

@test "neighbours that burn the processor: p99 on a tuned host is at most half of a plain one's" {
	both 8 burn 4
}
