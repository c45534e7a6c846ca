# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What the tests of azl-cni share. They run as root in a test node (hack/e2e): the network of the node
# under test is a namespace, azl-node1, in the fabric of tests/fabric; pods are namespaces, too.
#
# A file says: load cni; setup_file() { cni_file_begin; } teardown_file() { cni_file_end; }
# setup() { cni_begin; } teardown() { cni_end; }
#
#   AZL_CNI   the plugin under test (azl-cni); ptp proves the bed itself

bats_require_minimum_version 1.5.0

CNI_REPO=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
PLUGIN=${AZL_CNI:-azl-cni}
C=/run/azl-cni-tests
CNI_BIN=$AZL_BUILD:/usr/lib/cni
CNI_STATE=/run/azl/cni
NET=pods # name of the network
AZL_STUB=$AZL_BUILD/tools/azure_stub

# shellcheck source=tests/fabric/fabric.bash
. "$CNI_REPO/tests/fabric/fabric.bash"

cni_file_begin() {
	mkdir -p "$C"
	fabric_up
}

cni_file_end() {
	fabric_down
	! mountpoint -q "$CNI_STATE" || umount "$CNI_STATE"
	rm -rf "$C" "$CNI_STATE"
}

cni_begin() {
	W=$C/t$BATS_TEST_NUMBER
	mkdir -p "$W"
	links_before=$(node_links)
}

cni_end() {
	local left=''
	[ ! -e "$W/helpers" ] || kill_helpers
	fabric_serve_no_more
	pods_remove
	if ! until_ok 5 cni_nothing_left; then
		left=$(cni_left)
		echo "left behind:"
		echo "$left"
		cni_force
	fi
	rm -rf "$W"
	[ -z "$left" ]
}

# ---- what plugins leave ----

# node_links [dev LINK]: without what the kernel changes by itself, and late
node_links() {
	on 1 ip -o link show "$@" | sed -E 's/NO-CARRIER,|,LOWER_UP|,M-DOWN//g; s/ state [A-Z]+//; s/^/link: /'
}

# All that a plugin may leave behind on the node, one line each. Rules that guard are the node's.
cni_left() {
	{
		node_links
		# shellcheck disable=SC2016
		on 1 sh -c '
			ip route show table all proto 172 | sed "s/^/route: /"
			ip -6 route show table all proto 172 | sed "s/^/route: /"
			{ ip rule; ip -6 rule; } | grep azc | sed "s/^/rule: /"
			ip neigh show nud permanent | grep -v "dev eth0" | sed "s/^/neighbour: /"
			nft list ruleset 2>/dev/null | grep -E "CNI-DN|18080" | sed "s/^/nft: /"'
	} | grep -vxF "$links_before"
	# the next one writes over the store's new file; a lease's would stay
	find "$CNI_STATE" /var/lib/cni/networks -type f \( -path '*/leases/*' -o -path '*/locks/*' -o -name '.*' \
		! -name .state.new -o -path '/var/lib/*' -name '[0-9]*' \) 2>/dev/null | sed 's/^/file: /'
	cni_held | sed 's/^/address: /'
	pgrep -x azl-cni | sed 's/^/process: /'
	true
}

cni_nothing_left() {
	[ -z "$(cni_left)" ]
}

# Addresses that the store of ranges gives to somebody.
cni_held() {
	cat "$CNI_STATE"/*/ranges/state 2>/dev/null | grep '^H' || true
}

cni_force() {
	local link
	on 1 ip -o link | sed -n 's/^[0-9]*: \(\(azc\|veth\)[^@:]*\).*/\1/p' | while read -r link; do
		on 1 ip link delete "$link" || true
	done
	on 1 nft flush ruleset
	rm -rf "$CNI_STATE" /var/lib/cni/networks
}

# ---- pods ----

# A namespace that stands for a sandbox; lo is down, as containerd leaves it.
pod() {
	local id
	for id; do
		ip netns add "pod-$id"
	done
}

pods_remove() {
	local ns
	for ns in /run/netns/pod-*; do
		[ ! -e "$ns" ] || ip netns delete "${ns##*/}"
	done
}

netns_of() {
	echo "/run/netns/pod-$1"
}

# inside ID COMMAND...
inside() {
	${ON-} nsenter "--net=$(netns_of "$1")" "${@:2}"
}

