# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154
# Pods with NICs of their own (SwiftV2): one reply of CNS names the way through the host and the NICs.
# Here a NIC is one end of a veth pair: it moves as a NIC does, but ends with its namespace.

load cni

setup_file() { cni_file_begin; }
teardown_file() { cni_file_end; }
setup() {
	cni_begin
	S=$W/azure
	mkdir -p "$S/reply"
	cns=$(conf 1.1.0 '{"type": "azure-cns"}')
	fabric_nic 1 nic1 "$MAC1" 10.1.0.30 fd01::30
	fabric_nic 1 nic2 "$MAC2" 10.1.0.31
	nics_before=$(nics)
}
teardown() {
	local link
	fabric_serve_no_more
	for link in nic1 nic2; do
		fabric_no_nic 1 "$link"
	done
	cni_end
}

MAC1=00:0d:3a:00:00:a1
MAC2=00:0d:3a:00:00:a2

# What the host sees of them: name, MAC, alias, up or down.
nics() {
	on 1 ip -j -d link show | jq -c --arg a "$MAC1" --arg b "$MAC2" '[.[]
		| select(.address == $a or .address == $b) | [.ifname, .address, .ifalias, (.flags | contains(["UP"]))]] | sort'
}

entry() {
	jq -cn --arg ip "$1" --arg nic "$2" --arg mac "$3" --argjson routes "${4:-null}" --argjson more "${5:-"{}"}" \
		'{PodIPConfig: {IPAddress: $ip, PrefixLength: 32}, NetworkContainerPrimaryIPConfig: {DNSServers: ["168.63.129.16"]},
		HostPrimaryIPInfo: {Gateway: "10.1.0.1", PrimaryIP: "10.1.0.4", Subnet: "10.1.0.0/24"},
		NICType: $nic, MacAddress: $mac, Routes: $routes} + $more'
}

frontend_routes='[{"IPAddress":"169.254.2.1/32","GatewayIPAddress":""},{"IPAddress":"0.0.0.0/0","GatewayIPAddress":"169.254.2.1"}]'
infra=$(entry 10.1.0.10 InfraNIC '' '[{"IPAddress":"10.1.0.4/32","GatewayIPAddress":"169.254.1.1"}]' '{"SkipDefaultRoutes": true}')

# gives ENTRY...: what CNS answers from now on
gives() {
	mkdir -p "$S/reply"
	{
		echo 'status 200 OK'
		echo
		jq -cs '{podIPInfo: ., response: {ReturnCode: 0, Message: ""}}' <<<"$(printf '%s\n' "$@")"
	} >"$S/reply/network_requestipconfigs"
}

frontend() {
	entry 10.1.0.30 "${1:-FrontendNIC}" "${2:-000D3A0000A1}" "$frontend_routes" \
		'{"NetworkContainerIPv6Config": {"IPSubnet": {"IPAddress": "fd01::30", "PrefixLength": 128}, "GatewayIPv6Address": "fe80::1234:5678:9abc"}}'
}

serve() {
	fabric_serve_cns 1 "$S"
	fabric_serve_dhcp "$W/dhcp" nic1 nic2
}

check() {
	cni CHECK p1 "$(jq -c --argjson r "$1" '.prevResult = $r' <<<"$cns")"
}

@test "a pod with the host's way and a NIC of its own: both talk, and the NIC comes back" {
	local result
	gives "$(frontend)" "$infra"
	serve
	pod p1
	result=$(cni ADD p1 "$cns") || wrong "$result"
	fabric_register 1 10.1.0.10
	json "$result" '[.interfaces[].name][1:] == ["eth0", "eth1"]'
	json "$result" '[.ips[] | [.address, .interface]] == [["10.1.0.10/32", 1], ["10.1.0.30/32", 2], ["fd01::30/128", 2]]'
	json "$result" ".interfaces[2].mac == \"$MAC1\" and .interfaces[2].sandbox == \"$(netns_of p1)\""
	# the order of entries does not matter: the default route is the NIC's, the host is behind eth0
	[[ "$(inside p1 ip route get 10.1.0.5)" == *"via 169.254.2.1 dev eth1"* ]]
	[[ "$(inside p1 ip route get 10.1.0.4)" == *"dev eth0"* ]]
	[[ "$(inside p1 ip -6 route get fd01::5)" == *"dev eth1"* ]]
	inside p1 ping -q -c 1 -W 20 "$(fabric_address 2)"
	inside p1 ping -q -c 1 -W 20 "$(fabric_address6 2)"
	inside p1 ping -q -c 1 -W 20 -I 10.1.0.10 "$(fabric_address 1)"
	on 2 ping -q -c 1 -W 20 10.1.0.30
	# the host was asked for an address, and only so knows the NIC
	grep -q "dhcp DISCOVER $MAC1" "$W/dhcp/log"
	check "$result"
	cni DEL p1 "$cns"
	equal "$(nics)" "$nics_before"
	equal "$(requests releaseipconfig)" 1
}

