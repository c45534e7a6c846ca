# shellcheck shell=bash disable=SC2016,SC2154
# SPDX-License-Identifier: Apache-2.0
#
# Two containers on the plugin's network: one serves HTTP, the other fetches it. To be
# sourced by "show".
#
# ctr --cni knows no options: it takes the first list in /etc/cni/net.d, and plugins
# from /opt/cni/bin. The node's network is its own, so its "NIC" is one end of a pair.

pods_subnet=10.1.0.0/24
pods_node=10.1.0.4
pods_wire=168.63.129.16

# pods_host PLUGIN: the node as a host that has a NIC, forwards, and is set up for CNI.
pods_host() {
	local place
	for place in /etc/cni/net.d /opt/cni/bin; do
		mkdir -p "$place"
		find "$place" -mindepth 1 -delete
	done
	ln -s "$1" /opt/cni/bin/azl-cni
	cat >/etc/cni/net.d/10-azl.conflist <<-END
		{ "cniVersion": "1.0.0", "name": "azl", "plugins": [
		  { "type": "azl-cni", "ipam": { "type": "ranges", "ranges": [
		    [{ "subnet": "$pods_subnet", "rangeStart": "10.1.0.64" }]] } } ] }
	END
	echo 1 >/proc/sys/net/ipv4/ip_forward
	ip link add nic0 type veth peer name wire0
	ip address add "$pods_node/24" dev nic0
	# without addresses that come by themselves, later
	ip link set nic0 addrgenmode none
	ip link set wire0 addrgenmode none up
	ip link set nic0 up
	ip route add default via 10.1.0.1 dev nic0
}

# A command of ip for both families; a kernel may have no IPv6.
pods_both() {
	ip "$@"
	ip -6 "$@" 2>/dev/null || true
}

# What the network of the node has that a pod could leave there, one line each.
pods_list() {
	ip -o link | sed 's/^[0-9]*: \([^:@]*\).*/link \1/'
	pods_both route show table all | sed 's/^/route /'
	pods_both rule | sed 's/^/rule /'
	ip neigh show nud permanent | sed 's/^/neighbour /'
	find /run/azl/cni -type f \( -path '*/leases/*' -o -path '*/locks/*' \) -printf 'file %p\n' 2>/dev/null || true
	sed -n 's/^H /address /p' /run/azl/cni/*/ranges/state 2>/dev/null || true
	find /run/netns -mindepth 1 -printf 'namespace %p\n' 2>/dev/null || true
	{ stat -Lc 'namespace %i' /proc/[0-9]*/ns/net 2>/dev/null || true; } | sort -u
}

# pods_call COMMAND...: what it says, or the end of the show, told past whoever takes what it says.
pods_call() {
	timeout -k 2 "$limit_s" "$@" <&8 >"$work/out.azl" 2>&1 || life_failed "exit status $?: $*" >&9
	cat "$work/out.azl"
}

# pods_say NAME TEXT: lines, the first with a name.
pods_say() {
	local name=$1 line
	while IFS= read -r line; do
		line=${line#"${line%%[![:space:]]*}"}
		line=${line%"${line##*[![:space:]]}"}
		out_done "$name" "${line:0:66}"
		name=''
	done <<<"$2"
}

# Until its own network answers.
pods_server() {
	life_count=$((life_count + 1))
	pods_call ctr run -d --cni "${azl[@]}" "$NODE_IMAGE" server sh -c '
		echo "hello from the server" >/tmp/index.html && exec httpd -f -p 80 -h /tmp' >/dev/null
	pods_in_server sh -c 'n=0
		until wget -q -O /dev/null http://127.0.0.1/; do [ $((n += 1)) -lt 100 ] && usleep 50000 || exit 1; done' >/dev/null
}

pods_in_server() {
	pods_call ctr task exec --exec-id e1 server "$@"
}

# A container that runs one line of shell and is gone.
pods_client() {
	pods_call ctr run --rm --cni "${azl[@]}" "$NODE_IMAGE" client sh -c "$1"
}

# What a pod must not reach: it is refused, or gets no answer.
pods_guards() {
	local said
	out_now guards "http://$pods_wire/"
	life_count=$((life_count + 1))
	said=$(pods_client "wget -q -T 4 -O - http://$pods_wire/ 2>&1 && echo reached; true")
	[[ $said != *reached* ]] || life_failed "a pod reached $pods_wire: $said"
	pods_say guards "http://$pods_wire/ (WireServer) in a pod: ${said##*: }"
}

# pods_show PLUGIN
pods_show() {
	local address said
	exec 9>&1
	out_title "Two containers on a network of azl-cni"
	out_now server "ctr run -d --cni"
	pods_server
	address=$(pods_in_server ip -4 -o addr show dev eth0 | sed -n 's|.* inet \([0-9.]*\)/.*|\1|p')
	pods_say server "$(pods_in_server ip addr show dev eth0 | sed 's/ qdisc.*//; /valid_lft/d')"
	pods_say routes "$(pods_in_server ip route)"
	pods_say neighbour "$(pods_in_server ip neigh | sed 's/ used .* probes [0-9]*//')"
	pods_say host "$(ip route show proto 172)"
	out_now client "ctr run --cni"
	life_count=$((life_count + 1))
	said=$(pods_client "ip -4 -o addr show dev eth0 | sed 's|.* inet ||; s|/.*||' && wget -q -T 5 -O - http://$address/")
	[[ $said == 10.1.0.*"hello from the server" ]] || life_failed "the client did not get the server's page"
	pods_say client "${said%%$'\n'*} fetched http://$address/: ${said#*$'\n'}"
	pods_guards
	said=$("$1" leases | sed '1d; s/  */ /g')
	[ "$(wc -l <<<"$said")" -eq 1 ] || life_failed "not the server's lease alone: $said"
	pods_say leases "$said"
	pods_end
}

# The guards are the host's and stay; a person lifts them.
pods_end() {
	local end=$((SECONDS + limit_s))
	out_now end "ctr task kill"
	pods_call ctr task kill --signal KILL server >/dev/null
	until ctr task ls | grep -q '^server .*STOPPED'; do
		[ "$SECONDS" -lt "$end" ] || life_failed "the server goes on after SIGKILL"
		sleep 0.02
	done
	pods_call ctr task delete server >/dev/null
	pods_call ctr container delete server >/dev/null
	pods_both rule flush protocol 172
}
