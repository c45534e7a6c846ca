# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC1091,SC2016,SC2030,SC2031,SC2034,SC2154
# The files that azl ships (config/etc), each taken by the program that it is written for. In the node
# "pack"; those about containerd, by their names, in forky, too.

load cni

# shellcheck source=tests/config.bash
. "$CNI_REPO/tests/config.bash"

setup_file() {
	mkdir -p "$CONFIG"
	installed
	cni_file_begin
}
teardown_file() {
	cni_file_end
	rm -rf "$CONFIG"
}
setup() {
	cni_begin
}
teardown() {
	[ ! -e "$W/containerd.pid" ] || containerd_stop
	cni_end
}

@test "containerd takes the drop-in: handler, driver of cgroups, snapshotter and paths" {
	mkdir -p "$W/conf.d"
	cp "$ROOT/usr/share/azl/containerd/azl-v$VERSION.toml" "$W/conf.d/azl.toml"
	printf 'version = %s\nimports = ["%s/conf.d/*.toml"]\n' "$VERSION" "$W" >"$W/config.toml"
	dump "$W/config.toml"
	equal "$(runtime_of azl runtime_type)" '"io.containerd.runc.v2"'
	equal "$(runtime_of azl runtime_path)" '"/usr/bin/containerd-shim-azl-v2"'
	equal "$(options_of azl SystemdCgroup)" true
	equal "$(in_dump "$W/dump" "plugins.\"$CRI\".cni" conf_dir)" '"/etc/cni/net.d"'
	case $V in
	1)
		equal "$(in_dump "$W/dump" "plugins.\"$CRI\".cni" bin_dir)" '"/usr/lib/cni"'
		equal "$(in_dump "$W/dump" "plugins.\"$CRI\".containerd" snapshotter)" '"overlayfs"'
		;;
	*)
		equal "$(in_dump "$W/dump" "plugins.\"$CRI\".cni" bin_dirs)" '["/usr/lib/cni"]'
		equal "$(in_dump "$W/dump" 'plugins."io.containerd.cri.v1.images"' snapshotter)" '"overlayfs"'
		;;
	esac
	containerd_start "$W/config.toml"
	until_ok 10 cri_is_up || wrong "$(ctr -a "$W/sock" plugins ls; tail -n 20 "$W/log")"
	grep -q 'containerd-shim-azl-v2' "$W/log"
	equal "$(grep -v 'failed to load cni' "$W/log" | grep -iE 'level=(error|fatal).*(config|decode|unknown key)')" ''
}

@test "containerd takes the block at the end of a configuration of AKS, and all of that stays" {
	aks_config >"$W/config.toml"
	dump "$W/config.toml"
	cp "$W/dump" "$W/before"
	sed -n '/^# BEGIN azl/,/^# END azl/p' "$ETC/containerd/azl-v$VERSION.toml" >>"$W/config.toml"
	dump "$W/config.toml"
	equal "$(runtime_of azl runtime_path)" '"/usr/bin/containerd-shim-azl-v2"'
	equal "$(options_of untrusted BinaryName)" '"/usr/bin/runc"'
	run diff "$W/before" "$W/dump"
	run ! grep '^<' <<<"$output"
}

@test "containerd 1.7 forgets CRI of config.toml for a drop-in's, hence the block" {
	[ "$V" = 1 ] || skip "containerd 2 merges"
	mkdir -p "$W/conf.d"
	cp "$ETC/containerd/azl-v2.toml" "$W/conf.d/azl.toml"
	{
		echo "imports = [\"$W/conf.d/*.toml\"]"
		aks_config
	} >"$W/config.toml"
	dump "$W/config.toml"
	equal "$(runtime_of untrusted runtime_type)" ''
	equal "$(runtime_of azl runtime_type)" '"io.containerd.runc.v2"'
}

@test "containerd 2 forgets CRI of a config.toml of version 2 for a drop-in of 3, hence one of 2" {
	[ "$V" != 1 ] || skip "containerd 1.7 knows no 3"
	mkdir -p "$W/conf.d"
	{
		echo "imports = [\"$W/conf.d/*.toml\"]"
		printf 'version = 2\n[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]\nruntime_type = "io.containerd.runc.v2"\n'
		printf '[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]\nBinaryName = "/its/own"\n'
	} >"$W/config.toml"
	cp "$ETC/containerd/azl-v3.toml" "$W/conf.d/azl.toml"
	dump "$W/config.toml"
	equal "$(options_of runc BinaryName)" '""'
	# as docs/INSTALL.md has it
	{
		echo 'version = 2'
		sed -n '/^# BEGIN azl/,/^# END azl/p' "$ETC/containerd/azl-v2.toml"
	} >"$W/conf.d/azl.toml"
	dump "$W/config.toml"
	equal "$(options_of runc BinaryName)" '"/its/own"'
	equal "$(runtime_of azl runtime_path)" '"/usr/bin/containerd-shim-azl-v2"'
}

