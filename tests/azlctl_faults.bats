# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2154
# azlctl in bad times: a journal cut anywhere, links and FIFOs where files belong, a host.json made to hurt,
# no descriptors, no memory, system calls that fail, a /proc and /sys of rubbish.

bats_require_minimum_version 1.5.0

setup() {
	W=$BATS_TEST_TMPDIR
	T=$W/host
	mkdir -p "$T"/etc/{azl,sysctl.d,containerd} "$T/etc/systemd/system" "$T/usr/lib/systemd/system" "$T/var/lib"
	: >"$T/usr/lib/systemd/systemd"
	printf '[Service]\nExecStart=/bin/true\n' >"$T/usr/lib/systemd/system/containerd.service"
	printf 'version = 3\nimports = ["/etc/containerd/conf.d/*.toml"]\n' >"$T/etc/containerd/config.toml"
	manifest >"$W/before"
}

# An answer within a minute, or 124.
azlctl() {
	timeout 60 ${WRAP-} "$AZL_BUILD/azlctl" --root "$T" "$@"
}

manifest() {
	(cd "$T" && find . -printf '%y %m %p %l\n' | sort && find . -type f -print0 | sort -z | xargs -0 sha256sum)
}

has() {
	[[ "$output" == *"$1"* ]] || {
		echo "no '$1' in: $output"
		return 1
	}
}

# lives COMMAND: ends by itself, with a status of the manual
lives() {
	local status=0
	azlctl "$@" >"$W/said" 2>&1 </dev/null || status=$?
	echo "$status" >"$W/status"
	[ "$status" -le 6 ] || {
		echo "$*: status $status"
		cat "$W/said"
		return 1
	}
}

@test "a journal cut at any byte undoes nothing, is told, and there is a way out" {
	local i size step=${AZL_CUTS:-37}
	azlctl apply >/dev/null
	cp "$T/var/lib/azl/applied.json" "$W/journal"
	size=$(stat -c %s "$W/journal")
	for ((i = RANDOM % step; i < size - 1; i += step)); do
		head -c "$i" "$W/journal" >"$T/var/lib/azl/applied.json"
		manifest >"$W/cut"
		for command in revert apply "revert --dry-run"; do
			# shellcheck disable=SC2086
			run -1 azlctl $command
			has applied.json
			manifest | diff "$W/cut" - || {
				echo "cut behind $i bytes, $command"
				return 1
			}
		done
	done
	rm "$T/var/lib/azl/applied.json"
	run -0 azlctl apply
	run -0 azlctl revert
	# folders that apply made are not known any more
	find "$T/etc" "$T/var" -depth -type d -empty -delete
	mkdir -p "$T"/etc/{azl,sysctl.d,systemd/system} "$T/var/lib"
	manifest | diff "$W/before" -
}

@test "a journal that is not apply's own is not believed" {
	local journal
	mkdir -p "$T/var/lib/azl" "$T/etc/precious"
	echo keep >"$T/etc/precious/file"
	for journal in '{}' '[]' '{"changes": []}' '{"version": 2, "changes": []}' '{"version": 1, "changes": [{}]}' \
		'{"version": 1, "changes": [{"kind": "file"}]}' '{"version": 1, "changes": [{"name": "etc/precious"}]}' \
		'{"version": 1, "changes": [{"kind": "all", "name": "etc"}]}' \
		'{"version": 1, "changes": [{"name": "etc/precious"}, {"kind": "file", "name": "x"}]}' \
		'{"version": 1, "changes": [{"kind": "file", "name": "/etc/precious/file"}]}' \
		'{"version": 1, "changes": [{"kind": "file", "name": "../etc/precious/file"}]}'; do
		echo "$journal" >"$T/var/lib/azl/applied.json"
		run -1 azlctl revert
		has applied.json || return 1
	done
	# what it may name, but did not make, stays
	echo '{"version": 1, "changes": [{"kind": "folder", "name": "etc/precious"}, {"kind": "file", "name": "etc/precious/file"},
		{"kind": "file", "name": "etc/systemd"}, {"kind": "folder", "name": "etc/precious/file"}]}' >"$T/var/lib/azl/applied.json"
	run -6 azlctl revert
	[ "$(cat "$T/etc/precious/file")" = keep ]
}

