# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154
# Killed at every system call, many at once, full disks, broken files, lost pods: nothing is left, and
# no address is given out twice.

load cni

setup_file() { cni_file_begin; }
teardown_file() { cni_file_end; }
setup() { cni_begin; }
teardown() { cni_end; }

# killed_everywhere VERB: kill that verb before its system calls, then DEL, and look. One call in
# AZL_KILLS is taken, beginning with any; 1 takes all. Every pod has an id of its own, so that none
# cleans up for another.
killed_everywhere() {
	local verb=$1 conf name nth id n=0 step=${AZL_KILLS:-5}
	local i=$((RANDOM % step))
	conf=$(conf)
	pod p1
	local netns
	netns=$(netns_of p1)
	[ "$verb" = ADD ] || cni ADD p1 "$conf" >/dev/null
	CNI_WRAP="strace -qq -o $W/trace" cni "$verb" p1 "$conf" >/dev/null
	cni DEL p1 "$conf"
	kill_points "$W/trace" | awk -v i="$i" -v s="$step" 'NR % s == i' >"$W/points"
	[ "$(wc -l <"$W/points")" -gt 10 ]
	while read -r name nth; do
		n=$((n + 1)) id=k$n
		[ "$verb" = ADD ] || cni ADD "$id" "$conf" "$netns" >/dev/null
		CNI_WRAP="strace -qq -o /dev/null -e trace=$name -e inject=$name:signal=KILL:when=$nth" \
			cni "$verb" "$id" "$conf" "$netns" >/dev/null 2>&1 </dev/null || true
		cni DEL "$id" "$conf" "$netns" </dev/null
		if [ $((n % 5)) -eq 0 ] && { [ -n "$(cni_left)" ] || inside p1 ip link show eth0 >/dev/null 2>&1; }; then
			echo "killed before $name number $nth, or the four before that: $(cni_left)"
			return 1
		fi
	done <"$W/points"
	echo "# $verb killed $n times, every $step from $i" >&3
}

@test "ADD that is killed before any of its system calls, then DEL: nothing is left" {
	killed_everywhere ADD
}

@test "DEL that is killed before any of its system calls, then DEL again: nothing is left" {
	killed_everywhere DEL
}

@test "ADD that is killed, then ADD again" {
	local name nth i=0
	pod p1
	CNI_WRAP="strace -qq -o $W/trace" cni ADD p1
	cni DEL p1
	kill_points "$W/trace" >"$W/points"
	# every fifth will do: the runtime says DEL first
	while read -r name nth; do
		i=$((i + 1))
		[ $((i % 5)) -eq 0 ] || continue
		CNI_WRAP="strace -qq -o /dev/null -e trace=$name -e inject=$name:signal=KILL:when=$nth" \
			cni ADD p1 "$(conf)" >/dev/null 2>&1 </dev/null || true
		cni DEL p1 "$(conf)" '' </dev/null
		cni ADD p1 </dev/null >/dev/null
		equal "$(cni_held | wc -l)" 1
		cni DEL p1 </dev/null
	done <"$W/points"
}

@test "ADD with host-local that is killed after some time, then DEL: host-local has its address back" {
	local conf ms pid
	conf=$(conf 1.0.0 "$(host_local)")
	pod p1
	for ms in 2 4 6 8 10 12 15 20 30 40; do
		# in the foreground: the group would be killed, and host-local has a moment between its
		# file's creation and the name in it, which costs the address with every plugin
		CNI_WRAP="timeout --foreground -s KILL 0.0$(printf %02d "$ms")" cni ADD p1 "$conf" >/dev/null 2>&1 || true
		# host-local may still be at it: DEL waits
		cni DEL p1 "$conf"
		run cni_left
		equal "$output" ''
	done
}

# An IPAM plugin: ADD waits for $W/go, notes an address in $W/given, and leaves a process behind when
# $W/leaves is there; DEL takes the note away.
slow_ipam() {
	mkdir -p "$W/bin"
	cat >"$W/bin/slow-ipam" <<-END
		#!/bin/bash
		echo "\$CNI_COMMAND" >>"$W/asked"
		[ "\$CNI_COMMAND" = ADD ] || { rm -f "$W/given"; exit; }
		until [ -e "$W/go" ]; do sleep 0.02; done
		touch "$W/given"
		if [ -e "$W/leaves" ]; then
			sleep 300 >/dev/null 2>&1 &
			echo "\$!" >>"$W/helpers"
		fi
		echo '{"cniVersion": "1.0.0", "ips": [{"address": "10.1.0.70/24"}]}'
	END
	chmod +x "$W/bin/slow-ipam"
}

@test "DEL waits for an IPAM plugin that outlives its killed ADD, and takes back what it gave" {
	local conf adds del
	slow_ipam
	conf=$(conf 1.0.0 '{"type": "slow-ipam"}')
	pod p1
	CNI_BIN=$CNI_BIN:$W/bin cni ADD p1 "$conf" >/dev/null 2>&1 3>&- &
	adds=$!
	until_ok 10 test -e "$W/asked"
	pkill -KILL -x azl-cni
	wait "$adds" || true
	CNI_BIN=$CNI_BIN:$W/bin cni DEL p1 "$conf" 3>&- &
	del=$!
	# it naps between its tries for the lock
	until_ok 10 eval 'grep -qs nanosleep "/proc/$(pgrep -x azl-cni)/wchan"'
	equal "$(cat "$W/asked")" ADD
	touch "$W/go"
	wait "$del"
	equal "$(cat "$W/asked")" $'ADD\nDEL'
	[ ! -e "$W/given" ]
}

