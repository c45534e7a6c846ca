# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Network namespaces that behave like Azure. To be sourced; needs root, ip, nft and, for the services,
# azure_stub (tests/tools).
#
#       pods        azl-node1                 azl-fabric                  azl-node2
#     ┌──────┐   ┌───────────────┐   ┌────────────────────────┐   ┌───────────────┐
#     │ eth0 ├───┤          eth0 ├───┤ vnic1            vnic2 ├───┤ eth0          │
#     └──────┘   │  10.1.0.4     │   │  IMDS, WireServer      │   │  10.1.0.5     │
#                └───────────────┘   └────────────────────────┘   └───────────────┘
#
# The fabric
#   - answers every ARP request itself, with 12:34:56:78:9a:bc; nobody sees the others' frames;
#   - drops frames whose source is not the vNIC's MAC, and packets whose source address is not
#     registered for it, and says how many (fabric_dropped);
#   - brings to a vNIC, under its MAC, what goes to an address that is registered for it; all else is
#     dropped without a word.
#
# fabric_up, fabric_down      make and remove all of it
# fabric_register N ADDRESS   an address is now one of node N's; fabric_unregister takes it back
# fabric_nic N LINK MAC ADDRESS...   one more NIC of a node, for those addresses; fabric_no_nic N LINK
# fabric_dropped N WHY        how many frames: mac or address
# on N COMMAND...             in the network of node N; on fabric COMMAND... in the fabric's
# fabric_serve DIR            IMDS and WireServer, as azure_stub says; fabric_serve_cns N DIR
#                             CNS on a node; fabric_serve_dhcp DIR LINK what the host says behind a
#                             NIC; fabric_serve_no_more ends them all

FABRIC_GATEWAY_MAC=12:34:56:78:9a:bc
FABRIC_GATEWAY6=fe80::1234:5678:9abc
FABRIC_IMDS=169.254.169.254
FABRIC_WIRE=168.63.129.16
FABRIC_PIDS=/run/azl-fabric.pids

on() {
	local where=$1
	case $where in [0-9]*) where=node$where ;; esac
	# who starts something in the background sets ON, so that its pid is the program's
	${ON-} nsenter "--net=/run/netns/azl-$where" "${@:2}"
}

fabric_mac() {
	echo "00:0d:3a:00:00:0$1"
}

fabric_address() {
	echo "10.1.0.$((3 + $1))"
}

fabric_address6() {
	echo "fd01::$((3 + $1))"
}

fabric_up() {
	local n
	ip netns add azl-fabric
	on fabric sh -c '
		cd /proc/sys/net
		echo 1 >ipv4/ip_forward
		echo 1 >ipv6/conf/all/forwarding
		for f in all default; do
			echo 0 >ipv4/conf/$f/rp_filter
			echo 0 >ipv4/conf/$f/send_redirects
			echo 0 >ipv6/conf/$f/accept_dad
		done
		ip link set lo up
		ip address add 169.254.169.254/32 dev lo
		ip address add 168.63.129.16/32 dev lo
		# where nothing is: it has a route, so that ARP is answered
		ip link add nowhere type veth peer name void
		ip link set void up
		ip link set nowhere up
		ip route add default dev nowhere
		nft -f -' <<-EOF
		table inet fabric {
		  chain forward { type filter hook forward priority 0; oifname "nowhere" drop; }
		  chain output { type filter hook output priority 0; oifname "nowhere" drop; }
		}
		table netdev fabric {
		  set node1_v4 { type ipv4_addr; }
		  set node1_v6 { type ipv6_addr; }
		  set node2_v4 { type ipv4_addr; }
		  set node2_v6 { type ipv6_addr; }
		  counter node1_mac { }
		  counter node1_address { }
		  counter node2_mac { }
		  counter node2_address { }
		}
	EOF
	for n in 1 2; do
		fabric_node "$n" || return
	done
}

