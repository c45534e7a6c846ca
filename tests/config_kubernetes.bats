# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC1091,SC2016,SC2030,SC2031,SC2034,SC2154
# What puts azl on a Kubernetes node, against a folder that stands for the node's root. In the node "pack".

load cni
# shellcheck source=tests/config.bash
. "$CNI_REPO/tests/config.bash"

setup_file() {
	[ "$AZL_NODE" = pack ] || return 0
	mkdir -p "$CONFIG"
	make_here DESTDIR="$CONFIG/image" image-root >"$CONFIG/image.log" 2>&1 || wrong "$(tail -n 20 "$CONFIG/image.log")"
}
teardown_file() { rm -rf "$CONFIG"; }

setup() {
	here
	W=/run/azl-config/t$BATS_TEST_NUMBER
	H=$W/host
	mkdir -p "$H/etc/containerd" "$H/etc/cni/net.d" "$H/opt/cni/bin" "$H/run/containerd"
	echo '{}' >"$H/etc/cni/net.d/10-azure.conflist"
	aks_config >"$H/etc/containerd/config.toml"
	chmod 640 "$H/etc/containerd/config.toml"
	on_host >"$W/on-host"
	chmod +x "$W/on-host"
	: >"$W/restarts"
	begun
	export AZL_HOST=$H AZL_IMAGE=$CONFIG/image/azl AZL_ON_HOST=$W/on-host
	unset NODE_NAME AZL_CONFLIST
}
teardown() {
	[ ! -e "$W/api.pid" ] || kill "$(cat "$W/api.pid")"
	rm -rf "$W" "$ACCOUNT"
}

ACCOUNT=/var/run/secrets/kubernetes.io/serviceaccount

# Stands for nsenter: containerd is real and reads the node's file; systemctl says that it was called.
# $W/runs is the configuration that containerd has read last, $W/at-restart what happens before.
on_host() {
	cat <<-EOF
		#!/bin/sh
		PATH=$PATH
		case \$1 in
		containerd) exec containerd --config "$H\$3" config dump ;;
		systemctl)
			[ ! -e "$W/at-restart" ] || . "$W/at-restart"
			echo "\$*" >>"$W/restarts"
			cp "$H/etc/containerd/config.toml" "$W/runs"
			;;
		/opt/cni/bin/azl-cni) [ ! -e "$W/at-\$2" ] || . "$W/at-\$2" ;;
		/*) exec "$H\$1" "\$2" ;;
		esac
	EOF
}

# The node as it is now is the one that install.sh comes to.
begun() {
	tree_of >"$W/before"
	cp "$H/etc/containerd/config.toml" "$W/runs"
}

as_before() {
	tree_of | diff "$W/before" -
	cmp "$W/runs" "$H/etc/containerd/config.toml"
}

# All of the node: names, modes and contents.
tree_of() {
	(cd "$H" && find . -type f -printf '%p %m ' -exec sha256sum {} \; | sort; find . -type l -o -type d | sort)
}

azl_installer() {
	"$CONFIG/image/azl/install.sh" "$@"
}

# The API: what it is told to do with the node goes to $W/api, who says so to $W/caller, all that
# processes then have as arguments to $W/arguments.
api_start() {
	python3 - "$W/api" "$W/port" "$W/caller" "$W/arguments" <<-'EOF' >/dev/null 2>&1 3>&- 4>&- &
		import sys, glob, http.server
		class Handler(http.server.BaseHTTPRequestHandler):
		    def do_PATCH(self):
		        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
		        open(sys.argv[1], "a").write(f"{self.path} {self.headers['Content-Type']} {body}\n")
		        open(sys.argv[3], "a").write(f"{self.headers['Authorization']}\n")
		        for name in glob.glob("/proc/[0-9]*/cmdline"):
		            try: open(sys.argv[4], "a").write(open(name).read().replace("\0", " ") + "\n")
		            except OSError: pass
		        self.send_response(200 if "/nodes/node1" in self.path else 404)
		        self.end_headers()
		server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
		open(sys.argv[2] + ".new", "w").write(str(server.server_port))
		import os; os.rename(sys.argv[2] + ".new", sys.argv[2])
		server.serve_forever()
	EOF
	echo $! >"$W/api.pid"
	disown $!
	until_ok 10 test -e "$W/port"
	AZL_API=http://127.0.0.1:$(cat "$W/port")
	export AZL_API NODE_NAME=${1:-node1}
	ip link set lo up
}

