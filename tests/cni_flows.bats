# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2030,SC2031,SC2154
# Much at once and the ways around: great transfers at every MTU, services, ports of the node from everywhere,
# lists with all plugins, and nodes that forbid netfilter.

load cni

setup_file() {
	cni_file_begin
	head -c 67108864 /dev/urandom >"$C/64M"
	sha256sum <"$C/64M" >"$C/64M.sum"
}
teardown_file() { cni_file_end; }
setup() { cni_begin; }
teardown() {
	mtu 1500
	cni_end
}

# Of every NIC of the fabric.
mtu() {
	local n
	for n in 1 2; do
		ip -n azl-fabric link set "vnic$n" mtu "$1"
		ip -n "azl-node$n" link set eth0 mtu "$1"
	done
}

# brings ADDRESS WHERE...: 64 MiB from there
brings() {
	equal "$("${@:2}" busybox wget -q -T 20 -O - "http://$1:8080/64M" | sha256sum)" "$(cat "$C/64M.sum")"
}

serve() {
	mkdir -p "$W/www"
	ln -sf "$C/64M" "$W/www/64M"
	http_at "$@"
}

# 64 MiB each way between a pod and another node, the node, and another pod, at an MTU.
transfers() {
	local a b big=$1
	mtu "$big"
	pod p1 p2
	a=$(address_in "$(attach p1)")
	b=$(address_in "$(attach p2)")
	equal "$(inside p1 cat /sys/class/net/eth0/mtu 2>/dev/null || inside p1 ip -j link show eth0 | jq '.[0].mtu')" "$big"
	serve inside p1
	serve on 2
	brings "$a" on 2
	brings "$a" on 1
	brings "$a" inside p2
	brings "$(fabric_address 2)" inside p2
	# whole packets, and no greater ones
	inside p1 ping -q -c 1 -W 20 -M "do" -s $((big - 28)) "$(fabric_address 2)"
	inside p1 ping -q -c 1 -W 20 -M "do" -s $((big - 28)) "$b"
	run ! inside p1 ping -q -c 1 -W 1 -M "do" -s $((big - 27)) "$(fabric_address 2)"
	# a datagram in fragments
	inside p1 ping -q -c 1 -W 20 -M dont -s 20000 "$(fabric_address 2)"
	cni DEL p1
	cni DEL p2
}

@test "64 MiB arrive whole both ways: to another node, the node, another pod, MTU 1500" {
	transfers 1500
}

@test "64 MiB arrive whole both ways: to another node, the node, another pod, MTU 9000" {
	transfers 9000
}

@test "seen from inside: one address alone, a default route, and nothing else" {
	local a
	pod p1
	a=$(address_in "$(attach p1)")
	equal "$(inside p1 ip -o link | awk -F': ' '{ print $2 }' | sed 's/@.*//' | tr '\n' ' ')" "lo eth0 "
	equal "$(inside p1 ip -o -4 addr show dev eth0 | awk '{ print $4 }')" "$a/32"
	equal "$(inside p1 ip route | sort | sed 's/ *$//')" "169.254.1.1 dev eth0 proto 172 scope link
default via 169.254.1.1 dev eth0 proto 172"
	equal "$(inside p1 ip route get "$(fabric_address 2)" | head -n 1 | sed 's/ uid.*//; s/ *$//')" \
		"$(fabric_address 2) via 169.254.1.1 dev eth0 src $a"
	equal "$(inside p1 ip rule | wc -l)" 3
	cni DEL p1
}

@test "a pod with two interfaces: both are reached and speak, by IPv4 and IPv6; the first keeps the default route" {
	local one two first second from
	one=$(conf 1.0.0 "$(ranges 10.1.0.64/26 fd01::100/120)")
	two=$(NET=second conf 1.0.0 "$(ranges 10.1.0.128/26 fd01::200/120)")
	pod p1 p2
	first=$(cni ADD p1 "$one")
	second=$(cni ADD p1 "$two" "$(netns_of p1)" eth1)
	attach p2
	for from in "$(address_in "$first")" "$(address_in "$second")" "$(address_in "$first" 6)" "$(address_in "$second" 6)"; do
		fabric_register 1 "$from"
		on 1 ping -q -c 1 -W 20 "$from"
		on 2 ping -q -c 1 -W 20 "$from"
		[[ $from == *:* ]] || inside p2 ping -q -c 1 -W 20 "$from"
	done
	inside p1 ping -q -c 1 -W 20 -I "$(address_in "$second")" "$(fabric_address 2)"
	inside p1 ping -q -c 1 -W 20 -I "$(address_in "$second" 6)" "$(fabric_address6 2)"
	[[ "$(inside p1 ip route get "$(fabric_address 2)")" == *"dev eth0"* ]]
	[[ "$(inside p1 ip -6 route get "$(fabric_address6 2)")" == *"dev eth0"* ]]
	cni CHECK p1 "$(jq -c --argjson r "$first" '.prevResult = $r' <<<"$one")"
	cni CHECK p1 "$(jq -c --argjson r "$second" '.prevResult = $r' <<<"$two")" "$(netns_of p1)" eth1
	cni DEL p1 "$two" "$(netns_of p1)" eth1
	[[ "$(inside p1 ip route get "$(fabric_address 2)")" == *"dev eth0"* ]]
	inside p1 ping -q -c 1 -W 20 "$(fabric_address 2)"
	cni DEL p1 "$one"
	cni DEL p2
}

