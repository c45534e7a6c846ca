# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154
# What gets through: between pods, the node and another node, over a fabric that drops what Azure drops.

load cni

setup_file() { cni_file_begin; }
teardown_file() { cni_file_end; }
setup() { cni_begin; }
teardown() { cni_end; }

# Two pods on the network; $a and $b are their addresses.
two_pods() {
	pod p1 p2
	a=$(address_in "$(attach p1 "$@")")
	b=$(address_in "$(attach p2 "$@")")
}

pods_down() {
	local p
	for p; do cni DEL "$p"; done
}

@test "a pod reaches another pod of its node" {
	two_pods
	inside p1 ping -q -c 2 -i 0.2 -W 20 "$b"
	http_at inside p2
	fetches "$b" inside p1
	pods_down p1 p2
}

@test "a pod reaches its node, and the node reaches it" {
	two_pods
	http_at inside p1
	fetches "$a" on 1
	helper on 1 busybox httpd -f -p 8081 -h "$W/www"
	until_ok 5 inside p1 busybox wget -q -T 30 -O /dev/null "http://$(fabric_address 1):8081/big"
	pods_down p1 p2
}

@test "a pod reaches another node through the fabric, and is reached from there" {
	local before
	before=$(fabric_dropped 1 mac)
	two_pods
	http_at inside p1
	fetches "$a" on 2
	helper on 2 busybox httpd -f -p 8081 -h "$W/www"
	until_ok 5 inside p1 busybox wget -q -T 30 -O "$W/got" "http://$(fabric_address 2):8081/big"
	cmp "$W/got" "$W/www/big"
	equal "$(fabric_dropped 1 mac)" "$before"
	pods_down p1 p2
}

@test "what comes from a pod has the pod's address, on its node, in pods and on another node" {
	two_pods
	udp_echo_at "$(fabric_address 1)" on 1
	udp_echo_at "$(fabric_address 2)" on 2
	udp_echo_at "$b" inside p2
	equal "$(udp "$(fabric_address 1)" x inside p1)" "$a x"
	equal "$(udp "$(fabric_address 2)" x inside p1)" "$a x"
	equal "$(udp "$b" x inside p1)" "$a x"
	pods_down p1 p2
}

@test "an address that Azure does not know is dropped by the fabric" {
	local before
	two_pods
	before=$(fabric_dropped 1 address)
	fabric_unregister 1 "$a"
	run inside p1 ping -q -c 2 -i 0.2 -W 1 "$(fabric_address 2)"
	[ "$status" -ne 0 ]
	[ "$(fabric_dropped 1 address)" -gt "$before" ]
	pods_down p1 p2
}

@test "packets as big as the NIC's go through, greater ones do not" {
	two_pods
	inside p1 ping -q -c 1 -W 20 -M "do" -s 1472 "$(fabric_address 2)"
	inside p1 ping -q -c 1 -W 20 -M "do" -s 1472 "$b"
	run inside p1 ping -q -c 1 -W 1 -M "do" -s 1473 "$b"
	[ "$status" -ne 0 ]
	pods_down p1 p2
}

@test "IPv6 and IPv4 go side by side" {
	[ "$PLUGIN" = azl-cni ] || skip "ptp sets no neighbours: its IPv6 needs other routes"
	local result a6
	pod p1
	result=$(attach p1 "$(conf 1.0.0 "$(ranges 10.1.0.64/26 fd01::100/120)")")
	a=$(address_in "$result") a6=$(address_in "$result" 6)
	http_at inside p1
	fetches "$a" on 2
	fetches "$a6" on 2
	fetches "$a6" on 1
	udp_echo_at "$(fabric_address6 2)" on 2
	equal "$(udp "$(fabric_address6 2)" x inside p1)" "$a6 x"
	cni DEL p1 "$(conf 1.0.0 "$(ranges 10.1.0.64/26 fd01::100/120)")"
}

# refused ADDRESS PORT: for the pod p1; a retransmission later it knows, the kernel limits what it tells
refused() {
	run inside p1 busybox nc -w 2 "$1" "$2" </dev/null
	[ "$status" -ne 0 ]
}

@test "WireServer and IMDS are closed to pods, DNS is open, and the node reaches all of it" {
	mkdir -p "$W/azure"
	fabric_serve "$W/azure"
	pod p1
	attach p1
	refused "$FABRIC_WIRE" 80
	refused "$FABRIC_WIRE" 32526
	refused "$FABRIC_IMDS" 80
	inside p1 busybox wget -q -T 30 -O - "http://$FABRIC_WIRE:53/"
	on 1 busybox wget -q -T 30 -O - "http://$FABRIC_WIRE:80/"
	on 1 busybox wget -q -T 30 -O - "http://$FABRIC_WIRE:32526/"
	on 1 curl -fsS -m 30 -H Metadata:true "http://$FABRIC_IMDS/metadata/versions"
	# whoever has all capabilities in the pod cannot open them
	inside p1 ip route add "$FABRIC_WIRE" via "$(inside p1 ip -j route show default | jq -r '.[0].gateway')" dev eth0 onlink
	refused "$FABRIC_WIRE" 80
	cni DEL p1
}

@test "guards are opened by configuration, for one pod" {
	mkdir -p "$W/azure"
	fabric_serve "$W/azure"
	pod p1 p2
	attach p1
	attach p2 "$(conf 1.0.0 "$(ranges)" '.guards = {imds: false, wireserver: false}')"
	refused "$FABRIC_IMDS" 80
	inside p2 curl -fsS -m 30 -H Metadata:true "http://$FABRIC_IMDS/metadata/versions"
	inside p2 busybox wget -q -T 30 -O - "http://$FABRIC_WIRE:80/"
	refused "$FABRIC_WIRE" 80
	cni DEL p1
	cni DEL p2
}