@test "install: programs, the handler, one restart, the label; the network stays" {
	api_start
	run -0 azl_installer install
	"$H/opt/azl/bin/containerd-shim-azl-v2" -v
	dump "$H/etc/containerd/config.toml"
	equal "$(runtime_of azl runtime_path)" '"/opt/azl/bin/containerd-shim-azl-v2"'
	equal "$(runtime_of azl runtime_type)" '"io.containerd.runc.v2"'
	equal "$(options_of azl SystemdCgroup)" true
	equal "$(runtime_of untrusted runtime_type)" '"io.containerd.runc.v2"'
	equal "$(stat -c %a "$H/etc/containerd/config.toml")" 640
	equal "$(cat "$W/restarts")" 'systemctl restart containerd'
	equal "$(cat "$W/api")" '/api/v1/nodes/node1 application/merge-patch+json {"metadata":{"labels":{"azl.io/runtime":"true"}}}'
	equal "$(ls "$H/etc/cni/net.d")" 10-azure.conflist
	[ ! -e "$H/opt/cni/bin/azl-cni" ]
	equal "$(find "$H" -name '*.azl-new')" ''
}

@test "install: a second time nothing changes, and nothing is restarted" {
	azl_installer install
	tree_of >"$W/one"
	: >"$W/restarts"
	run -0 azl_installer install
	equal "$output" ''
	tree_of | diff "$W/one" -
	equal "$(cat "$W/restarts")" ''
}

@test "install: a program that runs keeps its file" {
	local inode
	azl_installer install
	exec 5<"$H/opt/azl/bin/containerd-shim-azl-v2"
	inode=$(stat -L -c %i /proc/self/fd/5)
	cp -r "$AZL_IMAGE" "$W/newer"
	echo >>"$W/newer/bin/containerd-shim-azl-v2"
	AZL_IMAGE=$W/newer run -0 azl_installer install
	[ "$(stat -c %i "$H/opt/azl/bin/containerd-shim-azl-v2")" != "$inode" ]
	cmp /proc/self/fd/5 "$AZL_IMAGE/bin/containerd-shim-azl-v2"
	exec 5<&-
	# new programs are no reason to restart containerd
	equal "$(wc -l <"$W/restarts")" 1
}

@test "install: the network on request, first of all lists" {
	AZL_CONFLIST=aks run -0 azl_installer install
	[ -x "$H/opt/cni/bin/azl-cni" ]
	equal "$(find "$H/etc/cni/net.d" -type f -printf '%f\n' | sort | head -n 1)" 01-azl.conflist
	equal "$(stat -c %a "$H/etc/cni/net.d/01-azl.conflist")" 600
	cmp "$H/etc/cni/net.d/01-azl.conflist" "$ETC/cni/azl-aks.conflist"
	AZL_CONFLIST=none run azl_installer install
	[ "$status" -ne 0 ]
}

@test "install: the network goes again when it is asked for no more, the plugin stays for its pods" {
	local leases=$H/run/azl/cni/azure/leases
	AZL_CONFLIST=aks azl_installer install
	mkdir -p "$leases"
	echo >"$leases/one"
	echo "echo called >>$W/reconciled" >"$W/at-reconcile"
	AZL_CONFLIST='' run -0 azl_installer install
	[[ $output == *"removed /etc/cni/net.d/01-azl.conflist: new pods get the node's other network"* ]]
	equal "$(ls "$H/etc/cni/net.d")" 10-azure.conflist
	[ -x "$H/opt/cni/bin/azl-cni" ]
	[ -e "$leases/one" ]
	equal "$(cat "$W/reconciled")" called
	AZL_CONFLIST='' run -0 azl_installer install
	equal "$output" ''
	equal "$(wc -l <"$W/restarts")" 1
}

@test "install: cgroupfs where the node's own handler has it" {
	sed -i '/SystemdCgroup/d' "$H/etc/containerd/config.toml"
	azl_installer install
	dump "$H/etc/containerd/config.toml"
	equal "$(options_of azl SystemdCgroup)" false
}