# A process for as long as the test goes on.
helper() {
	ON="exec" "$@" </dev/null >/dev/null 2>&1 3>&- 4>&- &
	echo $! >>"$W/helpers"
	disown $!
}

# Ends the helpers of a test. When it returns nobody has their addresses any more.
kill_helpers() {
	ended <"$W/helpers"
	rm "$W/helpers"
}

# ---- calling plugins ----

# The IPAM part of a configuration. Of ranges: of azl-cni, or host-local for everybody else.
ranges() {
	local type=ranges range ranges='[]'
	[ "$PLUGIN" = azl-cni ] || type=host-local
	for range in "${@:-10.1.0.64/26}"; do
		ranges=$(jq -c --arg s "$range" '. + [[{subnet: $s}]]' <<<"$ranges")
	done
	jq -cn --arg type "$type" --argjson r "$ranges" '{type: $type, ranges: $r}
		| if $type == "host-local" then .routes = [{dst: "0.0.0.0/0"}] else . end'
}

host_local() {
	jq -c '.type = "host-local" | .routes = [{dst: "0.0.0.0/0"}]' <<<"$(ranges "$@")"
}

# conf [VERSION [IPAM [JQ]]]: what a plugin gets on its standard input
conf() {
	local version=${1:-1.0.0} ipam=${2:-$(ranges)}
	jq -cn --arg v "$version" --arg n "$NET" --arg t "$PLUGIN" --argjson ipam "$ipam" \
		"{cniVersion: \$v, name: \$n, type: \$t, ipam: \$ipam} ${3:+| $3}"
}

