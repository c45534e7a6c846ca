# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2154
# azlctl apply and revert on a node that runs, as far as a node can stand for a host: its NIC, and the
# list of plugins as containerd reads it. All else is switched off in host.json.

load lib

HOST_JSON=/etc/azl/host.json
NS=azl-live

setup_file() { e2e_file_begin; }
teardown_file() { e2e_file_end; }

setup() {
	e2e_begin
	mkdir -p /etc/azl
	# A NIC of four channels; the default route is on it.
	ip netns add "$NS"
	ip -n "$NS" link add nic0 numtxqueues 4 numrxqueues 4 type veth peer name far0
	ip -n "$NS" address add 192.0.2.2/24 dev nic0
	ip -n "$NS" link set nic0 up
	ip -n "$NS" link set far0 up
	ip -n "$NS" route add default via 192.0.2.1
}

teardown() {
	wants '{ "nic": { "vf.rx": null } }'
	azlctl revert >/dev/null || true
	rm -f "$HOST_JSON" /etc/cni/net.d/10-azl.conflist
	ip netns delete "$NS"
	e2e_end
}

# wants JSON: the rest of the host is left alone
wants() {
	jq '. + { "apply": { "slices": false, "sysctl": false, "modules": false, "containerd": false } }' <<<"$1" >"$HOST_JSON"
}

azlctl() {
	${WRAP-} nsenter --net="/run/netns/$NS" "$AZL_BUILD/${CTL-azlctl}" "$@"
}

# As the kernel has it, asked for without azlctl.
channels() {
	ip netns exec "$NS" sh -c 'ls -d /sys/class/net/nic0/queues/?x-*' | sed 's|.*/||; s|-.*||' | sort | uniq -c | tr -s ' \n' ' '
}

@test "channels of the NIC: planned, set once, and set back" {
	equal "$(channels)" " 4 rx 4 tx "
	wants '{ "nic": { "channels": 2 } }'
	run -3 azlctl apply --dry-run
	has "to do   set nic0/channels = rx 2 tx 2 (was rx 4 tx 4)"
	equal "$(channels)" " 4 rx 4 tx "
	run -0 azlctl apply
	has "done    set nic0/channels = rx 2 tx 2 (was rx 4 tx 4)"
	equal "$(channels)" " 2 rx 2 tx "
	run -0 azlctl apply
	has "Nothing to do"
	# another number: what was there first is what revert restores
	wants '{ "nic": { "channels": 3 } }'
	run -0 azlctl apply
	equal "$(channels)" " 3 rx 3 tx "
	run -0 azlctl revert
	has "done    set back nic0/channels = rx 4 tx 4"
	equal "$(channels)" " 4 rx 4 tx "
	[ ! -e /var/lib/azl ]
}

@test "on a host that runs the lock is below /run/azl, and what others can open locks nobody out" {
	local lock=/run/azl/azlctl.lock
	wants '{ "nic": { "channels": 2 } }'
	rm -rf /run/azl # no systemd has made it
	exec 9</var/lib
	setpriv --reuid=65534 --clear-groups flock --nonblock 9
	run -0 azlctl apply
	exec 9<&-
	equal "$(channels)" " 2 rx 2 tx "
	[ ! -e "$lock" ]
	install -m 600 /dev/null "$lock"
	WRAP="flock --nonblock $lock" run -1 azlctl revert
	has "another azlctl is at work on this host"
	equal "$(channels)" " 2 rx 2 tx "
	run -0 azlctl revert
	[ ! -e "$lock" ]
}

@test "no more channels than there are, and what host.json asks for no more is undone" {
	wants '{ "nic": { "channels": 64 } }'
	run -0 azlctl apply
	has "Nothing to do"
	wants '{ "nic": { "channels": 1 } }'
	run -0 azlctl apply
	wants '{}'
	run -3 azlctl apply --dry-run
	has "set back nic0/channels = rx 4 tx 4: host.json asks for it no more"
	run -0 azlctl apply
	equal "$(channels)" " 4 rx 4 tx "
}

