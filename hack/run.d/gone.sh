# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: Apache-2.0
#
# Proves that nothing is left of the containers while containerd still runs. To be
# sourced by "show".

gone_folders=(
	/run/containerd/s
	/run/containerd/fifo
	/run/containerd/runc
	/run/containerd/io.containerd.runtime.v2.task
)

# Every process but this shell, its children's names and kernel threads.
gone_processes() {
	local process name
	for process in /proc/[0-9]*; do
		name=''
		{ read -r name <"$process/comm"; } 2>/dev/null || continue
		echo "process $name ${process##*/}"
	done
}

# What there is of each kind, one line per thing. Folders of a namespace, such as
# runc/default, stay as they do with any shim; what counts is in them.
gone_list() {
	gone_processes
	find "${gone_folders[@]}" -mindepth 2 -printf 'file %p\n' 2>/dev/null || true
	find /run/containerd/s /run/containerd/fifo -mindepth 1 -printf 'file %p\n' 2>/dev/null || true
	find /sys/fs/cgroup -mindepth 2 -type d -printf 'cgroup %p\n' 2>/dev/null || true
	awk '{ print "mount", $5 }' /proc/self/mountinfo
	ctr task ls -q | sed 's/^/task /'
	ctr container ls -q | sed 's/^/container /'
	ctr snapshot ls | awk 'NR > 1 { print "snapshot", $1 }'
	pods_list
}

gone_before() {
	gone_list | sort >"$work/before"
}

# gone_after N: compares with before; the last shims may take a moment to end. azl-sealed is no
# container's: it keeps the host's copy of runc, and ends when nobody wants that for half a minute.
gone_after() {
	local end=$((SECONDS + 5)) left
	out_now gone "looking"
	while :; do
		left=$(gone_list | sort | comm -13 "$work/before" - | grep -vE '^process (find|sort|comm|grep|show|azl-sealed) ' || true)
		[ -n "$left" ] || break
		if [ "$SECONDS" -ge "$end" ]; then
			out_failed "left of the containers:"
			head -n 20 <<<"$left"
			exit 1
		fi
		sleep 0.1
	done
	out_clear
	echo
	out_done gone "all $1 containers: no process, socket, FIFO, bundle, mount, cgroup,"
	out_done "" "snapshot or state of $runtime is left in the node, and no link, route,"
	out_done "" "rule, lease, address or namespace of a network"
}
