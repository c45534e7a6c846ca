# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154
# Addresses from CNS and from IMDS, with all that these may answer.

load cni

setup_file() { cni_file_begin; }
teardown_file() { cni_file_end; }
setup() {
	cni_begin
	S=$W/azure
	mkdir -p "$S/reply"
	rm -f "$CNI_STATE/$NET/imds.json"
	printf '10.1.0.%d 24 10.1.0.1\n' 10 11 12 13 >"$S/pool"
	cns=$(conf 1.0.0 '{"type": "azure-cns"}')
	imds=$(conf 1.0.0 '{"type": "imds"}')
}
teardown() {
	on 1 ip address delete 10.1.0.20/24 dev eth0 2>/dev/null || true
	on 1 ip address delete 10.1.0.20/32 dev lo 2>/dev/null || true
	cni_end
}

# reply NAME LINE...: what the stand-in answers from now on; the body is standard input
reply() {
	local name=$1
	shift
	{
		printf '%s\n' "$@"
		echo
		cat
	} >"$S/reply/$name"
}

code() {
	echo "{\"podIPInfo\":null,\"response\":{\"ReturnCode\":$1,\"Message\":\"${2-}\"}}"
}

requests() {
	grep -c "$1" "$S/log" 2>/dev/null || true
}

taken() {
	find "$S/assigned" -type f 2>/dev/null | wc -l
}

