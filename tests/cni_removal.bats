# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154
# DEL with "removal": "namespace" leaves a pair that is switched off to the end of the pod's network
# namespace, and nothing else.

load cni

setup_file() { cni_file_begin; }
teardown_file() { cni_file_end; }
setup() {
	cni_begin
	conf=$(conf 1.1.0 "$(ranges)" '.removal = "namespace"')
}
teardown() { cni_end; }

# The host's end, if there is one: "NAME STATE GROUP".
ends() {
	on 1 ip -j link | jq -r '.[] | select(.ifname | startswith("azc")) | "\(.ifname) \(.flags | index("UP") != null) \(.group)"'
}

# Nothing of the pod's is left but N pairs that are down.
only_pairs() {
	equal "$(cni_left | grep -v '^link: ')" ''
	equal "$(ends | cut -d' ' -f2,3 | sort | uniq -c | xargs)" "${1:-1} false 4282948"
}

@test "after DEL only the pair is left, both ends down, and it goes with the namespace" {
	pod p1
	attach p1 "$conf" >/dev/null
	inside p1 ping -c 1 -W 20 "$(fabric_address 2)"
	cni DEL p1 "$conf"
	only_pairs
	equal "$(inside p1 ip -j address show dev eth0 | jq -c '[.[0].operstate, .[0].addr_info]')" '["DOWN",[]]'
	equal "$(inside p1 ip route; inside p1 ip -6 route)" ''
	cni DEL p1 "$conf"
	only_pairs
	ip netns delete pod-p1
	until_ok 10 cni_nothing_left
}

@test "nobody in the pod can switch what was left on again" {
	local address
	pod p1
	address=$(address_in "$(attach p1 "$conf")")
	cni DEL p1 "$conf"
	inside p1 ip link set eth0 up
	inside p1 ip address add "$address/32" dev eth0
	inside p1 ip route add default dev eth0
	run ! inside p1 ping -c 1 -W 1 "$(fabric_address 1)"
	only_pairs
	pod p2
	cni ADD p2 "$conf" >/dev/null
	cni DEL p2 "$conf"
}

@test "DEL by the lease's namespace leaves, without one it removes" {
	pod p1
	cni ADD p1 "$conf" >/dev/null
	cni DEL p1 "$conf" ''
	only_pairs
	cni ADD p1 "$conf" >/dev/null
	rm -rf "$CNI_STATE/$NET/leases"
	cni DEL p1 "$conf" ''
	equal "$(ends)" ''
}

@test "ADD again in the same namespace: same names, another container, another interface" {
	local i
	pod p1
	for i in 1 2 3; do
		cni ADD p1 "$conf" >/dev/null
		cni DEL p1 "$conf"
		only_pairs
	done
	for i in p2 p3; do
		cni ADD $i "$conf" "$(netns_of p1)" >/dev/null
		cni_fails 100 ADD p9 "$conf" "$(netns_of p1)"
		cni DEL p9 "$conf" "$(netns_of p1)"
		inside p1 ping -c 1 -W 20 "$(fabric_address 1)"
		cni DEL $i "$conf" "$(netns_of p1)"
		only_pairs
	done
	cni ADD p1 "$conf" "$(netns_of p1)" eth1 >/dev/null
	inside p1 ping -c 1 -W 20 "$(fabric_address 1)"
	cni DEL p1 "$conf" "$(netns_of p1)" eth1
	only_pairs 2
}

@test "an address that was given back is another's at once" {
	local small id
	small=$(conf 1.1.0 "$(ranges 10.1.0.64/30)" '.removal = "namespace"')
	for id in 1 2 3 4; do
		pod "p$id"
		cni ADD "p$id" "$small" >/dev/null
		inside "p$id" ping -c 1 -W 20 "$(fabric_address 1)"
		cni DEL "p$id" "$small"
	done
	only_pairs 4
}

@test "GC and reconcile remove what was left, and nothing of those that live" {
	pod p1 p2
	cni ADD p1 "$conf" >/dev/null
	cni ADD p2 "$conf" >/dev/null
	cni DEL p1 "$conf"
	equal "$(ends | wc -l)" 2
	CNI_WRAP='' cni GC p1 "$(jq -c '."cni.dev/valid-attachments" = [{containerID: "p2", ifname: "eth0"}]' <<<"$conf")"
	equal "$(ends | wc -l)" 1
	cni ADD p1 "$conf" >/dev/null
	cni DEL p1 "$conf"
	on 1 "$AZL_BUILD/azl-cni" reconcile
	equal "$(ends | wc -l)" 1
	inside p2 ping -c 1 -W 20 "$(fabric_address 1)"
	cni DEL p2 "$conf"
}