# service HOW ADDRESS: 10.0.0.10:80 leads there, as kube-proxy does it
service() {
	if [ "$1" = nft ]; then
		on 1 nft -f - <<-EOF
			table ip azl-test {
			  chain pre { type nat hook prerouting priority dstnat; ip daddr 10.0.0.10 tcp dport 80 dnat to $2:8080; }
			  chain out { type nat hook output priority -100; ip daddr 10.0.0.10 tcp dport 80 dnat to $2:8080; }
			  chain post { type nat hook postrouting priority srcnat; ct status dnat ip saddr $2 ip daddr $2 masquerade; }
			}
		EOF
	else
		on 1 iptables -t nat -A PREROUTING -d 10.0.0.10 -p tcp --dport 80 -j DNAT --to-destination "$2:8080"
		on 1 iptables -t nat -A OUTPUT -d 10.0.0.10 -p tcp --dport 80 -j DNAT --to-destination "$2:8080"
		on 1 iptables -t nat -A POSTROUTING -m conntrack --ctstate DNAT -s "$2" -d "$2" -j MASQUERADE
	fi
}

service_no_more() {
	on 1 nft delete table ip azl-test 2>/dev/null || on 1 iptables -t nat -F
}

@test "a service leads to a pod: from a pod, from the node, and from the very pod behind it" {
	local b how
	pod p1 p2
	attach p1
	b=$(address_in "$(attach p2)")
	http_at inside p2
	for how in iptables nft; do
		service $how "$b"
		for where in "inside p1" "on 1" "inside p2"; do
			$where busybox wget -q -T 30 -O "$W/got" http://10.0.0.10:80/big || wrong "$how, $where"
			cmp "$W/got" "$W/www/big"
		done
		service_no_more
	done
	cni DEL p1
	cni DEL p2
}

# portmap's back ends that this node has
backends() {
	echo iptables
	! grep -q cni_hostport /usr/lib/cni/portmap || echo nftables
}

@test "portmap: from the node, a pod, the very pod, another node; TCP and UDP; every back end" {
	local l backend where
	local ports='{"portMappings": [
		{"HostPort": 18080, "ContainerPort": 8080, "Protocol": "tcp", "HostIP": ""},
		{"HostPort": 18081, "ContainerPort": 5353, "Protocol": "udp", "HostIP": ""}]}'
	for backend in $(backends); do
		l=$(list 1.0.0 "{\"type\": \"portmap\", \"backend\": \"$backend\", \"snat\": true, \"capabilities\": {\"portMappings\": true}}")
		pod p1 p2
		chain ADD p1 "$l" "$ports"
		attach p2
		http_at inside p1
		udp_echo_at "$(address_in "$(cat "$W/result-p1")")" inside p1
		for where in "on 1" "on 2" "inside p2" "inside p1"; do
			$where busybox wget -q -T 30 -O "$W/got" "http://$(fabric_address 1):18080/big" || wrong "$backend, $where"
			cmp "$W/got" "$W/www/big"
		done
		for where in "on 2" "inside p2"; do
			[[ "$(UDP_PORT=18081 udp "$(fabric_address 1)" hello $where)" == *" hello" ]] || wrong "$backend, UDP, $where"
		done
		chain DEL p1 "$l" "$ports"
		run on 2 busybox wget -q -T 1 -O - "http://$(fabric_address 1):18080/big"
		[ "$status" -ne 0 ]
		cni DEL p2
		pods_remove
		kill_helpers
	done
}

@test "portmap with IPv6 leads to the pod's other address" {
	local l conf result
	local ports='{"portMappings": [{"HostPort": 18080, "ContainerPort": 8080, "Protocol": "tcp", "HostIP": ""}]}'
	l=$(list 1.0.0 '{"type": "portmap", "snat": true, "capabilities": {"portMappings": true}}' |
		jq -c --argjson ipam "$(ranges 10.1.0.64/26 fd01::100/120)" '.plugins[0].ipam = $ipam')
	pod p1
	result=$(chain ADD p1 "$l" "$ports")
	fabric_register 1 "$(address_in "$result" 6)"
	http_at inside p1
	on 2 busybox wget -q -T 30 -O "$W/got" "http://[$(fabric_address6 1)]:18080/big"
	cmp "$W/got" "$W/www/big"
	chain DEL p1 "$l" "$ports"
}