# The fabric's end of a NIC: it answers for every address.
fabric_vnic() {
	on fabric sh -c "
		echo 1 >/proc/sys/net/ipv4/conf/$1/proxy_arp
		echo 1 >/proc/sys/net/ipv4/conf/$1/proxy_arp_pvlan
		echo 0 >/proc/sys/net/ipv4/neigh/$1/proxy_delay
		ip link set $1 addrgenmode none
		ip address add 10.1.0.1/32 dev $1
		ip address add $FABRIC_GATEWAY6/64 dev $1 nodad
		ip link set $1 up"
}

# A node behind a vNIC of its own.
fabric_node() {
	local n=$1 node=azl-node$1 vnic=vnic$1
	ip netns add "$node"
	ip link add "$vnic" netns azl-fabric address "$FABRIC_GATEWAY_MAC" type veth \
		peer name eth0 netns "$node" address "$(fabric_mac "$n")"
	fabric_vnic "$vnic"
	on fabric nft -f - <<-EOF
		table netdev fabric {
		  chain $vnic {
		    type filter hook ingress device $vnic priority 0; policy drop;
		    ether saddr != $(fabric_mac "$n") counter name node${n}_mac drop
		    ether type arp accept
		    ip saddr @node${n}_v4 accept
		    ip6 saddr { fe80::/10, :: } accept
		    ip6 saddr @node${n}_v6 accept
		    meta protocol { ip, ip6 } counter name node${n}_address
		  }
		}
	EOF
	on "$n" sh -c "
		echo 1 >/proc/sys/net/ipv4/ip_forward
		echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
		echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad
		ip link set lo up
		ip address add $(fabric_address "$n")/24 dev eth0
		ip address add $(fabric_address6 "$n")/128 dev eth0 nodad
		ip link set eth0 up
		ip route add default via 10.1.0.1
		ip route add default via $FABRIC_GATEWAY6 dev eth0"
	fabric_register "$n" "$(fabric_address "$n")" && fabric_register "$n" "$(fabric_address6 "$n")"
}

# Addresses reach it under its MAC, wherever it has been moved to.
fabric_nic() {
	local n=$1 link=$2 mac=$3 vnic=x$2 address f
	ip link add "$vnic" netns azl-fabric address "$FABRIC_GATEWAY_MAC" type veth \
		peer name "$link" netns "azl-node$n" address "$mac"
	fabric_vnic "$vnic"
	on fabric nft -f - <<-EOF
		table netdev fabric {
		  set ${link}_v4 { type ipv4_addr; }
		  set ${link}_v6 { type ipv6_addr; }
		  chain $vnic {
		    type filter hook ingress device $vnic priority 0; policy drop;
		    ether saddr != $mac drop
		    ether type arp accept
		    ip saddr 0.0.0.0 udp dport 67 accept
		    ip saddr @${link}_v4 accept
		    ip6 saddr { fe80::/10, :: } accept
		    ip6 saddr @${link}_v6 accept
		  }
		}
	EOF
	for address in "${@:4}"; do
		f=$(fabric_family "$address")
		on fabric nft add element netdev fabric "${link}_v$f" "{ $address }"
		ip -n azl-fabric "-$f" route replace "$address" dev "$vnic"
		ip -n azl-fabric "-$f" neigh replace "$address" lladdr "$mac" dev "$vnic" nud permanent
	done
}

# Also when the link went with the namespace that it was in.
fabric_no_nic() {
	local link=$2
	on fabric nft delete chain netdev fabric "x$link"
	on fabric nft delete set netdev fabric "${link}_v4"
	on fabric nft delete set netdev fabric "${link}_v6"
	ip -n azl-fabric link delete "x$link" 2>/dev/null || true
}

fabric_family() {
	case $1 in
	*:*) echo 6 ;;
	*) echo 4 ;;
	esac
}