@test "what revert cannot read may be anybody's: it stays" {
	azlctl apply >/dev/null
	cp "$T/etc/sysctl.d/90-azl.conf" "$W/ours"
	head -c 2000000 /dev/zero >>"$T/etc/sysctl.d/90-azl.conf"
	run -6 azlctl revert
	has "left    remove /etc/sysctl.d/90-azl.conf"
	[ "$(stat -c %s "$T/etc/sysctl.d/90-azl.conf")" -gt 2000000 ]
	cp "$W/ours" "$T/etc/sysctl.d/90-azl.conf"
	run -0 azlctl revert
	manifest | diff "$W/before" -
	# a folder of apply's waits for its file
	azlctl apply >/dev/null
	echo "# mine" >>"$T/etc/containerd/conf.d/azl.toml"
	run -6 azlctl revert
	rm "$T/etc/containerd/conf.d/azl.toml"
	run -0 azlctl revert
	manifest | diff "$W/before" -
}

@test "links where apply writes: never followed out of the tree, a mask of the owner's stays" {
	mkdir "$W/outside"
	echo theirs >"$W/outside/90-azl.conf"
	rmdir "$T/etc/sysctl.d"
	ln -s "$W/outside" "$T/etc/sysctl.d"
	ln -s /dev/null "$T/etc/systemd/system/azl.slice"
	mkdir "$T/etc/systemd/system/system.slice.d"
	ln -s /dev/null "$T/etc/systemd/system/system.slice.d/40-azl.conf"
	ln -s loop "$T/etc/modules-load.d"
	ln -s modules-load.d "$T/etc/loop"
	# containerd's own may be a link
	mv "$T/etc/containerd/config.toml" "$T/etc/containerd/real.toml"
	ln -s /etc/containerd/real.toml "$T/etc/containerd/config.toml"
	manifest >"$W/before"
	run -5 azlctl apply
	has "system.slice.d/40-azl.conf"
	[ -e "$T/etc/containerd/conf.d/azl.toml" ]
	[ "$(ls "$W/outside")" = 90-azl.conf ] && [ "$(cat "$W/outside/90-azl.conf")" = theirs ]
	[ "$(readlink "$T/etc/systemd/system/system.slice.d/40-azl.conf")" = /dev/null ]
	azlctl revert || true
	manifest | diff "$W/before" -
}

@test "check --root looks through the tree's links, and never at the host that it runs on" {
	mkdir -p "$T"/{opt/bin,usr/bin,etc/cni} "$T/opt/lists"
	touch "$T/opt/bin/runc"
	ln -s /opt/bin/runc "$T/usr/bin/runc"
	ln -s /usr/bin/env "$T/usr/bin/containerd" # there is one here, none in the tree
	ln -s /opt/lists "$T/etc/cni/net.d"
	echo '{"cniVersion": "1.0.0", "name": "inside", "plugins": [{"type": "none"}]}' >"$T/opt/lists/10-inside.conflist"
	# a host.json that is refused, where the link means the tree's
	mkdir "$T/opt/azl"
	echo '{ "containers": { "pids.maximum": 1 } }' >"$T/opt/azl/host.json"
	ln -s /opt/azl/host.json "$T/etc/azl/host.json"
	run -2 azlctl apply
	has "/etc/azl/host.json: containers.pids.maximum: "
	run azlctl check
	has "/etc/azl/host.json: containers.pids.maximum: "
	has "/usr/bin/runc is there"
	has "containerd is not installed"
	has "10-inside.conflist"
}

@test "FIFOs, folders and sockets where files belong: an answer at once" {
	local name
	for name in etc/azl/host.json etc/containerd/config.toml etc/containerd/conf.d/x.toml etc/cni/net.d/10-x.conf \
		usr/share/azl/known-versions.json var/lib/azl/applied.json etc/sysctl.conf etc/sysctl.d/10-x.conf \
		etc/sysctl.d/90-azl.conf; do
		mkdir -p "$T/${name%/*}"
		mv "$T/$name" "$W/kept" 2>/dev/null || true
		mkfifo "$T/$name"
		lives check && lives apply --dry-run && lives revert --dry-run
		rm "$T/$name"
		mkdir "$T/$name"
		lives check && lives apply --dry-run && lives revert --dry-run
		rmdir "$T/$name"
		mv "$W/kept" "$T/$name" 2>/dev/null || true
		[ "$name" != var/lib/azl/applied.json ] || rmdir "$T/var/lib/azl"
	done
}