# As cni_left, without the NICs: their numbers change as they move.
left() {
	cni_left | grep -v ': nic[12]@' || true
}

requests() {
	grep -c "$1" "$S/log" 2>/dev/null || true
}

@test "two NICs, one of them for RDMA without addresses, and one that is no link" {
	local result
	gives "$infra" "$(frontend FrontendNIC_Accelnet 00-0d-3a-00-00-a1)" \
		"$(entry '' BackendNIC 00:0d:3a:00:00:A2 null '{"PnPID": "0001:00:02.0"}')" \
		"$(entry '' BackendNIC 00:0d:3a:00:00:A3 null '{"PnPID": "0002:00:02.0"}')"
	serve
	pod p1
	result=$(cni ADD p1 "$cns") || wrong "$result"
	json "$result" '[.interfaces[] | [.name, .sandbox != null, .pciID]][1:] ==
		[["eth0", true, null], ["eth1", true, null], ["ib0", true, "0001:00:02.0"], ["ib1", false, "0002:00:02.0"]]'
	equal "$(inside p1 ip -j address show ib0 | jq -r '.[0].address, ([.[0].addr_info[] | select(.family == "inet")] | length)' | xargs)" "$MAC2 0"
	check "$result"
	# each of them is looked at
	inside p1 ip link set ib0 down
	run check "$result"
	[ "$status" -ne 0 ]
	json "$output" '.code == 104 and (.msg | contains("ib0"))'
	inside p1 ip link set ib0 up
	check "$result"
	inside p1 ip address delete 10.1.0.30/32 dev eth1
	run check "$result"
	json "$output" '.code == 104 and (.msg | contains("10.1.0.30"))'
	cni DEL p1 "$cns"
	equal "$(nics)" "$nics_before"
}

@test "a NIC that nobody knows on its wire is not given: the network is not ready" {
	local begun=$SECONDS
	gives "$infra" "$(frontend)"
	serve
	touch "$W/dhcp/nodhcp"
	pod p1
	cni_fails 11 ADD p1 "$cns"
	json "$output" '.msg | contains("network is not ready")'
	[ $((SECONDS - begun)) -le 30 ]
	equal "$(nics)" "$nics_before"
	run inside p1 ip link show eth0
	[ "$status" -ne 0 ]
	run left
	equal "$output" ''
}

@test "replies that cannot be right are refused, and nothing is held" {
	local why
	serve
	pod p1
	for why in \
		"$(entry 10.1.0.10 InfraNIC '')|$(frontend)|7|default route" \
		"$infra|$(entry 10.1.0.30 FrontendNIC 000D3A0000A1)|7|no routes" \
		"$infra|$(entry 10.1.0.30 FrontendNIC '' "$frontend_routes")|7|MAC" \
		"$infra|$(frontend ApipaNIC)|103|ApipaNIC" \
		"$infra|$(frontend FrontendNIC 000D3A0000AF)|50|00:0d:3a:00:00:af" \
		"$infra|$(frontend FrontendNIC 000D3A000001)|7|default route" \
		"$(frontend)|$(entry '' BackendNIC 000D3A0000A2)|7|use"; do
		IFS='|' read -r a b code text <<<"$why"
		gives "$a" "$b"
		echo "$code $text"
		cni_fails "$code" ADD p1 "$cns"
		json "$output" ".msg | contains(\"$text\")"
		equal "$(nics)" "$nics_before"
		run left
		equal "$output" ''
	done
}

