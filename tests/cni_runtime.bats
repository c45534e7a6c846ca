# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2030,SC2031,SC2154
# The plugin as runtimes use it: containerd's CRI, ctr, and the calls that nerdctl makes.

load cni_runtime

setup_file() { runtime_file_begin; }
teardown_file() { runtime_file_end; }
setup() { runtime_begin; }
teardown() { runtime_end; }

@test "CRI: a pod has our address, and all of it is gone when it is removed" {
	local pod one ip
	pod=$(pod_up "$T")
	ip=$(pod_ip "$pod")
	[[ $ip == 10.1.0.* ]]
	one=$(pod_add "$pod" one '' sleep 1000)
	run -0 pod_exec "$one" ip -4 addr show dev eth0
	has "inet $ip/32"
	run -0 pod_exec "$one" ip route
	has "default via 169.254.1.1 dev eth0"
	[[ "$(on 1 ip route)" == *"$ip dev azc"* ]]
	cri StopPodSandbox <<<"pod_sandbox_id: \"$pod\""
	# the network is gone before the pod is
	[[ "$(on 1 ip route)" != *"$ip"* ]]
	cni_nothing_left
	cri StopPodSandbox <<<"pod_sandbox_id: \"$pod\""
	cri RemovePodSandbox <<<"pod_sandbox_id: \"$pod\""
	cri RemovePodSandbox <<<"pod_sandbox_id: \"$pod\""
}

@test "CRI: two pods talk over HTTP and UDP, to the node, and to another node" {
	local a b ip
	a=$(pod_up "$T-a")
	b=$(pod_up "$T-b")
	ip=$(pod_ip "$b")
	http_at in_pod "$b"
	fetches "$ip" in_pod "$a"
	fetches "$ip" on 1
	fetches "$ip" on 2
	udp_echo_at "$ip" in_pod "$b"
	equal "$(udp "$ip" hello in_pod "$a")" "$(pod_ip "$a") hello"
	udp_echo_at "$(fabric_address 2)" on 2
	equal "$(udp "$(fabric_address 2)" hello in_pod "$a")" "$(pod_ip "$a") hello"
	pod_remove "$a"
	pod_remove "$b"
}

@test "CRI: a port of the node leads to the pod until it stops" {
	local pod
	POD_MORE='port_mappings { container_port: 8080 host_port: 18080 }' pod=$(pod_up "$T")
	http_at in_pod "$pod"
	on 2 busybox wget -q -T 30 -O "$W/got" "http://$(fabric_address 1):18080/big"
	cmp "$W/got" "$W/www/big"
	cri StopPodSandbox <<<"pod_sandbox_id: \"$pod\""
	run on 2 busybox wget -q -T 1 -O "$W/got" "http://$(fabric_address 1):18080/big"
	[ "$status" -ne 0 ]
	cri RemovePodSandbox <<<"pod_sandbox_id: \"$pod\""
}

# The list that containerd has read has this in it.
is_loaded() {
	cri Status <<<'verbose: true' | grep -F 'key: "cniconfig"' -A 1 | grep -qF -- "$1"
}

@test "CRI: a list that is renamed into place is used from the next pod on" {
	local old new
	old=$(pod_up "$T-old")
	conflist | jq '.plugins[0].ipam.ranges[0][0].subnet = "10.1.0.128/26"' | conflist_put 10-azl.conflist
	until_ok 10 is_loaded 10.1.0.128/26
	new=$(pod_up "$T-new")
	[[ "$(pod_ip "$new")" =~ ^10\.1\.0\.1(2[89]|[3-9].)$ ]]
	in_pod "$new" ping -q -c 1 -W 20 "$(pod_ip "$old")"
	# what was attached by the list before goes all the same
	pod_remove "$old"
	pod_remove "$new"
	conflist | conflist_put 10-azl.conflist
	until_ok 10 is_loaded 10.1.0.64/26
}

@test "CRI: a broken first file makes the node not ready until it is gone" {
	echo '{ "cniVersion": "1.0.0", "name": ' | conflist_put 00-broken.conflist
	until_ok 10 not_ready
	run pod_run "$T" POD
	has "cni plugin not initialized"
	rm "$CONFS/00-broken.conflist"
	until_ok 10 ready
	# containerd keeps a pod whose network it could not take down, until it is removed
	pods_of_cri_remove
	pod_remove "$(pod_up "$T")"
}

@test "CRI: a key that is wrong is named in the pod's error, and nothing is left" {
	conflist | jq '.plugins[0].mtu = "big"' | conflist_put 10-azl.conflist
	until_ok 10 is_loaded '"mtu'
	run pod_run "$T" POD
	has "mtu"
	pods_of_cri_remove
	cni_nothing_left
	conflist | conflist_put 10-azl.conflist
	until_ok 10 eval '! is_loaded "\"mtu"'
	pod_remove "$(pod_up "$T")"
}