@test "containerd 1.7 with a handler alone lacks its default" {
	[ "$V" = 1 ] || skip "containerd 2 merges"
	{
		echo 'version = 2'
		sed -n '/^# BEGIN azl/,/^# END azl/p' "$ETC/containerd/azl-v2.toml"
	} >"$W/config.toml"
	containerd_start "$W/config.toml"
	until_ok 10 grep -q 'no corresponding runtime configured' "$W/log"
	run ! cri_is_up
}

@test "containerd of the other version says so" {
	local other=$((5 - VERSION))
	cp "$ETC/containerd/azl-v$other.toml" "$W/config.toml"
	case $V in
	1)
		run containerd --config "$W/config.toml" config dump
		[ "$status" -ne 0 ]
		;;
	*)
		# containerd 2 takes what was written for 1.7 over
		dump "$W/config.toml"
		equal "$(runtime_of azl runtime_path)" '"/usr/bin/containerd-shim-azl-v2"'
		;;
	esac
}

@test "containerd loads each list of plugins" {
	local list
	for list in aks vm local; do
		mkdir -p "$W/$list"
		cp "$ROOT/usr/share/azl/cni/azl-$list.conflist" "$W/$list/10-azl.conflist"
		{
			echo "version = $VERSION"
			tail_of_config "$W/$list"
		} >"$W/config.toml"
		containerd_start "$W/config.toml"
		until_ok 10 cri_is_up
		run ! grep -E 'failed to load cni|no network config found' "$W/log"
		containerd_stop
	done
	# the same words tell of a list that is broken
	echo '{' >"$W/local/10-azl.conflist"
	containerd_start "$W/config.toml"
	until_ok 10 grep -qE 'failed to load cni|no network config found' "$W/log"
}

# ---- azl-cni ----

# shipped NAME: on one line, as chain() takes it
shipped() {
	jq -c . "$ETC/cni/azl-$1.conflist"
}

# Has the node's plugin answer for a list: STATUS and VERSION of 1.1.0, then a pod that comes and goes.
list_serves() {
	local list=$1 result status_conf
	json "$list" '.cniVersions | index("1.1.0")'
	status_conf=$(jq -c '.plugins[0] + {cniVersion: "1.1.0", name: .name}' <<<"$list")
	cni STATUS '' "$status_conf" ''
	json "$(cni VERSION '' "$status_conf" '')" '.supportedVersions | contains(["1.0.0", "1.1.0"])'
	pod p1
	result=$(chain ADD p1 "$list" '{"portMappings":[{"HostPort":18080,"ContainerPort":8080,"Protocol":"tcp"}]}') ||
		wrong "$result"
	equal "$(address_in "$result")" "$2"
	inside p1 ping -q -c 1 -W 20 "$(fabric_address 2)"
	# without ports: portmap looks for rules of IPv6 that it did not make
	chain CHECK p1 "$list"
	chain DEL p1 "$list" '{"portMappings":[{"HostPort":18080,"ContainerPort":8080,"Protocol":"tcp"}]}'
}

@test "azl-cni serves the list for AKS" {
	here
	mkdir -p "$W/azure"
	printf '10.1.0.%d 24 10.1.0.1\n' 10 11 >"$W/azure/pool"
	fabric_serve_cns 1 "$W/azure"
	NET=azure
	list_serves "$(shipped aks)" 10.1.0.10
}

@test "azl-cni serves the list for a virtual machine" {
	here
	mkdir -p "$W/azure"
	fabric_imds_document 10.1.0.20 >"$W/azure/imds.json"
	fabric_serve "$W/azure"
	list_serves "$(shipped vm)" 10.1.0.20
}

@test "azl-cni serves the list of local ranges" {
	here
	list_serves "$(shipped local)" 10.88.0.2
}

# ---- the system's own ----

