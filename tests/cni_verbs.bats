# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154
# The verbs of the specification, through the program as a runtime calls it.

load cni

setup_file() { cni_file_begin; }
teardown_file() { cni_file_end; }
setup() { cni_begin; }
teardown() { cni_end; }

@test "VERSION names the versions, and asks for nothing else" {
	run on 1 env -i CNI_COMMAND=VERSION "$AZL_BUILD/azl-cni" <<<'{"cniVersion":"1.0.0"}'
	equal "$status" 0
	json "$output" '.supportedVersions | contains(["0.3.1", "0.4.0", "1.0.0", "1.1.0"])'
	json "$output" '.supportedVersions | contains(["0.2.0"]) | not'
	run on 1 env -i CNI_COMMAND=VERSION "$AZL_BUILD/azl-cni" </dev/null
	equal "$status" 0
}

@test "without CNI_COMMAND it says what it is" {
	run --separate-stderr on 1 env -i "$AZL_BUILD/azl-cni" </dev/null
	equal "$status" 0
	equal "$output" ''
	[[ "$stderr" == *1.1.0* ]]
}

@test "ADD makes what it says, in every version of the specification" {
	local version result
	for version in 0.3.1 0.4.0 1.0.0 1.1.0; do
		pod "p-$version"
		result=$(cni ADD "p-$version" "$(conf "$version")")
		json "$result" ".cniVersion == \"$version\""
		json "$result" '.interfaces | length == 2'
		json "$result" '.interfaces[0].sandbox // "" | . == ""'
		json "$result" ".interfaces[1] | .name == \"eth0\" and .sandbox == \"$(netns_of "p-$version")\""
		json "$result" '.ips | length == 1 and .[0].interface == 1 and (.[0].address | endswith("/32"))'
		json "$result" '[.routes[].dst] == ["0.0.0.0/0"]'
		case $version in
		0.*) json "$result" '.ips[0].version == "4" and (.interfaces[1] | has("mtu") | not)' ;;
		1.0.0) json "$result" '(.ips[0] | has("version") | not) and (.interfaces[1] | has("mtu") | not)' ;;
		*) json "$result" '.interfaces[1].mtu == 1500' ;;
		esac
		equal "$(inside "p-$version" cat /sys/class/net/eth0/address 2>/dev/null || inside "p-$version" ip -j link show eth0 | jq -r '.[0].address')" \
			"$(jq -r '.interfaces[1].mac' <<<"$result")"
		cni DEL "p-$version" "$(conf "$version")"
	done
}

@test "the pod has one address, the default route, and a neighbour that does not age" {
	local result
	pod p1
	result=$(cni ADD p1)
	equal "$(inside p1 ip -j -4 address show eth0 | jq -r '.[0].addr_info | map("\(.local)/\(.prefixlen)") | join(" ")')" \
		"$(address_in "$result")/32"
	[[ "$(inside p1 ip -4 route)" == *"default via "*"dev eth0"* ]]
	[[ "$(inside p1 ip neigh show nud permanent)" == *"$(jq -r '.interfaces[0].mac' <<<"$result")"* ]]
	[[ "$(on 1 ip -4 route show "$(address_in "$result")")" == *"dev $(jq -r '.interfaces[0].name' <<<"$result")"* ]]
	equal "$(on 1 cat "/proc/sys/net/ipv4/conf/$(jq -r '.interfaces[0].name' <<<"$result")/rp_filter")" 1
	cni DEL p1
}

@test "CHECK is content with what ADD made, and says what is wrong with it" {
	local result conf
	pod p1
	result=$(cni ADD p1)
	conf=$(conf 1.0.0 "$(ranges)" ".prevResult = $result")
	cni CHECK p1 "$conf"
	inside p1 ip route delete default
	cni_fails 104 CHECK p1 "$conf"
	cni DEL p1
	cni_fails 104 CHECK p1 "$conf"
}

@test "DEL again, with no namespace, with an empty one, and before ADD" {
	pod p1
	cni DEL p1
	cni DEL never "$(conf)" ''
	cni DEL never "$(conf)" /run/netns/none
	cni ADD p1
	cni DEL p1
	cni DEL p1
	cni ADD p1
	cni DEL p1 "$(conf)" ''
	run cni_left
	equal "$output" ''
	cni ADD p1
	ip netns delete pod-p1
	cni DEL p1
	cni DEL p1 "$(conf)" ''
}

