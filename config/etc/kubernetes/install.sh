#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Puts azl on a Kubernetes node, from a container that sees the node's root (daemonset.yaml), and takes
# it away again (remove.yaml).
#
# usage: install.sh install    programs, a block in containerd's configuration, the node's label
#        install.sh run        the same every AZL_EVERY_S seconds until SIGTERM; leaves all in place
#        install.sh remove     undo it; status 3 and nothing done while pods of azl run
#        install.sh wait       remove, as often as it takes, then wait for SIGTERM
#
#   AZL_HOST      where the node's root is (/host)
#   AZL_IMAGE     where the programs are (/azl)
#   AZL_CONFLIST  aks, vm or local: make azl-cni the node's network, with that list (empty: do not)
#   AZL_ON_HOST   words that run a command on the node (nsenter --target 1 --mount --)
#   AZL_API       address of the Kubernetes API; none without NODE_NAME
#   AZL_EVERY_S   (300)
#
# A file takes its place by rename: a program that runs keeps what it has. containerd is restarted only
# when its configuration changed and containerd itself has read the new one without complaint;
# containers go on meanwhile.
set -euo pipefail

host=${AZL_HOST-/host}
image=${AZL_IMAGE:-/azl}
config=$host/etc/containerd/config.toml
cni_dir=$host/opt/cni/bin
conflist=$host/etc/cni/net.d/01-azl.conflist
label=azl.io/runtime
account=/var/run/secrets/kubernetes.io/serviceaccount
api=${AZL_API:-https://${KUBERNETES_SERVICE_HOST:-}:${KUBERNETES_SERVICE_PORT:-443}}
read -ra on_host <<<"${AZL_ON_HOST:-nsenter --target 1 --mount --}"

say() {
	echo "azl: $*"
}

die() {
	echo "azl: $*" >&2
	exit 1
}

# place FILE DESTINATION MODE: by rename, and only where it differs. The name in between is none that
# containerd reads as a list of plugins.
place() {
	if cmp -s "$1" "$2" && [ "$(stat -c %a "$2")" = "$3" ]; then
		return
	fi
	mkdir -p "${2%/*}"
	install -m "$3" "$1" "$2.azl-new"
	mv -fT "$2.azl-new" "$2"
	say "placed ${2#"$host"}"
}

# label_node VALUE: "true", or null to take it away
label_node() {
	[ -n "${NODE_NAME-}" ] || return 0
	local -a trust=()
	[ ! -e "$account/ca.crt" ] || trust=(--cacert "$account/ca.crt" -H "Authorization: Bearer $(cat "$account/token")")
	curl -sS -f --max-time 20 --retry 3 -o /dev/null -X PATCH "${trust[@]}" \
		-H 'Content-Type: application/merge-patch+json' \
		-d "{\"metadata\":{\"labels\":{\"$label\":$1}}}" "$api/api/v1/nodes/$NODE_NAME" ||
		die "cannot set the label $label of node $NODE_NAME"
}

# What containerd's configuration is without our block.
config_without() {
	sed '/^# BEGIN azl$/,/^# END azl$/d' "$config"
}

# Our block, for the version and the cgroup driver that the file has. containerd 1.7 forgets its own
# handler, runc, as soon as one is named: where none was, runc is named with ours.
config_block() {
	local version driver=false file begin='^# BEGIN azl$'
	version=$(sed -n 's/^[[:space:]]*version[[:space:]]*=[[:space:]]*\([0-9]*\).*/\1/p' "$config" | head -n 1)
	case $version in
	2)
		file=azl-v2.toml
		config_without | grep -q 'containerd\.runtimes\.' || begin='containerd\.runtimes\.runc\]$'
		;;
	3 | 4) file=azl-v3.toml ;;
	*) die "$config: version = ${version:-1}: only 2 and later are known" ;;
	esac
	! config_without | grep -Eq '^[[:space:]]*SystemdCgroup[[:space:]]*=[[:space:]]*true' || driver=true
	echo "# BEGIN azl"
	sed -n "/$begin/,/^# END azl\$/p" "$image/containerd/$file" | sed "/^# BEGIN azl\$/d;
		s|runtime_path = .*|runtime_path = \"/opt/azl/bin/containerd-shim-azl-v2\"|; s|SystemdCgroup = .*|SystemdCgroup = $driver|"
}

