# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2001,SC2030,SC2031,SC2154
# azlctl apply and revert on trees that stand for hosts: what is written, what is left alone, and that
# every way to be interrupted ends right. tests/vm/host.bats does the same to a host that runs.

bats_require_minimum_version 1.5.0

setup() {
	W=$BATS_TEST_TMPDIR
	T=$W/host
	tree "$T"
	manifest "$T" >"$W/before"
}

azlctl() {
	${WRAP-} "$AZL_BUILD/azlctl" --root "$T" "$@"
}

has() {
	[[ "$output" == *"$1"* ]] || {
		echo "no '$1' in: $output"
		return 1
	}
}

has_not() {
	[[ "$output" != *"$1"* ]]
}

equal() {
	[ "$1" = "$2" ] || {
		echo "got '$1', want '$2'"
		return 1
	}
}

# tree DIR: a host with systemd, containerd 2, kubelet and sshd
tree() {
	local unit
	mkdir -p "$1"/etc/{azl,sysctl.d,containerd} "$1/etc/systemd/system" "$1/usr/lib/systemd/system" "$1/var/lib"
	: >"$1/usr/lib/systemd/systemd"
	for unit in containerd kubelet ssh; do
		printf '[Unit]\nDescription=%s\n[Service]\nExecStart=/bin/true\n' "$unit" >"$1/usr/lib/systemd/system/$unit.service"
	done
	printf 'version = 3\nimports = [\n  # ours and others\n  "/etc/containerd/conf.d/*.toml",\n]\n' >"$1/etc/containerd/config.toml"
}

# All of a tree but times.
manifest() {
	(cd "$1" && find . -printf '%y %m %p %l\n' | sort && find . -type f -print0 | sort -z | xargs -0 sha256sum)
}

same_as_before() {
	manifest "$T" | diff "$W/before" -
}

host_json() {
	printf '%s\n' "$1" >"$T/etc/azl/host.json"
	manifest "$T" >"$W/before"
}

@test "apply writes what it says, a second apply has nothing to do, and revert restores the tree" {
	run -0 azlctl apply
	has "done    write /etc/systemd/system/system.slice.d/40-azl.conf: "
	has "9 done"
	manifest "$T" >"$W/applied"
	grep -q "^MemoryMin=536870912" "$T/etc/systemd/system/system.slice.d/40-azl.conf"
	grep -q "^MemoryMin=201326592" "$T/etc/systemd/system/containerd.service.d/40-azl.conf"
	grep -q "^MemoryMax=95%" "$T/etc/systemd/system/azl.slice.d/40-azl.conf"
	grep -q "^fs.inotify.max_user_instances = 8192" "$T/etc/sysctl.d/90-azl.conf"
	[ ! -e "$T/etc/systemd/system/sshd.service.d" ]
	while read -r file; do
		[[ "$(head -n 1 "$file")" == "# written by azlctl, digest "* ]]
		equal "$(stat -c %a "$file")" 644
	done < <(find "$T/etc" -name 40-azl.conf -o -name 90-azl.conf -o -name azl.conf -o -name azl.toml)
	run -0 azlctl apply
	equal "$output" "Nothing to do: the host is as host.json asks for."
	run -0 azlctl apply --dry-run
	manifest "$T" | diff "$W/applied" -
	run -0 azlctl revert
	has "done    remove /etc/sysctl.d/90-azl.conf"
	same_as_before
	run -0 azlctl revert
	has "Nothing to undo"
	same_as_before
}

@test "--dry-run changes nothing, ends with 3, and says what apply and revert say" {
	run -3 azlctl apply --dry-run
	same_as_before
	sed 's/^to do /done  /' <<<"$output" | grep '^done' >"$W/plan"
	azlctl apply | grep '^done' | diff "$W/plan" -
	manifest "$T" >"$W/applied"
	run -3 azlctl revert --dry-run
	manifest "$T" | diff "$W/applied" -
	sed 's/^to do /done  /' <<<"$output" | grep '^done' >"$W/plan"
	azlctl revert | grep '^done' | diff "$W/plan" -
	run -0 azlctl revert --dry-run
}

