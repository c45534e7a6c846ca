# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2030,SC2031,SC2154
# Datapaths for which a kernel needs what most builders' kernels lack: netkit, ipvlan, flowtables.

CNI_TESTS=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
# shellcheck source=tests/cni.bash
BATS_TEST_DIRNAME=$CNI_TESTS . "$CNI_TESTS/cni.bash"

# The processor may be emulated.
eval "patient_$(declare -f until_ok)"
until_ok() {
	patient_until_ok "$(($1 * 5))" "${@:2}"
}

setup_file() { cni_file_begin; }
teardown_file() { cni_file_end; }
setup() { cni_begin; }
teardown() { cni_end; }

DUAL='10.1.0.64/26 fd01::100/120'

# of DATAPATH [JQ]: a configuration of it with both families
of() {
	# shellcheck disable=SC2086
	conf 1.1.0 "$(ranges $DUAL)" ".datapath = \"$1\" ${2:+| $2}"
}

OPEN='.guards = {wireserver: false, imds: false}' # what ipvlan wants said

# Two pods; $r1 is the first one's result, $a $a6 $b $b6 are their addresses.
two_pods() {
	local r2
	pod p1 p2
	r1=$(attach p1 "$1")
	r2=$(attach p2 "$1")
	a=$(address_in "$r1") a6=$(address_in "$r1" 6)
	b=$(address_in "$r2") b6=$(address_in "$r2" 6)
}

# answers ADDRESS WHERE...: to small and to full packets
answers() {
	"${@:2}" ping -q -c 1 -W 20 "$1" >/dev/null || wrong "no answer: $*"
}

# Both families, to the other pod and to another node, and back from there; the whole file once.
traffic() {
	local to
	for to in "$b" "$b6" "$(fabric_address 2)" "$(fabric_address6 2)"; do answers "$to" inside p1; done
	for to in "$a" "$a6"; do answers "$to" on 2; done
	http_at inside p1
	fetches "$a" on 2
	fetches "$a6" inside p2
}

# checked CONF: CHECK agrees with the result of p1
checked() {
	cni CHECK p1 "$(jq -c --argjson r "$r1" '.prevResult = $r' <<<"$1")"
}

check_fails() {
	cni_fails 104 CHECK p1 "$(jq -c --argjson r "$r1" '.prevResult = $r' <<<"$1")"
}

# gone CONF: both pods go, each twice, once without a namespace
gone() {
	cni DEL p1 "$1"
	cni DEL p1 "$1"
	cni DEL p2 "$1" ''
	cni DEL p2 "$1"
	run inside p1 ip link show eth0
	[ "$status" -ne 0 ]
	run inside p2 ip link show eth0
	[ "$status" -ne 0 ]
	cni_nothing_left || wrong "$(cni_left)"
}

# killed_at_sends CONF: an ADD is killed before every third of its sends, beginning with any, and what it
# left is cleared: by DEL, or by the next ADD
killed_at_sends() {
	local n=$((RANDOM % 3 + 1)) sends
	pod k
	CNI_WRAP="strace -qq -o $W/trace -e trace=sendto" cni ADD k "$1" >/dev/null
	sends=$(wc -l <"$W/trace")
	cni DEL k "$1"
	[ "$sends" -ge 6 ]
	while [ "$n" -le "$sends" ]; do
		CNI_WRAP="strace -qq -o /dev/null -e trace=sendto -e inject=sendto:signal=KILL:when=$n" \
			cni ADD k "$1" >/dev/null 2>&1 || true
		if [ $((n % 2)) -eq 0 ]; then
			cni ADD k "$1" >/dev/null
		fi
		cni DEL k "$1"
		cni_nothing_left || wrong "killed before send $n: $(cni_left)"
		run inside k ip -o link
		[ "$(grep -c . <<<"$output")" -eq 1 ] || wrong "killed before send $n: $output"
		n=$((n + 3))
	done
}