@test "datapath nic: the first NIC is the pod's interface" {
	local result conf
	conf=$(jq -c '.datapath = "nic"' <<<"$cns")
	gives "$(frontend)"
	serve
	pod p1
	result=$(cni ADD p1 "$conf") || wrong "$result"
	json "$result" '[.interfaces[].name] == ["eth0"] and [.ips[].interface] == [0, 0]'
	inside p1 ping -q -c 1 -W 20 "$(fabric_address 2)"
	cni CHECK p1 "$(jq -c --argjson r "$result" '.prevResult = $r' <<<"$conf")"
	gives "$infra" "$(frontend)"
	cni DEL p1 "$conf"
	equal "$(nics)" "$nics_before"
	cni_fails 7 ADD p1 "$conf"
	json "$output" '.msg | contains("routed")'
}

@test "the NIC comes back without a lease, without a namespace's path, and to a name that is taken" {
	gives "$infra" "$(frontend)"
	serve
	pod p1
	cni ADD p1 "$cns"
	rm -rf "$CNI_STATE"
	cni DEL p1 "$cns"
	equal "$(nics)" "$nics_before"
	cni ADD p1 "$cns"
	cni DEL p1 "$cns" ''
	equal "$(nics)" "$nics_before"
	cni ADD p1 "$cns"
	on 1 ip link add nic1 type veth peer name other
	cni DEL p1 "$cns"
	json "$(nics)" "map(select(.[1] == \"$MAC1\"))[0] | .[0] != \"nic1\" and .[2] == null and .[3] == false"
	on 1 ip link delete nic1
	on 1 ip link set "$(nics | jq -r "map(select(.[1] == \"$MAC1\"))[0][0]")" name nic1
	equal "$(nics)" "$nics_before"
}

@test "DEL after the namespace has ended succeeds, and GC and reconcile put a NIC in order that came back" {
	local mark
	gives "$infra" "$(frontend)"
	serve
	pod p1
	cni ADD p1 "$cns"
	mark=$(inside p1 ip -j link show eth1 | jq -r '.[0].ifalias')
	ip netns delete pod-p1
	cni DEL p1 "$cns"
	run left
	equal "$output" ''
	# the kernel gives hardware back to the host as it was in the pod, under any name
	for how in gc reconcile add; do
		on 1 ip link set nic2 down
		on 1 ip link set nic2 name dev7
		on 1 ip link set dev7 alias "${mark/nic1/nic2}"
		case $how in
		gc) cni GC x "$(jq -c '."cni.dev/valid-attachments" = []' <<<"$cns")" ;;
		reconcile) on 1 env -i "$AZL_BUILD/azl-cni" reconcile ;;
		add)
			pod p2
			gives "$infra" "$(frontend FrontendNIC 000D3A0000A2)"
			cni ADD p2 "$cns"
			cni DEL p2 "$cns"
			;;
		esac
		equal "$(on 1 ip -j link show nic2 | jq -r '.[0].ifalias // ""')" ''
	done
}

@test "ADD and DEL with NICs, killed before any of their system calls: all of them come back" {
	local verb name nth n i
	gives "$infra" "$(frontend)" "$(entry '' BackendNIC 000D3A0000A2)"
	serve
	pod p1
	for verb in ADD DEL; do
		[ "$verb" = ADD ] || cni ADD p1 "$cns" >/dev/null
		CNI_WRAP="strace -qq -o $W/trace" cni "$verb" p1 "$cns" >/dev/null
		cni DEL p1 "$cns"
		i=$((RANDOM % ${AZL_KILLS:-5})) n=0
		kill_points "$W/trace" | awk -v i="$i" -v s="${AZL_KILLS:-5}" 'NR % s == i' >"$W/points"
		[ "$(wc -l <"$W/points")" -gt 20 ]
		while read -r name nth; do
			n=$((n + 1))
			[ "$verb" = ADD ] || cni ADD p1 "$cns" >/dev/null </dev/null
			CNI_WRAP="strace -qq -o /dev/null -e trace=$name -e inject=$name:signal=KILL:when=$nth" \
				cni "$verb" p1 "$cns" >/dev/null 2>&1 </dev/null || true
			cni DEL p1 "$cns" </dev/null
			if [ "$(nics)" != "$nics_before" ] || [ -n "$(left)" ]; then
				echo "$verb killed before $name number $nth: $(nics) $(left)"
				return 1
			fi
		done <"$W/points"
		echo "# $verb killed $n times" >&3
	done
}
