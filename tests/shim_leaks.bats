# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2154
# Lives and execs without end leave nothing.

load lib

# The clock of a test runs before its first line: what takes long by request gets its time here.
setup_file() {
	export BATS_TEST_TIMEOUT=$((${BATS_TEST_TIMEOUT:-600} + (${AZL_LIVES:-200} + ${AZL_EXECS:-1000} / 4) * E2E_SLOW))
	e2e_file_begin
}
teardown_file() { e2e_file_end; }
setup() { e2e_begin; }
teardown() { e2e_end; }

# The machine itself: mounts, cgroups and files. The holder of a runtime's copy takes its file along when
# nobody asked for half a minute (shim/sealed.h), be it one of a test before; what a runtime is is learned aside.
machine() {
	wc -l </proc/self/mountinfo
	find /sys/fs/cgroup -type d | wc -l
	[ ! -e "$W/run" ] || mv "$W/run" "$W/run.before"
	find /run -not -path '/run/azl-e2e/*' -not -path '/run/containerd.log' -not -path '/run/azl/runtimes/*' | sort >"$W/run"
	md5sum <"$W/run"
	[ ! -e "$W/run.before" ] || diff "$W/run.before" "$W/run" >&2 || true
}

@test "${AZL_LIVES:-200} lives in a row leave nothing" {
	run_fg "" ${T}w true
	until_ok 5 e2e_nothing_left
	before=$(machine)
	for i in $(seq "${AZL_LIVES:-200}"); do
		run_fg --null-io $T$i true || {
			echo "life $i failed"
			return 1
		}
	done
	until_ok 5 e2e_nothing_left
	until_ok 5 eval '[ "$(machine 2>/dev/null)" = "$before" ]' || equal "$(machine)" "$before"
}

@test "${AZL_PARALLEL:-16} lives at once leave nothing" {
	run_fg "" ${T}w true
	until_ok 5 e2e_nothing_left
	before=$(machine)
	for round in 1 2 3; do
		pids=()
		for i in $(seq "${AZL_PARALLEL:-16}"); do
			timeout -k 2 $((60 * E2E_SLOW)) ctr run --rm --cpu-shares 0 "${RUNTIME[@]}" "$IMAGE" $T-$round-$i sh -c "exit $((i % 50))" 3>&- </dev/null &
			pids+=($!)
		done
		for i in $(seq "${AZL_PARALLEL:-16}"); do
			code=0
			wait "${pids[i - 1]}" || code=$?
			equal "$code" $((i % 50))
		done
	done
	until_ok 5 e2e_nothing_left
	until_ok 5 eval '[ "$(machine 2>/dev/null)" = "$before" ]' || equal "$(machine)" "$before"
}

@test "${AZL_EXECS:-1000} execs leave the shim as it was" {
	run_bg "" $T sleep 100000
	shim=$(shim_of $T) init=$(pid_of $T)
	for i in $(seq 20); do run_exec $T true; done
	until_ok 5 eval '! grep -qs "^State:.Z" /proc/[0-9]*/status'
	fds=$(fds_of "$shim")
	read -r pss dirty < <(memory_of "$shim")
	for ((i = 0; i < ${AZL_EXECS:-1000}; i += 4)); do
		pids=()
		for j in 1 2 3 4; do
			ctr task exec --exec-id "x$i-$j" $T true 3>&- </dev/null &
			pids+=($!)
		done
		for j in 0 1 2 3; do wait "${pids[j]}"; done
	done
	until_ok 5 eval '[ "$(fds_of '"$shim"')" -le '"$fds"' ]'
	read -r pss2 dirty2 < <(memory_of "$shim")
	echo "own memory $pss -> $pss2 kB, private dirty $dirty -> $dirty2 kB"
	[ "$pss2" -le $((pss + 40)) ]
	[ "$dirty2" -le $((dirty + 40)) ]
	until_ok 5 has_one_child "$shim"
	equal "$(parent_of "$init")" "$shim"
	equal "$(find "$(bundle_of $T)" -name '*.pid' | wc -l)" 1
	equal "$(ls "$(bundle_of $T)" | sort | tr '\n' ' ' | sed 's/azl-defaults //; s/bootstrap.json //; s/runtime //; s/log.json //; s/options.json //; s/shim-binary-path //')" \
		"address config.json init.pid log rootfs work "
}

@test "eight shims side by side cost at most 400 kB PSS and 250 kB private dirty each" {
	for i in 1 2 3 4 5 6 7 8; do run_bg "" $T-$i sleep 100000; done
	for i in 1 2 3 4 5 6 7 8; do
		read -r pss dirty < <(awk '/^Pss:/ { p = $2 } /^Private_Dirty:/ { d = $2 } END { print p, d }' \
			"/proc/$(shim_of $T-$i)/smaps_rollup")
		echo "shim $i: PSS $pss kB, private dirty $dirty kB"
		[ "$pss" -le 400 ]
		[ "$dirty" -le 250 ]
	done
}

@test "${AZL_CONTAINERS:-100} containers in one shim leave it as it was" {
	group="--annotation io.containerd.runc.v2.group=$T"
	run_bg "$group" $T sleep 100000
	shim=$(shim_of $T)
	for i in $(seq 5); do run_fg "$group" $T-w$i true; done
	fds=$(fds_of "$shim")
	read -r pss dirty < <(memory_of "$shim")
	for i in $(seq "${AZL_CONTAINERS:-100}"); do run_fg "$group" $T-$i true; done
	until_ok 5 eval '[ "$(fds_of '"$shim"')" -le '"$fds"' ]'
	read -r pss2 dirty2 < <(memory_of "$shim")
	echo "own memory $pss -> $pss2 kB, private dirty $dirty -> $dirty2 kB"
	[ "$pss2" -le $((pss + 40)) ]
	[ "$dirty2" -le $((dirty + 40)) ]
	until_ok 5 has_one_child "$shim"
}

@test "${AZL_CONTAINERS:-100} failed creates leave the shim as it was" {
	group="--annotation io.containerd.runc.v2.group=$T"
	run_bg "$group" $T sleep 100000
	shim=$(shim_of $T)
	for i in $(seq 3); do run run_fg "$group" $T-w$i /no/such/program; done
	fds=$(fds_of "$shim")
	read -r pss dirty < <(memory_of "$shim")
	for i in $(seq "${AZL_CONTAINERS:-100}"); do
		run run_fg "$group" $T-$i /no/such/program
		[ "$status" -eq 1 ]
	done
	until_ok 5 eval '[ "$(fds_of '"$shim"')" -le '"$fds"' ]'
	read -r pss2 dirty2 < <(memory_of "$shim")
	echo "own memory $pss -> $pss2 kB, private dirty $dirty -> $dirty2 kB"
	[ "$pss2" -le $((pss + 40)) ]
	[ "$dirty2" -le $((dirty + 40)) ]
}
