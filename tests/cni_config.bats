#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Configurations that change, are wrong or are large between ADD and what comes after it.

load cni

setup_file() { cni_file_begin; }
teardown_file() { cni_file_end; }
setup() { cni_begin; }
teardown() { cni_end; }

@test "DEL with a fault in its configuration undoes what ADD made, and says the fault" {
	local fault ipam
	for ipam in "$(ranges)" "$(host_local)"; do
		for fault in '.guards = {wireservr: true}' '.mtu = 7' '.datapath = "bridge"' '.cniVersion = "9.0.0"'; do
			pod a
			attach a "$(conf 1.0.0 "$ipam")"
			run --separate-stderr cni DEL a "$(conf 1.0.0 "$ipam" "$fault")"
			[ "$status" -eq 0 ] || wrong "$fault: $output $stderr"
			[[ "$stderr" == *"today's is wrong"* ]] || wrong "$fault: no warning: $stderr"
			cni_nothing_left || wrong "$fault: left: $(cni_left)"
			pods_remove
		done
	done
}

@test "DEL with a fault in its configuration is refused where nothing tells what ADD made" {
	pod a b
	attach a
	cni_fails 7 DEL b "$(conf 1.0.0 "$(ranges)" '.mtu = 7')"
	cni_fails 7 DEL a "$(conf 1.0.0 "$(ranges)" '.name = "other" | .mtu = 7')"
	cni_fails 1 DEL b "$(conf 9.0.0)"
	cni_fails 6 DEL b '{"type":"azl-cni"'
	[ -n "$(cni_held)" ]
	cni DEL a
}

@test "a pod of the largest configuration is undone without it, at its IPAM plugin too" {
	local config
	config=$(conf 1.0.0 "$(host_local)" '.filling = [range(0; 80000) | "\u007f\n\t"]')
	[ "${#config}" -gt 1000000 ] && [ "${#config}" -lt 1048576 ]
	pod a
	attach a "$config"
	ip netns delete pod-a
	[ -n "$(cni_left)" ]
	# which comes back with the result
	cni DEL a "$(jq -c '.prevResult = {ips: [], dns: {nameservers: [range(0; 2000) | tostring]}}' <<<"$config")"
	cni_nothing_left || wrong "left: $(cni_left)"
	pod b
	attach b "$config"
	ip netns delete pod-b
	[ -n "$(cni_left)" ]
	on 1 "$AZL_BUILD/azl-cni" reconcile
	cni_nothing_left || wrong "left: $(cni_left)"
}

@test "a configuration that is too large to be kept is refused" {
	pod a
	cni_fails 6 ADD a "$(conf 1.0.0 "$(ranges)" '.filling = "0123456789abcdef" * 65536')"
}