@test "a NIC that cannot be told for the moment keeps what it has, and revert sets it back" {
	wants '{ "nic": { "channels": 2 } }'
	run -0 azlctl apply
	ip -n "$NS" route delete default
	run -0 azlctl apply
	has "Nothing to do"
	equal "$(channels)" " 2 rx 2 tx "
	run -0 azlctl revert
	equal "$(channels)" " 4 rx 4 tx "
}

@test "a NIC without rings is left with the reason, the rest is done" {
	wants '{ "nic": { "rx": 1024, "channels": 2 } }'
	run -6 azlctl apply
	has "left    set nic0/rings = rx=1024"
	has "the driver cannot change it"
	equal "$(channels)" " 2 rx 2 tx "
	run -0 azlctl revert
	equal "$(channels)" " 4 rx 4 tx "
}

@test "a number that somebody sets after apply is theirs" {
	wants '{ "nic": { "channels": 2 } }'
	run -0 azlctl apply
	run -0 nsenter --net="/run/netns/$NS" "$AZL_BUILD/azlctl" --json apply
	mv /var/lib/azl/applied.json "$W/ours"
	wants '{ "nic": { "channels": 3 } }'
	run -0 azlctl apply
	mv "$W/ours" /var/lib/azl/applied.json
	run -6 azlctl revert
	has "somebody set it to rx 3 tx 3 since: it stays (before azlctl it was rx 4 tx 4)"
	equal "$(channels)" " 3 rx 3 tx "
	rm -r /var/lib/azl
}

@test "a NIC that comes back is set again by apply nic, which touches nothing else" {
	wants '{ "nic": { "channels": 2 }, "cni": { "conflist": "local" } }'
	run -0 azlctl apply
	ip -n "$NS" link delete nic0
	# the owner has plans; a NIC that comes is no reason to carry them out
	echo '{ "nic": { "channels": 2 } }' >"$HOST_JSON"
	run -0 azlctl apply nic
	has "Nothing to do"
	ip -n "$NS" link add nic0 numtxqueues 4 numrxqueues 4 type veth peer name far0
	ip -n "$NS" address add 192.0.2.2/24 dev nic0
	ip -n "$NS" link set nic0 up
	ip -n "$NS" route add default via 192.0.2.1
	run -0 azlctl apply nic
	has "done    set nic0/channels = rx 2 tx 2 (was rx 4 tx 4)"
	has "1 done"
	[ -e /etc/cni/net.d/10-azl.conflist ]
	run -0 azlctl revert
	[ ! -e /etc/cni/net.d/10-azl.conflist ]
	equal "$(channels)" " 4 rx 4 tx "
	run -2 azlctl apply nics
}

@test "apply killed before each message to the kernel and each file, then revert" {
	local name nth calls bad=''
	wants '{ "nic": { "channels": 2 } }'
	calls=$(WRAP="strace -qq -f -o $W/trace -e trace=sendto,renameat,write,fsync" azlctl apply >/dev/null &&
		awk -F'[ (]+' '{ n[$2]++; print $2, n[$2] }' "$W/trace")
	run -0 azlctl revert
	[ "$(wc -l <<<"$calls")" -gt 8 ]
	while read -r name nth; do
		WRAP="strace -qq -f -o /dev/null -e trace=$name -e inject=$name:signal=KILL:when=$nth" \
			azlctl apply >/dev/null 2>&1 </dev/null || true
		azlctl revert >/dev/null || bad+=" revert-$name-$nth"
		[ "$(channels)" = " 4 rx 4 tx " ] || bad+=" $name-$nth"
	done <<<"$calls"
	equal "$bad" ''
	[ ! -e /var/lib/azl ]
}

# forwards JSON: forwarding of both protocols, and these sysctls; all else of this machine is left alone
forwards() {
	jq --rawfile shipped "$BATS_TEST_DIRNAME/../config/etc/sysctl.d/90-azl.conf" \
		'{ "apply": { "slices": false, "modules": false, "containerd": false }, "nic": { "vf.rx": null },
		"sysctl": ([$shipped | scan("(?m)^-?([a-z][^ ]*) =")[0] | select(test("forward") | not) | { (.): null }] | add + $ARGS.named.more) }' \
		--argjson more "$1" -n >"$HOST_JSON"
}