@test "CRI: the node is not ready for as long as STATUS says that no pod can be attached" {
	[ "$(containerd_major)" -ge 2 ] || skip "containerd 1 does not ask for STATUS"
	conflist | jq '.cniVersion = "1.1.0" | .plugins[0].master = "none0"' | conflist_put 10-azl.conflist
	until_ok 10 not_ready
	[[ "$(condition NetworkReady)" == *none0* ]]
	conflist | jq '.cniVersion = "1.1.0"' | conflist_put 10-azl.conflist
	until_ok 10 ready
	pod_remove "$(pod_up "$T")"
}

@test "CRI: thirty pods at once have thirty addresses, and all of them go" {
	local i ids n=30 jobs=()
	for ((i = 0; i < n; i++)); do
		pod_run "$T-$i" POD >"$W/id-$i" 3>&- &
		jobs+=("$!")
	done
	wait "${jobs[@]}"
	cat "$W"/id-* >"$W/ids"
	equal "$(wc -l <"$W/ids")" $n
	# a route for each, on a link of its own
	equal "$(on 1 ip route show proto 172 | awk '{ print $1 }' | sort -u | wc -l)" $n
	equal "$(on 1 ip route show proto 172 | awk '{ print $3 }' | sort -u | wc -l)" $n
	jobs=()
	while read -r id; do
		pod_remove "$id" 3>&- &
		jobs+=("$!")
	done <"$W/ids"
	wait "${jobs[@]}"
	equal "$(on 1 ip route show proto 172 | wc -l)" 0
}

has_netns() { compgen -G '/run/netns/cni-*' >/dev/null; }
has_lease() { compgen -G "$CNI_STATE/*/leases/*" >/dev/null || compgen -G "$CNI_STATE/leases/*" >/dev/null; }
has_route() { [ -n "$(on 1 ip route show proto 172)" ]; }
has_shim() { pidof containerd-shim-azl-v2 >/dev/null; }

@test "CRI: containerd is killed while it makes a pod: what it knows can be removed, and nothing is left" {
	local at job
	for at in has_netns has_lease has_route has_shim; do
		pod_run "$T-$at" POD >"$W/out" 2>&1 3>&- &
		job=$!
		until_ok 5 $at
		runtime_stop KILL
		wait $job || true
		runtime_start
		until_ok 10 ready
		pods_of_cri_remove
		until_ok 5 pods_nothing_left
		# a pod that containerd had not written down yet is the plugin's own to find
		on 1 azl-cni reconcile
		until_ok 5 cni_nothing_left
	done
}

# ---- ctr ----

ctr_cni() {
	# its plugins run as its children
	timeout -k 2 "$E2E_LIMIT_S" nsenter --net=/run/netns/azl-node1 ctr run --cni --cpu-shares 0 "${RUNTIME[@]}" "$@" 3>&- </dev/null
}

@test "ctr run --cni: an address, HTTP from the node and from another container, nothing left" {
	local b ip out
	ctr_cni -d "$IMAGE" "$T-b" sleep 1000
	b=$(ip_of_container "$T-b")
	[[ $b == 10.1.0.* ]]
	fabric_register 1 "$b"
	POD_NAMESPACE=default http_at in_pod "$T-b"
	helper on 1 busybox httpd -f -p 8081 -h "$W/www"
	until_ok 5 eval 'on 1 ss -Hltn | grep -q :8081'
	run -0 ctr_cni --rm "$IMAGE" "$T-a" sh -c "
		ip -4 addr show dev eth0
		wget -q -T 30 -O - http://$b:8080/big | sha256sum
		wget -q -T 30 -O - http://$(fabric_address 1):8081/big | sha256sum"
	has "inet 10.1.0."
	equal "$(grep -c "$(sha256sum <"$W/www/big")" <<<"$output")" 2
	# what ctr detaches from it never takes off the network
	kill_helpers
	ctr task rm -f "$T-b"
	ctr container rm "$T-b"
	until_ok 5 eval '[ -z "$(on 1 ip route show proto 172)" ]'
	on 1 azl-cni reconcile
	cni_nothing_left
}

ip_of_container() {
	POD_NAMESPACE=default in_pod "$1" ip -j -4 addr show dev eth0 | jq -r '.[0].addr_info[0].local'
}

# ---- nerdctl ----

# sandbox NAME: a process with a network of its own, as runc leaves it for the hook; sets $pid
sandbox() {
	unshare --net sleep 1000 </dev/null >/dev/null 2>&1 3>&- 4>&- &
	pid=$!
	echo $pid >>"$W/helpers"
	disown $pid
	until_ok 5 eval "[ \"\$(readlink /proc/$pid/ns/net)\" != \"\$(readlink /proc/self/ns/net)\" ]"
}