@test "CNS: an address, and given back" {
	local result
	fabric_serve_cns 1 "$S"
	pod p1
	result=$(attach p1 "$cns")
	equal "$(address_in "$result")" 10.1.0.10
	json "$result" '.ips[0].address == "10.1.0.10/32"'
	grep -q '"infraContainerID":"p1"' "$S/log"
	grep -qE '"orchestratorContext":\{' "$S/log"
	inside p1 ping -q -c 1 -W 1 "$(fabric_address 2)"
	cni DEL p1 "$cns"
	equal "$(taken)" 0
	equal "$(grep -o '"podInterfaceID":"[^"]*"' "$S/log" | sort -u | wc -l)" 1
}

@test "CNS: both families" {
	local result
	printf 'fd01::%d 128 fe80::1234:5678:9abc\n' 10 11 >>"$S/pool"
	fabric_serve_cns 1 "$S"
	pod p1
	result=$(attach p1 "$cns")
	equal "$(address_in "$result") $(address_in "$result" 6)" "10.1.0.10 fd01::10"
	inside p1 ping -q -c 1 -W 1 "$(fabric_address6 2)"
	cni DEL p1 "$cns"
	equal "$(taken)" 0
}

@test "CNS: what it refuses, with the runtime's codes" {
	local c
	fabric_serve_cns 1 "$S"
	pod p1
	for c in 32 31 37 41; do
		code "$c" "network is not ready - x" | reply network_requestipconfigs 'status 200 OK'
		echo "$c"
		cni_fails 11 ADD p1 "$cns"
		json "$output" '.msg | contains("network is not ready")'
	done
	for c in 23 33 34; do
		code "$c" "bad" | reply network_requestipconfigs 'status 200 OK'
		echo "$c"
		cni_fails 103 ADD p1 "$cns"
	done
	for c in 42 99 12345; do
		code "$c" "no" | reply network_requestipconfigs 'status 200 OK'
		echo "$c"
		run cni ADD p1 "$cns"
		[ "$status" -ne 0 ]
		json "$output" '.code > 0 and .code != 11'
	done
	rm "$S"/reply/*
	run cni_left
	equal "$output" ''
	cni DEL p1 "$cns"
}

@test "CNS: odd replies" {
	fabric_serve_cns 1 "$S"
	pod p1
	reply network_requestipconfigs 'status 404 Not Found' <<<'404 page not found'
	cni ADD p1 "$cns"
	grep -q 'POST /network/requestipconfig ' "$S/log"
	cni DEL p1 "$cns"
	reply network_requestipconfigs chunked <<-'EOF'
		{"PODIPINFO":[{"podipconfig":{"IpAddress":"10.1.0.12","prefixlength":24},"NICTYPE":"InfraNIC","Unknown":[{}]}],"RESPONSE":{"returncode":0}}
		{"ReturnCode":99,"Message":"a second document"}
	EOF
	a=$(cni ADD p1 "$cns") || wrong "$a"
	equal "$(address_in "$a")" 10.1.0.12
	printf '%s\n' "$(code 0)" '{"ReturnCode":0}' | reply network_releaseipconfigs
	cni DEL p1 "$cns"
	rm "$S"/reply/*
	reply network_requestipconfigs 'real' 'drip 1' </dev/null
	cni ADD p1 "$cns"
	cni DEL p1 "$cns"
}

@test "CNS: broken replies fail as what they are, and hold nothing" {
	local how
	fabric_serve_cns 1 "$S"
	pod p1
	for how in 'close' 'cut 30' 'status 400 Bad Request' 'status 500 Error' 'raw'; do
		echo "$how"
		code 0 | reply network_requestipconfigs "$how"
		run cni ADD p1 "$cns"
		[ "$status" -ne 0 ]
		json "$output" '.code > 0 and (.msg | length > 0)'
	done
	run cni_left
	equal "$output" ''
	rm "$S"/reply/*
	cni DEL p1 "$cns"
}

@test "CNS: one that is not there, and one that does not answer" {
	local begun
	pod p1
	cni_fails 11 ADD p1 "$cns"
	begun=$SECONDS
	cni DEL p1 "$cns"
	[ $((SECONDS - begun)) -le 3 ]
	fabric_serve_cns 1 "$S"
	reply network_requestipconfigs hang </dev/null
	begun=$SECONDS
	cni_fails 11 ADD p1 "$cns"
	[ $((SECONDS - begun)) -le 16 ]
	# it may have assigned one: that is given back
	[ "$(requests releaseipconfig)" -ge 1 ]
	rm "$S"/reply/*
	cni DEL p1 "$cns"
}

@test "CNS: what could not be given back is given back later, but not from under a new ADD" {
	fabric_serve_cns 1 "$S"
	pod p1 p2
	cni ADD p1 "$cns"
	fabric_serve_no_more
	cni DEL p1 "$cns"
	equal "$(taken)" 1
	rm "$S/ready"
	fabric_serve_cns 1 "$S"
	cni ADD p2 "$cns"
	cni DEL p2 "$cns"
	until_ok 5 eval '[ "$(taken)" -eq 0 ]'
	# the same key again: its pending release must not free what the new ADD has
	cni ADD p1 "$cns"
	fabric_serve_no_more
	cni DEL p1 "$cns"
	rm "$S/ready"
	fabric_serve_cns 1 "$S"
	cni ADD p1 "$cns"
	pod p3
	cni ADD p3 "$cns"
	cni DEL p3 "$cns"
	equal "$(taken)" 1
	cni DEL p1 "$cns"
	equal "$(taken)" 0
}

@test "CNS: DEL of one that nobody knows is told, and succeeds" {
	fabric_serve_cns 1 "$S"
	cni DEL never "$cns" ''
	equal "$(requests releaseipconfig)" 1
}

@test "IMDS: secondary addresses, without asking for each" {
	local asked
	fabric_imds_document 10.1.0.20 10.1.0.21 >"$S/imds.json"
	fabric_serve "$S"
	pod p1 p2 p3
	equal "$(address_in "$(attach p1 "$imds")")" 10.1.0.20
	asked=$(requests 'GET /metadata')
	equal "$(address_in "$(attach p2 "$imds")")" 10.1.0.21
	equal "$(requests 'GET /metadata')" "$asked"
	inside p1 ping -q -c 1 -W 1 "$(fabric_address 2)"
	cni_fails 101 ADD p3 "$imds"
	cni DEL p1 "$imds"
	cni DEL p2 "$imds"
}

@test "IMDS: the NIC is found by its MAC, wherever it stands" {
	fabric_imds_document 10.1.0.20 |
		jq -c '.interface |= [{ipv4: {ipAddress: [{privateIpAddress: "10.9.0.4"}, {privateIpAddress: "10.9.0.5"}],
			subnet: [{address: "10.9.0.0", prefix: "24"}]}, ipv6: {ipAddress: []}, macAddress: "000D3AFFFFFF"}] + .' >"$S/imds.json"
	fabric_serve "$S"
	pod p1
	equal "$(address_in "$(cni ADD p1 "$imds")")" 10.1.0.20
	cni DEL p1 "$imds"
}

@test "IMDS: an address that is bound on the host is left there" {
	fabric_imds_document 10.1.0.20 10.1.0.21 >"$S/imds.json"
	fabric_serve "$S"
	on 1 ip address add 10.1.0.20/24 dev eth0
	pod p1
	equal "$(address_in "$(cni ADD p1 "$imds")")" 10.1.0.21
	[[ "$(on 1 ip -4 address show eth0)" == *10.1.0.20* ]]
	cni DEL p1 "$imds"
}

@test "IMDS: an address that is bound on the host is taken from it when that is allowed" {
	local result conf
	conf=$(jq -c '.claimHostAddresses = true' <<<"$imds")
	fabric_imds_document 10.1.0.20 >"$S/imds.json"
	fabric_serve "$S"
	on 1 ip address add 10.1.0.20/24 dev eth0
	pod p1 p2
	result=$(attach p1 "$conf") || wrong "$result"
	equal "$(address_in "$result")" 10.1.0.20
	[[ "$(on 1 ip -4 address show eth0)" != *10.1.0.20* ]]
	[[ "$(on 1 ip -4 address show eth0)" == *"$(fabric_address 1)"* ]]
	inside p1 ping -q -c 1 -W 1 "$(fabric_address 2)"
	# one that a pod has is not taken from it
	CNI_ARGS='IP=10.1.0.20' cni_fails 102 ADD p2 "$conf"
	cni DEL p1 "$conf"
}

@test "IMDS: no address is taken that is not the NIC's, nor without leave; the reason is told" {
	local conf
	conf=$(jq -c '.claimHostAddresses = true' <<<"$imds")
	fabric_imds_document 10.1.0.20 >"$S/imds.json"
	fabric_serve "$S"
	pod p1
	on 1 ip address add 10.1.0.20/32 dev lo
	cni_fails 101 ADD p1 "$conf"
	[[ "$(on 1 ip -4 address show lo)" == *10.1.0.20* ]]
	on 1 ip address delete 10.1.0.20/32 dev lo
	on 1 ip address add 10.1.0.20/24 dev eth0
	cni_fails 101 ADD p1 "$imds"
	json "$output" '.msg | contains("1 in use by others on this host")'
	[[ "$stderr" == *10.1.0.20*claimHostAddresses* ]]
	[[ "$(on 1 ip -4 address show eth0)" == *10.1.0.20* ]]
}

@test "IMDS: codes that pass are waited for, those that stay are told" {
	fabric_imds_document 10.1.0.20 >"$S/imds.json"
	fabric_serve "$S"
	pod p1
	for status in '429 Too Many Requests' '500 Internal Server Error' '410 Gone'; do
		echo "$status"
		rm -rf "$S/count" "$CNI_STATE"
		reply metadata_instance_network.1 "status $status" <<<'{"error":"x"}'
		cni ADD p1 "$imds"
		cni DEL p1 "$imds"
	done
	rm -rf "$CNI_STATE" "$S"/reply/*
	reply metadata_instance_network 'status 400 Bad Request' <<<'{"error":"x"}'
	run cni ADD p1 "$imds"
	[ "$status" -ne 0 ]
	reply metadata_instance_network 'status 429 Too Many Requests' <<<'{"error":"x"}'
	cni_fails 11 ADD p1 "$imds"
	reply metadata_instance_network 'raw' <<<'no HTTP at all'
	run cni ADD p1 "$imds"
	[ "$status" -ne 0 ]
}