fabric_register() {
	local n=$1 address=$2 f
	f=$(fabric_family "$address")
	on fabric nft add element netdev fabric "node${n}_v$f" "{ $address }"
	ip -n azl-fabric "-$f" route replace "$address" dev "vnic$n"
	ip -n azl-fabric "-$f" neigh replace "$address" lladdr "$(fabric_mac "$n")" dev "vnic$n" nud permanent
}

fabric_unregister() {
	local n=$1 address=$2 f
	f=$(fabric_family "$address")
	on fabric nft delete element netdev fabric "node${n}_v$f" "{ $address }"
	ip -n azl-fabric "-$f" route del "$address" dev "vnic$n"
	ip -n azl-fabric "-$f" neigh del "$address" dev "vnic$n"
}

fabric_dropped() {
	on fabric nft -j list counter netdev fabric "node$1_$2" | jq '.nftables[] | .counter? | select(.) | .packets'
}

# Starts one and waits until it listens: fabric_stub WHERE DIR KIND=ADDRESS:PORT...
fabric_stub() {
	local where=$1 dir=$2 end=$((SECONDS + 60))
	mkdir -p "$dir/reply"
	: >"$dir/ready" # one before may have been ready
	: >"$dir/errors"
	ON="exec" on "$where" "${AZL_STUB:-azure_stub}" "$dir" "${@:3}" </dev/null >"$dir/ready" 2>"$dir/errors" 3>&- 4>&- &
	echo $! >>"$FABRIC_PIDS"
	disown $!
	until [ -s "$dir/ready" ]; do
		if [ "$SECONDS" -ge "$end" ] || [ -s "$dir/errors" ]; then
			cat "$dir/errors" >&2
			return 1
		fi
		sleep 0.02
	done
}

fabric_serve() {
	[ -e "$1/imds.json" ] || fabric_imds_document >"$1/imds.json"
	fabric_stub fabric "$1" imds="$FABRIC_IMDS:80" wire="$FABRIC_WIRE:80" wire="$FABRIC_WIRE:32526" \
		wire="$FABRIC_WIRE:53"
}

fabric_serve_cns() {
	fabric_stub "$1" "$2" cns=127.0.0.1:10090
}

# fabric_serve_dhcp DIR LINK...: of node 1
fabric_serve_dhcp() {
	local dir=$1 link links=()
	shift
	for link; do links+=("dhcp=x$link:67"); done
	fabric_stub fabric "$dir" "${links[@]}"
}

# fabric_imds_document [ADDRESS...]: of node 1, with secondary addresses
fabric_imds_document() {
	local address four='' six=''
	for address; do
		case $address in
		*:*) six+=",{\"privateIpAddress\":\"$address\"}" ;;
		*) four+=",{\"privateIpAddress\":\"$address\",\"publicIpAddress\":\"\"}" ;;
		esac
	done
	cat <<-EOF
		{"interface":[{"ipv4":{"ipAddress":[{"privateIpAddress":"$(fabric_address 1)","publicIpAddress":""}$four],"subnet":[{"address":"10.1.0.0","prefix":"24"}]},"ipv6":{"ipAddress":[{"privateIpAddress":"$(fabric_address6 1)"}$six]},"macAddress":"000D3A000001"}]}
	EOF
}

fabric_serve_no_more() {
	[ ! -e "$FABRIC_PIDS" ] || ended <"$FABRIC_PIDS"
	rm -f "$FABRIC_PIDS"
}

# ended <PIDS: ends these processes, and returns when they have ended
ended() {
	local pid end=$((SECONDS + 30))
	while read -r pid; do
		kill "$pid" 2>/dev/null || continue
		while kill -0 "$pid" 2>/dev/null && [ "$SECONDS" -lt "$end" ]; do sleep 0.01; done
	done
}

fabric_down() {
	local n
	fabric_serve_no_more
	for n in azl-fabric azl-node1 azl-node2; do
		[ ! -e "/run/netns/$n" ] || ip netns delete "$n"
	done
}
