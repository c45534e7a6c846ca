#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Puts azl on a Kubernetes node, from a container that sees the node's root (daemonset.yaml), and takes
# it away again (remove.yaml).
#
# usage: install.sh install    programs, a block in containerd's configuration, the node's label
#        install.sh run        the same every AZL_EVERY_S seconds until SIGTERM; leaves all in place
#        install.sh remove     undo it; status 3 while pods of azl run: only label and network are gone
#        install.sh wait       remove, as often as it takes, then wait for SIGTERM
#
#   AZL_HOST      where the node's root is (/host)
#   AZL_IMAGE     where the programs are (/azl)
#   AZL_CONFLIST  aks, vm or local: make azl-cni the node's network, with that list (empty: do not, or
#                 no more)
#   AZL_ON_HOST   words that run a command on the node (nsenter --target 1 --mount --)
#   AZL_API       address of the Kubernetes API; none without NODE_NAME
#   AZL_EVERY_S   (300)
#
# A file takes its place by rename: a program that runs keeps what it has. containerd is restarted only
# when its configuration changed and containerd itself has read the new one without complaint;
# containers go on meanwhile. Each step may be its last: the next time does what is left. A config.toml that
# is a link stays one: what it leads to on the node is changed.
set -euo pipefail

host=${AZL_HOST-/host}
image=${AZL_IMAGE:-/azl}
newline_note='# The newline before this block came with it.'
label=azl.io/runtime
shim=/opt/azl/bin/containerd-shim-azl-v2
account=/var/run/secrets/kubernetes.io/serviceaccount
api_host=${KUBERNETES_SERVICE_HOST:-}
[[ $api_host != *:* ]] || api_host="[$api_host]" # IPv6
api=${AZL_API:-https://$api_host:${KUBERNETES_SERVICE_PORT:-443}}
read -ra on_host <<<"${AZL_ON_HOST:-nsenter --target 1 --mount --}"

say() {
	echo "azl: $*"
}

die() {
	echo "azl: $*" >&2
	exit 1
}

# leads_to PATH: what a path of the node leads to, links followed as the node follows them, without $host
leads_to() {
	local todo=$1 path='' part link links=0
	while [ -n "$todo" ]; do
		part=${todo%%/*}
		todo=${todo:${#part}+1}
		case $part in
		'' | .) ;;
		..) path=${path%/*} ;;
		*) if [ -L "$host$path/$part" ]; then
			((++links <= 40)) || die "$1: too many levels of links"
			link=$(readlink "$host$path/$part")
			[[ $link != /* ]] || path=''
			todo=$link/$todo
		else
			path+=/$part
		fi ;;
		esac
	done
	echo "$path"
}

config=$host$(leads_to /etc/containerd/config.toml)
config_new=$config.azl-new
# from before the file changes until containerd has read it
restart_due=$host$(leads_to /etc/containerd)/config.toml.azl-restart
ours=$host$(leads_to /opt)/azl
cni_dir=$host$(leads_to /opt/cni/bin)
conflist=$host$(leads_to /etc/cni/net.d)/01-azl.conflist

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

# Who we are, for the API. Not by an argument: every user of the node can read those.
api_headers() {
	echo 'Content-Type: application/merge-patch+json'
	[ ! -e "$account/token" ] || echo "Authorization: Bearer $(<"$account/token")"
}

# label_node VALUE: "true", or null to take it away
label_node() {
	[ -n "${NODE_NAME-}" ] || return 0
	local -a trust=()
	[ ! -e "$account/ca.crt" ] || trust=(--cacert "$account/ca.crt")
	curl -sS -f --max-time 20 --retry 3 -o /dev/null -X PATCH "${trust[@]}" -H @<(api_headers) \
		-d "{\"metadata\":{\"labels\":{\"$label\":$1}}}" "$api/api/v1/nodes/$NODE_NAME" ||
		die "cannot set the label $label of node $NODE_NAME"
}

# $config_new: what containerd's configuration is without our block, with its owner and mode: passwords
# may be in it. A beginning without an end is not ours to cut at.
config_without() {
	cp -aL --remove-destination "$config" "$config_new"
	sed '/^# BEGIN azl$/{:more;/\n# END azl$/d;$!{N;b more};}' "$config" >"$config_new"
	if grep -qx "$newline_note" "$config" && [ "$(tail -n 1 "$config")" = '# END azl' ]; then
		truncate -s -1 "$config_new"
	fi
}

# Our block, for the version and the cgroup driver that $config_new has. containerd 1.7 forgets its own
# handler, runc, as soon as one is named: where none was, runc is named with ours.
config_block() {
	local version driver=false file begin='^# BEGIN azl$'
	version=$(sed -n '/^[[:space:]]*version[[:space:]]*=/{s/[^0-9]*\([0-9]*\).*/\1/p;q}' "$config_new")
	case $version in
	2)
		file=azl-v2.toml
		grep -q 'containerd\.runtimes\.' "$config_new" || begin='containerd\.runtimes\.runc\]$'
		;;
	3 | 4) file=azl-v3.toml ;;
	*) die "${config#"$host"}: version = ${version:-1}: only 2 and later are known" ;;
	esac
	! grep -Eq '^[[:space:]]*SystemdCgroup[[:space:]]*=[[:space:]]*true' "$config_new" || driver=true
	if [ -n "$(tail -c 1 "$config_new")" ]; then
		printf '\n# BEGIN azl\n%s\n' "$newline_note"
	else
		echo "# BEGIN azl"
	fi
	sed -n "/$begin/,/^# END azl\$/p" "$image/containerd/$file" | sed "/^# BEGIN azl\$/d;
		s|runtime_path = .*|runtime_path = \"$shim\"|; s|SystemdCgroup = .*|SystemdCgroup = $driver|"
}

