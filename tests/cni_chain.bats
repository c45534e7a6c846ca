# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154
# Plugins behind ours in a list, called as libcni does: what they need to find in our result, and that
# all of it goes again.

load cni

setup_file() { cni_file_begin; }
teardown_file() { cni_file_end; }
setup() { cni_begin; }
teardown() { cni_end; }

# what nerdctl and containerd hand over: names as they come
ports='{"portMappings": [{"HostPort": 18080, "ContainerPort": 8080, "Protocol": "tcp", "HostIP": ""}]}'

nat_is_gone() {
	run on 1 iptables-save -t nat
	[[ "$output" != *18080* ]]
	run on 1 nft list ruleset
	[[ "$output" != *18080* ]]
}

@test "portmap: a port of the node leads to the pod, from another node and from the node itself" {
	local l
	l=$(list 1.0.0 '{"type": "portmap", "snat": true, "capabilities": {"portMappings": true}}')
	pod p1
	chain ADD p1 "$l" "$ports"
	http_at inside p1
	on 2 busybox wget -q -T 30 -O "$W/got" "http://$(fabric_address 1):18080/big"
	cmp "$W/got" "$W/www/big"
	on 1 busybox wget -q -T 30 -O "$W/got" "http://$(fabric_address 1):18080/big"
	cmp "$W/got" "$W/www/big"
	chain DEL p1 "$l" "$ports"
	nat_is_gone
	chain DEL p1 "$l" "$ports"
}

@test "portmap with nftables" {
	local l
	grep -q cni_hostport /usr/lib/cni/portmap || skip "this portmap knows iptables alone"
	l=$(list 1.0.0 '{"type": "portmap", "backend": "nftables", "snat": true, "capabilities": {"portMappings": true}}')
	pod p1
	chain ADD p1 "$l" "$ports"
	http_at inside p1
	on 2 busybox wget -q -T 30 -O "$W/got" "http://$(fabric_address 1):18080/big"
	cmp "$W/got" "$W/www/big"
	chain DEL p1 "$l" "$ports"
	nat_is_gone
}

@test "bandwidth: shaped both ways, and nothing is left of it" {
	local l result host
	local rates='{"bandwidth": {"ingressRate": 8000000, "ingressBurst": 8000000, "egressRate": 8000000, "egressBurst": 8000000}}'
	l=$(list 1.0.0 '{"type": "bandwidth", "capabilities": {"bandwidth": true}}')
	pod p1
	result=$(chain ADD p1 "$l" "$rates")
	host=$(jq -r '.interfaces[0].name' <<<"$result")
	[[ "$(on 1 tc qdisc show dev "$host")" == *tbf* ]]
	[[ "$(on 1 tc qdisc show)" == *"dev bwp"* ]]
	inside p1 ping -q -c 1 -W 20 "$(fabric_address 2)"
	chain CHECK p1 "$l" "$rates"
	chain DEL p1 "$l" "$rates"
}

@test "tuning: another MAC and a sysctl; the pod still talks" {
	local l result
	l=$(list 1.0.0 '{"type": "tuning", "capabilities": {"mac": true}, "mtu": 1400, "sysctl": {"net.ipv4.conf.eth0.arp_announce": "2"}}')
	pod p1
	result=$(chain ADD p1 "$l" '{"mac": "02:77:77:77:77:77"}')
	json "$result" '[.interfaces[] | select(.name == "eth0")][0].mac == "02:77:77:77:77:77"'
	inside p1 ping -q -c 1 -W 20 "$(fabric_address 2)"
	on 2 ping -q -c 1 -W 20 "$(address_in "$result")"
	chain DEL p1 "$l"
}

@test "CHECK is content with a MAC address that tuning has changed" {
	local l
	l=$(list 1.0.0 '{"type": "tuning", "capabilities": {"mac": true}}')
	pod p1
	chain ADD p1 "$l" '{"mac": "02:77:77:77:77:77"}'
	chain CHECK p1 "$l" '{"mac": "02:77:77:77:77:77"}'
	# but not with another one
	inside p1 ip link set eth0 address 02:77:77:77:77:78
	run chain CHECK p1 "$l" '{"mac": "02:77:77:77:77:77"}'
	[ "$status" -ne 0 ]
	chain DEL p1 "$l"
}

@test "firewall: pods are let through a node that forwards nothing" {
	local l result
	l=$(list 1.0.0 '{"type": "firewall"}')
	on 1 iptables -P FORWARD DROP
	pod p1 p2
	chain ADD p1 "$l"
	inside p1 ping -q -c 1 -W 20 "$(fabric_address 2)"
	result=$(cni ADD p2)
	fabric_register 1 "$(address_in "$result")"
	run inside p2 ping -q -c 1 -W 1 "$(fabric_address 2)"
	[ "$status" -ne 0 ]
	on 1 iptables -P FORWARD ACCEPT
	chain CHECK p1 "$l"
	chain DEL p1 "$l"
	cni DEL p2
}

@test "sbr: a table of the pod's own" {
	local l result
	l=$(list 1.0.0 '{"type": "sbr"}')
	pod p1
	result=$(chain ADD p1 "$l")
	[[ "$(inside p1 ip rule)" == *"lookup 100"* ]]
	inside p1 ping -q -c 1 -W 20 -I "$(address_in "$result")" "$(fabric_address 2)"
	chain DEL p1 "$l"
}

@test "a list as nerdctl writes it: portmap, firewall, tuning" {
	local l id=default-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
	l=$(list 1.0.0 '{"type": "portmap", "snat": true, "capabilities": {"portMappings": true}}' \
		'{"type": "firewall"}' '{"type": "tuning"}')
	pod "$id"
	# nerdctl says DEL without a namespace before every ADD, and again afterwards
	cni DEL "$id" "$(conf)" ''
	CNI_ARGS='IgnoreUnknown=1;NERDCTL_CNI_DHCP_HOSTNAME=x;IP=10.1.0.77' chain ADD "$id" "$l" "$ports"
	equal "$(address_in "$(cat "$W/result-$id")")" 10.1.0.77
	http_at inside "$id"
	on 2 busybox wget -q -T 30 -O "$W/got" "http://$(fabric_address 1):18080/big"
	chain DEL "$id" "$l" "$ports"
	cni DEL "$id" "$(conf)" ''
}

@test "a service's address on the node leads to a pod, also from another pod of the node" {
	local b
	pod p1 p2
	attach p1
	b=$(address_in "$(attach p2)")
	http_at inside p2
	on 1 iptables -t nat -A PREROUTING -d 10.0.0.10 -p tcp --dport 80 -j DNAT --to-destination "$b:8080"
	on 1 iptables -t nat -A OUTPUT -d 10.0.0.10 -p tcp --dport 80 -j DNAT --to-destination "$b:8080"
	inside p1 busybox wget -q -T 30 -O "$W/got" http://10.0.0.10:80/big
	cmp "$W/got" "$W/www/big"
	on 1 busybox wget -q -T 30 -O "$W/got" http://10.0.0.10:80/big
	on 1 iptables -t nat -F
	cni DEL p1
	cni DEL p2
}
