#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# A further interface of a pod that goes on living when it is removed.

load cni

setup_file() { cni_file_begin; }
teardown_file() { cni_file_end; }
setup() { cni_begin; }
teardown() { cni_end; }

# Everything of the network in the pod, one line each; counters and states that change by themselves left out.
of_pod() {
	# shellcheck disable=SC2016
	inside "$1" sh -c '
		ip -o link | sed "s/^[0-9]*: /link: /"
		ip -o address | sed "s/^[0-9]*: /address: /"
		{ ip route show table all; ip -6 route show table all; } | sed "s/^/route: /"
		{ ip rule; ip -6 rule; } | sed "s/^/rule: /"
		ip neigh show nud permanent | sed "s/^/neighbour: /"' | sort
}

# Without links that are down, which is what stays until the namespace ends, and what changes by itself.
but_down() {
	sed -E 's/^(link: [^<]*)<([^>]*)>.*/\1\2/; s/(,LOWER_UP|NO-CARRIER,|,M-DOWN)//g' | grep -Ev '^link: .*MULTICAST$'
}

# kept WAY COMMAND...: what p1 and the host have is the same before an ADD of net1 and after the command
kept() {
	local way=$1 pod host
	shift
	pod=$(of_pod p1 | but_down)
	host=$(cni_left | but_down)
	cni ADD p1 "$conf" "$(netns_of p1)" net1 >/dev/null
	inside p1 ip rule | grep -q 'lookup 112' || wrong "$way: no rule for net1"
	"$@" || wrong "$way: $*"
	equal "$(of_pod p1 | but_down)" "$pod"
	equal "$(cni_left | but_down)" "$host"
}

del_net1() {
	cni DEL p1 "$conf" "$(netns_of p1)" net1
}

gc_net1() {
	cni GC x "$(jq -c '."cni.dev/valid-attachments" = [{containerID: "p1", ifname: "eth0"}]' <<<"$conf")"
}

@test "of a further interface nothing stays with a pod that lives on: DEL, GC, in each way" {
	local conf way
	for way in . '.removal = "namespace"' '.datapath = "netkit"' '.guards = {imds: false}'; do
		conf=$(conf 1.1.0 "$(ranges 10.1.0.64/28 fd01::40/124)" "$way")
		[[ "$way" != *netkit* ]] || cni STATUS p1 "$conf" >/dev/null || continue
		pod p1
		attach p1 "$conf" >/dev/null
		kept "$way" del_net1
		kept "$way" del_net1
		kept "$way" gc_net1
		inside p1 ping -q -c 1 -W 1 "$(fabric_address 2)" >/dev/null
		cni DEL p1 "$conf"
		pods_remove
		until_ok 5 cni_nothing_left || wrong "$way: left: $(cni_left)"
	done
}

@test "of a further interface that cannot be made nothing stays, whatever fails" {
	local conf before n failed=0
	conf=$(conf 1.1.0 "$(ranges 10.1.0.64/28 fd01::40/124)")
	pod p1
	cni ADD p1 "$conf" >/dev/null
	before=$(of_pod p1 | but_down)
	CNI_WRAP="strace -qq -o $W/trace -e trace=sendto" cni ADD p1 "$conf" "$(netns_of p1)" net1 >/dev/null
	del_net1
	n=$(wc -l <"$W/trace")
	[ "$n" -gt 10 ] || wrong "$n messages"
	# each message to the kernel is lost once
	for ((; n > 0; n--)); do
		if CNI_WRAP="strace -qq -o /dev/null -e trace=sendto -e inject=sendto:error=ENOBUFS:when=$n" \
			cni ADD p1 "$conf" "$(netns_of p1)" net1 >"$W/said" 2>&1; then
			del_net1
		else
			failed=$((failed + 1))
		fi
		equal "$(of_pod p1 | but_down)" "$before" || wrong "message $n: $(cat "$W/said")"
	done
	[ "$failed" -gt 5 ]
	cni DEL p1 "$conf"
}

@test "the same interface by another network is refused, and its DEL leaves the first alone" {
	local other
	other=$(conf 1.1.0 "$(ranges 10.1.0.96/28)" '.name = "other"')
	pod p1
	attach p1
	cni_fails 100 ADD p1 "$other"
	[[ "$output" == *"by the network $NET"* ]] || wrong "$output"
	cni DEL p1 "$other"
	cni GC x "$(jq -c '."cni.dev/valid-attachments" = []' <<<"$other")"
	inside p1 ping -q -c 1 -W 1 "$(fabric_address 2)"
	cni DEL p1
	cni ADD p1 "$other"
	cni DEL p1
	inside p1 ip link show eth0
	cni DEL p1 "$other"
}

@test "a lease that cannot be read at the moment is not taken for none" {
	local conf before n
	conf=$(conf 1.1.0 "$(ranges 10.1.0.64/28 fd01::40/124)")
	pod p1
	cni ADD p1 "$conf" >/dev/null
	before=$(of_pod p1 | but_down)
	cni ADD p1 "$conf" "$(netns_of p1)" net1 >/dev/null
	CNI_WRAP="strace -qq -o $W/trace -e trace=openat" del_net1
	n=$(grep -n '[.]json"' "$W/trace" | head -n 1 | cut -d: -f1)
	cni ADD p1 "$conf" "$(netns_of p1)" net1 >/dev/null
	CNI_WRAP="strace -qq -o /dev/null -e trace=openat -e inject=openat:error=EMFILE:when=$n" \
		cni_fails 5 DEL p1 "$conf" "$(netns_of p1)" net1
	del_net1
	equal "$(of_pod p1 | but_down)" "$before"
	cni DEL p1 "$conf"
}