@test "DEL after all memory of the pod was lost" {
	pod p1
	cni ADD p1
	rm -rf "$CNI_STATE"
	cni DEL p1 "$(conf)" ''
}

@test "an ADD after DEL of the same name works, an ADD without it is refused" {
	local first
	pod p1
	first=$(cni ADD p1)
	cni_fails 100 ADD p1
	inside p1 ip link show eth0
	equal "$(inside p1 ip -j -4 address show eth0 | jq -r '.[0].addr_info[0].local')" "$(address_in "$first")"
	cni DEL p1
	cni ADD p1
	cni DEL p1
}

@test "an interface that is there already is not ours to take" {
	pod p1
	inside p1 ip link add eth0 type veth peer name other
	cni_fails 100 ADD p1
	inside p1 ip link show eth0
	run cni_left
	equal "$output" ''
	cni DEL p1
	inside p1 ip link show eth0
}

@test "two interfaces of one pod" {
	pod p1
	cni ADD p1
	cni ADD p1 "$(conf 1.0.0 "$(ranges)" '.routes = []')" "$(netns_of p1)" eth1
	inside p1 ip link show eth1
	cni DEL p1 "$(conf)" "$(netns_of p1)" eth1
	inside p1 ip link show eth0
	cni DEL p1
}

@test "ids that begin alike are two" {
	pod 0123456789aaaa 0123456789bbbb
	[ "$(address_in "$(cni ADD 0123456789aaaa)")" != "$(address_in "$(cni ADD 0123456789bbbb)")" ]
	cni DEL 0123456789aaaa
	inside 0123456789bbbb ip link show eth0
	cni DEL 0123456789bbbb
}

@test "GC removes what is not on the list, and nothing when there is no list" {
	local keep
	pod p1 p2
	keep=$(address_in "$(cni ADD p1 "$(conf 1.1.0)")")
	cni ADD p2 "$(conf 1.1.0)"
	cni_fails 7 GC x "$(conf 1.1.0)"
	inside p2 ip link show eth0
	cni GC x "$(conf 1.1.0 "$(ranges)" '."cni.dev/valid-attachments" = [{containerID: "p1", ifname: "eth0"}]')"
	run inside p2 ip link show eth0
	[ "$status" -ne 0 ]
	equal "$(inside p1 ip -j -4 address show eth0 | jq -r '.[0].addr_info[0].local')" "$keep"
	equal "$(cni_held | wc -l)" 1
	cni GC x "$(conf 1.1.0 "$(ranges)" '."cni.dev/attachments" = []')"
	run cni_left
	equal "$output" ''
}