@test "CHECK of what was left fails, of the next ADD succeeds" {
	local prev
	pod p1
	prev=$(cni ADD p1 "$conf")
	cni CHECK p1 "$(jq -c --argjson p "$prev" '.prevResult = $p' <<<"$conf")"
	cni DEL p1 "$conf"
	cni_fails 104 CHECK p1 "$(jq -c --argjson p "$prev" '.prevResult = $p' <<<"$conf")"
	prev=$(cni ADD p1 "$conf")
	cni CHECK p1 "$(jq -c --argjson p "$prev" '.prevResult = $p' <<<"$conf")"
	cni DEL p1 "$conf"
}

@test "the guards of a pod that was let through go with it" {
	local open
	open=$(jq -c '.guards = {imds: false}' <<<"$conf")
	pod p0 p1
	cni ADD p0 "$conf" >/dev/null
	cni ADD p1 "$open" >/dev/null
	on 1 ip rule | grep -q azc
	cni DEL p1 "$open"
	run ! eval 'on 1 ip rule | grep azc'
	cni DEL p0 "$conf"
}

@test "a pod that moved its end away loses it at once" {
	pod p1 p2
	cni ADD p1 "$conf" >/dev/null
	ip -n pod-p1 link set eth0 netns pod-p2
	cni DEL p1 "$conf"
	equal "$(ends)" ''
	run ! inside p2 ip link show eth0
}

@test "killed before any system call of DEL, then DEL again: only the pair is left" {
	local name nth i=0
	pod p1
	cni ADD p1 "$conf" >/dev/null
	CNI_WRAP="strace -qq -o $W/trace" cni DEL p1 "$conf"
	sed -n 's/^\([a-z0-9_]*\)(\([^,]*\).*/\1 \2/p' "$W/trace" |
		awk '{ n[$1]++ } $1 == "read" && $2 == "0" { on = 1; next } on && $1 != "exit_group" { print $1, n[$1] }' |
		awk -v i="$((RANDOM % ${AZL_KILLS:-3}))" -v s="${AZL_KILLS:-3}" 'NR % s == i' >"$W/points"
	[ "$(wc -l <"$W/points")" -gt 10 ]
	while read -r name nth; do
		i=$((i + 1))
		cni ADD "k$i" "$conf" "$(netns_of p1)" >/dev/null </dev/null
		CNI_WRAP="strace -qq -o /dev/null -e trace=$name -e inject=$name:signal=KILL:when=$nth" \
			cni DEL "k$i" "$conf" "$(netns_of p1)" >/dev/null 2>&1 </dev/null || true
		cni DEL "k$i" "$conf" "$(netns_of p1)" </dev/null
		only_pairs || wrong "killed before $name number $nth"
	done <"$W/points"
	echo "# killed $i times" >&3
}

@test "an ADD of which any system call fails leaves nothing, not even a pair" {
	local name nth i=0 failed=0
	pod p1
	CNI_WRAP="strace -qq -o $W/trace" cni ADD p1 "$conf" >/dev/null
	CNI_WRAP='' cni DEL p1 "$(jq -c 'del(.removal)' <<<"$conf")"
	cni_nothing_left
	sed -n 's/^\([a-z0-9_]*\)(\([^,]*\).*/\1 \2/p' "$W/trace" |
		awk '{ n[$1]++ } $1 == "read" && $2 == "0" { on = 1; next }
			on && $1 ~ /^(sendto|sendmsg|recvmsg|recvfrom|renameat2?|fsync|openat|socket|mkdirat|write)$/ && $1 $2 != "write1" { print $1, n[$1] }' |
		awk -v i="$((RANDOM % ${AZL_KILLS:-3}))" -v s="${AZL_KILLS:-3}" 'NR % s == i' >"$W/points"
	[ "$(wc -l <"$W/points")" -gt 10 ]
	while read -r name nth; do
		i=$((i + 1))
		if CNI_WRAP="strace -qq -o /dev/null -e trace=$name -e inject=$name:error=EIO:when=$nth" \
			cni ADD "f$i" "$conf" "$(netns_of p1)" >/dev/null 2>&1; then
			cni DEL "f$i" "$(jq -c 'del(.removal)' <<<"$conf")" "$(netns_of p1)"
		else
			failed=$((failed + 1))
			# but the empty file of a lock, which goes with the DEL that follows
			[ -z "$(cni_left | grep -v '^file: .*/locks/')" ] || wrong "$name number $nth failed"
			cni DEL "f$i" "$conf" "$(netns_of p1)"
		fi
		cni_nothing_left || wrong "$name number $nth failed, then DEL"
	done <"$W/points"
	echo "# $failed of $i failed" >&3
	[ "$failed" -gt 5 ]
}

@test "50 at once come and go, and nothing is left when their namespaces are" {
	local i pids=()
	conf=$(conf 1.1.0 "$(ranges 10.1.4.0/22)" '.removal = "namespace"')
	for ((i = 0; i < 50; i++)); do pod "m$i"; done
	for verb in ADD DEL; do
		pids=()
		for ((i = 0; i < 50; i++)); do
			cni $verb "m$i" "$conf" >/dev/null 3>&- &
			pids+=($!)
		done
		for i in "${pids[@]}"; do wait "$i"; done
	done
	only_pairs 50
}
