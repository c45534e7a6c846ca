# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2030,SC2031,SC2086,SC2154
# azlctl apply and revert on a host that runs, with containers that must not notice.

load vm

setup_file() { vm_file_begin; }

setup() {
	vm_begin
	# As on a host that somebody hardened, in every other test.
	sysctl -q net.ipv4.conf.all.accept_redirects=$((BATS_TEST_NUMBER % 2))
	# The kernel's, where packages have set it already.
	sysctl -q fs.inotify.max_user_instances=128 kernel.keys.maxkeys=200
	state >"$W/before"
}

teardown() {
	local rc=0
	timeout 120 "$AZL_BUILD/azlctl" revert >/dev/null || true
	vm_end || rc=$?
	[ ! -e "$IN_SLICE" ] || out_of_slice
	return "$rc"
}

azlctl() {
	timeout 120 ${WRAP-} "$AZL_BUILD/azlctl" "$@"
}

# Beside the values that are set: what the kernel changes with forwarding.
OTHERS=(net.ipv4.conf.all.accept_redirects net.ipv4.conf.default.forwarding)
SYSCTLS=(net.ipv4.ip_forward net.core.netdev_max_backlog net.ipv4.neigh.default.gc_thresh3 fs.inotify.max_user_instances
	fs.inotify.max_user_watches kernel.pid_max kernel.keys.maxkeys)

# All that apply changes, as the kernel, systemd and the files have it.
state() {
	local group file
	sysctl "${SYSCTLS[@]}" "${OTHERS[@]}"
	systemctl show -p MemoryMin,MemoryLow,CPUWeight,IOWeight,TasksMax,MemoryMax,NeedDaemonReload system.slice containerd.service azl.slice
	for group in system.slice system.slice/containerd.service; do
		for file in memory.min memory.low cpu.weight pids.max; do
			echo "$group $file $(cat "/sys/fs/cgroup/$group/$file" 2>&1)"
		done
	done
	find /etc/systemd/system /etc/sysctl.d /etc/modules-load.d /etc/containerd /var/lib/azl -printf '%y %p\n' 2>/dev/null | sort
}

back() {
	state | diff "$W/before" -
}

container_is_well() {
	has_status "$T" RUNNING
	run -0 run_exec "$T" echo alive
	equal "$output" alive
}

@test "apply brings the values into force without a restart, once, and revert takes all of them back" {
	local daemon total
	run_bg "" "$T" sleep 1000
	daemon=$(containerd_pid)
	run -0 azlctl apply
	echo "$output"
	has "done    set fs.inotify.max_user_instances = 8192 (was "
	has "done    have systemd read its units again"
	equal "$(systemctl show -P MemoryMin system.slice)" 536870912
	equal "$(value /sys/fs/cgroup/system.slice memory.min)" 536870912
	equal "$(value /sys/fs/cgroup/system.slice memory.low)" 1073741824
	equal "$(value /sys/fs/cgroup/system.slice cpu.weight)" 200
	equal "$(value /sys/fs/cgroup/system.slice/containerd.service memory.min)" 201326592
	equal "$(value /sys/fs/cgroup/system.slice/containerd.service cpu.weight)" 200
	equal "$(sysctl -n "${SYSCTLS[@]}" | tr '\n' ' ')" "1 32768 16384 8192 1048576 4194304 20000 "
	run -0 azlctl apply
	has "Nothing to do"
	equal "$(containerd_pid)" "$daemon"
	container_is_well
	# The limits of all containers together, which a container of systemd's brings into being.
	run_scope "$T-s" sleep 1000
	# This host is small: what system.slice is sure of is more than the 5% that containers may not have.
	total=$(awk '/^MemTotal/ { print $2 * 1024 - 536870912 }' /proc/meminfo)
	[ "$(value /sys/fs/cgroup/azl.slice memory.max)" -gt $((total * 99 / 100)) ]
	[ "$(value /sys/fs/cgroup/azl.slice memory.max)" -le "$total" ]
	[ "$(value /sys/fs/cgroup/azl.slice pids.max)" -gt 1000 ]
	run -0 azlctl revert
	equal "$(value /sys/fs/cgroup/azl.slice memory.max)" max
	remove "$T-s"
	back
	equal "$(containerd_pid)" "$daemon"
	container_is_well
	run -0 azlctl revert
	has "Nothing to undo"
}

@test "apply that is killed on a host that runs, then either way" {
	local nth
	# Killed after the reload: systemd knows the values, the kernel does not.
	run -0 azlctl apply
	echo 0 >/sys/fs/cgroup/system.slice/memory.min
	run -0 azlctl apply
	has "1 done"
	equal "$(value /sys/fs/cgroup/system.slice memory.min)" 536870912
	run -0 azlctl revert
	back
	for nth in 2 6; do
		WRAP="strace -f -qq -o /dev/null -e trace=renameat -e inject=renameat:signal=KILL:when=$nth" run azlctl apply
		[ "$status" -ne 0 ]
		run -0 azlctl apply
		run -0 azlctl apply
		has "Nothing to do"
		equal "$(value /sys/fs/cgroup/system.slice memory.min)" 536870912
		run -0 azlctl revert
		back
		# The files are there, systemd does not know it yet.
		WRAP="strace -qq -o /dev/null -e trace=renameat -e inject=renameat:signal=KILL:when=$nth" run azlctl apply
		run -0 azlctl revert
		back
	done
}