@test "--json has every step with its state" {
	run -3 azlctl --json apply --dry-run
	equal "$(jq -r '[.dryRun, .todo, .done, .failed] | map(tostring) | join(" ")' <<<"$output")" "true 9 0 0"
	run -0 azlctl apply --json
	equal "$(jq -r '.steps[] | select(.name == "etc/modules-load.d/azl.conf") | .state' <<<"$output")" 'done'
	run -0 azlctl apply --json
	equal "$(jq '[.todo, .done, .inForce] | add' <<<"$output")" 9
	run -0 azlctl revert --json
	equal "$(jq '[.steps[] | select(.kind == "undo" and .state == "done")] | length > 9' <<<"$output")" true
	same_as_before
}

@test "systemd reads the drop-ins without a word" {
	azlctl apply
	printf '[Slice]\n' >"$T/usr/lib/systemd/system/azl.slice"
	cp "$T/usr/lib/systemd/system/"{kubelet,ssh}.service "$T/etc/systemd/system/" # before the node's own
	run env SYSTEMD_LOG_LEVEL=warning SYSTEMD_UNIT_PATH="$T/etc/systemd/system:$T/usr/lib/systemd/system:" \
		systemd-analyze verify --man=no --recursive-errors=no "$T/usr/lib/systemd/system/"{kubelet.service,azl.slice}
	echo "$output"
	run ! grep -F "$T" <<<"$output"
}

# has_value UNIT PROPERTY VALUE: as systemd reads the units of the tree
has_value() {
	local folder=$T/etc/systemd
	printf '[Unit]\nDefaultDependencies=no\nWants=%s\n' "$1" >"$T/usr/lib/systemd/system/probe.target"
	chmod -R a+rX "$BATS_RUN_TMPDIR"
	unshare --mount sh -c 'mount -t tmpfs -o mode=0777 none /run && exec "$@"' sh \
		setpriv --reuid=65534 --regid=65534 --clear-groups \
		env -i SYSTEMD_UNIT_PATH="$folder/system.control:$folder/system:$T/usr/lib/systemd/system" \
		timeout 60 /usr/lib/systemd/systemd --test --system --unit=probe.target >"$W/units" 2>&1
	equal "$(awk -v unit="$1:" -v key="$2:" '$2 == "Unit" { ours = $3 == unit } ours && $1 == key { print $2; exit }' "$W/units")" "$3"
}

@test "what systemctl set-property says of a unit goes above apply's values" {
	local unit
	azlctl apply
	has_value system.slice CPUWeight 200
	for unit in system.slice kubelet.service; do
		mkdir -p "$T/etc/systemd/system.control/$unit.d"
		echo "[${unit#*.}]" | sed 's/slice/Slice/; s/service/Service/' >"$T/etc/systemd/system.control/$unit.d/50-CPUWeight.conf"
		echo CPUWeight=500 >>"$T/etc/systemd/system.control/$unit.d/50-CPUWeight.conf"
	done
	has_value system.slice CPUWeight 500
	has_value system.slice MemoryMin 536870912
	has_value kubelet.service CPUWeight 500
	has_value kubelet.service MemoryMin 201326592
}

@test "drop-ins of the name that they had before go, unless somebody changed them" {
	local unit
	azlctl apply
	azlctl revert
	same_as_before
	azlctl apply
	for unit in system.slice kubelet.service; do
		mv "$T/etc/systemd/system/$unit.d/"{4,5}0-azl.conf
	done
	sed -i 's/40-azl.conf/50-azl.conf/' "$T/var/lib/azl/applied.json"
	echo '# mine' >>"$T/etc/systemd/system/kubelet.service.d/50-azl.conf"
	run -6 azlctl apply
	has "done    remove /etc/systemd/system/system.slice.d/50-azl.conf"
	has "done    write /etc/systemd/system/system.slice.d/40-azl.conf"
	has "left    remove /etc/systemd/system/kubelet.service.d/50-azl.conf"
	rm "$T/etc/systemd/system/kubelet.service.d/50-azl.conf"
	run -0 azlctl apply
	run -0 azlctl revert
	same_as_before
}