# What each link and the next one have.
forwarding() {
	nsenter --net="/run/netns/$NS" grep -r . /proc/sys/net/ipv{4,6}/conf/{all,default,lo,nic0,far0,vlan.7}/forwarding \
		/proc/sys/net/ipv4/conf/{all,default,nic0}/accept_redirects
}

set_in() {
	nsenter --net="/run/netns/$NS" sh -c 'echo "$2" >"/proc/sys/net/$1"' sh "$@"
}

@test "links that forward while the host does not, do so after revert, too" {
	local name nth calls bad=''
	ip -n "$NS" link add vlan.7 type veth peer name vlan-far
	set_in ipv4/ip_forward 0
	set_in ipv6/conf/all/forwarding 0
	set_in ipv4/conf/nic0/forwarding 1
	set_in ipv4/conf/vlan.7/forwarding 1
	set_in ipv6/conf/far0/forwarding 1
	set_in ipv4/conf/default/forwarding 1
	forwarding >"$W/before"
	forwards '{}'
	run -0 azlctl apply
	equal "$(forwarding | grep -c 'forwarding:1')" 12
	run -0 azlctl apply
	has "Nothing to do"
	run -0 azlctl revert
	forwarding | diff "$W/before" -
	[ ! -e /var/lib/azl ]
	# killed before each call that changes something, apply or revert
	azlctl apply >/dev/null
	calls=$(WRAP="strace -qq -f -o $W/trace -e trace=write,fsync,renameat" azlctl revert >/dev/null &&
		awk -F'[ (]+' '{ n[$2]++; print $2, n[$2] }' "$W/trace")
	[ "$(wc -l <<<"$calls")" -gt 8 ]
	while read -r name nth; do
		azlctl apply >/dev/null
		WRAP="strace -qq -f -o /dev/null -e trace=$name -e inject=$name:signal=KILL:when=$nth" azlctl revert >/dev/null 2>&1 </dev/null || true
		azlctl revert >/dev/null || bad+=" revert-$name-$nth"
		forwarding | diff "$W/before" - || bad+=" $name-$nth"
	done <<<"$calls"
	equal "$bad" ''
	# what somebody set since is theirs; a link that went is forgotten
	run -0 azlctl apply
	set_in ipv4/conf/nic0/forwarding 0
	set_in ipv4/conf/all/accept_redirects 1
	ip -n "$NS" link delete vlan.7
	run -6 azlctl revert
	has "somebody set it to 0 since: it stays (before azlctl it was 1)"
	equal "$(nsenter --net="/run/netns/$NS" cat /proc/sys/net/ipv4/conf/{nic0/forwarding,all/accept_redirects} /proc/sys/net/ipv6/conf/far0/forwarding | xargs)" '0 1 1'
}

@test "a number as the kernel takes it, though it gives it back otherwise, is set once and set back" {
	local file=/proc/sys/net/ipv4/conf/nic0/tag
	set_in ipv4/ip_forward 1
	set_in ipv6/conf/all/forwarding 1
	forwards '{ "net.ipv4.conf.nic0.tag": "0x10" }'
	run -0 azlctl apply
	equal "$(nsenter --net="/run/netns/$NS" cat "$file")" 16
	run -0 azlctl apply
	has "Nothing to do"
	run -0 azlctl revert
	has "done    set back net.ipv4.conf.nic0.tag = 0"
	equal "$(nsenter --net="/run/netns/$NS" cat "$file")" 0
}

@test "what host.json says of a link holds, though forwarding of all comes with the same apply" {
	set_in ipv4/ip_forward 0
	set_in ipv6/conf/all/forwarding 0
	set_in ipv4/conf/all/accept_redirects 1
	ip -n "$NS" link add vlan.7 type veth peer name vlan-far
	forwarding >"$W/before"
	forwards '{ "net.ipv4.conf.nic0.forwarding": 0, "net.ipv4.conf.all.accept_redirects": 1, "net.ipv4.conf.vlan/7.forwarding": "0" }'
	run -0 azlctl apply
	equal "$(nsenter --net="/run/netns/$NS" cat /proc/sys/net/ipv4/{ip_forward,conf/{nic0/forwarding,vlan.7/forwarding,all/accept_redirects}} | xargs)" '1 0 0 1'
	run -0 azlctl apply
	has "Nothing to do"
	run -0 azlctl revert
	forwarding | diff "$W/before" -
	[ ! -e /var/lib/azl ]
}