# cni VERB ID [CONF [NETNS [IFNAME]]]: one call of the plugin; CNI_ARGS and others come along
cni() {
	local verb=$1 id=$2 conf=${3-} netns=${4-$(netns_of "$2")} ifname=${5:-eth0}
	[ -n "$conf" ] || conf=$(conf)
	[[ "$conf" =~ \"type\":\"([^\"]*)\" ]]
	# with the /sys of that network, as the host's would be
	# shellcheck disable=SC2086
	ip netns exec azl-node1 env CNI_COMMAND="$verb" CNI_CONTAINERID="$id" CNI_NETNS="$netns" CNI_IFNAME="$ifname" \
		CNI_PATH="$CNI_BIN" PATH="$CNI_BIN:$PATH" ${CNI_WRAP-} "${BASH_REMATCH[1]}" <<<"$conf"
}

# cni_fails CODE VERB ID...: and says so as the specification wants it; leaves the object in $output
cni_fails() {
	local code=$1
	shift
	run --separate-stderr cni "$@"
	if [ "$status" -eq 0 ] || ! jq -e --argjson c "$code" '.code == $c and (.msg | length > 0) and .cniVersion' \
		<<<"$output" >/dev/null; then
		echo "wanted an error of code $code; status $status: $output $stderr"
		return 1
	fi
}

# The address of family F that a result names: address_in RESULT [F]
address_in() {
	jq -r --arg f "${2:-4}" '[.ips[].address | select(contains(":") == ($f == "6"))][0] | sub("/.*"; "")' <<<"$1"
}

# ADD, and the fabric is told of the addresses; prints the result.
attach() {
	local result address
	result=$(cni ADD "$@") || {
		echo "$result"
		return 1
	}
	for address in $(jq -r '.ips[].address | sub("/.*"; "")' <<<"$result"); do
		fabric_register 1 "$address"
	done
	echo "$result"
}

# chain VERB ID LIST [RUNTIME_CONFIG [NETNS [IFNAME]]]: a list of plugins as libcni runs it; what ADD gave
# is kept for the verbs after it
chain() {
	local verb=$1 id=$2 list=$3 config=${4:-"{}"} prev='' i n order conf
	local where=("${5-$(netns_of "$2")}" "${6:-eth0}") kept=$W/result-$2${6:+-$6}
	n=$(jq '.plugins | length' <<<"$list")
	order=$(seq 0 $((n - 1)))
	if [ "$verb" = DEL ]; then
		order=$(seq $((n - 1)) -1 0)
	fi
	[ "$verb" = ADD ] || prev=$(cat "$kept" 2>/dev/null || true)
	for i in $order; do
		conf=$(jq -c --argjson i "$i" --argjson rc "$config" --argjson prev "${prev:-null}" '
			. as $l | .plugins[$i] + {cniVersion: $l.cniVersion, name: $l.name}
			| ((.capabilities // {}) | with_entries(select(.value))) as $caps
			| ($rc | with_entries(select($caps[.key]))) as $given
			| if $given != {} then .runtimeConfig = $given else . end
			| if $prev then .prevResult = $prev else . end' <<<"$list")
		if [ "$verb" = ADD ]; then
			prev=$(cni ADD "$id" "$conf" "${where[@]}") || {
				echo "plugin $i: $prev"
				return 1
			}
		else
			cni "$verb" "$id" "$conf" "${where[@]}" || return
		fi
	done
	if [ "$verb" = ADD ]; then
		echo "$prev" | tee "$kept"
		fabric_register 1 "$(address_in "$prev")"
	fi
	if [ "$verb" = DEL ]; then
		rm -f "$kept"
	fi
}

# list VERSION PLUGIN...: ours, and those after it, each a JSON object
list() {
	local version=$1
	shift
	jq -cs --arg v "$version" --arg n "$NET" '{cniVersion: $v, name: $n, plugins: .}' \
		<<<"$(conf "$version" | jq -c 'del(.cniVersion, .name)')$(printf '\n%s' "$@")"
}

# ---- traffic ----

# http_at WHERE...: a server there (words that enter it), on port 8080
http_at() {
	mkdir -p "$W/www"
	[ -e "$W/www/big" ] || head -c 3000000 /dev/urandom >"$W/www/big"
	helper "$@" busybox httpd -f -p 8080 -h "$W/www"
	until_ok 5 eval "$* ss -Hltn | grep -q :8080"
}

# fetches ADDRESS WHERE...: the whole file
fetches() {
	local address=$1
	shift
	case $address in *:*) address="[$address]" ;; esac
	"$@" busybox wget -q -T 30 -O "$W/got" "http://$address:8080/big" && cmp -s "$W/got" "$W/www/big"
}

# udp_echo_at ADDRESS WHERE...: answers each datagram with its sender's address and what it says
udp_echo_at() {
	local address=$1
	shift
	helper "$@" perl -MIO::Socket::IP -e '
		my $s = IO::Socket::IP->new(LocalHost => $ARGV[0], LocalPort => 5353, Proto => "udp") or die;
		while (defined($s->recv(my $text, 2000))) { $s->send($s->peerhost . " $text"); }' "$address"
	until_ok 5 eval "$* ss -Hlun | grep -q :5353"
}

# udp ADDRESS TEXT WHERE...: what comes back; UDP_PORT is another port
udp() {
	"${@:3}" perl -MIO::Socket::IP -e '
		my $s = IO::Socket::IP->new(PeerHost => $ARGV[0], PeerPort => $ENV{UDP_PORT} // 5353, Proto => "udp") or die;
		$s->send($ARGV[1]); alarm 20; $s->recv(my $text, 2000); print "$text\n";' "$1" "$2"
}

# ---- killing ----

# Every system call of a trace from the one that reads the configuration on: "NAME NTH" each.
kill_points() {
	sed -n 's/^\([a-z0-9_]*\)(\([^,]*\).*/\1 \2/p' "$1" |
		awk '{ n[$1]++ } $1 == "read" && $2 == "0" { on = 1; next } on && $1 != "exit_group" { print $1, n[$1] }'
}

# ---- waiting and looking ----

# until_ok SECONDS COMMAND...: until it succeeds; the seconds are a quiet host's, others get six times as many
until_ok() {
	local end=$((${EPOCHREALTIME/./} + $1 * 6000000))
	shift
	until "$@"; do
		[ "${EPOCHREALTIME/./}" -lt "$end" ] || return 1
		sleep 0.02
	done
}

# json RESULT EXPRESSION: true of it
json() {
	if ! jq -e "$2" <<<"$1" >/dev/null; then
		echo "not true: $2"
		echo "of: $1"
		return 1
	fi
}

equal() {
	if [ "$1" != "$2" ]; then
		echo "got:    $1"
		echo "wanted: $2"
		return 1
	fi
}

# What was said instead of success.
wrong() {
	echo "$1"
	return 1
}