@test "containerd knows the handler by what apply wrote, or by the lines that it tells to append" {
	local major config=$W/config.toml
	major=$(containerd --version | grep -oE ' v?[0-9]+[.]' | head -n 1 | tr -dc 0-9)
	if [ "$major" -ge 2 ]; then
		azlctl apply
		printf 'version = 3\nimports = ["%s/etc/containerd/conf.d/*.toml"]\n' "$T" >"$config"
		printf '[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.other]\nruntime_type = "io.containerd.runc.v2"\n' >>"$config"
	else
		printf 'version = 2\nimports = ["/etc/containerd/conf.d/*.toml"]\n' >"$T/etc/containerd/config.toml"
		run -0 azlctl apply
		has "append these lines to /etc/containerd/config.toml"
		[ ! -e "$T/etc/containerd/conf.d" ]
		printf 'version = 2\n[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.other]\nruntime_type = "io.containerd.runc.v2"\n' >"$config"
		azlctl apply --json | jq -r '.steps[] | select(.lines) | .lines' >>"$config"
	fi
	run -0 containerd --config "$config" config dump
	has "runtimes.azl]"
	has "containerd-shim-azl-v2"
	has "runtimes.other]"
	cp "$config" "$T/etc/containerd/config.toml"
	[ "$major" -ge 2 ] || {
		run -0 azlctl apply
		has_not "append"
	}
}

@test "a handler that the owner put into conf.d counts as long as containerd reads it" {
	local shipped=$BATS_TEST_DIRNAME/../config/etc/containerd
	mkdir "$T/etc/containerd/conf.d"
	cp "$shipped/azl-v3.toml" "$T/etc/containerd/conf.d/azl.toml"
	manifest "$T" >"$W/before"
	run -0 azlctl apply
	has "8 done"
	run -0 azlctl apply
	has "Nothing to do"
	run -0 azlctl revert
	same_as_before
	# of another name
	mv "$T/etc/containerd/conf.d/azl.toml" "$T/etc/containerd/conf.d/90-theirs.toml"
	run -0 azlctl apply
	has "8 done"
	azlctl revert
	printf 'version = 3\n' >"$T/etc/containerd/config.toml"
	run -0 azlctl apply
	has "append these lines"
	azlctl revert
	# as docs/INSTALL.md says it of containerd 1.7
	mv "$T/etc/containerd/conf.d/90-theirs.toml" "$W/"
	cp "$shipped/azl-v2.toml" "$T/etc/containerd/conf.d/azl.toml"
	printf 'version = 2\nimports = ["/etc/containerd/conf.d/*.toml"]\n' >"$T/etc/containerd/config.toml"
	run -0 azlctl apply
	has_not "append"
	has "8 done"
}

@test "a file that is not azlctl's stays, the rest is done, and the status says so" {
	echo 'net.ipv4.ip_forward = 0' >"$T/etc/sysctl.d/90-azl.conf"
	ln -s /nowhere "$T/etc/containerd/conf.d"
	manifest "$T" >"$W/before"
	run -5 azlctl apply
	has "left    write /etc/sysctl.d/90-azl.conf"
	has "not azlctl's: it stays"
	equal "$(cat "$T/etc/sysctl.d/90-azl.conf")" 'net.ipv4.ip_forward = 0'
	[ -e "$T/etc/modules-load.d/azl.conf" ]
	run azlctl revert
	equal "$(cat "$T/etc/sysctl.d/90-azl.conf")" 'net.ipv4.ip_forward = 0'
	same_as_before
}