# without_cgroups [WORD...] -- COMMAND: on a host without systemd where cgroups are out of reach
without_cgroups() {
	nsenter --net="/run/netns/$NS" unshare -m sh -c 'mount -t tmpfs none /sys/fs/cgroup && exec "$@"' sh "$@"
}

@test "a daemon that no systemd looks after gets its OOM score, and its own one back" {
	local pid
	cp /bin/sleep "$W/sshd"
	helper "$W/sshd" 1000
	until_ok 5 pgrep -x sshd
	pid=$(pgrep -x sshd)
	equal "$(cat "/proc/$pid/oom_score_adj")" 0
	jq -n '{ "apply": { "sysctl": false, "modules": false, "containerd": false, "network": false },
		"protect": { "containerd.oom_score_adj": null, "sshd.oom_score_adj": 500 } }' >"$HOST_JSON"
	run -0 without_cgroups "$AZL_BUILD/azlctl" apply
	has "done    set oom_score_adj of sshd/$pid = 500 (was 0)"
	equal "$(cat "/proc/$pid/oom_score_adj")" 500
	run -0 without_cgroups "$AZL_BUILD/azlctl" apply
	has "Nothing to do"
	# what the kernel does not allow is left, with the reason
	sed -i 's/500/-500/' "$HOST_JSON"
	run -6 without_cgroups setpriv --bounding-set=-sys_resource --inh-caps=-sys_resource "$AZL_BUILD/azlctl" apply
	has "left    set oom_score_adj of sshd/$pid = -500 (was 500)"
	has CAP_SYS_RESOURCE
	run -0 without_cgroups "$AZL_BUILD/azlctl" revert
	has "done    set back oom_score_adj of sshd/$pid = 0"
	equal "$(cat "/proc/$pid/oom_score_adj")" 0
}

# As after an apply on a host that no systemd makes cgroups of.
@test "revert takes what a daemon has started since out of its group, too, and leaves containers in theirs" {
	local root=/sys/fs/cgroup home=azl-live-home pids=() handed each
	mkdir -p "$root/$home" "$root/azl-system/sshd" "$root/azl-system/kubelet" "$root/azl/one" /var/lib/azl
	cp /bin/sleep "$W/sshd"
	# the daemon, what it started, what one that is gone started, a container
	for each in "$W/sshd" sleep sleep sleep; do
		helper "$each" 1000
		pids+=("$HELPER")
	done
	until_ok 5 pgrep -x sshd
	# a node's root is none: it takes processes only while it hands nothing down
	rmdir "$root/default" 2>/dev/null || true # which hands down as well, once there were containers
	handed=$(cat "$root/cgroup.subtree_control")
	for each in $handed; do echo "-$each" >"$root/cgroup.subtree_control"; done
	echo "${pids[0]}" >"$root/azl-system/sshd/cgroup.procs"
	echo "${pids[1]}" >"$root/azl-system/sshd/cgroup.procs"
	echo "${pids[2]}" >"$root/azl-system/kubelet/cgroup.procs"
	echo "${pids[3]}" >"$root/azl/one/cgroup.procs"
	jq -n --arg pid "${pids[0]}" --arg home "/$home" '{ version: 1, folder: true, changes: [
		{ kind: "group", name: "azl-system" }, { kind: "group", name: "azl-system/sshd" },
		{ kind: "move", name: $pid, before: $home, ours: "azl-system/sshd" },
		{ kind: "group", name: "azl-system/kubelet" }, { kind: "group", name: "azl" } ] }' >/var/lib/azl/applied.json
	run -5 azlctl revert
	has "FAILED  remove cgroup /azl"
	[ ! -e "$root/azl-system" ]
	equal "$(cat "$root/$home/cgroup.procs")" "${pids[0]}