@test "a host.json that is made to hurt is refused, with its name, in no time and memory" {
	local made
	for made in 'printf "[%.0s" {1..100000}' 'printf "{\"x-a\":%.0s" {1..5000}' 'head -c 2000000 /dev/zero' \
		'printf "{\"x-a\": \"%02000000d\"}" 0' 'printf "{\"system\": {\"memory.min\": 1%0300000d}}" 0' \
		'printf "{\"system\": {\"cpu.weight\": 1e999}}"' 'printf "\377\376{}"' 'printf "{\"\\\\u0000\": 1}"' \
		'printf "{}{}"' 'printf "{\"system\": {}, \"system\": {\"memory.min\": 1}, \"system\": 3}"' \
		'printf "{\"sysctl\": {\"a/../../etc/passwd\": 1}}"' 'printf "{\"sysctl\": {\"kernel.x\": \"a\\\\nb = 1\"}}"' 'printf ""'; do
		eval "$made" >"$T/etc/azl/host.json"
		WRAP="prlimit --data=67108864" run -2 azlctl apply
		[[ "$output" == *host.json* ]] && [ "${#output}" -lt 1000 ] || {
			echo "$made: ${output:0:2000}"
			return 1
		}
		lives check
	done
	rm "$T/etc/azl/host.json"
	manifest | diff "$W/before" -
}

@test "without descriptors or memory: a status of the manual, and nothing half" {
	local n least=3
	until prlimit --nofile=$least "$AZL_BUILD/azlctl" version >/dev/null 2>&1; do # the loader's need
		least=$((least + 1))
	done
	for n in $((least)) $((least + 1)) $((least + 2)) $((least + 4)) $((least + 7)); do
		for command in check apply "revert --dry-run" revert density; do
			# shellcheck disable=SC2086
			WRAP="prlimit --nofile=$n" lives $command || return 1
		done
		azlctl revert >/dev/null
		manifest | diff "$W/before" -
	done
	least=65536
	until prlimit --data=$least "$AZL_BUILD/azlctl" version >/dev/null 2>&1; do
		least=$((least + 32768))
	done
	for n in 0 32768 65536 131072 262144; do
		for command in check apply revert; do
			WRAP="prlimit --data=$((least + n))" lives "$command" || return 1
		done
		azlctl revert >/dev/null
		manifest | diff "$W/before" -
	done
}

# failing COMMAND [AFTER [BEFORE]]: any one of its system calls fails, in one way of several; it ends by itself
failing() {
	local name nth error
	${3-}
	# shellcheck disable=SC2086
	WRAP="strace -qq -f -o $W/trace" azlctl $1 >/dev/null 2>&1 || true
	[ -z "${2-}" ] || "$2"
	# what comes before the root is opened is the loader's
	sed -n 's/^[0-9]* *\([a-z0-9_]*\)(\(.*\)/\1 \2/p' "$W/trace" |
		awk '{ n[$1]++ } /O_PATH/ { on = 1 }
			on && $1 !~ /^(exit|exit_group|execve|brk|wait4|munmap|getrandom|kill|rt_sig.*)$/ { print $1, n[$1] }' >"$W/all"
	[ "$(wc -l <"$W/all")" -gt 20 ]
	awk -v i="$((RANDOM % ${AZL_KILLS:-5}))" -v s="${AZL_KILLS:-5}" 'NR % s == i' "$W/all" >"$W/points"
	while read -r name nth; do
		for error in ENOMEM EIO; do
			${3-}
			# shellcheck disable=SC2086
			WRAP="strace -qq -f -o /dev/null -e trace=$name -e inject=$name:error=$error:when=$nth" \
				lives $1 || {
				echo "$name number $nth: $error"
				return 1
			}
			[ -z "${2-}" ] || "$2" || {
				echo "after $name number $nth failed: $error"
				return 1
			}
		done
	done <"$W/points"
	echo "# $1: $(wc -l <"$W/points") of $(wc -l <"$W/all") calls failed" >&3
}

