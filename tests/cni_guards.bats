# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154
# What is closed to pods, to which of them, and that nobody in a pod can open it.

load cni

setup_file() { cni_file_begin; }
teardown_file() { cni_file_end; }

WIRE6=64:ff9b::a83f:8110 # the forms of NAT64
IMDS6=64:ff9b::a9fe:a9fe

setup() {
	[ "$PLUGIN" = azl-cni ] || skip "$PLUGIN closes nothing"
	cni_begin
	lift
	mkdir -p "$W/azure" "$W/www"
	echo there >"$W/www/x"
	fabric_serve "$W/azure"
	on fabric ip address replace "$WIRE6/128" dev lo
	on fabric ip address replace "$IMDS6/128" dev lo
	helper on fabric busybox httpd -f -p "[$WIRE6]:80" -h "$W/www"
	helper on fabric busybox httpd -f -p "[$IMDS6]:80" -h "$W/www"
	until_ok 5 eval 'on fabric ss -Hltn | grep -c "64:ff9b.*:80 " | grep -qx 2'
}

teardown() {
	[ "$PLUGIN" != azl-cni ] || cni_end
}

both() { ranges 10.1.0.64/26 fd01::100/120; }

# guarded GUARDS [JQ]: a configuration with these guards
guarded() {
	conf 1.1.0 "$(both)" ".guards = $1 ${2:+| $2}"
}

asking() {
	echo ".runtimeConfig[\"io.kubernetes.cri.pod-annotations\"][\"network.azl.io/$1\"] = \"${2-allow}\""
}

# As a person lifts all guards.
lift() {
	on 1 ip rule flush protocol 172
	on 1 ip -6 rule flush protocol 172
}

# What closes first, so that the node is not cut off between two rules.
lift_gently() {
	local f p
	for f in -4 -6; do
		for p in 90 92; do
			while on 1 ip "$f" rule delete pref "$p" 2>/dev/null; do :; done
		done
	done
	lift
}

rules() {
	on 1 ip rule show "$@"
	on 1 ip -6 rule show "$@"
}

gets() { "${@:2}" curl -fsS -m "${GETS_S:-30}" -o /dev/null -H Metadata:true "$1"; }
wire() { gets "http://$FABRIC_WIRE:80/" "$@"; }
imds() { gets "http://$FABRIC_IMDS/metadata/versions" "$@"; }
wire6() { gets "http://[$WIRE6]/x" "$@"; }
imds6() { gets "http://[$IMDS6]/x" "$@"; }

# Refused; or not answered: the kernel limits what it tells a pod, and one SYN a second is too much.
closed() {
	GETS_S=3 run "$@"
	if [ "$status" -ne 7 ] && [ "$status" -ne 28 ]; then
		echo "$* ended with $status: $output"
		return 1
	fi
}

@test "WireServer and IMDS are closed to pods in both families, and the node reaches them" {
	pod p1
	attach p1 "$(conf 1.0.0 "$(both)")"
	closed wire inside p1
	closed gets "http://$FABRIC_WIRE:32526/" inside p1
	closed imds inside p1
	closed wire6 inside p1
	closed imds6 inside p1
	wire on 1
	imds on 1
	wire6 on 1
	imds6 on 1
	gets "http://$FABRIC_WIRE:53/" inside p1
	cni DEL p1 "$(conf 1.0.0 "$(both)")"
}

@test "probes that come from WireServer's address are answered, from whatever port" {
	pod p1
	a=$(address_in "$(attach p1)")
	http_at inside p1
	gets "http://$a:8080/big" on fabric curl --interface "$FABRIC_WIRE"
	gets "http://$a:8080/big" on fabric curl --interface "$FABRIC_WIRE" --local-port 65535
	cni DEL p1
}

@test "rules of the node's own decide where the way is open, for it and for pods" {
	pod p1 p2
	attach p1 "$(guarded '{wireserver: true}')"
	attach p2 "$(guarded '{wireserver: false}')"
	on 1 ip route add unreachable "$FABRIC_WIRE" table 101
	on 1 ip rule add pref 100 to "$FABRIC_WIRE" lookup 101
	closed gets "http://$FABRIC_WIRE:53/" inside p1
	closed wire inside p2
	closed wire on 1
	on 1 ip rule del pref 100
	on 1 ip route del unreachable "$FABRIC_WIRE" table 101
	gets "http://$FABRIC_WIRE:53/" inside p1
	wire inside p2
	wire on 1
	cni DEL p1
	cni DEL p2
}