@test "what somebody changed after apply stays, is told, and revert ends when it is gone" {
	azlctl apply
	echo 'kernel.pid_max = 99999' >>"$T/etc/sysctl.d/90-azl.conf"
	touch "$T/etc/modules-load.d/theirs.conf"
	run -6 azlctl apply
	has "somebody changed it since azlctl wrote it"
	run -6 azlctl revert
	has "left    remove /etc/sysctl.d/90-azl.conf"
	has "it holds what is not azlctl's: it stays"
	grep -q 99999 "$T/etc/sysctl.d/90-azl.conf"
	rm "$T/etc/sysctl.d/90-azl.conf"
	run -0 azlctl revert
	rm -r "$T/etc/modules-load.d"
	same_as_before
}

@test "a host.json that cannot be read changes nothing" {
	host_json '{ "system": { "memory.min": '
	run -2 azlctl apply
	has "azlctl help host.json has every key"
	same_as_before
	host_json '{ "system": { "memory.mni": 4 } }'
	run -2 azlctl apply
	has "/etc/azl/host.json: system.memory.mni: there is no such key; azlctl help host.json has every key"
	host_json '{ "protect": { "sshd.memory.min": "much" } }'
	run -2 azlctl apply --dry-run
	has sshd.memory.min
	host_json '{ "nic": { "vf.rx": 1000 } }'
	run -2 azlctl apply
	has 'nic.vf.rx: 1000 is not allowed: it must be a power of two from 64 to 32768, "max", or null'
	host_json '{ "cni": { "conflist": "azl-vm.conflist" } }'
	run -2 azlctl apply
	has 'it must be "aks", "vm", "local", or null'
	same_as_before
	run -2 azlctl apply --force
}

@test "host.json decides, and what it asks for no more is undone" {
	azlctl apply
	host_json '{ "apply": { "containerd": false, "sysctl": false }, "protect": { "sshd.memory.min": null, "sshd.cpu.weight": null },
		"system": { "memory.min": null }, "workload": { "memory.max": "2Gi", "pids.max": "max" } }'
	run -3 azlctl apply --dry-run
	has "remove /etc/containerd/conf.d/azl.toml: host.json asks for it no more"
	run -0 azlctl apply
	[ ! -e "$T/etc/sysctl.d/90-azl.conf" ]
	[ ! -e "$T/etc/systemd/system/ssh.service.d" ]
	[ ! -e "$T/etc/containerd/conf.d" ]
	grep -q '^MemoryMax=2147483648' "$T/etc/systemd/system/azl.slice.d/40-azl.conf"
	grep -q '^TasksMax=infinity' "$T/etc/systemd/system/azl.slice.d/40-azl.conf"
	# what containerd and kubelet get
	grep -q '^MemoryMin=402653184' "$T/etc/systemd/system/system.slice.d/40-azl.conf"
	run -0 azlctl apply
	has "Nothing to do"
	run -0 azlctl revert
	rm "$T/etc/azl/host.json"
	tree "$W/again"
	manifest "$W/again" >"$W/before"
	same_as_before
}

@test "sysctls: host.json's value is taken, null leaves one out, the owner's file wins over ours" {
	host_json '{ "apply": { "network": false }, "sysctl": { "kernel.pid_max": 65536, "kernel.keys.maxkeys": null, "vm.swappiness": "10", "net.core.somaxconn": 9 } }'
	printf '# theirs\nfs/inotify/max_user_watches = 7\n' >"$T/etc/sysctl.d/10-theirs.conf"
	run -0 azlctl apply
	has "fs.inotify.max_user_watches is left as /etc/sysctl.d/10-theirs.conf sets it"
	grep -v '^#' "$T/etc/sysctl.d/91-azl.conf" | sort >"$W/lines"
	printf '%s\n' 'fs.file-max = 9223372036854775807' 'fs.inotify.max_user_instances = 8192' 'kernel.keys.maxbytes = 2000000' \
		'kernel.keys.root_maxbytes = 25000000' 'kernel.keys.root_maxkeys = 1000000' 'kernel.pid_max = 65536' \
		'net.core.somaxconn = 9' 'vm.swappiness = 10' | diff - "$W/lines"
}