# nerdctl_hook VERB ID PID PORTS NETWORK...: what the OCI hook of nerdctl does: pkg/ocihook/ocihook.go
nerdctl_hook() {
	local verb=$1 id=default-$2 pid=$3 ports=$4 i=0 network jobs=()
	shift 4
	export CNI_ARGS='IgnoreUnknown=1'
	[ "$verb" != ADD ] || CNI_ARGS+=";NERDCTL_CNI_DHCP_HOSTNAME=${id:8:12}${NERDCTL_ARGS-}"
	for network; do
		chain DEL "$id" "$(cat "$W/$network")" "$ports" '' "eth$i" || [ "$verb" = ADD ] || return
		i=$((i + 1))
	done
	[ "$verb" = ADD ] || return 0
	i=0
	# go-cni attaches to all networks at once
	for network; do
		chain ADD "$id" "$(cat "$W/$network")" "$ports" "/proc/$pid/ns/net" "eth$i" >"$W/said-$i" 3>&- &
		jobs+=("$!")
		i=$((i + 1))
	done
	for i in "${!jobs[@]}"; do
		wait "${jobs[i]}" || {
			cat "$W/said-$i"
			return 1
		}
	done
	unset CNI_ARGS
}

ports='{"portMappings": [{"HostPort": 18080, "ContainerPort": 8080, "Protocol": "tcp", "HostIP": "0.0.0.0"}]}'

nerdctl_list() {
	jq -c '.nerdctlLabels = {} | .plugins += [{type: "tuning"}]' <<<"$(conflist)"
}

@test "nerdctl: DEL before each ADD, an address and a MAC, a port, stop, start, and a crash without DEL" {
	local id=${EPOCHREALTIME#*[.,]}3456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef pid ip=10.1.0.77
	nerdctl_list >"$W/one"
	export NERDCTL_ARGS=";IP=$ip;MAC=02:42:00:00:00:77"
	sandbox
	nerdctl_hook ADD "$id" $pid "$ports" one
	equal "$(address_in "$(cat "$W/said-0")")" $ip
	[[ "$(nsenter "--net=/proc/$pid/ns/net" ip link show dev eth0)" == *02:42:00:00:00:77* ]]
	http_at nsenter "--net=/proc/$pid/ns/net"
	on 2 busybox wget -q -T 30 -O "$W/got" "http://$(fabric_address 1):18080/big"
	cmp "$W/got" "$W/www/big"
	# stopped: the hook knows of no namespace any more
	kill_helpers
	nerdctl_hook DEL "$id" 0 "$ports" one
	cni_nothing_left
	nerdctl_hook DEL "$id" 0 "$ports" one
	# started again, and this time nobody says that it died
	sandbox
	nerdctl_hook ADD "$id" $pid "$ports" one
	kill_helpers
	sandbox
	nerdctl_hook ADD "$id" $pid "$ports" one
	equal "$(address_in "$(cat "$W/said-0")")" $ip
	nsenter "--net=/proc/$pid/ns/net" ping -q -c 1 -W 20 "$(fabric_address 2)"
	nerdctl_hook DEL "$id" 0 "$ports" one
	unset NERDCTL_ARGS
}

@test "nerdctl: a container on two networks, each with its interface" {
	local id=${EPOCHREALTIME#*[.,]}3456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef pid said
	nerdctl_list >"$W/one"
	NET=second nerdctl_list | jq -c '.plugins[0].ipam.ranges[0][0].subnet = "10.1.0.192/27"' >"$W/two"
	sandbox
	nerdctl_hook ADD "$id" $pid '{}' one two
	equal "$(nsenter "--net=/proc/$pid/ns/net" ip -j -4 addr show dev eth0 | jq -r '.[0].addr_info[0].local')" \
		"$(address_in "$(cat "$W/said-0")")"
	equal "$(nsenter "--net=/proc/$pid/ns/net" ip -j -4 addr show dev eth1 | jq -r '.[0].addr_info[0].local')" \
		"$(address_in "$(cat "$W/said-1")")"
	nsenter "--net=/proc/$pid/ns/net" ping -q -c 1 -W 20 "$(fabric_address 2)"
	# whichever was first, both are reached
	for said in "$W/said-0" "$W/said-1"; do
		on 1 ping -q -c 1 -W 20 "$(address_in "$(cat "$said")")"
		on 2 ping -q -c 1 -W 20 "$(address_in "$(cat "$said")")"
	done
	nerdctl_hook DEL "$id" 0 '{}' one two
	cni_nothing_left
}
