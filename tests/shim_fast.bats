# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2030,SC2031,SC2154
# What the shim does without running runc, when it does not, and that runc sees containers as if it
# had done everything. The runc here says what it is asked (tests/tools/counted_runc.c). Lives that
# ctr cannot lead are scripts of the oracle's driver (tests/oracle/README.md).

load lib

FAST=/run/azl-same
HOST=/etc/azl/host.json
STORE=/run/azl/runtimes

setup_file() {
	e2e_file_begin
	rm -f "$HOST"
	[ "$E2E_ENGINE" = runc ] || return 0
	"$E2E_REPO/tests/same/prepare" "$FAST"
	cc -static -O2 -D_GNU_SOURCE -DCOUNTED_REAL="\"$(command -v runc)\"" -o "$E2E/counted" "$E2E_REPO/tests/tools/counted_runc.c"
	counted "$E2E/counted"
	known "$E2E/counted"
}

teardown_file() { e2e_file_end; }

setup() {
	[ "$E2E_ENGINE" = runc ] || skip "the shim does so with runc alone"
	e2e_begin
	: >"$E2E/calls"
	COUNTED=$E2E/counted
	LOG_AT=$(containerd_log | wc -l)
	counted "$COUNTED"
}

teardown() {
	[ "$E2E_ENGINE" = runc ] || return 0
	rm -f "$HOST" "$E2E/version"
	if [ "$(stat -c %u:%a "$STORE")" != 0:700 ]; then
		umount /run/azl 2>/dev/null || true
		rm -rf /run/azl
		known "$E2E/counted"
	fi
	e2e_end
}

# ---- who is asked ----

# counted PROGRAM: who makes the next containers
counted() {
	runtime_toml "$E2E/counted.toml" "$1"
	RUNTIME=(--runtime io.containerd.azl.v2 --runtime-config-path "$E2E/counted.toml")
}

# known PROGRAM: makes the host know which runtime it is, with a container
known() {
	counted "$1"
	run_bg "" known true
	until_ok 5 has_status known STOPPED
	remove known
	# asked aside, which may last longer than the container
	until_ok 10 eval 'find "$STORE" -name "*.version" -newer "'"$1"'" -exec grep -qxF "'"$1"'" {} \; -print | grep -q .'
}

# called ID: which sub-commands runc was called with for it, in their order
called() {
	awk -v id="$1" '{
		command = ""; its = 0
		for (i = 1; i <= NF; i++) {
			if ($i == id) its = 1
			if (command == "" && $i ~ /^(create|start|exec|kill|delete|pause|resume|update|ps|state|checkpoint|restore)$/) command = $i
		}
		if (its) { printf "%s%s", sep, command; sep = " " }
	}' "$E2E/calls"
}

# ---- what is logged ----

# logged ID TEXT: how often a shim has said so, of this container, in this test
logged() {
	containerd_log | tail -n "+$((LOG_AT + 1))" | grep -F -- "$2" | grep -cE "id=\"?$1\"?( |\$)"
}

is_logged() {
	[ "$(logged "$1" "$2")" -ge 1 ]
}

# says ID TEXT: exactly once, soon
says() {
	until_ok 5 is_logged "$1" "$2" || {
		echo "of $1 wanted in the log: $2"
		containerd_log | tail -n "+$((LOG_AT + 1))" | grep -F "$1" | tail -n 10
		return 1
	}
	equal "$(logged "$1" "$2")" 1
}

# ---- lives ----

# life "FLAGS" ID: every act that may be fast
life() {
	run_bg "$1" "$2" sleep 1000
	run -0 run_exec "$2" echo inside
	equal "$output" inside
	ctr task pause "$2"
	has_status "$2" PAUSED
	ctr task resume "$2"
	has_status "$2" RUNNING
	ctr task kill -s KILL "$2"
	until_ok 5 has_status "$2" STOPPED
	run ctr task rm "$2"
	has 137
	ctr container rm "$2"
}

ALL="create start exec pause resume kill delete"