@test "netkit: pods, their node and another node, both families; CHECK, DEL twice" {
	local conf host
	conf=$(of netkit)
	two_pods "$conf"
	json "$r1" '.interfaces[0].mac == null and .interfaces[1].mac == null'
	host=$(jq -r '.interfaces[0].name' <<<"$r1")
	on 1 ip -d link show "$host" | grep -q 'netkit mode l3'
	traffic
	answers "$a" on 1
	answers "$a6" on 1
	answers "$(fabric_address 1)" inside p1
	# what is not the pod's is dropped, and guards hold
	run inside p1 ip -6 neigh show nud permanent
	equal "$output" ''
	mkdir -p "$W/azure"
	fabric_serve "$W/azure"
	run inside p1 busybox nc -w 5 "$FABRIC_WIRE" 80 </dev/null
	[ "$status" -ne 0 ]
	inside p1 busybox wget -q -T 30 -O - "http://$FABRIC_WIRE:53/"
	checked "$conf"
	cni_fails 104 CHECK p1 "$(jq -c --argjson r "$r1" '.prevResult = $r | .datapath = "routed"' <<<"$conf")"
	inside p1 ip route del default
	check_fails "$conf"
	gone "$conf"
}

@test "netkit: killed, lost and collected" {
	local conf link
	conf=$(of netkit)
	killed_at_sends "$conf"
	# a host end of which no lease tells
	pod p1
	cni ADD p1 "$conf" >/dev/null
	rm -r "$CNI_STATE/$NET"
	cni GC p1 "$(jq -c '."cni.dev/valid-attachments" = []' <<<"$conf")"
	cni_nothing_left || wrong "$(cni_left)"
	# a pair that is left to the end of its namespace
	cni ADD p1 "$conf" >/dev/null
	cni DEL p1 "$(jq -c '.removal = "namespace"' <<<"$conf")"
	inside p1 ip -o link show eth0 | grep -q DOWN
	cni ADD p1 "$conf" >/dev/null
	cni DEL p1 "$conf"
	# the next ADD takes away what the last one left
	cni ADD p1 "$conf" >/dev/null
	rm -r "$CNI_STATE/$NET"
	ip netns add pod-again
	cni ADD p1 "$conf" /run/netns/pod-again >/dev/null
	nsenter --net=/run/netns/pod-again ip link show eth0
	cni DEL p1 "$conf" /run/netns/pod-again
}

@test "ipvlan: pods and another node, both families; what it cannot do; CHECK, DEL twice" {
	local conf
	cni_fails 7 ADD p0 "$(of ipvlan)" "$(pod p0 && netns_of p0)"
	[[ "$output" == *guards* ]]
	cni_fails 50 STATUS p0 "$(of ipvlan)"
	conf=$(of ipvlan "$OPEN")
	cni STATUS p0 "$conf"
	two_pods "$conf"
	json "$r1" '(.interfaces | length) == 1 and (.interfaces[0].sandbox | length) > 0 and .interfaces[0].mac == "00:0d:3a:00:00:01"'
	inside p1 ip -d link show eth0 | grep -q 'ipvlan  *mode l3s'
	equal "$(on 1 ip -o link | grep -c azc)" 0
	traffic
	equal "$(fabric_dropped 1 mac)" 0
	# rules of routing do not hold for these pods: that is why guards must be off
	mkdir -p "$W/azure"
	fabric_serve "$W/azure"
	on 1 ip rule add pref 10 to "$FABRIC_WIRE" prohibit
	inside p1 busybox wget -q -T 30 -O - "http://$FABRIC_WIRE:80/"
	on 1 ip rule del pref 10
	checked "$conf"
	# the address of another pod is refused by the kernel itself
	ip netns add pod-p3
	cni_fails 102 ADD p3 "$(jq -c --arg a "$a" '.name = "other"
		| .ipam = {type: "ranges", ranges: [[{subnet: "10.1.0.64/26", rangeStart: $a, rangeEnd: $a}]]}' <<<"$conf")"
	inside p1 ip route del default
	check_fails "$conf"
	gone "$conf"
}

@test "ipvlan: killed, lost and collected; NICs that are taken" {
	local conf
	conf=$(of ipvlan "$OPEN")
	killed_at_sends "$conf"
	# a name that is taken in the pod
	pod taken
	ip -n pod-taken link add eth0 type bridge
	cni_fails 100 ADD taken "$conf"
	equal "$(ip -n pod-taken -o link | wc -l)" 2
	# without a namespace nothing is left; GC gives the address back
	pod p1
	cni ADD p1 "$conf" >/dev/null
	ip netns delete pod-p1
	cni GC p1 "$(jq -c '."cni.dev/valid-attachments" = []' <<<"$conf")"
	cni_nothing_left || wrong "$(cni_left)"
	# one mode is of all links on a NIC
	pod p1 other
	ip -n azl-node1 link add link eth0 name theirs netns pod-other type ipvlan mode l2
	cni_fails 7 ADD p1 "$conf"
	[[ "$output" == *"theirs in /run/netns/pod-other"*"mode l2"* ]]
	cni_fails 50 STATUS p1 "$conf"
	ip netns delete pod-other
	# a NIC that is a port of a bridge
	on 1 ip link add azlbr type bridge
	on 1 ip link add azlport type veth peer name azlpeer
	on 1 ip link set azlport master azlbr
	cni_fails 7 ADD p1 "$(jq -c '.master = "azlport"' <<<"$conf")"
	[[ "$output" == *"port of a bridge"* ]]
	on 1 ip link del azlport
	on 1 ip link del azlbr
	cni DEL p1 "$conf"
}

