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
	tree_of >"$W/before"
	export AZL_HOST=$H AZL_IMAGE=$CONFIG/image/azl AZL_ON_HOST=$W/on-host
	unset NODE_NAME AZL_CONFLIST
}
teardown() {
	[ ! -e "$W/api.pid" ] || kill "$(cat "$W/api.pid")"
	rm -rf "$W"
}

# Stands for nsenter: containerd is real and reads the node's file; systemctl says that it was called.
on_host() {
	cat <<-EOF
		#!/bin/sh
		case \$1 in
		containerd) exec containerd --config "$H\$3" config dump ;;
		systemctl) echo "\$*" >>"$W/restarts" ;;
		/*) exec "$H\$1" "\$2" ;;
		esac
	EOF
}

# All of the node: names, modes and contents.
tree_of() {
	(cd "$H" && find . -type f -printf '%p %m ' -exec sha256sum {} \; | sort; find . -type l -o -type d | sort)
}

azl_installer() {
	"$CONFIG/image/azl/install.sh" "$@"
}

# The API: what it is told to do with the node goes to $W/api.
api_start() {
	python3 - "$W/api" "$W/port" <<-'EOF' >/dev/null 2>&1 3>&- 4>&- &
		import sys, http.server
		class Handler(http.server.BaseHTTPRequestHandler):
		    def do_PATCH(self):
		        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
		        open(sys.argv[1], "a").write(f"{self.path} {self.headers['Content-Type']} {body}\n")
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

@test "install: a handler azl of the node's own is left alone" {
	printf '[plugins."%s".containerd.runtimes.azl]\n  runtime_type = "io.containerd.azl.v2"\n' "$CRI" >>"$H/etc/containerd/config.toml"
	run -0 azl_installer install
	[[ $output == *"a handler azl of its own"* ]]
	equal "$(cat "$W/restarts")" ''
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
