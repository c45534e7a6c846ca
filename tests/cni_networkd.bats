# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2030,SC2031,SC2154
# systemd-networkd on a host with pods: it configures every link that it is told of, and by the files that
# we ship leaves ours alone.

load cni

setup_file() {
	cni_file_begin
	mkdir -p /etc/systemd/network /etc/systemd/networkd.conf.d
	install -d -o systemd-network -g systemd-network /run/systemd/netif
	# as files of a distribution that match e* or every Ethernet link
	printf '[Match]\nName=azc* other*\n\n[Network]\nAddress=192.0.2.1/24\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n' \
		>/etc/systemd/network/50-greedy.network
}
teardown_file() { cni_file_end; }
setup() {
	cni_begin
	cp "$CNI_REPO"/config/etc/systemd/network/* /etc/systemd/network/
	cp "$CNI_REPO"/config/etc/systemd/networkd.conf.d/* /etc/systemd/networkd.conf.d/
	both=$(conf 1.0.0 "$(ranges 10.1.0.64/26 fd01::100/120)")
	# on 1: nobody is interested in the one end; the other tells that networkd has done its work
	on 1 ip link add other0 type veth peer name nobody
	on 1 ip link set other0 up
	on 1 ip link set nobody up
}
teardown() {
	on 1 ip link delete other0
	on 1 ip link delete other2 2>/dev/null || true
	cni_end
}

has_greedy() {
	[[ "$(on 1 ip -4 -o address show dev "$1")" == *192.0.2.1/24* ]]
}

# Without a udevd it waits for one, unless it may not write to /sys.
networkd_starts() {
	[ ! -e "$W/helpers" ] || kill_helpers
	on 1 ip address flush dev other0
	helper ip netns exec azl-node1 unshare --mount sh -c \
		'mount -o remount,bind,ro /sys && exec /usr/lib/systemd/systemd-networkd'
	until_ok 15 has_greedy other0
}

# All that there is of a pod on the host.
ours() {
	on 1 ip -d -o link show dev "$1" | sed 's/qdisc.*link-netns/link-netns/'
	on 1 ip -o address show dev "$1" | sed 's/valid_lft.*//'
	on 1 ip route show table all dev "$1"
	on 1 ip -6 route show table all dev "$1" proto 172
	on 1 cat "/proc/sys/net/ipv4/conf/$1/"{rp_filter,forwarding,proxy_arp}
	on 1 ip rule
	on 1 ip -6 rule
}

host_end() {
	jq -r '.interfaces[0].name' <<<"$1"
}

@test "systemd-networkd: a pod's link, its routes and the guards stay as they are, whenever it starts" {
	local first second before
	pod p1 p2
	first=$(attach p1 "$both")
	before=$(ours "$(host_end "$first")")
	[[ $before == *prohibit* ]]
	[[ $before == *"proto 172"* || $before == *"proto azl"* ]]
	networkd_starts
	equal "$(ours "$(host_end "$first")")" "$before"
	# one that comes while it runs, and another link after it, which says when it was seen
	second=$(attach p2 "$both")
	on 1 ip link add other2 type veth peer name nobody2
	on 1 ip link set other2 up
	on 1 ip link set nobody2 up
	until_ok 15 has_greedy other2
	run ! has_greedy "$(host_end "$second")"
	networkd_starts
	equal "$(ours "$(host_end "$first")")" "$before"
	run ! has_greedy "$(host_end "$second")"
	inside p1 ping -q -c 1 -W 20 "$(fabric_address 2)"
	inside p2 ping -q -c 1 -W 20 "$(fabric_address6 2)"
	cni DEL p1 "$both"
	cni DEL p2 "$both"
}

@test "systemd-networkd without these files takes a pod's link for its own" {
	local result
	rm /etc/systemd/network/05-azl-pods.network
	pod p1
	result=$(attach p1 "$both")
	networkd_starts
	until_ok 15 has_greedy "$(host_end "$result")"
	cni DEL p1 "$both"
}
