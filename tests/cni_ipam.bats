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
	inside p1 ping -q -c 1 -W 20 "$(fabric_address 2)"
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
	inside p1 ping -q -c 1 -W 20 "$(fabric_address6 2)"
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
		run --separate-stderr cni ADD p1 "$cns"
		[ "$status" -ne 0 ]
		json "$output" '.code > 0 and .code != 11'
	done
	rm "$S"/reply/*
	run cni_left
	equal "$output" ''
	cni DEL p1 "$cns"
}

@test "CNS: what it says of itself, told and retried as such" {
	local text
	fabric_serve_cns 1 "$S"
	pod p1
	# exhausted for now: its own words, and worth another try
	rm "$S/pool"
	touch "$S/pool"
	cni_fails 11 ADD p1 "$cns"
	json "$output" '.msg | contains("not enough IPs available")'
	for text in 'no NCs found in the CNS internal state' 'AllocateIPConfig failed: IPv6 is short'; do
		code 32 "$text" | reply network_requestipconfigs 'status 200 OK'
		cni_fails 11 ADD p1 "$cns"
		json "$output" ".msg | contains(\"$text\")"
	done
	code 99 'network is not ready - mtpnc is not ready' | reply network_requestipconfigs
	cni_fails 11 ADD p1 "$cns"
	json "$output" '.msg | contains("network is not ready - mtpnc is not ready")'
	code 42 'not yours' | reply network_requestipconfigs
	cni_fails 50 ADD p1 "$cns"
	reply network_requestipconfigs 'status 404 Not Found' <<<'404 page not found'
	reply network_requestipconfig 'status 404 Not Found' <<<'404 page not found'
	cni_fails 103 ADD p1 "$cns"
	for text in 'status 503 Unavailable' 'status 429 Too Many Requests'; do
		reply network_requestipconfigs "$text" <<<'later'
		cni_fails 11 ADD p1 "$cns"
	done
	reply network_requestipconfigs 'status 400 Bad Request' <<<'invalid character'
	cni_fails 103 ADD p1 "$cns"
	run cni_left
	equal "$output" ''
}

@test "CNS: when it has no more, what the dead hold is given back and asked for again" {
	local id all
	fabric_serve_cns 1 "$S"
	all=$(grep -c . "$S/pool")
	for ((id = 0; id < all; id++)); do
		pod "d$id"
		cni ADD "d$id" "$cns"
		ip netns delete "pod-d$id"
	done
	equal "$(taken)" "$all"
	pod p1 p2
	cni ADD p1 "$cns"
	equal "$(taken)" 1
	# nobody is dead now
	head -n 1 "$S/pool" >"$S/pool.new"
	mv "$S/pool.new" "$S/pool"
	cni_fails 11 ADD p2 "$cns"
	cni DEL p1 "$cns"
	cni DEL p2 "$cns"
}

@test "CNS: an answer that is slow is waited for, one that drips is not waited for longer than an ADD may take" {
	local begun
	fabric_serve_cns 1 "$S"
	pod p1
	reply network_requestipconfigs real 'delay 1500' </dev/null
	cni ADD p1 "$cns"
	cni DEL p1 "$cns"
	reply network_requestipconfigs 'drip 400' <<<"$(code 0)"
	begun=$SECONDS
	cni_fails 11 ADD p1 "$cns"
	[ $((SECONDS - begun)) -le 40 ]
	# a release that hangs holds up no DEL
	rm "$S"/reply/*
	cni ADD p1 "$cns"
	reply network_releaseipconfigs hang </dev/null
	begun=${EPOCHREALTIME/./}
	cni DEL p1 "$cns"
	[ $((${EPOCHREALTIME/./} - begun)) -le 15000000 ]
	rm "$S"/reply/*
	pod p2
	cni ADD p2 "$cns"
	cni DEL p2 "$cns"
	equal "$(taken)" 0
}

@test "CNS: an address that a pod of this host has is not given to another" {
	fabric_serve_cns 1 "$S"
	pod p1 p2
	cni ADD p1 "$cns"
	# as after a restart that forgot whose it is
	printf '%s' '{"podIPInfo":[{"PodIPConfig":{"IPAddress":"10.1.0.10","PrefixLength":32},"NICType":"InfraNIC"}],"response":{"ReturnCode":0}}' |
		reply network_requestipconfigs
	cni_fails 11 ADD p2 "$cns"
	json "$output" '.msg | contains("10.1.0.10")'
	[[ "$stderr" == *10.1.0.10*"in use on this host"* ]]
	rm "$S"/reply/*
	inside p1 ip link show eth0
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
		run --separate-stderr cni ADD p1 "$cns"
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
	[ $((SECONDS - begun)) -le 15 ]
	fabric_serve_cns 1 "$S"
	reply network_requestipconfigs hang </dev/null
	begun=$SECONDS
	cni_fails 11 ADD p1 "$cns"
	[ $((SECONDS - begun)) -le 40 ]
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
	inside p1 ping -q -c 1 -W 20 "$(fabric_address 2)"
	cni_fails 101 ADD p3 "$imds"
	cni DEL p1 "$imds"
	cni DEL p2 "$imds"
}

@test "IMDS: both families where the NIC has them, one where that is wanted" {
	local result
	fabric_imds_document 10.1.0.20 10.1.0.21 fd01::20 >"$S/imds.json"
	fabric_serve "$S"
	pod p1 p2
	result=$(attach p1 "$imds") || wrong "$result"
	equal "$(address_in "$result") $(address_in "$result" 6)" "10.1.0.20 fd01::20"
	inside p1 ping -q -c 1 -W 20 "$(fabric_address6 2)"
	# the only one of IPv6 is held
	cni_fails 101 ADD p2 "$imds"
	json "$output" '.msg | contains("no IPv6 address is left")'
	result=$(cni ADD p2 "$(jq -c '.ipam.ipv6 = false' <<<"$imds")") || wrong "$result"
	json "$result" '[.ips[].address] == ["10.1.0.21/32"]'
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
	inside p1 ping -q -c 1 -W 20 "$(fabric_address 2)"
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

people() {
	on 1 env -i "$AZL_BUILD/azl-cni" "$@"
}

@test "imds-refresh fetches for every network of IMDS, in lists and alone, and ADD need not ask" {
	local asked
	fabric_imds_document 10.1.0.20 >"$S/imds.json"
	fabric_serve "$S"
	mkdir -p "$W/net.d" /etc/cni/net.d
	jq -c '{cniVersion, name, plugins: [{type: "bridge"}, .]}' <<<"$imds" >"$W/net.d/10-a.conflist"
	jq -c '.name = "other"' <<<"$imds" >"$W/net.d/20-b.conf"
	conf 1.0.0 >"$W/net.d/30-ranges.conf"
	equal "$(people imds-refresh --config "$W/net.d")" '2 refreshed'
	[ -s "$CNI_STATE/$NET/imds.json" ]
	[ -s "$CNI_STATE/other/imds.json" ]
	asked=$(requests 'GET /metadata')
	equal "$asked" 2
	pod p1
	equal "$(address_in "$(attach p1 "$imds")")" 10.1.0.20
	equal "$(requests 'GET /metadata')" "$asked"
	cni DEL p1 "$imds"
	# an address that was added is known after the next time; a file alone
	fabric_imds_document 10.1.0.20 10.1.0.21 >"$S/imds.json"
	equal "$(people imds-refresh --config "$W/net.d/10-a.conflist")" '1 refreshed'
	grep -q 10.1.0.21 "$CNI_STATE/$NET/imds.json"
	# unless told, the runtime's folder
	cp "$W/net.d/10-a.conflist" /etc/cni/net.d/99-azl-test.conflist
	equal "$(people imds-refresh)" '1 refreshed'
	rm /etc/cni/net.d/99-azl-test.conflist
	rm -rf "$CNI_STATE/other"
}

# with_unit NAME ARGUMENT: as systemd would start that service's program, as far as capabilities go
with_unit() {
	local caps
	caps=$(sed -n 's/^CapabilityBoundingSet=//p' "$CNI_REPO/config/etc/systemd/system/$1.service" |
		tr 'A-Z ' 'a-z\n' | sed -n 's/^cap_/+/p' | paste -sd, -)
	on 1 setpriv --bounding-set="-all${caps:+,$caps}" --inh-caps=-all --no-new-privs env -i "$AZL_BUILD/azl-cni" "$2"
}

@test "the timers' services do their work with the capabilities that they have" {
	local unit
	fabric_imds_document 10.1.0.20 >"$S/imds.json"
	fabric_serve "$S"
	mkdir -p /etc/cni/net.d
	echo "$imds" >/etc/cni/net.d/99-azl-test.conf
	equal "$(with_unit azl-cni-imds imds-refresh)" '1 refreshed'
	rm /etc/cni/net.d/99-azl-test.conf
	# one that is gone, one that lives by a process of another user alone, and a NIC to settle
	pod p1 p2
	cni ADD p1 "$imds"
	ip netns delete pod-p1
	until_ok 5 eval '! on 1 ip -o link | grep -q azc'
	cni ADD p2
	helper inside p2 setpriv --reuid=65534 --regid=65534 --clear-groups sleep 60
	until_ok 5 eval '[ "$(stat -c %u "/proc/$(tail -n 1 "$W/helpers")")" -eq 65534 ]'
	ip netns delete pod-p2
	equal "$(with_unit azl-cni-reconcile reconcile)" '1 undone'
	equal "$(find "$CNI_STATE/$NET/leases" -type f | wc -l)" 1
	kill "$(tail -n 1 "$W/helpers")"
	until_ok 5 eval '! on 1 ip -o link | grep -q azc'
	until_ok 5 eval '[ "$(with_unit azl-cni-reconcile reconcile)" = "1 undone" ]'
	for unit in "$CNI_REPO"/config/etc/systemd/system/azl-cni-*; do
		grep -q '^Documentation=https://' "$unit"
		case $unit in
		*.timer) grep -q '^RandomizedDelaySec=' "$unit" && grep -q '^WantedBy=timers.target' "$unit" ;;
		*) grep -q '^Type=oneshot' "$unit" && grep -q '^NoNewPrivileges=yes' "$unit" ;;
		esac
	done
}

@test "imds-refresh says what failed, goes on behind it, and keeps what there was" {
	fabric_imds_document 10.1.0.20 >"$S/imds.json"
	fabric_serve "$S"
	echo "$imds" >"$W/10.conf"
	people imds-refresh --config "$W/10.conf"
	reply metadata_instance_network <<<'{"no":"interfaces"}'
	run --separate-stderr people imds-refresh --config "$W/10.conf"
	equal "$status" 1
	[[ "$stderr" == *10.conf*"network $NET"*"cannot be read"* ]]
	grep -q 10.1.0.20 "$CNI_STATE/$NET/imds.json"
	echo '{' >"$W/bad.conf"
	rm "$S"/reply/*
	run --separate-stderr people imds-refresh --config "$W/bad.conf" "$W/10.conf"
	equal "$status" 1
	[[ "$stderr" == *bad.conf* ]]
	equal "$(requests 'GET /metadata')" 3
	run --separate-stderr people imds-refresh --file x
	equal "$status" 2
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
	run --separate-stderr cni ADD p1 "$imds"
	[ "$status" -ne 0 ]
	reply metadata_instance_network 'status 429 Too Many Requests' <<<'{"error":"x"}'
	cni_fails 11 ADD p1 "$imds"
	reply metadata_instance_network 'raw' <<<'no HTTP at all'
	run --separate-stderr cni ADD p1 "$imds"
	[ "$status" -ne 0 ]
}
