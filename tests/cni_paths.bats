# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154
# Datapaths besides the default: what is refused, and what is said where kernel or host do not permit one.
# tests/vm/cni_paths.bats has what goes through them.

load cni

setup_file() { cni_file_begin; }
teardown_file() { cni_file_end; }
setup() { cni_begin; }
teardown() { cni_end; }

# of DATAPATH [JQ]
of() {
	conf 1.1.0 "$(ranges)" ".datapath = \"$1\" ${2:+| $2}"
}

OPEN='.guards = {wireserver: false, imds: false}'

# kernel_has KIND: of links
kernel_has() {
	ip netns add azl-probe
	case $1 in
	netkit) ip -n azl-probe link add probe type netkit 2>/dev/null ;;
	ipvlan) ip -n azl-probe link add over type bridge && ip -n azl-probe link add probe link over type ipvlan 2>/dev/null ;;
	esac
	local rc=$?
	ip netns delete azl-probe
	return $rc
}

@test "bridge, macvlan and what nobody knows are refused with the reason" {
	local path
	pod p1
	for path in bridge macvlan; do
		cni_fails 7 ADD p1 "$(of $path)"
		[[ "$output" == *"$path"*"MAC address"* ]]
		cni_fails 7 STATUS p1 "$(of $path)"
	done
	cni_fails 7 ADD p1 "$(of vlan)"
	[[ "$output" == *"routed, nic, ipvlan and netkit"* ]]
}

@test "netkit and ipvlan: a kernel without them is said to be one, by ADD and by STATUS" {
	local kind conf
	pod p1
	for kind in netkit ipvlan; do
		conf=$(of "$kind" "$OPEN")
		if kernel_has "$kind"; then
			cni STATUS p1 "$conf"
			cni ADD p1 "$conf"
			cni DEL p1 "$conf"
			continue
		fi
		cni_fails 50 STATUS p1 "$conf"
		[[ "$output" == *"CONFIG_${kind^^}"*routed* ]]
		cni_fails 50 ADD p1 "$conf"
		[[ "$output" == *"CONFIG_${kind^^}"*routed* ]]
		equal "$(cni_left)" ''
		cni DEL p1 "$conf"
		cni DEL p1 "$conf" ''
	done
}

@test "ipvlan wants it said that nothing is closed to its pods" {
	local filter
	pod p1
	for filter in . '.guards = {wireserver: false}' '.guards = {imds: false}' \
		'.guards = {wireserver: false, imds: false, also: ["10.9.9.9"]}'; do
		cni_fails 7 ADD p1 "$(of ipvlan "$filter")"
		[[ "$output" == *guards*wireserver*imds* ]]
	done
	cni_fails 50 STATUS p1 "$(of ipvlan)"
}

@test "a MAC address is no wish of datapaths that have none of their own" {
	local kind
	pod p1
	for kind in netkit ipvlan nic; do
		CNI_WRAP="env CNI_ARGS=MAC=02:00:00:00:00:77" cni_fails 2 ADD p1 "$(of "$kind" "$OPEN")"
		[[ "$output" == *"02:00:00:00:00:77"*"$kind"* ]]
	done
}

@test "flowtable: only with routed, only true or false" {
	pod p1
	cni_fails 7 ADD p1 "$(of netkit '.flowtable = true')"
	[[ "$output" == *flowtable*routed* ]]
	cni_fails 7 ADD p1 "$(of ipvlan '.flowtable = true')"
	cni_fails 7 ADD p1 "$(of routed '.flowtable = "yes"')"
	[[ "$output" == *flowtable* ]]
}

# goes_on WORDS INJECTION: an ADD with a flowtable that fails in that way says so once, and succeeds
goes_on() {
	local conf result
	conf=$(of routed '.flowtable = true')
	CNI_WRAP="strace -qq -o /dev/null $2" cni ADD p1 "$conf" >"$W/result" 2>"$W/said"
	result=$(cat "$W/result")
	json "$result" '.ips | length == 1'
	equal "$(grep -c 'flowtable: not on this host' "$W/said")" 1
	grep -q "$1" "$W/said" || wrong "$(cat "$W/said")"
	fabric_register 1 "$(address_in "$result")"
	inside p1 ping -q -c 1 -W 20 "$(fabric_address 2)"
	cni DEL p1 "$conf"
	equal "$(cni_left)" ''
}

@test "flowtable: a host that forbids netfilter has the pod all the same, and is told once" {
	local conf n
	pod p1
	conf=$(of routed '.flowtable = true')
	CNI_WRAP="strace -qq -o $W/trace -e trace=sendto,socket" cni ADD p1 "$conf"
	cni DEL p1 "$conf"
	n=$(grep '^sendto' "$W/trace" | grep -n NFNL_MSG_BATCH_BEGIN | head -n 1 | cut -d: -f1)
	goes_on 'operation not permitted' "-e trace=sendto -e inject=sendto:error=EPERM:when=$n+"
	n=$(grep '^socket' "$W/trace" | grep -n NETLINK_NETFILTER | head -n 1 | cut -d: -f1)
	goes_on 'protocol not supported' "-e trace=socket -e inject=socket:error=EPROTONOSUPPORT:when=$n+"
}

@test "flowtable: a kernel without flowtables has the pod all the same" {
	local conf
	pod p1
	conf=$(of routed '.flowtable = true')
	cni ADD p1 "$conf" 2>"$W/said"
	if on 1 nft list table inet azl; then
		equal "$(cat "$W/said")" ''
	else
		grep -q 'flowtable: not on this host: this kernel has no flowtables' "$W/said"
		run on 1 nft list tables
		[[ "$output" != *azl* ]]
	fi
	cni DEL p1 "$conf"
	on 1 nft flush ruleset
}