@test "install: runc comes along where containerd 1.7 would forget it, and a default that is not there is refused" {
	printf 'version = 2\n[plugins."%s".containerd]\n  default_runtime_name = "runc"\n' "$CRI" >"$H/etc/containerd/config.toml"
	cp "$H/etc/containerd/config.toml" "$W/config.toml"
	run -0 azl_installer install
	dump "$H/etc/containerd/config.toml"
	equal "$(runtime_of runc runtime_type)" '"io.containerd.runc.v2"'
	equal "$(options_of azl SystemdCgroup)" false
	equal "$(options_of runc SystemdCgroup)" false
	run -0 azl_installer remove
	cmp "$H/etc/containerd/config.toml" "$W/config.toml"
	sed -i 's/"runc"/"other"/' "$H/etc/containerd/config.toml"
	run azl_installer install
	[ "$status" -eq 1 ]
	[[ $output == *"the old one stays"* ]]
}

@test "install: what containerd does not take is not put in place" {
	local sum
	printf '[broken\n' >>"$H/etc/containerd/config.toml"
	sum=$(sha256sum <"$H/etc/containerd/config.toml")
	run azl_installer install
	[ "$status" -eq 1 ]
	[[ $output == *"the old one stays"* ]]
	equal "$(sha256sum <"$H/etc/containerd/config.toml")" "$sum"
	equal "$(cat "$W/restarts")" ''
	sed -i 's/^version.*/version = 1/; /^\[broken/d' "$H/etc/containerd/config.toml"
	run azl_installer install
	[[ $output == *"version = 1: only 2 and later are known"* ]]
	rm "$H/etc/containerd/config.toml"
	run azl_installer install
	[[ $output == *"there is no "*config.toml* ]]
}

@test "a configuration that is a link stays one: what it leads to is changed, and is as it was after remove" {
	local config=$H/etc/containerd/config.toml link
	mkdir -p "$H/etc/containerd/site" "$H/var/lib/site" "$H/var/site/cni"
	rmdir "$H/opt/cni/bin"
	# with a leading slash it is the node's root that they begin at
	ln -s /var/site/cni "$H/opt/cni/bin"
	ln -s ../var/lib/site "$H/etc/site"
	for link in site/one.toml ../../etc/containerd/site/one.toml /etc/containerd/site/one.toml; do
		rm -rf "$H/etc/containerd/"{site/one.toml,config.toml}
		aks_config >"$H/etc/containerd/site/one.toml"
		chmod 640 "$H/etc/containerd/site/one.toml"
		ln -s "$link" "$config"
		: >"$W/restarts"
		linked "$H/etc/containerd/site/one.toml"
	done
	# a chain, by a folder that is a link
	mv "$H/etc/containerd/site/one.toml" "$H/var/lib/site/two.toml"
	ln -sf /etc/site/two.toml "$H/etc/containerd/site/one.toml"
	: >"$W/restarts"
	linked "$H/var/lib/site/two.toml"
	# one that leads nowhere is told with where it leads
	rm "$H/var/lib/site/two.toml"
	run -1 azl_installer install
	[[ $output == *"there is no /var/lib/site/two.toml"* ]]
	ln -sf config.toml "$config"
	run -1 azl_installer install
	[[ $output == *"/etc/containerd/config.toml: too many levels of links"* ]]
}

@test "folders that are links of the node are followed in the node" {
	mkdir -p "$H/data"
	mv "$H/etc/containerd" "$H/data/containerd"
	mv "$H/opt" "$H/data/opt"
	ln -s /data/containerd "$H/etc/containerd"
	ln -s /data/opt "$H/opt"
	tree_of >"$W/before"
	on_host | sed "s|$H/etc/containerd/|$H/data/containerd/|; s|\"$H\\\$1\"|\"$H/data\\\$1\"|" >"$W/on-host"
	AZL_CONFLIST=aks run -0 azl_installer install
	[ -x "$H/data/opt/azl/bin/containerd-shim-azl-v2" ] && [ -x "$H/data/opt/cni/bin/azl-cni" ]
	grep -q 'runtime_path = "/opt/azl/bin/' "$H/data/containerd/config.toml"
	AZL_CONFLIST=aks run -0 azl_installer install
	equal "$output" ''
	run -0 azl_installer remove
	tree_of | diff "$W/before" -
}