@test "tuning: a pod with another MAC is reached before it has said anything, and speaks, by IPv4 and IPv6" {
	local l result a4 a6
	l=$(list 1.0.0 '{"type": "tuning", "capabilities": {"mac": true}}' |
		jq -c --argjson ipam "$(ranges 10.1.0.64/26 fd01::100/120)" '.plugins[0].ipam = $ipam')
	pod p1 p2
	result=$(chain ADD p1 "$l" '{"mac": "02:77:77:77:77:77"}')
	a4=$(address_in "$result") a6=$(address_in "$result" 6)
	fabric_register 1 "$a6"
	on 2 ping -q -c 1 -W 20 "$a4"
	on 2 ping -q -c 1 -W 20 "$a6"
	chain CHECK p1 "$l" '{"mac": "02:77:77:77:77:77"}'
	result=$(chain ADD p2 "$l" '{"mac": "02:77:77:77:77:78"}')
	fabric_register 1 "$(address_in "$result" 6)"
	inside p2 ping -q -c 1 -W 20 "$(fabric_address6 2)"
	inside p2 ping -q -c 1 -W 20 "$(fabric_address 2)"
	chain DEL p1 "$l"
	chain DEL p2 "$l"
}

@test "all of them in one list, with the newest version: portmap, bandwidth, tuning, firewall, sbr; ADD, CHECK, DEL" {
	local l version=1.0.0
	local given='{"portMappings": [{"HostPort": 18080, "ContainerPort": 8080, "Protocol": "tcp", "HostIP": ""}],
		"bandwidth": {"ingressRate": 800000000, "ingressBurst": 80000000, "egressRate": 800000000, "egressBurst": 80000000},
		"mac": "02:77:77:77:77:77"}'
	[[ "$(CNI_COMMAND=VERSION /usr/lib/cni/portmap <<<'{"cniVersion": "1.0.0"}')" != *'"1.1.0"'* ]] || version=1.1.0
	l=$(list $version '{"type": "portmap", "snat": true, "capabilities": {"portMappings": true}}' \
		'{"type": "bandwidth", "capabilities": {"bandwidth": true}}' \
		'{"type": "tuning", "capabilities": {"mac": true}, "sysctl": {"net.ipv4.conf.eth0.arp_announce": "2"}}' \
		'{"type": "firewall"}' '{"type": "sbr"}')
	pod p1
	chain ADD p1 "$l" "$given"
	# portmap's own CHECK wants rules of IPv6 for a pod that has none
	chain CHECK p1 "$(jq -c 'del(.plugins[1])' <<<"$l")" "$given"
	http_at inside p1
	on 2 busybox wget -q -T 30 -O "$W/got" "http://$(fabric_address 1):18080/big"
	cmp "$W/got" "$W/www/big"
	# sbr leaves no way to who does not say his address
	inside p1 ping -q -c 1 -W 20 -I "$(address_in "$(cat "$W/result-p1")")" "$(fabric_address 2)"
	chain DEL p1 "$l" "$given"
	cni DEL p1
}

@test "a node that forbids netfilter: pods are attached and guarded, and only a plugin that needs it fails" {
	local l result ports='{"portMappings": [{"HostPort": 18080, "ContainerPort": 8080, "Protocol": "tcp", "HostIP": ""}]}'
	export CNI_WRAP="$AZL_BUILD/tools/no_netfilter"
	mkdir -p "$W/azure"
	fabric_serve "$W/azure"
	run on 1 "$CNI_WRAP" nft add table ip azl-test
	[[ "$status $output" == [1-9]*"not permitted"* ]]
	run on 1 "$CNI_WRAP" iptables -A FORWARD -j ACCEPT
	[ "$status" -ne 0 ]
	pod p1 p2
	result=$(attach p1)
	inside p1 ping -q -c 1 -W 20 "$(fabric_address 2)"
	run inside p1 busybox nc -w 2 "$FABRIC_IMDS" 80 </dev/null
	[ "$status" -ne 0 ]
	on 1 curl -fsS -m 30 -H Metadata:true "http://$FABRIC_IMDS/metadata/versions"
	cni CHECK p1 "$(conf 1.0.0 "$(ranges)" ".prevResult = $result")"
	cni DEL p1
	l=$(list 1.0.0 '{"type": "portmap", "snat": true, "capabilities": {"portMappings": true}}')
	run chain ADD p2 "$l" "$ports"
	[ "$status" -ne 0 ]
	# as a runtime does after an ADD that failed; portmap may fail again, ours does not
	cni DEL p2
	cni_nothing_left
}