# What runc is called for in a life with every fast path: systemd's scopes are left to it.
LEAST=create
if [ "$AZL_CGROUPS" = systemd ]; then LEAST="create delete"; fi

# fast_called ID: no more than that
fast_called() {
	equal "$(called "$1")" "$LEAST"
}

# without WORD...: ALL but these
without() {
	local word rest=" $ALL "
	for word; do
		[ "$word:$AZL_CGROUPS" = delete:systemd ] || rest=${rest/ $word / }
	done
	rest=${rest# }
	echo "${rest% }"
}

# driven [ANNOTATION] <SCRIPT: a life through the oracle's driver; what it says is in $output.
# $RUNC is runc for this namespace, $COUNTED who makes the containers.
driven() {
	local rc=0 dir
	N=f$BATS_TEST_NUMBER$RANDOM
	dir=$W/$N
	mkdir -p "$dir"
	ln -s "$E2E_REPO/tests/oracle/bundle" "$dir/bundle"
	sed -e "s|@RUNC|runc --root /run/containerd/runc/$N|g" -e "s|@COUNTED|opt.binary_name=$COUNTED|g" >"$dir/fast.script"
	ORACLE_ANNOTATION=${1:+io.azl.fastpaths=$1} timeout -k 5 $((100 * E2E_SLOW)) "$FAST/oracle" "$E2E_SHIM" "$dir/fast.script" "$dir/work" "$N" \
		"$FAST/rootfs" >"$dir/out" 2>"$dir/err" </dev/null || rc=$?
	output=$(cat "$dir/out")
	if [ "$rc" -ne 0 ] || grep -q '^!' "$dir/out"; then
		echo "the driver ended with $rc"
		cat "$dir/out"
		tail -n 15 "$dir/err"
		return 1
	fi
}

# What a script's commands said on the host.
said() {
	sed -n 's/^\$ //p' <<<"$output" | tr '\n' ' ' | sed 's/ $//'
}

# ---- on and off ----

@test "a whole life runs runc once, for create" {
	life "" $T
	fast_called $T
	if [ "$AZL_CGROUPS" = systemd ]; then
		says $T "delete goes to the runtime: systemd must stop its scope"
		equal "$(logged $T 'goes to the runtime')" 1
	else
		equal "$(logged $T 'goes to the runtime')" 0
	fi
}

@test "with the annotation none every act runs runc, and the log says why, once" {
	life "--annotation io.azl.fastpaths=none" $T
	equal "$(called $T)" "$ALL"
	for act in start exec kill pause delete; do
		says $T "$act goes to the runtime: it is switched off"
	done
}

@test "the log says why once, however often an act is done" {
	run_bg "--annotation io.azl.fastpaths=start" $T sleep 1000
	for i in 1 2 3; do
		run -0 run_exec $T true
		ctr task pause $T
		ctr task resume $T
		ctr task kill -s WINCH $T
	done
	equal "$(called $T)" "create exec pause resume kill exec pause resume kill exec pause resume kill"
	for act in exec kill pause; do
		says $T "$act goes to the runtime: it is switched off"
	done
	equal "$(logged $T 'start goes to the runtime')" 0
}

@test "an annotation with one name leaves that one on" {
	life "--annotation io.azl.fastpaths=start" ${T}a
	equal "$(called ${T}a)" "$(without start)"
	life "--annotation io.azl.fastpaths=exec" ${T}b
	equal "$(called ${T}b)" "$(without exec)"
	life "--annotation io.azl.fastpaths=kill" ${T}c
	equal "$(called ${T}c)" "$(without kill)"
	life "--annotation io.azl.fastpaths=pause" ${T}d
	equal "$(called ${T}d)" "$(without pause resume)"
	life "--annotation io.azl.fastpaths=delete" ${T}e
	equal "$(called ${T}e)" "$(without delete)"
	life "--annotation io.azl.fastpaths=create" ${T}f
	equal "$(called ${T}f)" "$ALL"
}

@test "an annotation with a list leaves those on" {
	life "--annotation io.azl.fastpaths=kill,delete" ${T}a
	equal "$(called ${T}a)" "$(without kill delete)"
	life "--annotation io.azl.fastpaths=all" ${T}b
	fast_called ${T}b
}

@test "an annotation that makes no sense is told with the names that do, and changes nothing" {
	life "--annotation io.azl.fastpaths=strat" ${T}a
	fast_called ${T}a
	says ${T}a "annotation io.azl.fastpaths is ignored: it must be all, none, or names of start, exec, kill, pause, delete, create with commas between"
	life "--annotation io.azl.fastpaths=" ${T}b
	fast_called ${T}b
	says ${T}b "annotation io.azl.fastpaths is ignored"
}

@test "the host's configuration switches acts off" {
	mkdir -p /etc/azl
	echo '{"fastPaths": false}' >"$HOST"
	life "" ${T}a
	equal "$(called ${T}a)" "$ALL"
	echo '{"fastPaths": {"exec": false, "delete": false}, "other": [1]}' >"$HOST"
	life "" ${T}b
	equal "$(called ${T}b)" "create exec delete"
	says ${T}b "exec goes to the runtime: it is switched off"
	echo '{"fastPaths": true}' >"$HOST"
	life "" ${T}c
	fast_called ${T}c
}

@test "what the host has switched off, an annotation does not switch on" {
	mkdir -p /etc/azl
	echo '{"fastPaths": {"exec": false}}' >"$HOST"
	life "--annotation io.azl.fastpaths=all" ${T}a
	equal "$(called ${T}a)" "$(without start pause resume kill delete)"
	life "--annotation io.azl.fastpaths=exec,start" ${T}b
	equal "$(called ${T}b)" "$(without start)"
}

@test "a host configuration that cannot be read is told, and switches nothing" {
	mkdir -p /etc/azl
	local i=0
	for text in '{"fastPaths": {"exce": false}}' '{"fastPaths": "none"}' '{"fastPaths": false' 'none'; do
		i=$((i + 1))
		printf '%s' "$text" >"$HOST"
		life "" $T$i
		fast_called $T$i
		says $T$i "fast paths are not switched: "
	done
}

@test "a change of the host's configuration is for containers that come after it" {
	mkdir -p /etc/azl
	run_bg "" ${T}a sleep 1000
	echo '{"fastPaths": false}' >"$HOST"
	run_bg "" ${T}b sleep 1000
	run -0 run_exec ${T}a true
	run -0 run_exec ${T}b true
	equal "$(called ${T}a)" create
	equal "$(called ${T}b)" "create start exec"
}

# ---- other runtimes ----

@test "crun does everything itself" {
	known "$(command -v crun)"
	life "" ${T}b
	for act in start exec kill pause delete; do
		says ${T}b "$act goes to the runtime: $(command -v crun) is no released runc"
	done
}

@test "a wrapper that is a script does everything itself" {
	cat >"$W/wrapper" <<-EOF
		#!/bin/sh
		exec $E2E/counted "\$@"
	EOF
	chmod 755 "$W/wrapper"
	known "$W/wrapper"
	life "" ${T}b
	equal "$(called ${T}b)" "$ALL"
	says ${T}b "exec goes to the runtime: $W/wrapper is no released runc"
}

# pretends VERSION REASON: a runc that says that it is another
pretends() {
	local id=$T${1//[^0-9a-z]/}
	echo "runc version $1" >"$E2E/version"
	cp "$E2E/counted" "$W/runc-$1"
	known "$W/runc-$1"
	life "" $id
	if [ -n "$2" ]; then
		equal "$(called $id)" "$ALL"
		says $id "kill goes to the runtime: $2"
	else
		fast_called $id
	fi
}

@test "versions of runc that are not known do everything themselves" {
	pretends 1.6.0 "runc 1.6.0 is not known here"
	pretends 1.0.3 "runc 1.0.3 is not known here"
	pretends 2.1.0 "runc 2.1.0 is not known here"
	pretends 1.3.0-rc.1 "$W/runc-1.3.0-rc.1 is no released runc"
	pretends 1.5.9 ""
}

@test "a runc that was replaced is asked anew" {
	echo "runc version 1.6.0" >"$E2E/version"
	cp "$E2E/counted" "$W/runc"
	counted "$W/runc"
	run_bg "" ${T}a sleep 1000
	until_ok 5 has_status ${T}a RUNNING
	run -0 run_exec ${T}a true
	rm "$E2E/version"
	cp "$E2E/counted" "$W/runc.new"
	mv "$W/runc.new" "$W/runc"
	known "$W/runc"
	life "" ${T}c
	fast_called ${T}c
	# what a container was found to be made by stays
	run -0 run_exec ${T}a true
	has_status ${T}a RUNNING
}

# ---- hooks, foreign files ----

# A hook that counts itself in $W/hooked; hooks of the container see the folder as /work.
hook() {
	mkdir -p "$W/hooks"
	printf '#!/bin/sh\ncat >/dev/null\necho %s >>%s/hooked\n' "$1" "${2:-$W/hooks}" >"$W/hooks/$1"
	chmod 755 "$W/hooks/$1"
}

@test "hooks of the start run exactly once with a fast start" {
	hook poststart
	hook startContainer /work
	driven <<-EOF
		bundle c1 args=/bin/sleep,100 bind=$W/hooks:/work:rbind hook=poststart:$W/hooks/poststart hook=startContainer:/work/startContainer
		shim c1
		create c1 @COUNTED
		start c1
		wait-for "grep -q startContainer $W/hooks/hooked"
		kill c1 signal=9
		wait c1
		delete c1
	EOF
	equal "$(sort "$W/hooks/hooked" | tr '\n' ' ')" "poststart startContainer "
	fast_called c1
}

@test "poststop hooks are run, by runc, once" {
	hook poststop
	driven <<-EOF
		bundle c1 args=/bin/true hook=poststop:$W/hooks/poststop
		shim c1
		create c1 @COUNTED
		start c1
		wait c1
		delete c1
	EOF
	equal "$(cat "$W/hooks/hooked")" poststop
	equal "$(called c1)" "create delete"
}

@test "poststop hooks are run by the delete command, too" {
	hook poststop
	driven <<-EOF
		bundle c1 args=/bin/sleep,100 hook=poststop:$W/hooks/poststop
		shim c1
		create c1 @COUNTED
		start c1
		shim-kill c1
		shim-gone c1
		shim-delete c1
	EOF
	equal "$(cat "$W/hooks/hooked")" poststop
	equal "$(called c1)" "create delete"
}

@test "a foreign file in runc's folder sends delete to runc" {
	run_bg "" $T sleep 1000
	mkdir "/run/containerd/runc/default/$T/notify"
	: >"/run/containerd/runc/default/$T/notify/notify.sock"
	ctr task kill -s KILL $T
	until_ok 5 has_status $T STOPPED
	ctr task rm $T || true
	equal "$(called $T)" "create delete"
	[ "$AZL_CGROUPS" = systemd ] || says $T "delete goes to the runtime: runc's state folder holds notify"
	[ ! -e "/run/containerd/runc/default/$T" ]
}

# ---- runc looks ----

@test "runc sees every step as if it had made it" {
	driven <<-'EOF'
		bundle c1 args=/bin/sleep,1000
		shim c1
		create c1 @COUNTED
		sh "@RUNC state c1 | jq -r .status"
		sh "@RUNC list -f json | jq -r '.[] | .id + .status'"
		start c1
		sh "@RUNC state c1 | jq -r .status; ls /run/containerd/runc/$NS/c1"
		sh "@RUNC exec c1 /bin/echo inside"
		sh "@RUNC ps -f json c1 | jq length"
		exec c1/e1 args=/bin/sleep,1000
		start c1/e1
		sh "@RUNC ps -f json c1 | jq length"
		pause c1
		sh "@RUNC state c1 | jq -r .status"
		sh "@RUNC exec c1 /bin/echo no 2>/dev/null || echo refused"
		resume c1
		sh "@RUNC state c1 | jq -r .status"
		call Kill id=c1 exec_id=e1 signal=9
		wait c1/e1
		delete c1/e1
		kill c1 signal=9
		wait c1
		sh "@RUNC state c1 | jq -r .status"
		sh "@RUNC ps -f json c1 | jq -c ."
		delete c1
		sh "@RUNC state c1 2>&1 | grep -o 'does not exist'"
		sh "@RUNC list -q | wc -l"
	EOF
	fast_called c1
	equal "$(said)" "created c1created running state.json inside 1 2 paused refused running stopped $(runc_ps_stopped) does not exist 0"
}

# What `runc ps` says of a container that has ended differs by version, with or without us.
runc_ps_stopped() {
	sed -n '/ps -f json c1 | jq -c/,/^>/s/^\$ //p' <<<"$output" | tr '\n' ' ' | sed 's/ $//'
}

@test "runc goes on where the shim has begun" {
	driven <<-'EOF'
		bundle c1 args=/bin/sleep,1000
		shim c1
		create c1 @COUNTED
		start c1
		sh "@RUNC start c1 2>&1 | grep -o 'cannot start an already running container'"
		sh "@RUNC pause c1; @RUNC state c1 | jq -r .status"
		sh "@RUNC resume c1; @RUNC state c1 | jq -r .status"
		pause c1
		sh "@RUNC resume c1; @RUNC state c1 | jq -r .status"
		resume c1
		sh "@RUNC update --resources - c1 </dev/null 2>/dev/null; @RUNC state c1 | jq -r .status"
		async w Wait id=c1
		sh "@RUNC kill c1 KILL"
		join w
		sh "@RUNC delete c1; @RUNC list -q | wc -l"
		delete c1
	EOF
	equal "$(said)" "cannot start an already running container paused running running running 0"
	has "< Resume c1: UNKNOWN"
	has "< Delete c1: ok"
}

@test "runc deletes by force what the shim has started" {
	driven <<-'EOF'
		bundle c1 args=/bin/sleep,1000
		shim c1
		create c1 @COUNTED
		start c1
		exec c1/e1 args=/bin/sleep,1000
		start c1/e1
		pause c1
		async w Wait id=c1
		sh "@RUNC delete --force c1; @RUNC list -q | wc -l; ls -d $CGROUP/*/ 2>/dev/null | wc -l"
		join w
		delete c1
	EOF
	equal "$(said)" "0 0"
	has "< Delete c1: ok"
}

@test "what runc has started the shim goes on with" {
	driven <<-'EOF'
		bundle c1 args=/bin/sleep,1000
		shim c1
		create c1 @COUNTED
		sh "@RUNC start c1"
		start c1
		sh "@RUNC state c1 | jq -r .status"
		kill c1 signal=9
		wait c1
		delete c1
	EOF
	equal "$(called c1)" "create start${LEAST#create}"
	has "< Start c1: UNKNOWN: OCI runtime start failed: cannot start an already running container"
	equal "$(said)" running
}

# ---- hard times ----

@test "a container whose init died before its start" {
	script='
		bundle c1 args=/bin/sleep,1000
		shim c1
		create c1 @COUNTED
		async w Wait id=c1
		sh "kill -9 $(cat $BUNDLES/c1/init.pid)"
		join w
		start c1
		state c1
		delete c1
		events until delete c1'
	driven <<<"$script"
	fast_called c1
	fast=$output
	driven none <<<"$script"
	equal "$fast" "$output"
}

@test "an init that dies while its start waits" {
	driven <<-'EOF'
		bundle c1 args=/bin/sleep,1000
		shim c1
		create c1 @COUNTED
		sh "kill -STOP $(cat $BUNDLES/c1/init.pid)"
		async w Wait id=c1
		async s Start id=c1
		pending s ms=100
		state c1
		sh "kill -KILL $(cat $BUNDLES/c1/init.pid)"
		join s
		join w
		delete c1
		events until delete c1
	EOF
	fast_called c1
	has "< Start c1: UNKNOWN: OCI runtime start failed: container process is already dead"
	has "< Delete c1: ok"
}

@test "a start that waits can be ended by a kill" {
	driven <<-'EOF'
		bundle c1 args=/bin/sleep,1000
		shim c1
		create c1 @COUNTED
		sh "kill -STOP $(cat $BUNDLES/c1/init.pid)"
		async s Start id=c1
		pending s ms=50
		open two c1
		call Kill id=c1 signal=9 on=two
		call Wait id=c1 on=two
		join s
		delete c1
	EOF
	fast_called c1
	has "< Start c1: UNKNOWN: OCI runtime start failed: container process is already dead"
}

@test "two starts at once start once" {
	driven <<-'EOF'
		bundle c1 args=/bin/sleep,1000
		shim c1
		create c1 @COUNTED
		sh "kill -STOP $(cat $BUNDLES/c1/init.pid)"
		async a Start id=c1
		async b Start id=c1
		pending a ms=50
		sh "kill -CONT $(cat $BUNDLES/c1/init.pid)"
		join a
		join b
		state c1
		kill c1 signal=9
		wait c1
		delete c1
		events until delete c1
	EOF
	fast_called c1
	equal "$(grep -c '^\* /tasks/start' <<<"$output")" 1
	equal "$(grep -c '^< Start c1: ok\|^< a: ok' <<<"$output")" 1
	has "cannot start a running process"
}

@test "a start of a frozen container is told in the words of runc, and works after the thaw" {
	script='
		bundle c1 args=/bin/sleep,1000
		shim c1
		create c1 @COUNTED
		sh "echo 1 >$CGROUP/c1/cgroup.freeze"
		wait-for "grep -q \"frozen 1\" $CGROUP/c1/cgroup.events"
		start c1
		sh "echo 0 >$CGROUP/c1/cgroup.freeze"
		start c1
		kill c1 signal=9
		wait c1
		delete c1'
	driven <<<"$script"
	fast=$output
	driven none <<<"$script"
	equal "$fast" "$output"
}

@test "a restored container starts through the runtime" {
	driven <<-'EOF'
		bundle c1 args=/bin/sleep,100
		shim c1
		create c1 @COUNTED checkpoint=$WORK/nothing
		start c1
		delete c1
	EOF
	equal "$(called c1 | tr ' ' '\n' | head -n 1)" restore
	[[ "$(called c1)" != *start* ]]
	has "< Start c1: UNKNOWN: OCI runtime restore failed"
}

@test "execs that are killed while they enter are errors or ends, never a hang" {
	run_bg "" $T sleep 1000
	shim=$(shim_of $T)
	init=$(pid_of $T)
	killer() {
		local pid
		while kill -0 "$shim" 2>/dev/null; do
			for pid in $(cat /proc/$shim/task/*/children 2>/dev/null); do
				if [ "$pid" != "$init" ]; then kill -KILL "$pid" 2>/dev/null || true; fi
			done
		done
	}
	helper killer
	for i in $(seq 60); do
		run timeout -k 1 $E2E_LIMIT_S ctr task exec --exec-id x$i $T true
		[ "$status" -ne 124 ]
	done 3>&-
	kill "$HELPER"
	run -0 run_exec $T echo fine
	equal "$output" fine
	until_ok 5 has_one_child "$shim"
}

@test "an exec that kills itself is an end like any other" {
	run_bg "" $T sleep 1000
	run -137 run_exec $T sh -c 'kill -9 $$'
	run -143 run_exec $T sh -c 'kill -15 $$'
	equal "$(called $T)" create
}

@test "an exec into a paused container is refused, and one into a stopped one" {
	run_bg "" $T sleep 1000
	ctr task pause $T
	run run_exec $T true
	[ "$status" -ne 0 ]
	ctr task resume $T
	# frozen by somebody else: runc has the words for it
	group=$(cgroup_of "$(pid_of $T)")
	echo 1 >"$group/cgroup.freeze"
	until_ok 5 grep -q 'frozen 1' "$group/cgroup.events"
	run run_exec $T true
	[ "$status" -ne 0 ] && [ "$status" -ne 124 ]
	has paused
	echo 0 >"$group/cgroup.freeze"
	run -0 run_exec $T echo fine
	ctr task kill -s KILL $T
	until_ok 5 has_status $T STOPPED
	run run_exec $T true
	[ "$status" -ne 0 ]
}

@test "a runc that goes away is missed by create alone" {
	cp "$E2E/counted" "$W/runc"
	known "$W/runc"
	run_bg "" $T sleep 1000
	run -0 run_exec $T true
	mv "$W/runc" "$W/runc.away"
	run -0 run_exec $T echo fine
	equal "$output" fine
	ctr task pause $T
	ctr task resume $T
	ctr task kill -s KILL $T
	until_ok 5 has_status $T STOPPED
	if [ "$AZL_CGROUPS" = systemd ]; then
		# the scope is runc's to stop: that is told, and done once it is there again
		run ctr task rm $T
		[ "$status" -ne 0 ]
		has "$W/runc"
		mv "$W/runc.away" "$W/runc"
	fi
	ctr task rm $T || true
	[ ! -e "/run/containerd/runc/default/$T" ]
	rm -f "$W/runc"
	run run_bg "" ${T}b true
	[ "$status" -ne 0 ]
	has "$W/runc"
}

# ---- what the host knows ----

@test "the first container of a host works, and the next ones know" {
	rm -rf /run/azl
	life "" ${T}a
	until_ok 5 eval 'ls "$STORE"/*.version'
	equal "$(stat -c %a "$STORE")" 700
	life "" ${T}b
	fast_called ${T}b
}

@test "where nothing can be kept of a host's runtimes everything goes to the runtime" {
	# another's folder, one that others may write, a link, a file, a read-only file system
	for how in owner mode link file readonly; do
		rm -rf /run/azl
		case $how in
		owner) mkdir -p "$STORE" && chown 7:7 "$STORE" ;;
		mode) mkdir -p "$STORE" && chmod 777 "$STORE" ;;
		link) mkdir -p /run/azl "$W/aside" && ln -s "$W/aside" "$STORE" ;;
		file) : >/run/azl ;;
		readonly) mkdir /run/azl && mount -t tmpfs -o ro none /run/azl ;;
		esac
		life "" $T$how
		life "" $T${how}2
		[ $how != readonly ] || umount /run/azl
		echo "$how"
		equal "$(called $T$how)" "$ALL"
		equal "$(called $T${how}2)" "$ALL"
		case $how in owner | mode | link) says $T$how "start goes to the runtime: $STORE is not trusted: others may write to it" ;; esac
	done
}

@test "what others wrote about a runtime is not believed" {
	for file in "$STORE"/*.version; do
		printf 'runc 9.9.9\n' >"$file"
		chmod 666 "$file"
	done
	life "" ${T}a
	until_ok 10 grep -qsxF "$COUNTED" "$STORE"/*.version
	life "" ${T}b
	fast_called ${T}b
}

# ---- the shim dies ----

# cleaned STAGE: the script's shim is killed now; the delete command leaves nothing
cleaned() {
	cat <<-EOF
		$1
		shim-kill c1
		shim-gone c1
		$2
		shim-delete c1
		wait-for "! grep -qs '^State:.[^ZX]' /proc/\$(cat \$BUNDLES/c1/init.pid)/status"
		sh "ls /run/containerd/runc/\$NS | wc -l; ls -d \$CGROUP/*/ 2>/dev/null | wc -l; grep -c \$BUNDLES/c1 /proc/self/mountinfo; true"
	EOF
}

# dies "STAGE LINES" ["AFTER THE KILL"]: with fast paths, and without. With them $MAY may be called.
dies() {
	local way
	for way in '' none; do
		: >"$E2E/calls"
		driven $way <<-EOF
			bundle c1 args=/bin/sleep,1000
			shim c1
			create c1 @COUNTED
			$(cleaned "$@")
		EOF
		echo "way: ${way:-fast}; called: $(called c1)"
		equal "$(said)" "0 0 0"
		[ -n "$way" ] || [[ "$(called c1)" == create || "$(called c1)" == "${MAY-$LEAST}" ]]
	done
}

@test "killed after a create" { dies ""; }

@test "killed while a start waits" {
	dies 'sh "kill -STOP $(cat $BUNDLES/c1/init.pid)"
		async s Start id=c1
		pending s ms=50' 'sh "kill -CONT $(cat $BUNDLES/c1/init.pid) 2>/dev/null; true"'
}

@test "killed right after a start was asked" {
	dies 'async s Start id=c1'
}

@test "killed while a container runs" { dies 'start c1'; }

@test "killed while a container is paused" {
	dies 'start c1
		pause c1'
}

@test "killed while it pauses and resumes" {
	dies 'start c1
		async p Pause id=c1
		async r Resume id=c1'
}

@test "killed with execs running, stopped and on their way" {
	dies 'start c1
		exec c1/e1 args=/bin/sleep,1000
		start c1/e1
		exec c1/e2 args=/bin/true
		start c1/e2
		wait c1/e2
		exec c1/e3 args=/bin/sleep,1000
		exec c1/e4 args=/bin/sleep,1000
		exec c1/e5 args=/bin/sleep,1000
		async s3 Start id=c1 exec_id=e3
		async s4 Start id=c1 exec_id=e4
		async s5 Start id=c1 exec_id=e5'
}

@test "killed at any moment of execs" {
	for ms in 1 2 3 5 8 13; do
		dies "start c1
			exec c1/e1 args=/bin/sleep,1000
			exec c1/e2 args=/bin/sleep,1000
			exec c1/e3 args=/bin/sleep,1000
			async s1 Start id=c1 exec_id=e1
			async s2 Start id=c1 exec_id=e2
			async s3 Start id=c1 exec_id=e3
			sleep $ms"
	done
}

@test "killed right after a kill was asked" {
	dies 'start c1
		async k Kill id=c1 signal=9'
}

@test "killed while a container is stopped" {
	dies 'start c1
		kill c1 signal=9
		wait c1'
}

@test "killed right after a delete was asked" {
	# perhaps between its steps, see below
	MAY="create delete"
	dies 'start c1
		kill c1 signal=9
		wait c1
		async d Delete id=c1'
}

@test "killed between the steps of a delete" {
	# as if the shim had died between them: the cgroup is gone, runc's folder is half gone. Where
	# there is no cgroup to look into, runc is asked.
	MAY="create delete"
	dies 'start c1
		kill c1 signal=9
		wait c1
		wait-for "test ! -e $CGROUP/c1 || rmdir $(readlink $CGROUP/c1)"'
	dies 'start c1
		kill c1 signal=9
		wait c1
		wait-for "test ! -e $CGROUP/c1 || rmdir $(readlink $CGROUP/c1)"
		sh "rm /run/containerd/runc/$NS/c1/state.json"'
}

@test "killed while its init is in another cgroup" {
	# moved from outside, as a container that may write to the host's cgroups moves itself
	MAY="create delete"
	mkdir -p /sys/fs/cgroup/azl-aside
	dies 'start c1
		sh "cat $BUNDLES/c1/init.pid >/sys/fs/cgroup/azl-aside/cgroup.procs"'
	until_ok 5 rmdir /sys/fs/cgroup/azl-aside
}

@test "killed with a foreign file in runc's folder" {
	MAY="create delete"
	for name in .mine state-1 other; do
		dies "start c1
			sh \": >/run/containerd/runc/\$NS/c1/$name\""
	done
}

@test "a start whose caller gives up is answered, and the container can be deleted" {
	for way in '' none; do
		driven $way <<-'EOS'
			bundle c1 args=/bin/sleep,1000
			shim c1
			create c1 @COUNTED
			sh "kill -STOP $(cat $BUNDLES/c1/init.pid)"
			call Start id=c1 timeout_ms=300
			state c1
			delete c1
			events until delete c1
		EOS
		has "< Start c1: UNKNOWN: OCI runtime start failed: "
		has "in time"
		has "< Delete c1: ok pid=P1 exit_status=137"
	done
}