# linked FILE: install and remove, with a link to it
linked() {
	local link
	link=$(readlink "$H/etc/containerd/config.toml")
	tree_of >"$W/before"
	cp "$1" "$W/before.toml"
	on_host | sed "s|$H/etc/containerd/config.toml|$1|" >"$W/on-host"
	AZL_CONFLIST=aks run -0 azl_installer install
	equal "$(readlink "$H/etc/containerd/config.toml")" "$link"
	grep -q '^# BEGIN azl' "$1"
	equal "$(stat -c %a "$1")" 640
	[ -x "$H/var/site/cni/azl-cni" ]
	AZL_CONFLIST=aks run -0 azl_installer install
	equal "$output" ''
	equal "$(wc -l <"$W/restarts")" 1
	run -0 azl_installer remove
	cmp "$1" "$W/before.toml"
	tree_of | diff "$W/before" -
}

@test "install: a handler azl of the node's own is left alone" {
	printf '[plugins."%s".containerd.runtimes.azl]\n  runtime_type = "io.containerd.azl.v2"\n' "$CRI" >>"$H/etc/containerd/config.toml"
	run -0 azl_installer install
	[[ $output == *"a handler azl of its own"* ]]
	equal "$(cat "$W/restarts")" ''
}

# 300 kB do not fit into a pipe: who stops reading early is noticed by who writes.
@test "install: a large configuration is read to its end" {
	local tail
	tail=$(printf '# %0100d\n' {1..3000})
	echo "$tail" >>"$H/etc/containerd/config.toml"
	begun
	run -0 azl_installer install
	dump "$H/etc/containerd/config.toml"
	equal "$(options_of azl SystemdCgroup)" true
	equal "$(grep -c 'runtimes[.]runc\]' "$H/etc/containerd/config.toml")" 1
	run -0 azl_installer install
	equal "$output" ''
	run -0 azl_installer remove
	as_before
	{
		aks_config
		printf '[plugins."%s".containerd.runtimes.azl]\n  runtime_type = "io.containerd.azl.v2"\n' "$CRI"
		echo "$tail"
	} >"$H/etc/containerd/config.toml"
	run -0 azl_installer install
	[[ $output == *"a handler azl of its own"* ]]
}

@test "install: a restart that failed is made up for, and the label waits for it" {
	api_start
	echo 'exit 1' >"$W/at-restart"
	run azl_installer install
	[ "$status" -ne 0 ]
	[ ! -e "$W/api" ]
	rm "$W/at-restart"
	run -0 azl_installer install
	cmp "$W/runs" "$H/etc/containerd/config.toml"
	grep -q '"true"' "$W/api"
	run -0 azl_installer install
	equal "$(wc -l <"$W/restarts")" 1
	# the same of remove, which deletes nothing before
	echo 'exit 1' >"$W/at-restart"
	run azl_installer remove
	[ "$status" -ne 0 ]
	[ -e "$H/opt/azl" ]
	rm "$W/at-restart"
	run -0 azl_installer remove
	equal "$(wc -l <"$W/restarts")" 2
	as_before
}