@test "check, whichever system call fails, ends by itself" {
	mkdir -p "$T/proc/sys/kernel" "$T/etc/cni/net.d"
	echo 6.6.1 >"$T/proc/sys/kernel/osrelease"
	echo '{"cniVersion": "1.0.0", "name": "a", "plugins": [{"type": "azl-cni"}]}' >"$T/etc/cni/net.d/10-a.conflist"
	failing check
}

# All of the tree's /etc, which holds what apply writes
etc() {
	(cd "$T/etc" && find . -type d | sort && find . -type f -print0 | sort -z | xargs -0 sha256sum)
}

# Status 1 is for a host that is as it was: as "$W/etc" says.
is_unchanged_if_1() {
	[ "$(cat "$W/status")" != 1 ] || etc | diff "$W/etc" - || {
		cat "$W/said"
		return 1
	}
}

@test "apply, whichever system call fails, ends by itself, and revert undoes it" {
	etc >"$W/etc"
	undone() {
		[ ! -e "$W/status" ] || is_unchanged_if_1 || return 1
		azlctl revert >/dev/null
		manifest | diff "$W/before" -
	}
	failing apply undone
}

@test "revert, whichever system call fails, ends by itself, and a second one does the rest" {
	undone() {
		[ ! -e "$W/status" ] || is_unchanged_if_1 || return 1
		azlctl revert >/dev/null
		manifest | diff "$W/before" -
	}
	applied() {
		azlctl apply >/dev/null
		etc >"$W/etc"
	}
	failing revert undone applied
}

@test "density and explain, whichever system call fails, end by themselves" {
	local at=$T/run/containerd/io.containerd.runtime.v2.task/k8s.io/abc
	mkdir -p "$at" "$T/proc/77/fd" "$T/proc/1" "$T/sys/fs/cgroup/pods/abc"
	echo "memory pids" >"$T/sys/fs/cgroup/cgroup.controllers"
	echo max >"$T/sys/fs/cgroup/pods/abc/pids.max"
	printf 77 >"$at/init.pid"
	echo '{"linux": {"resources": {"pids": {"limit": 7}}}}' >"$at/config.json"
	echo "0::/pods/abc" >"$T/proc/77/cgroup"
	printf 'PPid:\t1\n' >"$T/proc/77/status"
	failing density
	failing "explain abc"
}

@test "a /proc and /sys of rubbish are told of, and nothing crashes" {
	local file what
	mkdir -p "$T"/proc/{sys/kernel,sys/fs/inotify,sys/net/ipv4/conf/all,self,net,77,pressure} "$T/sys/fs/cgroup/pods/a" \
		"$T/run/containerd/io.containerd.runtime.v2.task/default/a" "$T/sys/class/net/eth0/device"
	for what in ': >' 'head -c 100000 /dev/urandom >' 'head -c 5000 /dev/zero >' 'printf "%0100000d\n" 7 >' \
		'printf "some avg10=nan\nPss: -1 kB\nPPid: 99999999999\n0::/../../..\n" >'; do
		for file in proc/sys/kernel/osrelease proc/sys/kernel/pid_max proc/sys/fs/inotify/max_user_instances \
			proc/sys/net/ipv4/conf/all/rp_filter proc/self/mountinfo proc/net/route proc/meminfo proc/filesystems \
			proc/77/status proc/77/cgroup proc/77/smaps_rollup proc/77/comm proc/1/comm proc/pressure/memory \
			sys/fs/cgroup/cgroup.controllers sys/fs/cgroup/pods/a/memory.max sys/fs/cgroup/pods/a/memory.stat \
			run/containerd/io.containerd.runtime.v2.task/default/a/config.json; do
			mkdir -p "$T/${file%/*}"
			eval "$what $T/$file"
		done
		printf 77 >"$T/run/containerd/io.containerd.runtime.v2.task/default/a/init.pid"
		lives check && lives density && lives explain a && lives density --json
		printf 'PPid:\t1\n' >"$T/proc/77/status"
		echo "0::/pods/a" >"$T/proc/77/cgroup"
		lives density && lives explain a && lives explain a --json
	done
}
