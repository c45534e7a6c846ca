# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC1091,SC2016,SC2030,SC2031,SC2034,SC2154
# The packages: made, looked through by Debian's and RPM's own critics, installed, upgraded under running
# containers, and removed. In the node "pack"; tests/vm/package.bats does it under systemd.

load cni
# shellcheck source=tests/config.bash
. "$CNI_REPO/tests/config.bash"
# shellcheck source=hack/node.d/containerd.sh
. "$CNI_REPO/hack/node.d/containerd.sh"

DEBS=$CONFIG/deb
EPOCH=1790000000

setup_file() {
	[ "$AZL_NODE" = pack ] || return 0
	export BATS_TEST_TIMEOUT=${AZL_TEST_TIMEOUT:-600} # some build all
	mkdir -p "$DEBS"
	deb_build "$DEBS"
	find /usr /etc /var /opt -xdev \( -path /var/log -o -path /var/lib/dpkg -o -path /var/cache \) -prune -o -print |
		sort >"$CONFIG/before"
}
teardown_file() { rm -rf "$CONFIG"; }
setup() {
	here
	W=$CONFIG/t$BATS_TEST_NUMBER
	mkdir -p "$W"
}
teardown() {
	containers_gone || true
	dpkg --purge azl-shim azl-cni azlctl >/dev/null 2>&1 || true
	rpm -e azl-shim azl-cni azlctl >/dev/null 2>&1 || true
	rm -rf "$W"
}

# deb_build DIRECTORY [MAKE ARGUMENT]...
deb_build() {
	make_here SOURCE_DATE_EPOCH="$EPOCH" PACKAGES="$1" "${@:2}" deb >"$CONFIG/deb.log" 2>&1 || wrong "$(tail -n 30 "$CONFIG/deb.log")"
}

# rpm_build DIRECTORY [MAKE ARGUMENT]...
rpm_build() {
	make_here SOURCE_DATE_EPOCH="$EPOCH" PACKAGES="$1" BUILD="$W/build" "${@:2}" rpm >"$W/rpm.log" 2>&1 || wrong "$(tail -n 30 "$W/rpm.log")"
}

# Those of this version, once.
RPMS=$CONFIG/rpm
rpms() {
	[ -d "$RPMS" ] || rpm_build "$RPMS"
}

SYSEXT=$CONFIG/sysext
sysext() {
	[ ! -e "$SYSEXT/azl.raw" ] || return 0
	make_here SOURCE_DATE_EPOCH="$EPOCH" PACKAGES="$SYSEXT" BUILD="$W/build" DEV= "$@" sysext >"$W/log" 2>&1 || wrong "$(tail -n 30 "$W/log")"
}

# What there is more than before the first package.
left_over() {
	find /usr /etc /var /opt -xdev \( -path /var/log -o -path /var/lib/dpkg -o -path /var/lib/rpm -o -path /var/cache -o -path /var/lib/containerd \) \
		-prune -o -print | sort | comm -13 "$CONFIG/before" -
}

containers_begin() {
	node_containerd_start
	disown "$NODE_CONTAINERD_PID"
	echo "$NODE_CONTAINERD_PID" >"$W/containerd.pid"
	node_containerd_image
}

containers_gone() {
	local id
	[ -e "$W/containerd.pid" ] || return 0
	for id in $(ctr container ls -q); do
		ctr task rm -f "$id" || true
		ctr container rm "$id" || true
	done
	until_ok 10 eval '! pidof containerd-shim-azl-v2'
	NODE_CONTAINERD_PID=$(cat "$W/containerd.pid")
	node_containerd_stop
	rm "$W/containerd.pid"
}

container() {
	timeout 120 ctr run -d --cpu-shares 0 --runtime io.containerd.azl.v2 "$NODE_IMAGE" "$1" sleep 1000 3>&- 4>&-
}

@test "deb: lintian has nothing to say" {
	run lintian --tag-display-limit 0 --fail-on error,warning "$DEBS"/*.deb
	[ "$status" -eq 0 ] || wrong "$output"
	run ! grep -E '^[EW]:' <<<"$output"
}

@test "deb: the same build makes the same bytes" {
	local deb
	deb_build "$W/again"
	for deb in "$DEBS"/*.deb; do
		cmp "$deb" "$W/again/${deb##*/}"
	done
}