@test "with the network left alone the values of the package azl-cni stay those of the next boot" {
	mkdir -p "$T/usr/lib/sysctl.d"
	cp config/etc/sysctl.d/90-azl.conf "$T/usr/lib/sysctl.d/"
	host_json '{ "apply": { "network": false }, "sysctl": { "net.core.netdev_max_backlog": null } }'
	run -0 azlctl apply
	has_not "net.ipv4"
	systemd-analyze --root="$T" cat-config sysctl.d | sed -n 's/^-\{0,1\}\(net[a-z0-9_.]*\) = /\1 /p' >"$W/after"
	sed -n 's/^-\{0,1\}\(net[a-z0-9_.]*\) = /\1 /p' config/etc/sysctl.d/90-azl.conf | grep -v netdev_max_backlog >"$W/wanted"
	grep -q "^net.ipv4.ip_forward 1" "$W/after"
	diff "$W/wanted" "$W/after"
	printf 'net.ipv4.ip_forward = 0\n' >"$T/etc/sysctl.d/10-theirs.conf"
	run -0 azlctl apply
	run ! grep ip_forward "$T/etc/sysctl.d/90-azl.conf"
	rm "$T/etc/sysctl.d/10-theirs.conf"
	run -0 azlctl revert
	same_as_before
}

@test "with the network left alone, a package azl-cni that comes after apply has its values at the next boot" {
	local packed=$T/usr/lib/sysctl.d
	# sysctls NAME...: what systemd-sysctl sets at boot
	sysctls() {
		systemd-analyze --root="$T" cat-config sysctl.d | awk -F' *= *' '{ sub(/^-/, "") } NF > 1 { v[$1] = $2 }
			END { for (n in v) print n, v[n] }' | sort | grep -E "^($1) "
	}
	host_json '{ "apply": { "network": false }, "sysctl": { "fs.inotify.max_user_instances": 9999 } }'
	run -0 azlctl apply
	[ ! -e "$T/etc/sysctl.d/90-azl.conf" ]
	mkdir -p "$packed"
	cp config/etc/sysctl.d/90-azl.conf "$packed/"
	equal "$(sysctls 'net.ipv4.ip_forward|fs.inotify.max_user_instances|kernel.pid_max')" 'fs.inotify.max_user_instances 9999
kernel.pid_max 4194304
net.ipv4.ip_forward 1'
	# a file of apply's is none of the owner's
	run -0 azlctl apply
	has_not "is left as"
	has "done    write /etc/sysctl.d/90-azl.conf"
	has "done    remove /etc/sysctl.d/91-azl.conf"
	equal "$(sysctls 'net.ipv4.ip_forward|fs.inotify.max_user_instances')" 'fs.inotify.max_user_instances 9999
net.ipv4.ip_forward 1'
	run -0 azlctl apply
	has "Nothing to do"
	rm -r "$T/usr/lib/sysctl.d"
	run -0 azlctl apply
	has "done    remove /etc/sysctl.d/90-azl.conf"
	run -0 azlctl revert
	same_as_before
}

@test "a slice of the owner's stays as it is" {
	printf '[Slice]\nMemoryMax=1G\n' >"$T/etc/systemd/system/azl.slice"
	manifest "$T" >"$W/before"
	run -0 azlctl apply
	has "/etc/systemd/system/azl.slice is not azlctl's"
	[ ! -e "$T/etc/systemd/system/azl.slice.d" ]
	run -0 azlctl revert
	same_as_before
}

