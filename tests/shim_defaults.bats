# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2030,SC2031,SC2154
# The host's defaults in config.json. A node has no controllers, so the place where the containers
# are to be is a folder that looks as if it had: the shim believes it, and who makes the containers
# keeps what the shim wrote and takes it back before runc sees it. Values in force: tests/vm/defaults.bats.

load lib

HOST=/etc/azl/host.json
SITE=/sys/fs/cgroup/azl-site
TASKS="{\"limit\":$(default_tasks)}"
ALL="$TASKS "'{"cpu.weight":"10","memory.oom.group":"1","memory.swap.max":"0"}'

setup_file() {
	e2e_file_begin
	rm -f "$HOST"
	[ "$AZL_CGROUPS" != systemd ] || return 0
	mkdir -p "$E2E/specs" "$SITE"
	mount -t tmpfs -o mode=0755 site "$SITE"
	echo "cpu io memory pids" | tee "$SITE/cgroup.controllers" "$SITE/cgroup.subtree_control" >"$SITE/cgroup.type"
	: >"$SITE/cgroup.procs"
	for file in pids.max memory.swap.max memory.oom.group memory.high memory.zswap.max io.weight cpu.weight; do
		: >"$SITE/$file"
	done
	cat >"$E2E/keeper" <<-EOF
		#!/bin/sh
		bundle='' previous='' id=''
		for word; do
			[ "\$previous" != --bundle ] || bundle=\$word
			previous=\$word id=\$word
		done
		case " \$* " in
		*' create '*)
			cp -p "\$bundle/config.json" "$E2E/specs/\$id.json"
			jq -c 'del(.linux.resources.pids, .linux.resources.unified, .linux.resources.cpu) | .linux.cgroupsPath = "/default/" + \$id' \\
				--arg id "\$id" "\$bundle/config.json" >"\$bundle/config.new"
			mv "\$bundle/config.new" "\$bundle/config.json"
			;;
		*' update '*)
			cat >"$E2E/specs/\$id.update"
			exit 0
			;;
		esac
		exec $E2E_ENGINE "\$@"
	EOF
	chmod 0755 "$E2E/keeper"
	runtime_toml "$E2E/keeper.toml" "$E2E/keeper"
}

teardown_file() {
	if mountpoint -q "$SITE"; then
		umount "$SITE"
		rmdir "$SITE"
	fi
	e2e_file_end
}

setup() {
	[ "$AZL_CGROUPS" != systemd ] || skip "systemd makes no scope in a folder that plays a cgroup: tests/vm/defaults.bats"
	e2e_begin
	RUNTIME=(--runtime io.containerd.azl.v2 --runtime-config-path "$E2E/keeper.toml")
	LOG_AT=$(containerd_log | wc -l)
	mkdir -p "${HOST%/*}"
}

