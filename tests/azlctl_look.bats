# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154
# azlctl check, density and explain on a host that runs: what they see of real containers.

load lib

setup_file() { e2e_file_begin; }
teardown_file() { e2e_file_end; }
setup() { e2e_begin; }
teardown() { e2e_end; }

azlctl() {
	"$AZL_BUILD/azlctl" "$@"
}

# best_of N COMMAND...: the shortest of N runs in milliseconds; other work on the machine only adds to it.
# Where more is at work than there are processors, none may go undisturbed: the processor time that one and its
# children take is its length as well.
best_of() {
	local n=$1 i begun took best=999999 TIMEFORMAT='%3U %3S'
	shift
	for ((i = 0; i < n; i++)); do
		begun=${EPOCHREALTIME/[.,]/}
		{ time "$@" >/dev/null 2>&1; } 2>"$W/time" || true
		took=$((${EPOCHREALTIME/[.,]/} - begun))
		[ "$took" -ge "$best" ] || best=$took
		took=$(awk '{ print int(($1 + $2) * 1000000) }' "$W/time")
		[ "$took" -ge "$best" ] || best=$took
	done
	echo $((best / 1000))
}

reference() {
	ctr run -d --cpu-shares 0 --runtime io.containerd.runc.v2 "$IMAGE" "$@"
}

@test "check says a line for each thing, and what to do where one is not right" {
	run azlctl check
	[ "$status" -eq 0 ] || [ "$status" -eq 3 ] || [ "$status" -eq 4 ]
	has "kernel.version"
	has "runtime.containerd"
	[[ "${lines[-1]}" =~ ^[0-9]+\ checked,\ [0-9]+\ failed,\ [0-9]+\ warned$ ]]
	azlctl check --json >"$W/json" || true
	equal "$(jq '[.checks[] | select((.level == "fail" or .level == "warn") and .fix == null)] | length' "$W/json")" 0
	equal "$(jq -r '.checks[] | select(.id == "runtime.runc") | .level' "$W/json" | head -n 1)" ok
	[ "$(jq '[.checks[] | select(.level == "fail")] | length' "$W/json")" = "$(jq .failed "$W/json")" ]
}

@test "check knows the versions that are installed against its table" {
	local version
	version=$(runc --version | sed -n 's/^runc version \([0-9.]*\).*/\1/p')
	mkdir -p /usr/share/azl
	printf '{"versions": [{"program": "runc", "from": "%s", "below": "99.0", "level": "fail", "why": "no good", "fix": "another"}]}' \
		"$version" >/usr/share/azl/known-versions.json
	run azlctl check
	rm /usr/share/azl/known-versions.json
	equal "$status" 4
	has "no good"
	has "-> another"
}

@test "check finds every program that is installed by its version" {
	local version at=/usr/local/bin/containerd-shim-azl-v2
	version=$("$AZL_BUILD/containerd-shim-azl-v2" -v | sed -n 's/^ *Version: *\([0-9.]*\).*/\1/p')
	cp "$AZL_BUILD/containerd-shim-azl-v2" "$at"
	azlctl check --json >"$W/json" || true
	rm "$at"
	equal "$(jq -r '[.checks[] | select(.id == "runtime.shim") | .level, .text] | join(" ")' "$W/json")" "ok $version ($at)"
	equal "$(jq -r '[.checks[] | select(.id == "runtime.containerd") | .level][0]' "$W/json")" ok
}

@test "check takes at most 50 ms" {
	took=$(best_of 15 azlctl check)
	echo "$took ms"
	[ "$took" -le 50 ]
}

@test "density tells the shims of both kinds and what is theirs" {
	run_bg "" "$T" sleep 1000
	reference "${T}r" sleep 1000
	azlctl density --json >"$W/json"
	jq -e --arg id "$T" '.pods[] | select(.name == $id) | .shim.azl and .shim.pss_bytes > 100000 and .shim.pss_bytes < 1000000
		and .shim.threads == 1 and .shim.files > 5 and .mounts >= 1' "$W/json"
	jq -e --arg id "${T}r" '.pods[] | select(.name == $id) | (.shim.azl | not) and .shim.pss_bytes > 2000000' "$W/json"
	equal "$(jq '.node.containerd > 1000000' "$W/json")" true
	equal "$(jq '.reserve.advised_bytes > .reserve.needed_bytes' "$W/json")" true
	run -0 azlctl density
	has "to reserve for 110 pods"
	run -0 azlctl density --svg "$W/x.svg"
	grep -q "</svg>" "$W/x.svg"
	ctr task kill -s KILL "${T}r"
	until_ok 10 has_status "${T}r" STOPPED
	ctr task rm "${T}r" || true
	ctr container rm "${T}r"
}

@test "density for ${AZL_DENSITY:-100} containers takes at most 100 ms" {
	local i n=${AZL_DENSITY:-100}
	local -a pids=()
	for ((i = 0; i < n; i += 4)); do
		pids=()
		for ((j = i; j < i + 4 && j < n; j++)); do
			run_bg "" "$T-$j" sleep 1000 &
			pids+=($!)
		done
		for pid in "${pids[@]}"; do wait "$pid"; done
	done
	equal "$(azlctl density --json | jq '.pods | length')" "$n"
	took=$(best_of 10 azlctl density)
	echo "$took ms"
	for ((i = 0; i < n; i++)); do remove "$T-$i"; done
	[ "$took" -le 100 ]
}

@test "explain finds a container by its id and by the beginning of it" {
	run_bg "" "$T-explained" sleep 1000
	run -0 azlctl explain "$T-explained"
	has "container  $T-explained"
	has "cgroup     /"
	[[ "$output" == *"SET BY"* || "$output" == *"No controller is on in this cgroup"* ]]
	[[ "$output" != *"an update"* ]] # nobody updated it
	run -0 azlctl explain "$T-expl"
	has "container  $T-explained"
	run -1 azlctl explain nobody
	has '"nobody": no container has this id or name'
	run -2 azlctl explain
	remove "$T-explained"
}

@test "who is not root is told so; a wrong command names the right ones" {
	run -2 azlctl chek
	has 'no command "chek"'
	run -2 azlctl
	has "usage: azlctl"
	run -0 azlctl help
	has density
	run -0 azlctl version
	has azlctl
	run_bg "" "$T" sleep 1000
	run setpriv --reuid=65534 --clear-groups "$AZL_BUILD/azlctl" density
	equal "$status" 1
	has "ermission denied"
	run setpriv --reuid=65534 --clear-groups "$AZL_BUILD/azlctl" check
	has "not run as root"
	run azlctl check
	[[ "$output" != *"not run as root"* ]]
	remove "$T"
}