@test "deb: installed and purged, nothing is left; removed, what its owner changed is" {
	dpkg -i "$DEBS"/*.deb
	containerd-shim-azl-v2 -v
	CNI_COMMAND=VERSION /usr/lib/cni/azl-cni <<<'{"cniVersion":"1.0.0"}'
	equal "$(dpkg --verify azl-shim azl-cni | grep -v ' /usr/share/\(doc\|man\)/')" ''
	# as docs/INSTALL.md says it
	cp /usr/share/azl/host.json /etc/azl/host.json
	echo 'SystemdCgroup = true' >/etc/azl/systemd.toml
	rm /etc/azl/*
	echo '# mine' >>/etc/iproute2/rt_protos.d/azl.conf
	dpkg -r azl-shim azl-cni
	equal "$(left_over | grep -v '^/usr/share/\(azl\|man\|doc\)\|azlctl\|azl-host\|azl-nic\|azl.preset' | tr '\n' ' ')" \
		'/etc/azl /etc/iproute2 /etc/iproute2/rt_protos.d /etc/iproute2/rt_protos.d/azl.conf '
	dpkg --purge azl-shim azl-cni azlctl
	equal "$(left_over)" ''
}

@test "deb: containers live on under an upgrade, and keep the package from being removed" {
	local shim old
	dpkg -i "$DEBS"/*.deb
	containers_begin
	container one
	shim=$(pidof -s containerd-shim-azl-v2)
	old=$(stat -L -c %i "/proc/$shim/exe")
	deb_build "$W/newer" DEB_VERSION=0.1.0+1
	dpkg -i "$W"/newer/*.deb
	equal "$(dpkg-query -W -f '${Version}' azl-shim)" 0.1.0+1
	equal "$(readlink "/proc/$shim/exe")" '/usr/bin/containerd-shim-azl-v2 (deleted)'
	equal "$(stat -L -c %i "/proc/$shim/exe")" "$old"
	equal "$(timeout 120 ctr task exec --exec-id e one echo alive)" alive
	# the next one is of the new program
	container two
	equal "$(timeout 120 ctr task exec --exec-id e two echo alive)" alive
	for shim in $(pidof containerd-shim-azl-v2); do readlink "/proc/$shim/exe"; done | sort >"$W/programs"
	equal "$(tr '\n' ' ' <"$W/programs")" '/usr/bin/containerd-shim-azl-v2 /usr/bin/containerd-shim-azl-v2 (deleted) '
	run dpkg -r azl-shim
	[ "$status" -ne 0 ]
	[[ $output == *"containers of azl are running"* ]]
	equal "$(timeout 120 ctr task exec --exec-id f one echo alive)" alive
	containers_gone
	dpkg -r azl-shim
	[ ! -e /usr/bin/containerd-shim-azl-v2 ]
	[ ! -e /run/azl/runtimes ]
}

@test "deb: pods that are attached keep the plugin's package" {
	dpkg -i "$DEBS"/azl-cni_*.deb
	mkdir -p /run/azl/cni/pods/leases
	echo '{}' >/run/azl/cni/pods/leases/x.json
	run dpkg -r azl-cni
	[ "$status" -ne 0 ]
	[[ $output == *"pods are attached"* ]]
	rm -r /run/azl/cni
	dpkg -r azl-cni
	[ ! -e /usr/lib/cni/azl-cni ]
}

# In a network of its own, with what is of the network alone: the whole kernel's values stay as they are.
@test "deb: what its owner says of the kernel is in force after the package came, too" {
	dpkg-deb -R "$DEBS"/azl-cni_*.deb "$W/tree"
	run unshare --mount --net sh -exc '
		mkdir -p /etc/sysctl.d /run/systemd
		for folder in /etc/sysctl.d /run/systemd /usr/lib/sysctl.d; do mount -t tmpfs tmpfs "$folder"; done
		mkdir /run/systemd/system
		grep "^-\{0,1\}net[.]ipv[46][.]\(ip_forward\|conf[.]all\)" "$1/usr/lib/sysctl.d/90-azl.conf" >/usr/lib/sysctl.d/90-azl.conf
		echo "net.ipv4.ip_forward = 0" >/etc/sysctl.d/99-local.conf
		echo 0 >/proc/sys/net/ipv4/ip_forward
		echo 0 >/proc/sys/net/ipv6/conf/all/forwarding
		"$1/DEBIAN/postinst" configure
		grep . /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding >"$1/values"' sh "$W/tree"
	[ "$status" -eq 0 ] || wrong "$output"
	equal "$(tr '\n' ' ' <"$W/tree/values")" '/proc/sys/net/ipv4/ip_forward:0 /proc/sys/net/ipv6/conf/all/forwarding:1 '
}

@test "rpm: packages for Azure Linux, with the files of Debian's" {
	local rpm name
	rpms
	equal "$(cd "$RPMS" && printf '%s ' *.rpm | sed 's/-[0-9][^ ]*//g')" 'azl-cni azl-selinux azl-shim azlctl '
	for rpm in "$RPMS"/*.rpm; do
		name=${rpm##*/}
		name=${name%%-[0-9]*}
		rpm -qp --scripts "$rpm" | sed 's/^[a-z]* \(scriptlet\|program\).*//' | sh -n
		equal "$(rpm -qp --qf '%{LICENSE} %{BUILDTIME} %{BUILDHOST}' "$rpm")" "Apache-2.0 $EPOCH localhost"
		[ "$name" != azl-selinux ] || continue
		[ -e "$(echo "$DEBS/${name}"_*.deb)" ] || continue
		# apart from where plugins and papers are
		rpm -qp --qf '[%{FILEMODES:octal} %{FILENAMES}\n]' "$rpm" | sed -n 's/^100\([0-7]*\) /\1 /p' |
			grep -vE '/usr/share/(doc|licenses)/' | sed 's|/opt/cni/bin/|/usr/lib/cni/|' | sort -k 2 >"$W/rpm.list"
		dpkg-deb --fsys-tarfile "$DEBS/${name}"_*.deb | tar -x -C "$(mktemp -d -p "$W" tree.XXXX)"
		(cd "$W"/tree.* && find . -type f ! -path './usr/share/doc/*' -printf '%#m /%P\n' | sed 's/^0*//; s/^/0/' | sed 's/^0*\([0-7]\{4\}\)/\1/' | sort -k 2) >"$W/deb.list"
		rm -r "$W"/tree.*
		sed -i 's/^0*//' "$W/rpm.list" "$W/deb.list"
		diff "$W/rpm.list" "$W/deb.list"
	done
	run rpmlint "$RPMS"/*.rpm
	# its dictionary, who signs, and the places that Azure Linux has for plugins
	equal "$(grep ' E: ' <<<"$output" | grep -vE 'spelling-error|no-signature|no-packager-tag|no-group-tag|no-dependency-on|no-binary|explicit-lib-dependency openssl-libs|dir-or-file-in-opt')" ''
}

# With rpm's own hand on this node: what they require are packages of Azure Linux.
@test "rpm: installed, upgraded under a container and a pod, and removed when both are gone" {
	local shim unit
	rpms
	rpm -i --nodeps "$RPMS"/azl{-shim,-cni,ctl}-[0-9]*.rpm
	equal "$(rpm -V --nodeps azl-shim azl-cni azlctl | grep -v ' /usr/share/\(doc\|man\)/')" ''
	CNI_COMMAND=VERSION /opt/cni/bin/azl-cni <<<'{"cniVersion":"1.0.0"}'
	cp /usr/share/azl/host.json /etc/azl/host.json
	for unit in azl-host.service azl-cni-imds.timer azl-cni-reconcile.timer; do systemctl --root=/ enable "$unit"; done
	mkdir -p /run/azl/cni/pods/leases
	echo '{}' >/run/azl/cni/pods/leases/x.json
	containers_begin
	container one
	shim=$(pidof -s containerd-shim-azl-v2)
	rpm_build "$W/newer" VERSION=0.2.0
	rpm -U --nodeps "$W"/newer/azl{-shim,-cni,ctl}-[0-9]*.rpm
	equal "$(rpm -q --qf '%{VERSION} ' azl-shim azl-cni azlctl)" '0.2.0 0.2.0 0.2.0 '
	equal "$(readlink "/proc/$shim/exe")" '/usr/bin/containerd-shim-azl-v2 (deleted)'
	equal "$(timeout 120 ctr task exec --exec-id e one echo alive)" alive
	[ -e /run/azl/cni/pods/leases/x.json ]
	[ -L /etc/systemd/system/timers.target.wants/azl-cni-imds.timer ]
	[ -e /etc/azl/host.json ]
	run rpm -e azl-shim
	[ "$status" -ne 0 ]
	[[ $output == *"containers of azl are running"* ]]
	run rpm -e azl-cni
	[ "$status" -ne 0 ]
	[[ $output == *"pods are attached"* ]]
	containers_gone
	rm /run/azl/cni/pods/leases/x.json
	mkdir -p /run/azl/runtimes
	rm /etc/azl/host.json
	rpm -e azl-shim azl-cni azlctl
	[ ! -e /run/azl ] || wrong "$(find /run/azl)"
	# folders that are not ours alone
	equal "$(left_over | while read -r path; do [ -d "$path" ] || echo "$path"; done)" ''
}

@test "rpm: the plugin's folder goes with the package, unless somebody else has something in it" {
	rpms
	[ ! -e /opt/cni ]
	rpm -i --nodeps "$RPMS"/azl-cni-[0-9]*.rpm
	equal "$(stat -c %a /opt/cni /opt/cni/bin | xargs)" '755 755'
	rpm -e azl-cni
	[ ! -e /opt/cni ] || wrong "$(find /opt/cni)"
	mkdir -p /opt/cni/bin
	echo theirs >/opt/cni/bin/bridge
	rpm -i --nodeps "$RPMS"/azl-cni-[0-9]*.rpm
	run rpm -e azl-cni
	equal "$status $output" '0 '
	equal "$(find /opt/cni -type f)" /opt/cni/bin/bridge
	rm -r /opt/cni
}

@test "sysext: an image with all the libraries of its programs" {
	sysext
	systemd-dissect --validate "$SYSEXT/azl.raw" || [ ! -e /dev/loop-control ]
	unsquashfs -q -n -d "$W/tree" "$SYSEXT/azl.raw" >/dev/null
	grep -qx ID=debian "$W/tree/usr/lib/extension-release.d/extension-release.azl"
	grep -qx EXTENSION_RELOAD_MANAGER=1 "$W/tree/usr/lib/extension-release.d/extension-release.azl"
	equal "$(ls "$W/tree")" usr
	rm "$SYSEXT/azl.raw"
	sysext SYSEXT_ID=azurelinux SYSEXT_VERSION_ID=3.0
	unsquashfs -q -n -d "$W/another" "$SYSEXT/azl.raw" >/dev/null
	equal "$(grep ID "$W/another/usr/lib/extension-release.d/extension-release.azl" | xargs)" 'ID=azurelinux VERSION_ID=3.0'
	rm "$SYSEXT/azl.raw"
	sysext SYSEXT_ID=_any
	unsquashfs -q -n -d "$W/any" "$SYSEXT/azl.raw" >/dev/null
	equal "$(grep ID "$W/any/usr/lib/extension-release.d/extension-release.azl")" ID=_any
	mkdir -p /run/extensions
	mv "$W/tree" /run/extensions/azl
	# without the libraries of this system
	run unshare --mount sh -ec 'mount --make-rshared /; systemd-sysext merge --no-reload; ldd /usr/bin/containerd-shim-azl-v2; \
		containerd-shim-azl-v2 -v; CNI_COMMAND=VERSION /usr/lib/cni/azl-cni <<-"END"
			{"cniVersion": "1.0.0"}
		END'
	rm -r /run/extensions/azl
	[ "$status" -eq 0 ] || wrong "$output"
	[[ $output == *"/usr/lib/azl/libprotobuf-c.so.1"* ]] || wrong "$output"
}

@test "sysext: for another system its version is asked for, and one that rolls has none" {
	local script=$CNI_REPO/hack/package/sysext
	mkdir "$W/out"
	touch "$W/out/kept"
	ID=azurelinux VERSION_ID='' run -1 "$script" "$W/build" "$W/out"
	[[ $output == *"make sysext SYSEXT_ID=azurelinux SYSEXT_VERSION_ID=..."*SYSEXT_ID=_any* ]] || wrong "$output"
	ID='Azure Linux' VERSION_ID=3.0 run -1 "$script" "$W/build" "$W/out"
	[[ $output == *'"Azure Linux"'*'os-release(5)'* ]] || wrong "$output"
	equal "$(ls "$W/out")" kept
	# said before anything is built
	run -2 make_here PACKAGES="$W/out" BUILD="$W/build" DEV= SYSEXT_ID=azurelinux sysext
	[[ $output == *"SYSEXT_ID=azurelinux: which version of it?"* ]] || wrong "$output"
	[ ! -e "$W/build" ]
	equal "$(ls "$W/out")" kept
	# Debian's sid
	sed '/^VERSION/d' /etc/os-release >"$W/os-release"
	cat >"$W/rolls.sh" <<-'EOF'
		mount --bind "$1/os-release" "$(readlink -f /etc/os-release)"
		make() { exit 7; }
		export -f make
		"$2" "$1/build" "$1/out"
	EOF
	run -7 unshare --mount bash "$W/rolls.sh" "$W" "$script"
	equal "$output" ''
}

# The steps of docs/INSTALL.md, with the plugins of this system as those that such a host has.
@test "sysext: containerd finds our plugin beside the host's, and a boot the units before the extension" {
	local host=$W/host link
	sysext
	mkdir -p /run/extensions "$host/usr/lib/systemd" "$host/etc" "$host/var/lib"
	unsquashfs -q -n -d /run/extensions/azl "$SYSEXT/azl.raw" >/dev/null
	cat >"$W/merged.sh" <<-'EOF'
		mount --make-rshared /
		mount -t tmpfs tmpfs /opt
		mkdir -p /opt/cni/bin
		cp -a /usr/lib/cni/. /opt/cni/bin/
		systemd-sysext merge --no-reload
		systemd-tmpfiles --create azl.conf
		CNI_COMMAND=VERSION /opt/cni/bin/azl-cni <<<'{"cniVersion":"1.0.0"}'
		mapfile -t folders < <(sed -n 's/^ *\(bin_dir\|bin_dirs\|cni_path\) = //p' /usr/share/azl/{containerd,nerdctl}/*.toml | tr -d '[]"')
		[ "${folders[*]}" = '/opt/cni/bin /opt/cni/bin /opt/cni/bin' ]
		for plugin in loopback $(jq -r '.plugins[].type' /usr/share/azl/cni/*.conflist); do
			[ -x "/opt/cni/bin/$plugin" ]
		done
		cp -r /usr/share/azl/etc/. "$1/etc/"
		cp /usr/share/azl/host.json "$1/etc/azl/host.json"
		: >"$1/usr/lib/systemd/systemd"
		systemctl --root="$1" enable azl-host.service azl-cni-imds.timer azl-cni-reconcile.timer
		azlctl --root "$1" apply
		# no more of it is read at boot
		[ "$(cd /run/extensions/azl/usr/lib && find ./*.d systemd -type f | sort | tr '\n' ' ')" = \
			'./extension-release.d/extension-release.azl ./tmpfiles.d/azl.conf systemd/system/azl.slice ' ]
	EOF
	run unshare --mount bash -exo pipefail "$W/merged.sh" "$host"
	rm -r /run/extensions/azl
	rmdir /run/azl || true
	[ "$status" -eq 0 ] || wrong "$output"
	# the host's own files, without the extension
	for link in multi-user.target.wants/azl-host.service timers.target.wants/azl-cni-{imds,reconcile}.timer; do
		link=$host/etc/systemd/system/$link
		[ -f "$host$(readlink "$link")" ] || wrong "$link: $(readlink "$link")"
	done
	[ -e "$host/etc/systemd/system/azl-nic@.service" ]
	[ -e "$host/etc/systemd/networkd.conf.d/azl.conf" ]
	[ -e "$host/etc/systemd/network/05-azl-pods.network" ]
	[ -e "$host/etc/sysctl.d/90-azl-pods.conf" ]
	grep -qx 'net.ipv4.ip_forward = 1' "$host/etc/sysctl.d/90-azl.conf"
	grep -qx veth "$host/etc/modules-load.d/azl.conf"
}
