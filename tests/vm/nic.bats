# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2030,SC2031,SC2154
# A NIC that is two links: a virtio NIC with failover and its PCI function stand for hv_netvsc and its VF.

load nics

setup_file() { nics_up; }
teardown_file() { nics_down; }
setup() { cni_begin; }
teardown() { cni_end; }

# All that can be seen of the function, and of what stands behind the front.
looks() {
	local link
	for link in $(nic_named function) $(nic_named standby); do
		ip -d link show dev "$link" | sed 's/ state [A-Z]*//'
		ip -o address show dev "$link" | sed 's/valid_lft.*//'
		ip route show table all dev "$link"
		tc qdisc show dev "$link"
		tc filter show dev "$link"
	done
}

@test "NIC: the front one is used whichever half is named, and the function is not touched" {
	local front function standby master result before
	front=$(nic_named front) function=$(nic_named function) standby=$(nic_named standby)
	# by this it is seen which one was taken
	ip link set "$function" mtu 1400
	ip link set "$standby" mtu 1300
	before=$(looks)
	pod p1
	for master in '' "$front" "$function" "$standby"; do
		result=$(attach p1 "$(conf 1.1.0 "$(ranges)" "if \"$master\" != \"\" then .master = \"$master\" else . end")")
		json "$result" '[.interfaces[].mtu] == [1500, 1500]'
		inside p1 ping -q -c 1 -W 5 "$(fabric_address 2)"
		cni DEL p1
		equal "$(looks)" "$before"
	done
	ip link set "$function" mtu 1500
	ip link set "$standby" mtu 1500
}

# A line each 50 ms over one connection to the neighbour, and back; what came back is in $W/heard.
talk() {
	: >"$W/heard"
	helper on 2 perl -MIO::Socket::IP -e '
		my $s = IO::Socket::IP->new(LocalPort => 7777, Proto => "tcp", Listen => 1, ReuseAddr => 1) or die;
		my $c = $s->accept; $c->autoflush; print $c $_ while <$c>;'
	until_ok 5 eval 'on 2 ss -Hltn | grep -q :7777'
	ON="exec" inside p1 perl -MIO::Socket::IP -e '
		my $s = IO::Socket::IP->new(PeerHost => $ARGV[0], PeerPort => 7777, Proto => "tcp") or die;
		$s->autoflush; $| = 1; my $n = 0;
		while (1) { print $s ++$n, "\n"; print scalar(<$s>); select(undef, undef, undef, 0.05); }' \
		"$(fabric_address 2)" </dev/null >"$W/heard" 2>/dev/null 3>&- 4>&- &
	echo $! >>"$W/helpers"
	disown $!
	goes_on
}

# Ten more lines come back.
goes_on() {
	local lines
	lines=$(wc -l <"$W/heard")
	until_ok 10 eval '[ "$(wc -l <"$W/heard")" -ge $((lines + 10)) ]'
}

@test "NIC: a pod's connection goes on while the function is removed, and when it returns" {
	local before result
	pod p1 p2
	result=$(attach p1)
	talk
	before=$(ip -j link show dev "$(nic_named function)" | jq '.[0].ifindex')
	function_remove
	goes_on
	# a pod that comes meanwhile
	attach p2
	inside p2 ping -q -c 1 -W 5 "$(fabric_address 2)"
	cni CHECK p1 "$(conf 1.0.0 "$(ranges)" ".prevResult = $result")"
	function_return
	[ "$(ip -j link show dev "$(nic_named function)" | jq '.[0].ifindex')" != "$before" ]
	ip link set "$(nic_named function)" up
	goes_on
	inside p2 ping -q -c 1 -W 5 "$(fabric_address 2)"
	equal "$(sort -n "$W/heard" | uniq -d)" ''
	links_before+=$'\n'$(node_links dev "$(nic_named function)")
	cni CHECK p1 "$(conf 1.0.0 "$(ranges)" ".prevResult = $result")"
	cni DEL p1
	cni DEL p2
}

# gives MAC: what CNS answers from now on
gives() {
	local routes='[{"IPAddress": "169.254.2.1/32"}, {"IPAddress": "0.0.0.0/0", "GatewayIPAddress": "169.254.2.1"}]'
	mkdir -p "$W/reply"
	{
		echo 'status 200 OK'
		echo
		jq -cn --arg mac "$1" --argjson routes "$routes" '{podIPInfo: [{PodIPConfig: {IPAddress: "10.1.0.30", PrefixLength: 32},
			HostPrimaryIPInfo: {Gateway: "10.1.0.1", PrimaryIP: "10.1.0.4", Subnet: "10.1.0.0/24"},
			NICType: "FrontendNIC", MacAddress: $mac, Routes: $routes}], response: {ReturnCode: 0, Message: ""}}'
	} >"$W/reply/network_requestipconfigs"
}

cns='{"type": "azure-cns"}'

# The spare NIC without its number, which a move may change.
spare() {
	ip -d -o link show dev "$(nic_named spare)" | sed 's/^[0-9]*: //; s/ state [A-Z]*//; s/qdisc [a-z_]*//'
}

@test "NIC: hardware that is given to a pod returns with its name, at DEL and when the pod's namespace ended" {
	local before given
	given=$(conf 1.0.0 "$cns" '.datapath = "nic"')
	before=$(spare)
	gives 000d3a000003
	fabric_serve_cns 1 "$W"
	fabric_stub 2 "$W/dhcp" dhcp=eth0:67
	on 2 ip address add 169.254.2.1/32 dev eth0
	pod p1
	cni ADD p1 "$given"
	run nic_named spare
	equal "$output" ''
	inside p1 ping -q -c 1 -W 5 "$(fabric_address 2)"
	cni DEL p1 "$given"
	equal "$(spare)" "$before"
	cni ADD p1 "$given"
	ip netns delete pod-p1
	# the kernel brings it home by itself; DEL gives it its name and takes its mark off
	until_ok 10 nic_named spare
	cni DEL p1 "$given"
	equal "$(spare)" "$before"
	on 2 ip address delete 169.254.2.1/32 dev eth0
}

@test "NIC: of three links with one MAC address the front is meant, and it stays the host's" {
	local front before given
	front=$(nic_named front)
	given=$(conf 1.0.0 "$cns" '.datapath = "nic"')
	before="$(ip -o address show dev "$front") $(looks)"
	gives 000d3a000001
	fabric_serve_cns 1 "$W"
	pod p1
	cni_fails 7 ADD p1 "$given"
	has "$front"
	has "default route"
	equal "$(ip -o address show dev "$front") $(looks)" "$before"
	ping -q -c 1 -W 5 "$(fabric_address 2)"
	cni DEL p1 "$given"
}