@test "the node's list of plugins is the shipped one with our first key, root's alone, and goes again" {
	local name list=$T/etc/cni/net.d/10-azl.conflist
	host_json '{}'
	for name in aks vm local; do
		printf '{ "cni": { "conflist": "%s" } }\n' "$name" >"$T/etc/azl/host.json"
		run -0 azlctl apply
		has "write /etc/cni/net.d/10-azl.conflist"
		equal "$(stat -c %a "$list")" 600
		[[ "$(jq -r '."//"' "$list")" == "written by azlctl, digest "* ]]
		equal "$(jq -S 'del(."//")' "$list")" "$(jq -S . "$BATS_TEST_DIRNAME/../config/etc/cni/azl-$name.conflist")"
		run -0 azlctl apply
		has "Nothing to do"
	done
	echo '{}' >"$T/etc/azl/host.json"
	run -0 azlctl apply
	[ ! -e "$T/etc/cni" ]
	run -0 azlctl revert
	same_as_before
}

@test "a list that stands in front is told of, one of our name that is not ours stays" {
	mkdir -p "$T/etc/cni/net.d"
	echo '{}' >"$T/etc/cni/net.d/05-cilium.conflist"
	echo '{}' >"$T/etc/cni/net.d/05-a.conflist.bak"
	echo '{}' >"$T/etc/cni/net.d/10-azure.conflist"
	host_json '{ "cni": { "conflist": "vm" } }'
	run -0 azlctl apply
	has "/etc/cni/net.d/05-cilium.conflist stands in front of 10-azl.conflist"
	[ -e "$T/etc/cni/net.d/10-azl.conflist" ]
	run -0 azlctl revert
	same_as_before
	rm "$T/etc/cni/net.d/05-cilium.conflist"
	run -0 azlctl apply
	has_not "stands in front"
	sed -i 's/imds/cns/' "$T/etc/cni/net.d/10-azl.conflist"
	run -6 azlctl revert
	has "somebody changed it since azlctl wrote it"
	cp "$BATS_TEST_DIRNAME/../config/etc/cni/azl-vm.conflist" "$T/etc/cni/net.d/10-azl.conflist"
	run -6 azlctl apply
	has "the file is there and not azlctl's: it stays"
	[ -e "$T/etc/cni/net.d/10-azl.conflist" ]
}

@test "two at once: the second says so and changes nothing" {
	local lock=$T/var/lib/.azlctl.lock command
	for command in apply revert; do
		install -m 600 /dev/null "$lock"
		run -1 flock "$lock" "$AZL_BUILD/azlctl" --root "$T" "$command"
		has "another azlctl is at work"
		rm "$lock"
		same_as_before
	done
}

@test "nobody but root can keep apply out: what it locks cannot be opened by others" {
	exec 9<"$T/var/lib"
	flock 9 # as any user of the host may
	run -0 azlctl apply
	WRAP="strace -qq -o $W/trace -e trace=flock,openat -y" azlctl revert
	exec 9<&-
	grep -q 'openat(.*"[.]azlctl[.]lock", O_RDWR|O_CREAT|O_NOFOLLOW|O_CLOEXEC, 0600)' "$W/trace"
	equal "$(grep -c '^flock(' "$W/trace")" 1
	same_as_before
}

@test "a read-only /etc: each file that cannot be written is named, and revert cleans up" {
	mount --bind "$T/etc" "$T/etc"
	mount -o remount,bind,ro "$T/etc"
	run azlctl apply
	umount "$T/etc"
	equal "$status" 5
	has "FAILED  write /etc/sysctl.d/90-azl.conf"
	has "read-only file system"
	has "9 failed"
	run -0 azlctl revert
	same_as_before
	mount --bind "$T/var" "$T/var"
	mount -o remount,bind,ro "$T/var"
	run azlctl apply
	umount "$T/var"
	equal "$status" 1
	has "nothing was changed: "
	has "read-only file system"
	same_as_before
}

@test "a full disk, at whichever file: what was written is whole, and both ways out work" {
	local free bad=''
	mkdir "$W/small"
	mount -t tmpfs -o size=256k,mode=755 small "$W/small"
	for free in 0 1 2 3 4 6 8; do
		T=$W/small/host
		tree "$T"
		manifest "$T" >"$W/before"
		dd if=/dev/zero of="$W/small/fill" bs=4096 status=none 2>/dev/null || true
		truncate -s -$((free * 4096)) "$W/small/fill"
		run azlctl apply
		{ [ "$status" -eq 1 ] || [ "$status" -eq 5 ]; } && has "no space left on device" || bad+=" status-$free"
		rm "$W/small/fill"
		# A file that is half there would be one that somebody changed.
		run azlctl apply --dry-run
		has_not left || bad+=" half-$free"
		[ $((free % 2)) -eq 0 ] || azlctl apply | grep -q ' done$\| done, ' || bad+=" apply-$free"
		azlctl revert >/dev/null && same_as_before || bad+=" revert-$free"
		rm -rf "$T"
	done
	umount "$W/small"
	equal "$bad" ''
}

# ---- killed ----

# kill_points TRACE: each call that changes a file, "NAME NTH". Between two of them nothing changes.
kill_points() {
	sed -n 's/^\([a-z0-9_]*\)(\(.*\)$/\1 \2/p' "$1" |
		awk '{ n[$1]++ } ($1 == "openat" && /O_CREAT/) || ($1 == "write" && $2 !~ /^1,/) ||
			$1 ~ /^(mkdirat|renameat|unlinkat|fchmod|fchmodat|fsync|flock)$/ { print $1, n[$1] }'
}

# killed NAME NTH COMMAND: azlctl is killed before its Nth call of that name.
killed() {
	local status=0
	WRAP="strace -qq -o /dev/null -e trace=$1 -e inject=$1:signal=KILL:when=$2" \
		azlctl "$3" >/dev/null 2>&1 </dev/null || status=$?
	equal "$status" 137
}

# points_of COMMAND: run it, and choose one in AZL_KILLS of its calls, beginning with any; 1 takes all.
points_of() {
	local step=${AZL_KILLS:-3}
	local i=$((RANDOM % step))
	WRAP="strace -qq -o $W/trace" azlctl "$1" >/dev/null
	kill_points "$W/trace" >"$W/all"
	[ "$(wc -l <"$W/all")" -gt 15 ]
	awk -v i="$i" -v s="$step" 'NR % s == i' "$W/all" >"$W/points"
	echo "# $1: killed before $(wc -l <"$W/points") of $(wc -l <"$W/all") calls" >&3
}

# killed_then FIRST THEN...: FIRST killed before calls that change something, then THEN, which ends with
# the tree as it was before.
killed_then() {
	local first=$1 name nth next
	shift
	points_of "$first"
	while read -r name nth; do
		rm -rf "$T"
		tree "$T"
		[ "$first" = apply ] || azlctl apply >/dev/null
		killed "$name" "$nth" "$first"
		for next; do
			run -0 azlctl "$next"
		done
		same_as_before || {
			echo "killed before $name number $nth"
			return 1
		}
	done <"$W/points"
}

@test "apply killed before each of its changes, then revert: the tree is as it was" {
	killed_then apply revert
}

@test "apply killed before each of its changes, then apply and revert" {
	killed_then apply apply revert
}

@test "revert killed before each of its changes, then revert" {
	azlctl apply >/dev/null
	killed_then revert revert
}

@test "an apply with another host.json, killed, then revert" {
	local name nth
	change() {
		printf '{ "workload": { "memory.max": "3Gi" }, "apply": { "containerd": false }, "system": { "cpu.weight": 300 },
			"nic": { "vf.rx": null }, "cni": { "conflist": "local" } }\n' \
			>"$T/etc/azl/host.json"
	}
	azlctl apply >/dev/null
	change
	points_of apply
	while read -r name nth; do
		rm -rf "$T"
		tree "$T"
		azlctl apply >/dev/null
		change
		killed "$name" "$nth" apply
		run -0 azlctl revert
		rm "$T/etc/azl/host.json"
		same_as_before || {
			echo "killed before $name number $nth"
			return 1
		}
	done <"$W/points"
}