@test "a process that an IPAM plugin leaves running does not keep the attachment locked" {
	local conf from
	slow_ipam
	touch "$W/go" "$W/leaves"
	conf=$(conf 1.0.0 '{"type": "slow-ipam"}')
	pod p1
	CNI_BIN=$CNI_BIN:$W/bin cni ADD p1 "$conf" >/dev/null
	from=${EPOCHREALTIME/./}
	CNI_BIN=$CNI_BIN:$W/bin cni DEL p1 "$conf"
	[ $((${EPOCHREALTIME/./} - from)) -lt 5000000 ]
	kill -0 "$(cat "$W/helpers")"
}

@test "150 at once all get an address of their own, and all of them go" {
	local i n=${AZL_PARALLEL:-150} conf pids=()
	conf=$(conf 1.0.0 "$(ranges 10.1.4.0/22)")
	for ((i = 0; i < n; i++)); do pod "m$i"; done
	for ((i = 0; i < n; i++)); do
		cni ADD "m$i" "$conf" >"$W/add-$i" 2>&1 3>&- &
		pids+=($!)
	done
	for i in "${!pids[@]}"; do
		wait "${pids[$i]}" || {
			cat "$W/add-$i"
			return 1
		}
	done
	equal "$(jq -r '.ips[0].address' "$W"/add-* | sort -u | wc -l)" "$n"
	equal "$(on 1 ip -4 route show table all proto 172 | sort -u | wc -l)" "$n"
	pids=()
	for ((i = 0; i < n; i++)); do
		cni DEL "m$i" "$conf" 3>&- &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i"; done
	run cni_left
	equal "$output" ''
}

@test "ADD and DEL of one pod at once leave either all of it or nothing" {
	local i
	pod p1
	for i in 1 2 3 4 5 6 7 8; do
		cni ADD p1 "$(conf)" >/dev/null 2>&1 3>&- &
		cni DEL p1 3>&-
		wait $! || true
		cni DEL p1
		run cni_left
		equal "$output" ''
	done
}

@test "pods that went without DEL do not keep their addresses" {
	local small id
	small=$(conf 1.0.0 "$(ranges 10.1.0.64/29)")
	for id in 1 2 3 4 5; do
		pod "p$id"
		cni ADD "p$id" "$small"
	done
	pods_remove
	until_ok 5 eval '! on 1 ip -o link | grep -q azc'
	pod p6
	cni ADD p6 "$small"
	for id in 1 2 3 4 5 6; do cni DEL "p$id" "$small" ''; done
}

@test "what was held before a reboot is free after it" {
	local small id
	small=$(conf 1.0.0 "$(ranges 10.1.0.64/29)" ".dataDir = \"$W/data\"")
	for id in 1 2 3 4 5; do
		pod "p$id"
		cni ADD "p$id" "$small"
	done
	pods_remove
	rm -rf "$CNI_STATE"
	until_ok 5 eval '! on 1 ip -o link | grep -q azc'
	echo 11111111-2222-3333-4444-555555555555 >"$W/boot_id"
	cat >"$W/rebooted" <<-EOF
		#!/bin/sh
		mount --bind $W/boot_id /proc/sys/kernel/random/boot_id && exec "\$@"
	EOF
	chmod +x "$W/rebooted"
	pod p6
	CNI_WRAP="unshare -m $W/rebooted" cni ADD p6 "$small"
	CNI_WRAP="unshare -m $W/rebooted" cni DEL p6 "$small"
}

@test "on a full disk ADD fails and DEL does not" {
	mkdir -p "$CNI_STATE"
	mount -t tmpfs -o size=64k tmpfs "$CNI_STATE"
	pod p1 p2
	cni ADD p1
	dd if=/dev/zero of="$CNI_STATE/fill" bs=1k 2>/dev/null || true
	run cni ADD p2
	[ "$status" -ne 0 ]
	json "$output" '.code > 0 and (.msg | contains("o space left"))'
	run inside p2 ip link show eth0
	[ "$status" -ne 0 ]
	cni DEL p2
	cni DEL p1
	rm "$CNI_STATE/fill"
	run cni_left
	equal "$output" ''
	umount "$CNI_STATE"
}

@test "a store or a lease that is broken gives no address twice" {
	local a how file
	for how in ': >' 'truncate -s 20' 'head -c 300 /dev/urandom >'; do
		echo "$how"
		pod p1 p2
		a=$(address_in "$(cni ADD p1)")
		eval "$how $CNI_STATE/$NET/ranges/state"
		[ "$(address_in "$(cni ADD p2)")" != "$a" ]
		for file in "$CNI_STATE/$NET"/leases/*; do
			eval "$how $file"
		done
		cni DEL p1
		cni DEL p2
		pods_remove
		run cni_left
		equal "$output" ''
	done
}

@test "many after each other leave nothing and do not become slower" {
	local i n=${AZL_LIVES:-60} before after
	pod p1
	for i in 1 2 3; do
		cni ADD p1 >/dev/null
		cni DEL p1
	done
	before=$(find "$CNI_STATE" -type f -printf '%s\n' | awk '{ n++; s += $1 } END { print n }')
	for ((i = 0; i < n; i++)); do
		cni ADD p1 >/dev/null
		cni DEL p1
	done
	after=$(find "$CNI_STATE" -type f -printf '%s\n' | awk '{ n++; s += $1 } END { print n }')
	equal "$after" "$before"
}