@test "what the configuration names is closed, an address or a port of it, in both families" {
	local g
	g=$(guarded "{also: [\"$(fabric_address 2):8081\", \"$(fabric_address6 2)\", \"[fd01::99]:80\"]}")
	pod p1
	attach p1 "$g"
	http_at on 2
	helper on 2 busybox httpd -f -p 8081 -h "$W/www"
	until_ok 5 on 1 busybox wget -q -T 30 -O /dev/null "http://$(fabric_address 2):8081/x"
	fetches "$(fabric_address 2)" inside p1
	fetches "$(fabric_address6 2)" on 1
	closed gets "http://$(fabric_address 2):8081/x" inside p1
	closed gets "http://[$(fabric_address6 2)]:8080/big" inside p1
	cni CHECK p1 "$(jq -c --argjson r "$(cni DEL p1 "$g" >/dev/null; cni ADD p1 "$g")" '.prevResult = $r' <<<"$g")"
	cni DEL p1 "$g"
}

@test "opt-in: who asks is let through, by annotation or label, in both families; its rules go with it" {
	local opt='{imds: "opt-in", wireserver: "opt-in"}' label
	label='.args.cni.labels = [{key: "a", value: "b"}, {key: "network.azl.io/wireserver", value: "allow"}]'
	pod p1 p2 p3
	attach p1 "$(guarded "$opt")"
	attach p2 "$(guarded "$opt" "$(asking imds)")"
	attach p3 "$(guarded "$opt" "$label")"
	closed imds inside p1
	closed wire inside p1
	imds inside p2
	imds6 inside p2
	closed wire inside p2
	closed wire6 inside p2
	wire inside p3
	wire6 inside p3
	closed imds inside p3
	equal "$(rules | grep -c '^88:')" 4
	cni DEL p1 "$(guarded "$opt")"
	cni DEL p2 "$(guarded "$opt")"
	cni DEL p3 "$(guarded "$opt")"
	equal "$(rules | grep -c '^88:' || true)" 0
}

@test "the rules of a pod whose DEL never came go by GC" {
	local g
	g=$(guarded '{imds: false}')
	pod p1
	attach p1 "$g"
	equal "$(rules | grep -c '^88:')" 2
	ip netns delete pod-p1
	cni GC gc "$(jq -c '.["cni.dev/valid-attachments"] = []' <<<"$g")" ''
	equal "$(rules | grep -c '^88:' || true)" 0
}

@test "a pod that asks where it may not is closed, and that is told once" {
	pod p1
	run --separate-stderr cni ADD p1 "$(guarded '{imds: true}' "$(asking imds)")"
	[ "$status" -eq 0 ]
	equal "$(grep -c network.azl.io/imds <<<"$stderr")" 1
	fabric_register 1 "$(address_in "$output")"
	closed imds inside p1
	run --separate-stderr cni DEL p1 "$(guarded '{imds: true}' "$(asking imds)")"
	equal "$status $stderr" "0 "
}

@test "words that are not known are refused, the pod's at ADD alone" {
	pod p1
	cni_fails 7 ADD p1 "$(guarded '{imds: "optin"}')"
	[[ $output == *guards.imds*opt-in* ]]
	cni_fails 7 ADD p1 "$(guarded '{imsd: true}')"
	[[ $output == *guards.imsd*known* ]]
	cni_fails 7 ADD p1 "$(guarded '{also: ["10.0.0.0/8"]}')"
	[[ $output == *'guards.also[0]'* ]]
	cni_fails 7 ADD p1 "$(guarded '{imds: "opt-in"}' "$(asking imds yes)")"
	[[ $output == *network.azl.io/imds*allow* ]]
	cni DEL p1 "$(guarded '{imds: "opt-in"}' "$(asking imds yes)")"
}

@test "networks with different guards live side by side, whoever comes first" {
	local open closed
	open=$(guarded '{imds: false}' '.name = "open"')
	closed=$(guarded '{imds: true}')
	pod p1 p2 p3
	attach p1 "$open"
	imds inside p1
	attach p2 "$closed"
	attach p3 "$open"
	imds inside p1
	imds6 inside p1
	closed imds inside p2
	closed imds6 inside p2
	imds inside p3
	cni DEL p1 "$open"
	cni DEL p2 "$closed"
	cni DEL p3 "$open"
}

@test "a changed configuration holds for the pods after it" {
	pod p1 p2 p3
	attach p1 "$(guarded '{wireserver: true}')"
	attach p2 "$(guarded '{wireserver: false}')"
	attach p3 "$(guarded '{wireserver: true}')"
	closed wire inside p1
	wire inside p2
	closed wire inside p3
	cni DEL p1
	cni DEL p2
	cni DEL p3
}