@test "a value that somebody sets after apply is theirs" {
	local before
	before=$(sysctl -n kernel.keys.maxkeys)
	run -0 azlctl apply
	sysctl -q kernel.keys.maxkeys=12345 fs.inotify.max_user_instances=9000
	# more than azl asks for is as good, less is set again
	run -0 azlctl apply
	has "set kernel.keys.maxkeys = 20000 (was 12345)"
	has_not_line "max_user_instances"
	run -6 azlctl revert
	has "somebody set it to 9000 since: it stays (before azlctl it was"
	equal "$(sysctl -n kernel.keys.maxkeys)" "$before"
	equal "$(sysctl -n fs.inotify.max_user_instances)" 9000
	sysctl -q "fs.inotify.max_user_instances=$(sed -n 's/^fs.inotify.max_user_instances = //p' "$W/before")"
	run -0 azlctl revert
	back
}

has_not_line() {
	! grep -q "^[a-z]* *set .*$1" <<<"$output"
}

# In a mount namespace of its own the machine has no systemd: so a host is that has another init.
without_systemd() {
	unshare -m sh -c 'mount -t tmpfs none /run/systemd && exec timeout 120 "$0" "$@"' "$CTL" "$@"
}

groups_and_back() {
	local sshd daemon group CTL=$1
	run_bg "" "$T" sleep 1000
	printf 'int pause(void); int main(void) { return pause(); }\n' | cc -x c -o "$W/sshd" -
	helper "$W/sshd"
	until_ok 5 pgrep -x sshd
	sshd=$(pgrep -x sshd)
	daemon=$(containerd_pid)
	group=$(cgroup_of "$sshd")
	run -0 without_systemd apply
	echo "$output"
	has "make cgroup azl-system"
	equal "$(cgroup_of "$sshd")" /sys/fs/cgroup/azl-system/sshd
	equal "$(cgroup_of "$daemon")" /sys/fs/cgroup/azl-system/containerd
	equal "$(value /sys/fs/cgroup/azl-system memory.min)" 536870912
	equal "$(value /sys/fs/cgroup/azl-system/sshd memory.min)" 33554432
	equal "$(value /sys/fs/cgroup/azl-system/containerd memory.min)" 201326592
	equal "$(value /sys/fs/cgroup/azl-system/containerd cpu.weight)" 200
	[ "$(value /sys/fs/cgroup/azl memory.max)" -gt 1000000000 ]
	[ "$(value /sys/fs/cgroup/azl pids.max)" -gt 1000 ]
	run -0 without_systemd apply
	has "Nothing to do"
	container_is_well
	run -0 without_systemd revert
	echo "$output"
	equal "$(cgroup_of "$sshd")" "$group"
	equal "$(cgroup_of "$daemon")" /sys/fs/cgroup/system.slice/containerd.service
	[ ! -e /sys/fs/cgroup/azl-system ]
	[ ! -e /sys/fs/cgroup/azl ]
	back
	container_is_well
}

@test "a host without systemd gets cgroups, the daemons are moved there, and back: libcgroup" {
	groups_and_back "$AZL_BUILD/azlctl"
}

@test "a host without systemd gets cgroups, the daemons are moved there, and back: without libcgroup" {
	run ldd "$AZL_BUILD/tools/azlctl-cgroups"
	[[ $output != *libcgroup* ]]
	groups_and_back "$AZL_BUILD/tools/azlctl-cgroups"
}

# Where kubelet and containerd are on hardened nodes of AKS.
IN_SLICE=/etc/systemd/system/containerd.service.d/90-slice.conf
in_slice() {
	mkdir -p "${IN_SLICE%/*}"
	printf '[Service]\nSlice=%s\n' "$1" >"$IN_SLICE"
	restarted
}

out_of_slice() {
	rm "$IN_SLICE"
	restarted
}

# A process that is left in its cgroup, as a shim, holds a service where it is.
restarted() {
	systemctl stop containerd
	systemctl kill -s KILL containerd 2>/dev/null || true
	until_ok 10 eval '[ -z "$(cat /sys/fs/cgroup/*.slice/containerd.service/cgroup.procs 2>/dev/null)" ]'
	systemctl daemon-reload
	systemctl start containerd
	until_ok 60 containerd_answers
}

@test "a daemon in a slice of its own is sure of its memory there" {
	in_slice kubereserved.slice
	run_bg "" "$T" sleep 1000
	equal "$(cgroup_of "$(containerd_pid)")" /sys/fs/cgroup/kubereserved.slice/containerd.service
	state >"$W/before"
	run -0 azlctl apply
	echo "$output"
	equal "$(value /sys/fs/cgroup/kubereserved.slice memory.min)" 201326592
	equal "$(value /sys/fs/cgroup/kubereserved.slice/containerd.service memory.min)" 201326592
	run azlctl check
	[[ $output != *cgroup.protection* ]]
	run -0 azlctl apply
	has "Nothing to do"
	echo 4096 >/sys/fs/cgroup/kubereserved.slice/memory.min
	run azlctl check
	has "containerd is not sure of its 192 MiB"
	run -0 azlctl revert
	echo "$output"
	equal "$(value /sys/fs/cgroup/kubereserved.slice memory.min)" 0
	back
	container_is_well
}