# Of a configuration as containerd prints it: is its default handler there? Without, CRI does not start.
default_is_there() {
	tr "'" '"' | awk -F'"' '
		/default_runtime_name =/ { name = $2 }
		/^ *\[.*containerd[.]runtimes[.][^.]*\] *$/ { sub(/\] *$/, ""); sub(/.*[.]/, ""); there[$0] = 1 }
		END { exit !(name in there) }'
}

# Put $config.azl-new in the place of config.toml and have containerd read it; without change, nothing.
config_take() {
	local mode
	if cmp -s "$config" "$config.azl-new"; then
		rm "$config.azl-new"
		return
	fi
	mode=$(stat -c %a "$config")
	chmod "$mode" "$config.azl-new"
	if ! "${on_host[@]}" containerd --config "/etc/containerd/config.toml.azl-new" config dump | default_is_there; then
		rm "$config.azl-new"
		die "containerd does not take the configuration; the old one stays"
	fi
	mv -fT "$config.azl-new" "$config"
	say "changed ${config#"$host"}; containerd is restarted"
	"${on_host[@]}" systemctl restart containerd
}

config_add() {
	[ -e "$config" ] || die "there is no $config"
	if config_without | grep -Eq '^[[:space:]]*\[.*runtimes\.azl\]'; then
		say "${config#"$host"} has a handler azl of its own: left alone"
		return
	fi
	config_block >/dev/null
	{
		config_without
		config_block
	} >"$config.azl-new"
	config_take
}

config_remove() {
	[ -e "$config" ] || return 0
	config_without >"$config.azl-new"
	config_take
}

install_all() {
	local file
	for file in "$image"/lib/*; do
		[ ! -e "$file" ] || place "$file" "$host/opt/azl/lib/${file##*/}" 755
	done
	for file in "$image"/bin/*; do
		place "$file" "$host/opt/azl/bin/${file##*/}" 755
	done
	"${on_host[@]}" /opt/azl/bin/containerd-shim-azl-v2 -v >/dev/null || die "the shim does not run on this node"
	if [ -n "${AZL_CONFLIST-}" ]; then
		place "$image/bin/azl-cni" "$cni_dir/azl-cni" 755
		place "$image/cni/azl-$AZL_CONFLIST.conflist" "$conflist" 600
	fi
	config_add
	label_node '"true"'
}

# Prints who still needs us: pods that were started by our program, addresses that our plugin holds.
in_use() {
	grep -lsx "/opt/azl/bin/containerd-shim-azl-v2" \
		"$host"/run/containerd/io.containerd.runtime.v2.task/*/*/shim-binary-path || true
	find "$host/run/azl/cni" -path '*/leases/*' -type f 2>/dev/null || true
}

# The list goes first: what it attached is detached by the plugin that is still there.
remove_all() {
	local used
	label_node null
	if [ -e "$conflist" ]; then
		rm "$conflist"
		say "removed ${conflist#"$host"}: new pods get the node's other network"
	fi
	used=$(in_use)
	if [ -n "$used" ]; then
		say "still in use, nothing else is removed:"
		# shellcheck disable=SC2001
		sed "s|^$host|  |" <<<"$used"
		return 3
	fi
	config_remove
	rm -rf "$host/opt/azl" "$cni_dir/azl-cni" "$host/run/azl"
	say "removed"
}

# again COMMAND...: until SIGTERM
again() {
	trap 'exit 0' TERM INT
	while :; do
		"$@" || say "tried again in ${AZL_EVERY_S:-300} s"
		sleep "${AZL_EVERY_S:-300}" &
		wait $!
	done
}

case ${1-} in
install) install_all ;;
run)
	"$0" install
	again "$0" install
	;;
remove) remove_all ;;
wait) again "$0" remove ;;
*)
	sed -n '/^# usage:/,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0" >&2
	exit 2
	;;
esac