# forwarded: packets that the node's chains of forwarding have seen
forwarded() {
	on 1 nft -j list counter inet seen forwarded | jq '.nftables[] | .counter? | select(.) | .packets'
}

count_forwarded() {
	on 1 nft -f - <<-'EOT'
		table inet seen {
		  counter forwarded { }
		  chain c { type filter hook forward priority 10; counter name forwarded; }
		}
	EOT
}

@test "flowtable: connections of both families leave the chains of forwarding" {
	local conf plain seen before
	plain=$(of routed) conf=$(of routed '.flowtable = true')
	count_forwarded
	pod slow
	seen=$(address_in "$(attach slow "$plain")")
	http_at inside slow
	before=$(forwarded)
	fetches "$seen" on 2
	before=$(($(forwarded) - before))
	cni DEL slow "$plain"
	run on 1 nft list table inet azl
	[ "$status" -ne 0 ]
	# with it, few packets of a connection pass there; both families, and between pods
	two_pods "$conf"
	on 1 nft list flowtables | grep -q eth0
	equal "$(on 1 nft list flowtables | grep -o 'azc[0-9a-f]*' | sort)" "$(on 1 ip -o link | grep -o 'azc[0-9a-f]*' | sort -u)"
	http_at inside p1
	seen=$(forwarded)
	fetches "$a" on 2
	seen=$(($(forwarded) - seen))
	echo "# packets in forward: $before without, $seen with" >&3
	[ $((seen * 2)) -lt "$before" ]
	fetches "$a6" on 2
	fetches "$a" inside p2
	checked "$conf"
	gone "$conf"
	equal "$(on 1 nft list flowtables | grep -c azc)" 0
	on 1 nft flush ruleset
}

@test "flowtable: NAT is kept; what was flushed comes back; many at once make one" {
	local conf list id pids=()
	conf=$(of routed '.flowtable = true')
	pod p0
	cni ADD p0 "$conf" >/dev/null
	list=$(list 1.0.0 '{"type": "portmap", "capabilities": {"portMappings": true}, "snat": true}' | jq -c '.plugins[0].flowtable = true')
	pod web
	chain ADD web "$list" '{"portMappings": [{"hostPort": 18080, "containerPort": 8080, "protocol": "tcp"}]}' >/dev/null
	http_at inside web
	until_ok 5 on 2 busybox wget -q -T 30 -O "$W/got" "http://$(fabric_address 1):18080/big"
	cmp "$W/got" "$W/www/big"
	chain DEL web "$list" '{"portMappings": [{"hostPort": 18080, "containerPort": 8080, "protocol": "tcp"}]}'
	on 1 nft 'add table ip masq; add chain ip masq c { type nat hook postrouting priority srcnat; }; add rule ip masq c ip saddr 10.99.0.0/24 oifname eth0 masquerade'
	pod hidden
	cni ADD hidden "$(conf 1.0.0 "$(ranges 10.99.0.0/24)" '.flowtable = true')" >/dev/null
	http_at on 2
	fetches "$(fabric_address 2)" inside hidden
	cni DEL hidden "$(conf 1.0.0 "$(ranges 10.99.0.0/24)" '.flowtable = true')"
	# one table with one rule
	on 1 nft flush ruleset
	for id in m1 m2 m3 m4 m5 m6; do pod "$id"; done
	for id in m1 m2 m3 m4 m5 m6; do
		cni ADD "$id" "$conf" >"$W/many-$id" 2>&1 &
		pids+=($!)
	done
	wait "${pids[@]}"
	equal "$(on 1 nft list flowtables | grep -o 'azc[0-9a-f]*' | sort -u | wc -l)" 6
	equal "$(on 1 nft list table inet azl | grep -c 'flow add')" 1
	for id in p0 m1 m2 m3 m4 m5 m6; do cni DEL "$id" "$conf"; done
	on 1 nft flush ruleset
}