# Bash itself kills install.sh before command KILL_AT of those that may change something.
@test "killed before any of its steps, install and remove do the rest the next time" {
	local n installed removed new=$H/etc/containerd/config.toml.azl-new
	cat >"$W/kill.bash" <<-'EOF'
		step=0 changes='^(cp|curl|echo "\$block"|install|mkdir|mv|rm|sed|truncate|: >|"\$\{on_host)'
		set -o functrace
		trap '! [[ $BASH_COMMAND =~ $changes ]] || [ $((++step)) != "$KILL_AT" ] || kill -KILL $$' DEBUG
	EOF
	mkdir -p "$W/image/bin"
	cp -r "$AZL_IMAGE/cni" "$AZL_IMAGE/containerd" "$W/image"
	cp "$AZL_IMAGE/bin/azl-cni" "$AZL_IMAGE/bin/containerd-shim-azl-v2" "$W/image/bin"
	export AZL_IMAGE=$W/image AZL_CONFLIST=aks
	azl_installer install
	tree_of >"$W/installed"
	azl_installer remove
	as_before
	for ((n = 1; ; n++)); do
		BASH_ENV=$W/kill.bash KILL_AT=$n run azl_installer install
		installed=$status
		[ ! -e "$new" ] || equal "$(stat -c %a "$new")" 640
		run -0 azl_installer install
		tree_of | diff "$W/installed" -
		cmp "$W/runs" "$H/etc/containerd/config.toml"
		BASH_ENV=$W/kill.bash KILL_AT=$n run azl_installer remove
		removed=$status
		[ ! -e "$new" ] || equal "$(stat -c %a "$new")" 640
		run -0 azl_installer remove
		as_before
		[ "$installed $removed" != "0 0" ] || break
		[[ $installed =~ ^(0|137)$ && $removed =~ ^(0|137)$ ]]
		BASH_ENV=$W/kill.bash KILL_AT=$n run azl_installer install
		run -0 azl_installer remove
		as_before
	done
	[ "$n" -gt 20 ]
}

@test "one at a time on a node: the second waits" {
	local first second inode
	flock --no-fork "$H/run/containerd" sleep 600 3>&- &
	first=$!
	inode=$(stat -c %i "$H/run/containerd")
	until_ok 10 grep -q "FLOCK .*:$inode " /proc/locks
	"$CONFIG/image/azl/install.sh" install >"$W/out" 2>&1 3>&- &
	second=$!
	until_ok 10 grep -q -- "-> FLOCK .*:$inode " /proc/locks
	equal "$(cat "$W/out")" ''
	kill "$first"
	wait "$second"
	[ -x "$H/opt/azl/bin/containerd-shim-azl-v2" ]
}

@test "the token of the service account is nobody else's to read" {
	mkdir -p "$ACCOUNT"
	echo 'no certificate: http asks for none' >"$ACCOUNT/ca.crt"
	printf 'a.secret.token' >"$ACCOUNT/token"
	api_start
	run -0 azl_installer install
	equal "$(cat "$W/caller")" 'Bearer a.secret.token'
	grep -q 'curl .*/nodes/node1' "$W/arguments"
	run ! grep -F a.secret.token "$W/arguments"
}

@test "install: a label that cannot be set is an error" {
	api_start nobody
	run azl_installer install
	[ "$status" -eq 1 ]
	[[ $output == *"cannot set the label"* ]]
}

@test "remove: the node is as it was, byte by byte" {
	AZL_CONFLIST=aks azl_installer install
	mkdir -p "$H/run/azl/runtimes"
	api_start
	run -0 azl_installer remove
	rmdir "$H/run/azl" 2>/dev/null || true
	tree_of | diff "$W/before" -
	equal "$(wc -l <"$W/restarts")" 2
	equal "$(cat "$W/api")" '/api/v1/nodes/node1 application/merge-patch+json {"metadata":{"labels":{"azl.io/runtime":null}}}'
	run -0 azl_installer remove
	equal "$(wc -l <"$W/restarts")" 2
}

@test "remove: a last line without newline is given back without" {
	local config=$H/etc/containerd/config.toml
	printf %s "$(cat "$config")" >"$W/config.toml"
	cat "$W/config.toml" >"$config"
	begun
	run -0 azl_installer install
	dump "$config"
	equal "$(options_of azl SystemdCgroup)" true
	run -0 azl_installer install
	equal "$output" ''
	run -0 azl_installer remove
	as_before
	# what somebody adds behind the block does not become one line with what stood before it
	azl_installer install
	printf '[timeouts]\n' >>"$config"
	run -0 azl_installer install
	run -0 azl_installer remove
	{
		cat "$W/config.toml"
		printf '\n[timeouts]\n'
	} | cmp - "$config"
}