${pids[1]}"
	grep -qx 0::/ "/proc/${pids[2]}/cgroup"
	equal "$(cat "$root/azl/one/cgroup.procs")" "${pids[3]}"
	kill "${pids[@]}"
	until_ok 5 eval '[ -z "$(cat $root/azl/one/cgroup.procs $root/$home/cgroup.procs)" ]'
	until_ok 5 eval '! grep -qx "${pids[2]}" $root/cgroup.procs'
	for each in $handed; do echo "+$each" >"$root/cgroup.subtree_control"; done
	rmdir "$root/azl/one" "$root/$home"
	run -0 azlctl revert
	[ ! -e "$root/azl" ]
	[ ! -e /var/lib/azl ]
}

# A node's hierarchy lacks most controllers, memory among them, as one does whose kernel has cgroup_disable=.
# with_controllers COMMAND: on a host whose hierarchy says that it has those of $CONTROLLERS
with_controllers() {
	echo "$CONTROLLERS" >"$W/controllers"
	unshare -m sh -ec 'mount --bind "$0" /sys/fs/cgroup/cgroup.controllers && exec "$@"' "$W/controllers" "$@"
}

@test "a controller that the kernel lacks is told, and daemons are moved and go back all the same" {
	local root=/sys/fs/cgroup CONTROLLERS CTL WRAP=with_controllers home pid kinds=(tools/azlctl-cgroups)
	cp /bin/sleep "$W/sshd"
	helper "$W/sshd" 1000
	until_ok 5 pgrep -x sshd
	pid=$(pgrep -x sshd)
	home=$(cat "/proc/$pid/cgroup")
	jq -n '{ "apply": { "sysctl": false, "modules": false, "containerd": false, "network": false },
		"protect": { "containerd.oom_score_adj": null, "sshd.oom_score_adj": null } }' >"$HOST_JSON"
	# a hybrid host: v1 has them all
	CONTROLLERS=''
	run -0 azlctl apply
	has "not a whole cgroup v2 hierarchy: slices are left out"
	has "Nothing to do"
	equal "$(cat "/proc/$pid/cgroup")" "$home"
	# one that is of no use here, unless the node has better; libcgroup makes no group for one that only seems to be there
	CONTROLLERS=$(<"$root/cgroup.controllers")
	[ -z "$CONTROLLERS" ] || kinds+=(azlctl)
	CONTROLLERS=${CONTROLLERS:-hugetlb}
	for CTL in "${kinds[@]}"; do
		run -0 azlctl apply
		has "done    move sshd to cgroup azl-system/sshd"
		grep -qw memory <<<"$CONTROLLERS" || has "no cgroup controller memory here"
		[[ "$(cat "/proc/$pid/cgroup")" == *0::/azl-system/sshd* ]]
		run -0 azlctl apply
		has "Nothing to do"
		run -0 azlctl revert
		equal "$(cat "/proc/$pid/cgroup")" "$home"
		[ ! -e "$root/azl-system" ]
		[ ! -e "$root/azl" ]
	done
}

@test "a process of a container that is called like a daemon is none" {
	local kind
	cp /bin/sleep "$W/kubelet"
	jq -n '{ "apply": { "sysctl": false, "modules": false, "containerd": false, "network": false },
		"protect": { "containerd.oom_score_adj": null, "sshd.oom_score_adj": null } }' >"$HOST_JSON"
	for kind in --user --mount --pid; do
		helper unshare --fork "$kind" "$W/kubelet" 1000
		until_ok 5 pgrep -x kubelet
		run -0 without_cgroups "$AZL_BUILD/azlctl" apply
		has "Nothing to do"
		kill -KILL "$(pgrep -x kubelet)" # neither unshare(1) nor an init takes SIGTERM
		until_ok 5 eval '! pgrep -x kubelet'
	done
	helper "$W/kubelet" 1000
	until_ok 5 pgrep -x kubelet
	run -3 without_cgroups "$AZL_BUILD/azlctl" apply --dry-run
	has "set oom_score_adj of kubelet/$(pgrep -x kubelet) = -999"
}