@test "reconcile gives back all that is held for nobody, and nothing of the living" {
	local keep host conf
	# a guard that lets a pod pass, for one that is gone without DEL
	conf=$(conf 1.0.0 "$(ranges)" '.guards = {wireserver: false}')
	pod p1 p2 p3
	keep=$(address_in "$(cni ADD p1)")
	cni ADD p2 "$conf"
	host=$(on 1 ip -j link show group 0x415a43 | jq -r --arg a p2/eth0 '.[] | select(.ifalias == $a) | .ifname')
	[[ "$(on 1 ip rule)" == *"iif $host"* ]]
	# the lease of one is lost with all that it knew, its namespace lives; the namespace of the other ended
	cni ADD p3
	rm -f "$CNI_STATE/$NET/leases/$(printf 'p3\0eth0' | sha256sum | cut -c1-64).json"
	ip netns delete pod-p2
	until_ok 5 eval '! on 1 ip link show "$host" >/dev/null 2>&1'
	on 1 env -i "$AZL_BUILD/azl-cni" reconcile
	equal "$(on 1 ip -j link show group 0x415a43 | jq '[.[] | select(.ifname)] | length')" 1
	[[ "$(on 1 ip rule)" != *"iif azc"* ]]
	equal "$(cni_held | wc -l)" 1
	equal "$(inside p1 ip -j -4 address show eth0 | jq -r '.[0].addr_info[0].local')" "$keep"
	equal "$(on 1 env -i "$AZL_BUILD/azl-cni" reconcile)" '0 undone'
	cni DEL p1
	# nobody is left who has a configuration: that of the runtime's folder will do
	cni ADD p1
	rm -f "$CNI_STATE/$NET"/leases/*
	mkdir -p /etc/cni/net.d
	conf 1.0.0 >/etc/cni/net.d/99-azl-test.conf
	on 1 env -i "$AZL_BUILD/azl-cni" reconcile
	rm /etc/cni/net.d/99-azl-test.conf
	run cni_held
	equal "$output" ''
	run cni_left
	equal "$output" ''
}

@test "a sandbox that is made again gives back what the one before held, when that is gone" {
	local small id
	small=$(conf 1.0.0 "$(ranges 10.1.0.64/29)")
	export CNI_ARGS='IgnoreUnknown=1;K8S_POD_UID=0a1b2c3d-0000-1111-2222-333344445555;K8S_POD_NAME=p'
	for id in 1 2 3 4 5 6 7 8; do
		pod "s$id"
		cni ADD "s$id" "$small"
		[ "$(cni_held | wc -l)" -eq 1 ]
		ip netns delete "pod-s$id"
	done
	# one that lives keeps what it has, though it is of the same pod
	pod s9 s10
	cni ADD s9 "$small"
	cni ADD s10 "$small"
	equal "$(cni_held | wc -l)" 2
	inside s9 ip link show eth0
	cni DEL s9 "$small"
	cni DEL s10 "$small"
	equal "$(find "$CNI_STATE/$NET/pods" -type l | wc -l)" 0
}

@test "STATUS says whether an ADD could be served" {
	run --separate-stderr cni STATUS x "$(conf 1.1.0)"
	equal "$status$output" 0
	cni_fails 50 STATUS x "$(conf 1.1.0 "$(ranges)" '.master = "none0"')"
	on 1 ip link set eth0 down
	on 1 ip route
	cni_fails 50 STATUS x "$(conf 1.1.0)" || {
		on 1 ip link set eth0 up
		on 1 ip route add default via 10.1.0.1
		return 1
	}
	on 1 ip link set eth0 up
	on 1 ip route add default via 10.1.0.1
	on 1 ip route add default via "$FABRIC_GATEWAY6" dev eth0 || true
	on 1 ip address add "$(fabric_address6 1)/128" dev eth0 nodad || true
}

@test "verbs that a version does not know are refused" {
	cni_fails 1 GC x "$(conf 1.0.0)"
	cni_fails 1 STATUS x "$(conf 1.0.0)"
	pod p1
	cni_fails 1 CHECK p1 "$(conf 0.3.1)"
	cni_fails 1 ADD p1 "$(conf 9.0.0)"
	cni_fails 1 ADD p1 "$(conf 0.2.0)"
}

@test "what is wrong with the environment is said with the variable's name" {
	pod p1
	run on 1 env -i CNI_COMMAND=ADD "$AZL_BUILD/azl-cni" <<<"$(conf)"
	[ "$status" -ne 0 ]
	json "$output" '.code == 4 and ([.msg | contains("CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH")] | all)'
	cni_fails 4 WHAT p1
	cni_fails 4 ADD '../p1' "$(conf)" "$(netns_of p1)"
	cni_fails 4 ADD p1 "$(conf)" "$(netns_of p1)" name-that-is-too-long
	cni_fails 4 ADD p1 "$(conf)" "$(netns_of p1)" 'a/b'
	cni_fails 4 ADD p1 "$(conf)" "$(netns_of p1)" ..
	echo no namespace >"$W/file"
	cni_fails 8 ADD p1 "$(conf)" "$W/file"
	cni_fails 8 ADD p1 "$(conf)" /run/netns/none
	cni_fails 8 ADD p1 "$(conf)" /run/netns/azl-node1
}

@test "what is wrong with the configuration is said with its key" {
	local filter
	pod p1
	run on 1 env CNI_COMMAND=ADD CNI_CONTAINERID=p1 CNI_NETNS="$(netns_of p1)" CNI_IFNAME=eth0 CNI_PATH="$CNI_BIN" \
		"$AZL_BUILD/azl-cni" <<<'{"cniVersion":'
	[ "$status" -ne 0 ]
	json "$output" '.code == 6'
	for filter in '.name = "a/b"' '.datapath = "bridge"' '.datapath = "macvlan"' '.mtu = -1' \
		'.ipam.ranges[0][0].subnet = "10.1.0.0/33"' '.ipam.type = "../../bin/sh"'; do
		echo "$filter"
		cni_fails 7 ADD p1 "$(conf 1.0.0 "$(ranges)" "$filter")"
		json "$output" ".msg | contains(\"$(sed 's/ = .*//; s/.*[.]//; s/\[.*//' <<<"$filter")\")"
	done
	run cni_left
	equal "$output" ''
}