@test "remove: the programs stay while the configuration names them outside of the block" {
	local config=$H/etc/containerd/config.toml
	azl_installer install
	# as programs do that write the file anew, without comments; or half a block
	sed -i '/^#/d' "$config"
	cp "$config" "$W/config.toml"
	run azl_installer remove
	[ "$status" -eq 1 ]
	[[ $output == *"names /opt/azl/bin/containerd-shim-azl-v2 outside of our block"* ]]
	[ -x "$H/opt/azl/bin/containerd-shim-azl-v2" ]
	cmp "$config" "$W/config.toml"
	aks_config >"$config"
	azl_installer install
	sed -i '/^# END azl/d' "$config"
	printf '[timeouts]\n' >>"$config"
	cp "$config" "$W/config.toml"
	run azl_installer remove
	[ "$status" -eq 1 ]
	cmp "$config" "$W/config.toml"
	run -0 azl_installer install
	[[ $output == *"a handler azl of its own"* ]]
	cmp "$config" "$W/config.toml"
}

@test "remove: a pod that starts while containerd is restarted keeps its runtime" {
	local bundle=$H/run/containerd/io.containerd.runtime.v2.task/k8s.io/one
	azl_installer install
	cp "$H/etc/containerd/config.toml" "$W/config.toml"
	cat >"$W/at-restart" <<-EOF
		mkdir -p "$bundle"
		printf /opt/azl/bin/containerd-shim-azl-v2 >"$bundle/shim-binary-path"
	EOF
	run azl_installer remove
	[ "$status" -eq 3 ]
	[[ $output == *k8s.io/one/shim-binary-path* ]]
	[ -x "$H/opt/azl/bin/containerd-shim-azl-v2" ]
	cmp "$H/etc/containerd/config.toml" "$W/config.toml"
	cmp "$W/runs" "$W/config.toml"
	rm -r "$W/at-restart" "$H/run/containerd/io.containerd.runtime.v2.task"
	run -0 azl_installer remove
	as_before
}

@test "remove: while pods run only the label and the network go" {
	local bundle=$H/run/containerd/io.containerd.runtime.v2.task/k8s.io/one
	AZL_CONFLIST=aks azl_installer install
	api_start
	mkdir -p "$bundle" "$H/run/azl/cni/azure/leases"
	printf '/opt/azl/bin/containerd-shim-azl-v2' >"$bundle/shim-binary-path"
	run azl_installer remove
	[ "$status" -eq 3 ]
	[[ $output == *k8s.io/one/shim-binary-path* ]]
	[ -x "$H/opt/azl/bin/containerd-shim-azl-v2" ]
	grep -q 'runtimes.azl' "$H/etc/containerd/config.toml"
	[ ! -e "$H/etc/cni/net.d/01-azl.conflist" ]
	grep -q null "$W/api"
	rm -r "$bundle"
	echo >"$H/run/azl/cni/azure/leases/x"
	run azl_installer remove
	[ "$status" -eq 3 ]
	[ -x "$H/opt/cni/bin/azl-cni" ]
	rm "$H/run/azl/cni/azure/leases/x"
	run -0 azl_installer remove
	[ ! -e "$H/opt/azl" ]
}

@test "remove: what pods had of the plugin is given back when they are gone, though nobody calls it any more" {
	AZL_CONFLIST=aks azl_installer install
	mkdir -p "$H/run/azl/cni/azure/leases"
	echo >"$H/run/azl/cni/azure/leases/gone"
	echo >"$H/run/azl/cni/azure/leases/alive"
	echo "rm -f $H/run/azl/cni/azure/leases/gone" >"$W/at-reconcile"
	run azl_installer remove
	[ "$status" -eq 3 ]
	[[ $output == *leases/alive* && $output != *leases/gone* ]]
	echo "rm -f $H/run/azl/cni/azure/leases/*" >"$W/at-reconcile"
	run -0 azl_installer remove
	as_before
	# one that fails leaves all in place
	AZL_CONFLIST=aks azl_installer install
	mkdir -p "$H/run/azl/cni/azure/leases"
	echo >"$H/run/azl/cni/azure/leases/alive"
	echo 'exit 1' >"$W/at-reconcile"
	run azl_installer remove
	[ "$status" -eq 3 ]
	[[ $output == *"azl-cni reconcile failed"*leases/alive* ]]
}

