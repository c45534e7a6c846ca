# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# A host whose NIC is two links, as on Azure, and a neighbour on its wire (hack/vm --nics). The tests of
# the plugin's own functions work here, too: node 1 is the machine itself, node 2 the neighbour, and an
# address is registered by the neighbour's route.
#
# A file says: load nics; setup_file() { nics_up; } teardown_file() { nics_down; } setup() { cni_begin; } teardown() { cni_end; }

load vm
# shellcheck source=tests/cni.bash
BATS_TEST_DIRNAME=$VM_REPO/tests . "$VM_REPO/tests/cni.bash"

# as tests/vm/vm.bash says
until_ok() {
	local end=$((EPOCHSECONDS + $1 * E2E_PATIENCE))
	shift
	until "$@"; do
		[ "$EPOCHSECONDS" -lt "$end" ] || return 1
		sleep 0.1
	done
}

NICS_MAC=00:0d:3a:00:00:01

fabric_register() {
	[[ $2 == *:* ]] || on 2 ip route replace "$2" via "$(fabric_address 1)"
}

# nic_named WHAT: the name of the front, the function, the standby (what QEMU's front is behind Linux's),
# the neighbour's or the spare NIC; nothing when it is not there
nic_named() {
	local link driver mac
	for link in /sys/class/net/*; do
		driver=$(basename "$(readlink "$link/device/driver")")
		mac=$(cat "$link/address" 2>/dev/null)
		case $1,$driver,$mac,$([ ! -e "$link/master" ] || echo joined) in
		front,virtio_net,*:01, | function,vmxnet3,*:01,joined | standby,virtio_net,*:01,joined | \
			neighbour,virtio_net,*:02, | spare,virtio_net,*:03,)
			basename "$link"
			return
			;;
		esac
	done
	return 1
}

# Once per machine.
nics_up() {
	mkdir -p "$C"
	[ ! -e /run/netns/azl-node1 ] || return 0
	# the function first: nobody loads its module when it appears
	modprobe -a vmxnet3 virtio_net
	until_ok 20 nic_named function >/dev/null || return
	front=$(nic_named front)
	# what the function hears is the front's
	ip link set "$(nic_named standby)" up
	ip link set "$(nic_named function)" up
	ip link set "$front" up
	ip address add "$(fabric_address 1)/24" dev "$front"
	ip route add default via "$(fabric_address 2)" dev "$front"
	echo 1 >/proc/sys/net/ipv4/ip_forward
	echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
	ip netns attach azl-node1 1
	ip netns add azl-node2
	ip link set "$(nic_named neighbour)" netns azl-node2 name eth0
	on 2 ip address add "$(fabric_address 2)/24" dev eth0
	on 2 ip link set eth0 up
	on 2 ip link set lo up
	until_ok 10 ping -q -c 1 -W 1 "$(fabric_address 2)"
}

# The names go; what has one lives on: the machine's own network, and the NIC, which comes back to it.
nics_down() {
	ip netns delete azl-node1
	ip netns delete azl-node2
}

# qmp COMMAND [ARGUMENTS]: asks QEMU; fails when it refuses
qmp() {
	local f port='' line
	for f in /sys/class/virtio-ports/*/name; do
		[ "$(cat "$f")" != azl.monitor ] || port=/dev/$(basename "${f%/name}")
	done
	exec {monitor}<>"$port"
	printf '%s\n' '{"execute": "qmp_capabilities", "id": "hello"}' >&"$monitor"
	jq -cn --arg c "$1" --argjson a "${2:-"{}"}" '{execute: $c, arguments: $a, id: "asked"}' >&"$monitor"
	while IFS= read -r -t 30 -u "$monitor" line; do
		[[ $line == *'"asked"'* ]] || continue
		exec {monitor}>&-
		[[ $line == *'"return"'* ]] || wrong "$line"
		return
	done
	exec {monitor}>&-
	wrong "QEMU does not answer"
}

function_remove() {
	qmp device_del '{"id": "function"}' && until_ok 20 eval '! nic_named function'
}

function_return() {
	qmp device_add "{\"driver\": \"vmxnet3\", \"id\": \"function\", \"netdev\": \"wire1\", \"mac\": \"$NICS_MAC\",
		\"bus\": \"place\", \"failover_pair_id\": \"front\", \"romfile\": \"\"}" && until_ok 20 nic_named function
}