@test "an address and a MAC that are asked for are given" {
	local result
	pod p1 p2
	result=$(CNI_ARGS='IgnoreUnknown=1;IP=10.1.0.99;MAC=02:11:22:33:44:55;K8S_POD_NAME=x' cni ADD p1)
	equal "$(address_in "$result")" 10.1.0.99
	json "$result" '.interfaces[1].mac == "02:11:22:33:44:55"'
	CNI_ARGS='IP=10.1.0.99' cni_fails 102 ADD p2
	CNI_ARGS='IP=10.9.0.99' cni_fails 7 ADD p2
	result=$(cni ADD p2 "$(conf 1.0.0 "$(ranges)" '.runtimeConfig = {ips: ["10.1.0.100/24"], mac: "02:11:22:33:44:66"}')")
	equal "$(address_in "$result")" 10.1.0.100
	json "$result" '.interfaces[1].mac == "02:11:22:33:44:66"'
	cni DEL p1
	cni DEL p2
}

@test "ranges that are used up say so, and give again what was given back" {
	local small id
	small=$(conf 1.0.0 "$(ranges 10.1.0.64/29)")
	for id in 1 2 3 4 5; do
		pod "p$id"
		cni ADD "p$id" "$small"
	done
	pod p6
	cni_fails 101 ADD p6 "$small"
	cni DEL p3 "$small"
	cni ADD p6 "$small"
	for id in 1 2 4 5 6; do cni DEL "p$id" "$small"; done
}

@test "an address that somebody has is not given out" {
	local small
	small=$(conf 1.0.0 "$(ranges 10.1.0.64/29)")
	on 1 ip address add 10.1.0.66/32 dev lo
	pod p1
	[ "$(address_in "$(cni ADD p1 "$small")")" != 10.1.0.66 ]
	cni DEL p1 "$small"
	on 1 ip address delete 10.1.0.66/32 dev lo
}

@test "host-local gives the addresses and gets them back" {
	local conf result
	conf=$(conf 1.0.0 "$(host_local)")
	pod p1
	result=$(attach p1 "$conf")
	json "$result" '.ips[0].address | endswith("/32")'
	inside p1 ping -q -c 1 -W 20 "$(fabric_address 2)"
	[ -e "/var/lib/cni/networks/$NET/$(address_in "$result")" ]
	cni CHECK p1 "$(jq -c --argjson r "$result" '.prevResult = $r' <<<"$conf")"
	cni DEL p1 "$conf"
	[ ! -e "/var/lib/cni/networks/$NET/$(address_in "$result")" ]
}

@test "host-local gets back what the dead hold: by reconcile, by GC, when a sandbox is made again" {
	local conf first
	conf=$(conf 1.0.0 "$(host_local)")
	pod p1 p2
	first=$(address_in "$(cni ADD p1 "$conf")")
	[ -e "/var/lib/cni/networks/$NET/$first" ]
	ip netns delete pod-p1
	equal "$(on 1 env -i "$AZL_BUILD/azl-cni" reconcile)" '1 undone'
	[ ! -e "/var/lib/cni/networks/$NET/$first" ]
	first=$(address_in "$(cni ADD p2 "$conf")")
	# what it makes of GC itself is its own matter
	run cni GC x "$(conf 1.1.0 "$(host_local)" '."cni.dev/valid-attachments" = []')"
	[ ! -e "/var/lib/cni/networks/$NET/$first" ]
	export CNI_ARGS='IgnoreUnknown=1;K8S_POD_UID=0a1b2c3d-0000-1111-2222-333344445555;K8S_POD_NAME=p;K8S_POD_NAMESPACE=n'
	pod s1 s2
	first=$(address_in "$(cni ADD s1 "$conf")")
	ip netns delete pod-s1
	cni ADD s2 "$conf"
	[ ! -e "/var/lib/cni/networks/$NET/$first" ]
	cni DEL s2 "$conf"
	run cni_left
	equal "$output" ''
}

@test "when the interface cannot be made, the IPAM plugin gets its address back" {
	pod p1
	inside p1 ip link add eth0 type veth peer name other
	cni_fails 100 ADD p1 "$(conf 1.0.0 "$(host_local)")"
	run cni_left
	equal "$output" ''
}

@test "an IPAM plugin that is not there is named" {
	pod p1
	run cni ADD p1 "$(conf 1.0.0 '{"type": "no-such-ipam"}')"
	[ "$status" -ne 0 ]
	json "$output" '.code > 0 and (.msg | contains("no-such-ipam"))'
}