@test "sysctl.d: what it says is in force, and the keys are the kernel's" {
	local key value path
	here
	# in a network of its own: what is of the whole kernel stays as it is
	grep -E '^-{0,1}net\.(ipv4\.ip_forward|ipv6\.conf)' "$ETC/sysctl.d/90-azl.conf" >"$W/90-azl.conf"
	unshare --net sh -c 'ip link add eth0 type veth peer name eth1 && /usr/lib/systemd/systemd-sysctl --strict "$1" &&
		cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding /proc/sys/net/ipv6/conf/eth0/accept_ra' \
		sh "$W/90-azl.conf" >"$W/values"
	equal "$(tr '\n' ' ' <"$W/values")" '1 1 2 '
	sed '/^#/d; /^$/d; s/^-//' "$ETC/sysctl.d/90-azl.conf" >"$W/lines"
	while IFS=' =' read -r key value; do
		[[ $value =~ ^[0-9]+$ ]] || wrong "$key = $value"
		path=/proc/sys/${key//./\/}
		# those of the first network namespace alone are looked at in tests/vm/package.bats
		[ -e "$path" ] || [[ $key =~ ^net\.(core|ipv[46]\.neigh|ipv6\.conf\.eth0)\. ]] || wrong "$key: not in this kernel"
	done <"$W/lines"
	equal "$(cut -d= -f1 "$W/lines" | sort | uniq -d)" ''
}

@test "sysctl.d: a pod's link keeps its strict filter where systemd switches links to the loose one" {
	here
	mkdir "$W/sysctl.d"
	cp "$ETC/sysctl.d/90-azl-pods.conf" "$W/sysctl.d/"
	printf '%s\n' 'net.ipv4.conf.*.rp_filter = 2' '-net.ipv4.conf.all.rp_filter' >"$W/sysctl.d/50-default.conf"
	# as udev's 99-systemd.rules calls it for a new link
	unshare --net --mount sh -ec 'mount --bind "$1" /usr/lib/sysctl.d && mount -t tmpfs none /etc/sysctl.d
		ip link add azc0123456789a type veth peer name eth1
		for link in azc0123456789a eth1; do
			echo 1 >/proc/sys/net/ipv4/conf/$link/rp_filter
			/usr/lib/systemd/systemd-sysctl --prefix=/net/ipv4/conf/$link
			cat /proc/sys/net/ipv4/conf/$link/rp_filter
		done' sh "$W/sysctl.d" >"$W/values"
	equal "$(tr '\n' ' ' <"$W/values")" '1 2 '
}

@test "sysctl.d: the package's script sets what the files together say, an owner's later one included" {
	here
	mkdir -p "$W/packed" "$W/owners" /run/systemd
	grep -E '^-{0,1}net\.(ipv4\.ip_forward|ipv6\.conf)' "$ETC/sysctl.d/90-azl.conf" >"$W/packed/90-azl.conf"
	printf '%s\n' 'net.ipv4.ip_forward = 0' 'net.ipv4.conf.all.log_martians = 1' >"$W/owners/99-local.conf"
	unshare --net --mount sh -ec 'ip link add eth0 type veth peer name eth1
		mount --bind "$1/packed" /usr/lib/sysctl.d && mount --bind "$1/owners" /etc/sysctl.d
		mount -t tmpfs none /run/systemd && mkdir /run/systemd/system
		sh "$2" configure
		cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding /proc/sys/net/ipv6/conf/eth0/accept_ra \
			/proc/sys/net/ipv4/conf/all/log_martians' sh "$W" "$CNI_REPO/hack/package/deb/azl-cni.postinst" >"$W/values"
	# what is nobody's but the owner's is left to the next boot
	equal "$(tr '\n' ' ' <"$W/values")" '0 1 2 0 '
}

@test "tmpfiles.d makes /run/azl" {
	here
	mkdir "$W/root"
	systemd-tmpfiles --create --root="$W/root" "$ETC/tmpfiles.d/azl.conf"
	equal "$(stat -c '%a %u %g' "$W/root/run/azl")" '755 0 0'
}

@test "systemd finds no fault in the units" {
	here
	local unit
	for unit in "$ROOT"/usr/lib/systemd/system/azl*; do
		# what they start is not installed here
		sed 's|^\(Exec[A-Za-z]*=[-+!:@]*\)/[^ ]*/[a-z-]*|\1/bin/true|' "$unit" >"$W/${unit##*/}"
	done
	run systemd-analyze verify --man=no "$W"/azl*
	equal "$status $output" '0 '
}

@test "udev takes the rule for NICs" {
	here
	udevadm verify --resolve-names=never "$ETC/udev/90-azl-nic.rules"
	grep -qF 'ENV{SYSTEMD_WANTS}+="azl-nic@$name.service"' "$ETC/udev/90-azl-nic.rules"
}

@test "the preset enables nothing" {
	here
	local unit
	mkdir -p "$W/root/etc"
	cp -a "$ROOT/usr" "$W/root/"
	for unit in "$W"/root/usr/lib/systemd/system/azl*; do
		grep -q '^\[Install\]' "$unit" || continue
		systemctl --root="$W/root" preset "${unit##*/}"
	done
	equal "$(find "$W/root/etc" -type l)" ''
	systemctl --root="$W/root" enable azl-host.service
	[ -L "$W/root/etc/systemd/system/multi-user.target.wants/azl-host.service" ]
}

@test "a host where something is left at each apply has no failed unit, one where something failed has" {
	here
	local unit status file=etc/sysctl.d/90-azl.conf
	mkdir -p "$W/host/etc/sysctl.d" "$W/host/etc/modules-load.d" "$W/host/var/lib"
	echo '# mine' >"$W/host/$file"
	status_of() {
		"$ROOT/usr/bin/azlctl" --root "$W/host" apply >/dev/null || echo "$?"
	}
	succeeds() {
		grep -qE "^SuccessExitStatus=(.* )?$1( |\$)" "$ROOT/usr/lib/systemd/system/$2"
	}
	for unit in azl-host.service azl-nic@.service; do
		status=$(status_of)
		succeeds "$status" "$unit" || wrong "$unit fails with $status"
		rm "$W/host/etc/modules-load.d/azl.conf"
		mount --bind "$W/host/etc/modules-load.d" "$W/host/etc/modules-load.d"
		mount -o remount,bind,ro "$W/host/etc/modules-load.d"
		status=$(status_of)
		umount "$W/host/etc/modules-load.d"
		[ -n "$status" ] || wrong "a file that cannot be written is told by no status"
		! succeeds "$status" "$unit" || wrong "$unit succeeds with $status"
	done
}

@test "iproute2 knows our protocol by name" {
	here
	mkdir -p /etc/iproute2/rt_protos.d
	cp "$ETC/rt_protos.d/azl.conf" /etc/iproute2/rt_protos.d/
	on 1 ip route add 192.0.2.1/32 dev eth0 proto 172
	run on 1 ip route show proto azl
	on 1 ip route delete 192.0.2.1/32 dev eth0
	rm -r /etc/iproute2/rt_protos.d
	rmdir --ignore-fail-on-non-empty /etc/iproute2
	[[ $output == *192.0.2.1* ]]
}

@test "make install puts each file in its place, and the places into the files" {
	here
	local file
	for file in /usr/bin/containerd-shim-azl-v2 /usr/lib/cni/azl-cni; do
		equal "$(stat -c %a "$ROOT$file")" 755
	done
	# nothing that a host did not ask for: no network, no configuration of containerd
	[ ! -e "$ROOT/etc/cni" ]
	[ ! -e "$ROOT/etc/containerd" ]
	equal "$(find "$ROOT" -type f ! -perm 644 ! -perm 755)" ''
	make_here DESTDIR="$W/other" PREFIX=/opt/azl CNIDIR=/opt/cni/bin SYSCONFDIR=/etc install
	grep -q '"/opt/azl/bin/containerd-shim-azl-v2"' "$W/other/opt/azl/share/azl/containerd/azl-v2.toml"
	grep -q 'bin_dir = "/opt/cni/bin"' "$W/other/opt/azl/share/azl/containerd/azl-v2.toml"
	grep -q 'ExecStart=/opt/azl/bin/azlctl' "$W/other/opt/azl/lib/systemd/system/azl-host.service"
	[ -x "$W/other/opt/cni/bin/azl-cni" ]
}

# of_type TYPE PATH...
of_type() {
	local type=$1 path
	shift
	for path; do
		equal "$(matchpathcon -n "$path")" "system_u:object_r:$type:s0"
	done
}

@test "SELinux: the module gives what is installed the types of containerd's, in either policy" {
	here
	local shims=(/usr/bin/containerd-shim-azl-v2 /opt/azl/bin/containerd-shim-azl-v2) module
	make_here DESTDIR="$W" install-selinux
	module=$W/usr/share/selinux/packages/azl.cil
	run ! of_type dockerd_exec_t "${shims[@]}"
	# the reference policy's, as in Azure Linux 3
	semodule -n -s default -i "$module" 2>&1
	of_type dockerd_exec_t "${shims[@]}" /usr/bin/containerd-shim-runc-v2
	of_type container_runtime_t /run/azl /run/azl/cni/leases/a /run/containerd/a
	# the types of container-selinux, as in Azure Linux 4
	printf '(type %s)(roletype object_r %s)(typeattributeset file_type (%s))\n' \
		container_runtime_exec_t{,,} container_var_run_t{,,} >"$W/stub.cil"
	semodule -n -s default -d docker -i "$W/stub.cil" 2>&1
	of_type container_runtime_exec_t "${shims[@]}"
	of_type container_var_run_t /run/azl /run/azl/cni/leases/a
}

@test "cloud-init takes the scale set's custom data" {
	here
	run cloud-init schema -c "$ETC/cloud-init/scale-set.yaml"
	[ "$status" -eq 0 ] || wrong "$output"
	run ! grep -iE 'deprecat|error' <<<"$output"
}

@test "of the scale set's files apply makes the handler and the list of plugins, and revert takes them away" {
	here
	local list=etc/cni/net.d/10-azl.conflist handler=etc/containerd/conf.d/azl.toml unit
	mkdir -p "$W/host/var/lib" "$W/host/usr/lib/systemd/system"
	touch "$W/host/usr/lib/systemd/systemd" "$W/host/usr/lib/systemd/system/containerd.service"
	python3 - "$ETC/cloud-init/scale-set.yaml" "$W/host" "$W/enabled" <<-'EOF'
		import os, sys, yaml
		data = yaml.safe_load(open(sys.argv[1]))
		for file in data["write_files"]:
		    path = sys.argv[2] + file["path"]
		    os.makedirs(os.path.dirname(path), exist_ok=True)
		    open(path, "w").write(file["content"])
		with open(sys.argv[3], "w") as enabled:
		    for words in data["runcmd"]:
		        if words[:2] == ["systemctl", "enable"]:
		            print(*(word for word in words[2:] if word != "--now"), sep="\n", file=enabled)
	EOF
	while read -r unit; do
		[ "$unit" = containerd.service ] || [ -e "$ROOT/usr/lib/systemd/system/$unit" ] || wrong "$unit is not installed"
	done <"$W/enabled"
	for unit in imds reconcile; do
		grep -qx "azl-cni-$unit.timer" "$W/enabled" || wrong "azl-cni-$unit.timer is not enabled"
	done
	# the service that applies, and what it waits for
	unit=$ROOT/usr/lib/systemd/system/azl-host.service
	grep -qx azl-host.service "$W/enabled"
	[ -e "$W/host$(sed -n 's/^ConditionPathExists=//p' "$unit")" ]
	run -0 "$ROOT/usr/bin/azlctl" --root "$W/host" apply
	# at the next boot
	run -0 "$ROOT/usr/bin/azlctl" --root "$W/host" apply
	equal "$output" "Nothing to do: the host is as host.json asks for."
	diff "$ETC/cni/azl-vm.conflist" <(sed '1s|^{ "//": "[^"]*",|{|' "$W/host/$list")
	grep -q 'runtime_path = "/usr/bin/containerd-shim-azl-v2"' "$W/host/$handler"
	run -0 "$ROOT/usr/bin/azlctl" --root "$W/host" revert
	[ ! -e "$W/host/$list" ] && [ ! -e "$W/host/$handler" ]
}

@test "nerdctl.toml is TOML with nerdctl's keys" {
	here
	python3 - "$ETC/nerdctl/nerdctl.toml" <<-'EOF'
		import sys, tomllib
		known = {"debug", "debug_full", "address", "namespace", "snapshotter", "cni_path", "cni_netconfpath",
		         "data_root", "cgroup_manager", "insecure_registry", "hosts_dir", "experimental", "host_gateway_ip"}
		keys = set(tomllib.load(open(sys.argv[1], "rb")))
		assert keys and keys <= known, keys - known
	EOF
}

# ---- a read-only /usr ----

@test "systemd-sysext lays the extension over /usr" {
	here
	local tree=$W/extensions/azl
	mkdir -p "$tree/usr/lib/extension-release.d" /run/extensions
	cp -a "$ROOT/usr" "$tree/"
	echo 'ID=_any' >"$tree/usr/lib/extension-release.d/extension-release.azl"
	mksquashfs "$tree" /run/extensions/azl.raw -all-root -quiet -no-progress
	systemd-dissect --validate /run/extensions/azl.raw || [ ! -e /dev/loop-control ]
	rm /run/extensions/azl.raw
	cp -a "$tree" /run/extensions/azl
	run unshare --mount sh -xec 'mount --make-rshared /; systemd-sysext merge --no-reload; test -e /usr/lib/sysctl.d/90-azl.conf; /usr/bin/containerd-shim-azl-v2 -v'
	[ "$status" -eq 0 ] || wrong "$output"
	rm -r /run/extensions/azl
	[ ! -e /usr/bin/containerd-shim-azl-v2 ]
}