# Of a configuration as containerd prints it: is its default handler there? Without, CRI does not start.
default_is_there() {
	tr "'" '"' | awk -F'"' '
		/default_runtime_name =/ { name = $2 }
		/^ *\[.*containerd[.]runtimes[.][^.]*\] *$/ { sub(/\] *$/, ""); sub(/.*[.]/, ""); there[$0] = 1 }
		END { exit !(name in there) }'
}

# $config_new takes the place of config.toml, and containerd reads it; without change, nothing.
config_take() {
	if ! cmp -s "$config" "$config_new"; then
		"${on_host[@]}" containerd --config "${config_new#"$host"}" config dump | default_is_there ||
			die "containerd does not take the configuration; the old one stays"
		: >"$restart_due"
		mv -fT "$config_new" "$config"
		say "changed ${config#"$host"}"
	fi
	if [ -e "$restart_due" ]; then
		say "containerd is restarted"
		"${on_host[@]}" systemctl restart containerd
		rm "$restart_due"
	fi
}

config_add() {
	local block
	[ -e "$config" ] || die "there is no ${config#"$host"}"
	config_without
	if grep -Eq '^[[:space:]]*\[.*runtimes\.azl\]' "$config_new"; then
		say "${config#"$host"} has a handler azl of its own: left alone"
	else
		block=$(config_block)
		echo "$block" >>"$config_new"
	fi
	config_take
}

config_remove() {
	[ -e "$config" ] || return 0
	config_without
	! grep -q "^[^#]*$shim" "$config_new" ||
		die "${config#"$host"} names $shim outside of our block: take that out; the programs stay"
	config_take
}

# Takes our list away. From then on containerd has its pods detached by the lists that are left (go-cni,
# Remove): what they had of our plugin, which is still there, is given back when they are gone.
network_off() {
	if [ -e "$conflist" ]; then
		rm "$conflist"
		say "removed ${conflist#"$host"}: new pods get the node's other network"
	fi
	if [ -d "$host/run/azl/cni" ] && [ -x "$cni_dir/azl-cni" ]; then
		"${on_host[@]}" "${cni_dir#"$host"}/azl-cni" reconcile || say "azl-cni reconcile failed"
	fi
}

install_all() {
	local file
	for file in "$image"/lib/*; do
		[ ! -e "$file" ] || place "$file" "$ours/lib/${file##*/}" 755
	done
	for file in "$image"/bin/*; do
		place "$file" "$ours/bin/${file##*/}" 755
	done
	"${on_host[@]}" "$shim" -v >/dev/null || die "the shim does not run on this node"
	if [ -n "${AZL_CONFLIST-}" ]; then
		place "$image/bin/azl-cni" "$cni_dir/azl-cni" 755
		place "$image/cni/azl-$AZL_CONFLIST.conflist" "$conflist" 600
	else
		network_off
	fi
	config_add
	label_node '"true"'
}

# Prints who still needs us: pods that were started by our program, addresses that our plugin holds.
in_use() {
	grep -lsx "$shim" "$host"/run/containerd/io.containerd.runtime.v2.task/*/*/shim-binary-path || true
	find "$host/run/azl/cni" -path '*/leases/*' -type f 2>/dev/null || true
}

# The network goes first. A pod that was on its way when containerd was restarted needs the handler that
# it began with.
remove_all() {
	local used
	label_node null
	network_off
	used=$(in_use)
	if [ -z "$used" ]; then
		config_remove
		used=$(in_use)
	fi
	if [ -n "$used" ]; then
		say "still in use, nothing else is removed:"
		# shellcheck disable=SC2001
		sed "s|^$host|  |" <<<"$used"
		config_add
		return 3
	fi
	rm -rf "$ours" "$host/run/azl" "$cni_dir/azl-cni" "$cni_dir/azl-cni.azl-new" "$conflist.azl-new"
	say "removed"
}

# alone COMMAND: never two at once on a node. Of this folder users other than root cannot take the lock.
alone() {
	exec 9<"$host/run/containerd"
	flock 9
	trap 'rm -f "$config_new"' EXIT
	"$1"
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
install) alone install_all ;;
run)
	"$0" install
	again "$0" install
	;;
remove) alone remove_all ;;
wait) again "$0" remove ;;
*)
	sed -n '/^# usage:/,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0" >&2
	exit 2
	;;
esac