teardown() {
	[ "$AZL_CGROUPS" != systemd ] || return 0
	rm -f "$HOST" "$E2E/specs"/*
	e2e_end
}

host() {
	printf '%s' "$1" >"$HOST"
}

# runs "FLAGS" ID: a container in the place that has controllers
runs() {
	run_bg "--cgroup /azl-site/$2 $1" "$2" sleep 1000
	run -0 run_exec "$2" echo inside
	equal "$output" inside
}

# given ID: pids and unified as the runtime got them
given() {
	jq -c '.linux.resources.pids, .linux.resources.unified' -S "$E2E/specs/$1.json" | paste -sd ' '
}

# untouched ID: the spec is the one that containerd has
untouched() {
	ctr container info --spec "$1" | jq -S . >"$W/theirs"
	jq -S . "$E2E/specs/$1.json" | diff "$W/theirs" -
}

logged() {
	containerd_log | tail -n "+$((LOG_AT + 1))" | grep -F -- "$2" | grep -cE "id=\"?$1\"?( |\$)"
}

is_logged() {
	[ "$(logged "$@")" -ge 1 ]
}

# says ID TEXT: in the log, once; containerd copies it there when it finds the time
says() {
	local n
	until_ok 5 is_logged "$@" || true
	n=$(logged "$@") || true
	[ "$n" -eq 1 ] || {
		echo "of $1 wanted once in the log, not $n times: $2"
		containerd_log | tail -n "+$((LOG_AT + 1))" | grep -F default
		return 1
	}
}

silent() {
	! containerd_log | tail -n "+$((LOG_AT + 1))" | grep -F defaults | grep -qF "$1"
}

@test "without the host's file the runtime gets what containerd wrote" {
	rm -f "$HOST"
	runs "--annotation io.azl.defaults.pids.max=5" $T
	untouched $T
	silent $T
}

@test "defaults are put where nobody said anything, and nothing else changes" {
	host '{}'
	runs "" $T
	equal "$(given $T)" "$ALL"
	ctr container info --spec $T | jq -S . >"$W/theirs"
	# the score is raised where containerd's own is low, as its unit has it
	jq -S 'del(.linux.resources.pids, .linux.resources.unified, .process.oomScoreAdj)' "$E2E/specs/$T.json" | diff "$W/theirs" -
	equal "$(stat -c %a "$E2E/specs/$T.json")" 644
	silent $T
}

@test "what the client decided stays" {
	host '{"containers": {"cpu.weight": 50}}'
	runs "--cpu-shares 77" ${T}a
	equal "$(given ${T}a)" "$TASKS "'{"memory.oom.group":"1","memory.swap.max":"0"}'
	runs "" ${T}b
	equal "$(given ${T}b)" "$TASKS "'{"cpu.weight":"50","memory.oom.group":"1","memory.swap.max":"0"}'
}

@test "the host's values are taken, and null is left to the kernel" {
	host '{"containers": {"pids.max": "max", "memory.swap.max": "1Mi", "memory.oom.group": null, "cpu.weight": null}, "x-why": {"a": 1}}'
	runs "" $T
	equal "$(given $T)" '{"limit":-1} {"memory.swap.max":"1048576"}'
}

@test "the OOM killer's score is raised, in what is exec'd as well, and what the client said stays" {
	local score
	score=$(($(cat /proc/self/oom_score_adj) + 100))
	host "{\"containers\": {\"oom_score_adj\": $score}}"
	run_bg "" ${T}a sleep 1000
	equal "$(cat "/proc/$(pid_of ${T}a)/oom_score_adj")" $score
	run -0 run_exec ${T}a cat /proc/self/oom_score_adj
	equal "$output" $score
	host '{"containers": {"oom_score_adj": -1000}}'
	run_bg "" ${T}b sleep 1000
	equal "$(jq .process.oomScoreAdj "$(bundle_of ${T}b)/config.json")" null
}

@test "annotations of a container set one, or switch off one or all" {
	host '{}'
	runs "--annotation io.azl.defaults=none" ${T}a
	untouched ${T}a
	runs "--annotation io.azl.defaults=all" ${T}b
	equal "$(given ${T}b)" "$ALL"
	runs "--annotation io.azl.defaults.pids.max=100 --annotation io.azl.defaults.memory.oom.group=off" ${T}c
	equal "$(given ${T}c)" '{"limit":100} {"cpu.weight":"10","memory.swap.max":"0"}'
	for id in ${T}a ${T}b ${T}c; do silent $id; done
}

@test "an annotation that makes no sense is told, and the defaults hold" {
	host '{}'
	runs "--annotation io.azl.defaults=some" ${T}a
	equal "$(given ${T}a)" "$ALL"
	says ${T}a "annotation io.azl.defaults is ignored: it must be all or none"
	runs "--annotation io.azl.defaults.pid.max=5 --annotation io.azl.defaults.pids.max=many" ${T}b
	equal "$(given ${T}b)" "$ALL"
	says ${T}b "annotation io.azl.defaults.pid.max is ignored: there is no such default"
	says ${T}b "annotation io.azl.defaults.pids.max is ignored: it must be off, 1 to 4194304"
}

@test "a pause container gets none" {
	host '{}'
	runs "--annotation io.kubernetes.cri.container-type=sandbox" $T
	untouched $T
}

@test "memory.oom.group of a pod's container is the kubelet's, or an annotation's" {
	local pods="--annotation io.kubernetes.cri.container-type=container"
	host '{}'
	runs "$pods" ${T}a
	equal "$(given ${T}a)" "$TASKS "'{"cpu.weight":"10","memory.swap.max":"0"}'
	runs "$pods --annotation io.azl.defaults.memory.oom.group=true" ${T}b
	equal "$(given ${T}b)" "$ALL"
}

@test "a host's file that makes no sense is told, and the container runs as it is" {
	host '{"containers": {"pids.max": 0}}'
	runs "" ${T}a
	untouched ${T}a
	says ${T}a "defaults are not applied: $HOST: containers.pids.max"
	host '{"containers"'
	runs "" ${T}b
	untouched ${T}b
	says ${T}b "defaults are not applied: $HOST: not JSON"
}

# The node's own hierarchy: cgroup v2, and no controller in it.
@test "where there are no controllers nothing is put in, and one line tells" {
	! grep -qwE "cpu|memory|pids" /sys/fs/cgroup/cgroup.controllers || skip "this hierarchy has controllers"
	host '{}'
	run_bg "" $T sleep 1000
	untouched $T
	says $T "defaults that its cgroup cannot have are left out: pids.max memory.swap.max memory.oom.group cpu.weight"
}

@test "a kernel without a file goes without that default" {
	host '{}'
	rm "$SITE/memory.swap.max"
	runs "" $T
	: >"$SITE/memory.swap.max"
	equal "$(given $T)" "$TASKS "'{"cpu.weight":"10","memory.oom.group":"1"}'
	says $T "defaults that its cgroup cannot have are left out: memory.swap.max"
}

@test "an Update brings along the defaults in force, until one decides otherwise" {
	host '{"containers": {"memory.high": 0.5}}'
	runs "" $T
	"$E2E_TTRPC" "$(socket_of $T)" update $T '{"memory":{"limit":1000}}'
	equal "$(jq -cS . "$E2E/specs/$T.update")" '{"memory":{"limit":1000},"unified":{"cpu.weight":"10","memory.high":"500","memory.oom.group":"1","memory.swap.max":"0"}}'
	"$E2E_TTRPC" "$(socket_of $T)" update $T '{"unified":{"memory.oom.group":"0","memory.swap.max":"5"}}'
	"$E2E_TTRPC" "$(socket_of $T)" update $T '{"cpu":{"shares":2}}'
	equal "$(cat "$E2E/specs/$T.update")" '{"cpu":{"shares":2}}'
}

# As a disk that is full at this moment: the file system of the bundles has no inode left.
@test "a full disk leaves the spec as it was" {
	host '{}'
	ctr namespace create small 2>/dev/null || true
	ctr -n small image import --all-platforms /tmp/azl-busybox.tar >/dev/null
	mkdir -p "$E2E_STATE/small"
	local inodes left=0 put=0
	for inodes in 6 7 8 9 10 11 12 14 20; do
		mount -t tmpfs -o "nr_inodes=$inodes,mode=0711" small "$E2E_STATE/small"
		timeout -k 2 $E2E_LIMIT_S ctr -n small run --rm --cpu-shares 0 --cgroup "/azl-site/$T" "${RUNTIME[@]}" "$IMAGE" $T$inodes true || true
		if containerd_log | grep -qF "defaults are not applied: create .config.json.new: no space left on device id=$T$inodes"; then
			left=$((left + 1))
		fi
		if [ -e "$E2E/specs/$T$inodes.json" ] && [ "$(given $T$inodes)" = "$ALL" ]; then
			put=$((put + 1))
		fi
		ctr -n small container rm $T$inodes 2>/dev/null || true
		until_ok 5 eval '[ -z "$(ls "$E2E_STATE/small")" ]'
		kill -TERM $(shims) 2>/dev/null || true # it may be ending by itself
		until_ok 5 eval '! pidof containerd-shim-azl-v2'
		until_ok 5 umount "$E2E_STATE/small"
	done
	echo "$left left, $put put in"
	[ "$left" -gt 0 ] && [ "$put" -gt 0 ]
	rmdir "$E2E_STATE/small"
	ctr -n small image rm "$IMAGE"
	ctr -n small content ls -q | xargs -r ctr -n small content rm >/dev/null
	ctr namespace rm small || true
}

@test "eight shims with defaults cost at most 400 kB PSS and 250 kB private dirty each" {
	cp "$E2E_REPO/config/etc/azl/host.json" "$HOST"
	for i in 1 2 3 4 5 6 7 8; do run_bg "--cgroup /azl-site/$T-$i" $T-$i sleep 100000; done
	for i in 1 2 3 4 5 6 7 8; do
		equal "$(given $T-$i)" "$ALL"
		read -r pss dirty < <(awk '/^Pss:/ { p = $2 } /^Private_Dirty:/ { d = $2 } END { print p, d }' \
			"/proc/$(shim_of $T-$i)/smaps_rollup")
		echo "shim $i: PSS $pss kB, private dirty $dirty kB"
		[ "$pss" -le 400 ]
		[ "$dirty" -le 250 ]
	done
}

@test "${AZL_CONTAINERS:-100} containers with defaults in one shim leave it as it was" {
	cp "$E2E_REPO/config/etc/azl/host.json" "$HOST"
	group="--annotation io.containerd.runc.v2.group=$T"
	run_bg "--cgroup /azl-site/$T $group" $T sleep 100000
	shim=$(shim_of $T)
	for i in $(seq 5); do run_fg "--cgroup /azl-site/$T-w$i $group" $T-w$i true; done
	fds=$(fds_of "$shim")
	read -r pss dirty < <(memory_of "$shim")
	for i in $(seq "${AZL_CONTAINERS:-100}"); do run_fg "--cgroup /azl-site/$T-$i $group" $T-$i true; done
	until_ok 5 eval '[ "$(fds_of '"$shim"')" -le '"$fds"' ]'
	read -r pss2 dirty2 < <(memory_of "$shim")
	echo "own memory $pss -> $pss2 kB, private dirty $dirty -> $dirty2 kB"
	[ "$pss2" -le $((pss + 40)) ]
	[ "$dirty2" -le $((dirty + 40)) ]
}