# with_systemd COMMAND: on a host whose systemd says that containerd and kubelet are in a slice of their own
with_systemd() {
	mkdir -p "$W/bin"
	cat >"$W/bin/systemctl" <<-EOF
		#!/bin/sh
		echo "systemctl \$*" >>"$W/calls"
		case "\$*" in
		*'Slice containerd.service' | *'Slice kubelet.service') echo "\${SLICE-kubereserved.slice}" ;;
		*'Slice '*) echo system.slice ;;
		*'ControlGroup containerd.service') printf 'MemoryMin=201326592\\nControlGroup=/kubereserved.slice/containerd.service\\n' ;;
		esac
	EOF
	printf '#!/bin/sh\necho "systemd-run $*" >>"%s/calls"\n' "$W" >"$W/bin/systemd-run"
	chmod 755 "$W/bin/"*
	unshare -m sh -ec 'mkdir -p /run/systemd
		mount -t tmpfs none /run/systemd && mkdir /run/systemd/system
		: >/run/systemd/system/kubelet.service >/run/systemd/system/containerd.service
		mount -t tmpfs none /sys/fs/cgroup && echo cpu io memory pids >/sys/fs/cgroup/cgroup.controllers
		mkdir -p /sys/fs/cgroup/kubereserved.slice/containerd.service
		echo "${HAS-201326592}" >/sys/fs/cgroup/kubereserved.slice/containerd.service/memory.min
		PATH=$1:$PATH && shift && exec "$@"' sh "$W/bin" "$@"
}

@test "a slice that systemd has daemons in is protected as they are, and its units hear of it" {
	local drop_in=/etc/systemd/system/kubereserved.slice.d/40-azl.conf
	jq -n '{ "apply": { "sysctl": false, "modules": false, "containerd": false, "network": false } }' >"$HOST_JSON"
	run -0 with_systemd "$AZL_BUILD/azlctl" apply
	has "done    write $drop_in"
	grep -q '^MemoryMin=402653184' "$drop_in"
	equal "$(grep systemd-run "$W/calls" | grep -o 'slice=.*')" "slice=kubereserved.slice true
slice=system.slice true"
	: >"$W/calls"
	run -0 with_systemd "$AZL_BUILD/azlctl" apply
	has "Nothing to do"
	run ! grep -E 'daemon-reload|systemd-run' "$W/calls"
	# an apply before was killed when systemd had read the files
	HAS=0 run -0 with_systemd "$AZL_BUILD/azlctl" apply
	has "done    have systemd read its units again"
	grep -q -e --slice=kubereserved.slice "$W/calls"
	# they are moved elsewhere
	SLICE=system.slice run -0 with_systemd "$AZL_BUILD/azlctl" apply
	has "done    remove $drop_in"
	run -0 with_systemd "$AZL_BUILD/azlctl" revert
	[ ! -e /etc/systemd/system/containerd.service.d/40-azl.conf ]
}

@test "containerd takes the list, and plugins get nothing of our first key" {
	local plugin
	mkdir -p /opt/cni/bin
	for plugin in azl-cni portmap tuning; do
		mv "/opt/cni/bin/$plugin" "/opt/cni/bin/$plugin.before" 2>/dev/null || true
		printf '#!/bin/sh\ncat >"%s/$CNI_COMMAND.%s"\necho %s\n' "$W" "$plugin" \
			"'{\"cniVersion\":\"1.0.0\",\"interfaces\":[{\"name\":\"eth0\",\"sandbox\":\"x\"}],\"ips\":[{\"address\":\"192.0.2.9/32\",\"interface\":0}]}'" \
			>"/opt/cni/bin/$plugin"
		chmod 755 "/opt/cni/bin/$plugin"
	done
	wants '{ "cni": { "conflist": "local" } }'
	run -0 azlctl apply
	timeout "$E2E_LIMIT_S" ctr run --cni --rm --cpu-shares 0 "${RUNTIME[@]}" "$IMAGE" "$T" true 3>&- </dev/null
	echo "$output"
	for plugin in azl-cni portmap tuning; do
		rm -f "/opt/cni/bin/$plugin"
		mv "/opt/cni/bin/$plugin.before" "/opt/cni/bin/$plugin" 2>/dev/null || true
	done
	equal "$(jq -r .name "$W/ADD.azl-cni")" azl
	equal "$(jq -r .ipam.type "$W/ADD.azl-cni")" ranges
	run ! grep -F written "$W"/ADD.azl-cni "$W"/ADD.portmap "$W"/DEL.azl-cni
	run -0 azlctl revert
	[ ! -e /etc/cni/net.d/10-azl.conflist ]
}