# curl that says which address it is called with.
@test "the address of the API may be one of IPv6" {
	local address
	mkdir "$W/bin"
	printf '#!/bin/sh\nfor last; do :; done\necho "$last" >>%s/called\n' "$W" >"$W/bin/curl"
	chmod +x "$W/bin/curl"
	for address in fd00::1 10.0.0.1 kubernetes.default; do
		PATH=$W/bin:$PATH NODE_NAME=node1 KUBERNETES_SERVICE_HOST=$address KUBERNETES_SERVICE_PORT=6443 run -0 azl_installer install
	done
	equal "$(sed 's|/api/.*||' "$W/called" | xargs)" 'https://[fd00::1]:6443 https://10.0.0.1:6443 https://kubernetes.default:6443'
}

@test "run installs, and ends with SIGTERM" {
	local pid
	AZL_EVERY_S=0.2 "$CONFIG/image/azl/install.sh" run >"$W/out" 2>&1 3>&- &
	pid=$!
	until_ok 20 grep -q 'containerd is restarted' "$W/out"
	# what somebody else takes away comes back
	aks_config >"$H/etc/containerd/config.toml"
	until_ok 20 grep -q 'runtimes.azl' "$H/etc/containerd/config.toml"
	kill "$pid"
	wait "$pid"
	[ -x "$H/opt/azl/bin/containerd-shim-azl-v2" ]
}

@test "the image has the libraries of its programs" {
	local lib
	for lib in $(ldd "$CONFIG"/image/azl/bin/* | awk '$2 == "=>" { print $1 }' | grep -E 'protobuf-c|yajl|mnl|cgroup' | sort -u); do
		[ -e "$CONFIG/image/azl/lib/$lib" ] || wrong "$lib"
	done
	grep -q 'LDFLAGS=-Wl,-rpath,/opt/azl/lib' "$ETC/kubernetes/Containerfile"
}

@test "the packages of the image have all that install.sh calls" {
	local package file
	mkdir "$W/bin"
	ln -s "$(command -v awk)" "$W/bin/awk" # gawk's, there
	for package in $(sed -n 's/^RUN tdnf install -y \(.*\) && tdnf clean all$/\1/p' "$ETC/kubernetes/Containerfile"); do
		[ "$package" != gawk ] || continue
		while read -r file; do ln -sf "$file" "$W/bin/"; done < <(dpkg -L "$package" | grep -E '/s?bin/.')
	done
	grep -q ' gawk ' "$ETC/kubernetes/Containerfile"
	api_start
	export AZL_CONFLIST=aks
	PATH=$W/bin run -0 azl_installer install
	[[ $output != *"not found"* ]]
	PATH=$W/bin run -0 azl_installer install
	equal "$output" ''
	PATH=$W/bin run -0 azl_installer remove
	[[ $output != *"not found"* ]]
	as_before
}

@test "the manifests are what Kubernetes reads, and agree with each other and with install.sh" {
	python3 - "$ETC"/kubernetes/*.yaml <<-'EOF'
		import sys, yaml
		docs = {}
		for name in sys.argv[1:]:
		    for doc in yaml.safe_load_all(open(name)):
		        assert {"apiVersion", "kind", "metadata"} <= set(doc), name
		        docs[doc["kind"], doc["metadata"]["name"]] = doc
		label = {"azl.io/runtime": "true"}
		runtime = docs["RuntimeClass", "azl"]
		assert runtime["handler"] == "azl" and runtime["scheduling"]["nodeSelector"] == label
		assert set(runtime["overhead"]["podFixed"]) == {"memory"}
		for kind, verb in ("install", "run"), ("remove", "wait"):
		    daemon = docs["DaemonSet", "azl-" + kind]
		    spec = daemon["spec"]["template"]["spec"]
		    labels = daemon["spec"]["template"]["metadata"]["labels"]
		    assert set(daemon["spec"]["selector"]["matchLabels"].items()) <= set(labels.items())
		    assert ("ServiceAccount", spec["serviceAccountName"]) in docs and spec["hostPID"]
		    one = spec["containers"][0]
		    assert one["args"] == [verb] and one["securityContext"]["privileged"]
		    assert one["volumeMounts"][0] == {"name": "host", "mountPath": "/host"}
		    assert {e["name"] for e in one["env"]} <= {"NODE_NAME", "AZL_CONFLIST", "AZL_EVERY_S"}
		images = {docs["DaemonSet", n]["spec"]["template"]["spec"]["containers"][0]["image"] for n in ("azl-install", "azl-remove")}
		assert len(images) == 1
	EOF
}