@test "guards that a person lifted are missed by CHECK and come back with the next ADD" {
	local g result
	g=$(guarded '{imds: true}')
	pod p1 p2
	result=$(attach p1 "$g")
	cni CHECK p1 "$(jq -c --argjson r "$result" '.prevResult = $r' <<<"$g")"
	lift
	imds inside p1
	cni_fails 104 CHECK p1 "$(jq -c --argjson r "$result" '.prevResult = $r' <<<"$g")"
	[[ $output == *guards* ]]
	attach p2 "$g"
	closed imds inside p1
	cni DEL p1 "$g"
	cni DEL p2 "$g"
}

@test "the node's own way is never interrupted" {
	local i pid
	pod p1
	: >"$W/tries"
	(
		until [ -e "$W/enough" ]; do
			on 1 busybox wget -q -T 30 -O /dev/null "http://$FABRIC_WIRE:80/" || echo "lost" >>"$W/lost"
			echo one >>"$W/tries"
		done
	) 3>&- 4>&- &
	pid=$!
	for i in {1..10}; do
		cni ADD p1 >/dev/null
		cni DEL p1
		lift_gently
	done
	until_ok 5 eval '[ "$(wc -l <"$W/tries")" -gt 5 ]'
	touch "$W/enough"
	wait "$pid"
	[ ! -e "$W/lost" ]
}

# What of TCP came from the node to WireServer and IMDS, as the fabric counts it.
tcp_counted() {
	on fabric nft -j list counter netdev guards seen | jq '.nftables[] | .counter? | select(.) | .packets'
}

count_tcp() {
	on fabric nft -f - <<-EOF
		table netdev guards {
		  counter seen { }
		  chain vnic1 {
		    type filter hook ingress device vnic1 priority -10;
		    ip daddr { $FABRIC_WIRE, $FABRIC_IMDS } ip protocol tcp counter name seen
		    ip6 daddr { $WIRE6, $IMDS6 } counter name seen
		  }
		}
	EOF
}

# fragments SOURCE TARGET WHERE...: a SYN for port 80 in two fragments; port 80 of a plain one is closed
fragments() {
	"${@:3}" perl -MSocket -e '
		my ($src, $dst) = map { inet_aton($_) } @ARGV;
		my $tcp = pack("nnNNCCnnn", 41000, 80, 1, 0, 0x50, 2, 1000, 0, 0);
		my $sum = 0;
		$sum += $_ for unpack("n*", $src . $dst . pack("nn", 6, length $tcp) . $tcp);
		$sum = ($sum & 0xffff) + ($sum >> 16) while $sum >> 16;
		substr($tcp, 16, 2) = pack("n", ~$sum & 0xffff);
		socket(my $s, AF_INET, SOCK_RAW, 255) or die;
		for ([0x2000, substr($tcp, 0, 8)], [1, substr($tcp, 8)]) {
			my $h = pack("CCnnnCCna4a4", 0x45, 0, 20 + length $_->[1], 4242, $_->[0], 64, 6, 0, $src, $dst);
			send($s, $h . $_->[1], 0, pack_sockaddr_in(0, $dst)) or die "send: $!";
		}' "$1" "$2"
}

@test "who may do everything in a pod opens nothing: routes, rules, addresses, sources, fragments" {
	local gw a b
	pod p1 p2
	a=$(address_in "$(attach p1 "$(guarded '{imds: "opt-in", wireserver: "opt-in"}')")")
	b=$(address_in "$(attach p2 "$(guarded '{imds: false, wireserver: false}')")")
	count_tcp
	gw=$(inside p1 ip -j route show default | jq -r '.[0].gateway')
	inside p1 ip rule flush
	inside p1 ip rule add from all lookup main
	inside p1 ip route add "$FABRIC_WIRE" via "$gw" dev eth0 onlink
	inside p1 ip route add "$FABRIC_IMDS" dev eth0
	closed wire inside p1
	closed imds inside p1
	# the address, and the MAC, of a pod that is let through
	inside p1 ip address add "$b/32" dev eth0
	run inside p1 curl -sS -m 2 --interface "$b" "http://$FABRIC_WIRE/"
	[ "$status" -ne 0 ]
	inside p1 ip address add "$FABRIC_IMDS/32" dev lo
	inside p1 ip address del "$FABRIC_IMDS/32" dev lo
	# what no rule for a port can see
	fragments "$a" "$FABRIC_WIRE" inside p1
	fragments "$a" "$FABRIC_IMDS" inside p1
	inside p1 ip link set eth0 mtu 68
	closed wire inside p1
	inside p1 ip link set eth0 mtu 1500
	# one to count by: the same from the pod that is let through arrives
	equal "$(tcp_counted)" 0
	fragments "$b" "$FABRIC_WIRE" inside p2
	until_ok 3 eval '[ "$(tcp_counted)" -ge 2 ]'
	on fabric nft delete table netdev guards
	cni DEL p1
	cni DEL p2
}
