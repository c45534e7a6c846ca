# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154
# What must hold and does not yet; no group of hack/test runs these.

load cni

setup_file() { cni_file_begin; }
teardown_file() { cni_file_end; }
setup() { cni_begin; }
teardown() {
	on 1 ip address delete 10.1.0.20/24 dev eth0 2>/dev/null || true
	cni_end
}

@test "CHECK is content with a MAC address that tuning has changed" {
	local l
	l=$(list 1.0.0 '{"type": "tuning", "capabilities": {"mac": true}}')
	pod p1
	chain ADD p1 "$l" '{"mac": "02:77:77:77:77:77"}'
	chain CHECK p1 "$l" '{"mac": "02:77:77:77:77:77"}'
	chain DEL p1 "$l"
}

@test "IMDS: an address that is bound on the host is taken from it when that is allowed" {
	local result conf
	conf=$(conf 1.0.0 '{"type": "imds"}' '.claimHostAddresses = true')
	mkdir -p "$W/azure"
	fabric_imds_document 10.1.0.20 >"$W/azure/imds.json"
	fabric_serve "$W/azure"
	on 1 ip address add 10.1.0.20/24 dev eth0
	pod p1
	result=$(attach p1 "$conf") || wrong "$result"
	equal "$(address_in "$result")" 10.1.0.20
	[[ "$(on 1 ip -4 address show eth0)" != *10.1.0.20* ]]
	inside p1 ping -q -c 1 -W 1 "$(fabric_address 2)"
	cni DEL p1 "$conf"
}
