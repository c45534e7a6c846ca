# shellcheck shell=bash disable=SC2154,SC2016
# SPDX-License-Identifier: Apache-2.0
#
# The life of containers, step by step. To be sourced by "show".
#
# Both shims take each step in turn, $lives times each, so that whatever else the
# machine does falls on both; a step's time is the median.

# Without CPU shares: a host with hybrid cgroups has no controller for them.
azl=(--cpu-shares 0 --runtime io.containerd.azl.v2)
ref=(--cpu-shares 0 --runtime io.containerd.runc.v2)
no_controllers=''
grep -q memory /sys/fs/cgroup/cgroup.controllers || no_controllers=' (no controllers)'

# Tells both shims which OCI runtime to use. ctr has an option for that, but only under the name
# io.containerd.runc.v2; for another name it passes a file on.
life_runtime() {
	[ "$runtime" != runc ] || return 0
	printf 'BinaryName = "%s"\n' "$runtime" >"$work/options.toml"
	azl+=(--runtime-config-path "$work/options.toml")
	ref+=(--runc-binary "$runtime")
}

life_count=0 # containers that ran

# life_call SIDE COMMAND...: one call by the clock; its time goes to the side's list.
life_call() {
	local side=$1 rc=0 took
	shift
	"$work/clock" "$work/took" "$limit_s" "$@" <&8 >"$work/out.$side" 2>&1 || rc=$?
	if [ "$rc" -ne 0 ]; then
		life_failed "exit status $rc: $*"
	fi
	read -r took _ <"$work/took"
	echo "$took" >>"$work/times.$side"
}

life_failed() {
	out_failed "$1"
	cat "$work/out.azl" "$work/out.ref" 2>/dev/null | tail -n 10
	echo "the end of containerd's log:"
	grep -v level=info "$NODE_CONTAINERD_LOG" | tail -n 12
	exit 1
}

life_median() {
	sort -n "$1" | sed -n "$(((lives + 1) / 2))p"
}

ms() {
	printf '%d.%d ms' $(($1 / 1000)) $(($1 % 1000 / 100))
}

# life_row NAME WORDS AZL REFERENCE A B: a line of the table, with the ratio of A to B.
life_row() {
	local ratio colour=$out_end
	ratio=$(awk -v a="$5" -v b="$6" 'BEGIN { if (b > 0) printf "%.2f", a / b; else print "-" }')
	if [[ $ratio == 0.* ]]; then
		colour=$out_good
	fi
	out_clear
	printf '  %-10s%-26s%10s%25s  %s%4s%s\n' "$1" "$2" "$3" "$4" "$colour" "$ratio" "$out_end"
}

# life_step NAME WORDS FUNCTION: FUNCTION is called with side, id and the side's options.
life_step() {
	local name=$1 words=$2 act=$3 i side said a b
	local -a order
	rm -f "$work"/times.*
	for ((i = 1; i <= lives; i++)); do
		out_now "$name" "$words, $i of $lives"
		# Who goes first changes each time.
		if ((i % 2)); then order=(azl ref); else order=(ref azl); fi
		for side in "${order[@]}"; do
			if [ "$side" = azl ]; then
				"$act" azl "azl-$i" "${azl[@]}"
			else
				"$act" ref "ref-$i" "${ref[@]}"
			fi
		done
		if ! cmp -s <(life_words azl) <(life_words ref) && [ "$act" != act_stats ]; then
			life_failed "$name: the two shims' containers do not say the same"
		fi
	done
	a=$(life_median "$work/times.azl") b=$(life_median "$work/times.ref")
	life_row "$name" "$words" "$(ms "$a")" "$(ms "$b")" "$a" "$b"
	said=$(life_words azl)
	if [ -n "$said" ]; then
		out_note "            ${said:0:66}"
	fi
}

# What the last call of a side printed, as one line without what terminals add.
life_words() {
	tr -d '\r\000' <"$work/out.$1" | sed '/level=warning/d; /^$/d' | paste -sd' ' | sed 's/ *$//'
}

act_print() {
	local side=$1 id=$2
	shift 2
	life_count=$((life_count + 1))
	life_call "$side" ctr run --rm "$@" "$NODE_IMAGE" "$id-print" \
		sh -c 'echo "hello from pid $$, user $(id -un), in $(pwd)"'
}

act_detached() {
	local side=$1 id=$2
	shift 2
	life_count=$((life_count + 1))
	life_call "$side" ctr run -d "$@" "$NODE_IMAGE" "$id" sleep 1000
}

act_exec() {
	life_call "$1" ctr task exec --exec-id e1 "$2" \
		sh -c 'echo "pid 1 here is: $(tr "\0" " " </proc/1/cmdline)"'
}

# ctr tells the size of its own terminal after the start, so the container waits for it.
act_terminal() {
	local side=$1 id=$2
	shift 2
	life_count=$((life_count + 1))
	life_call "$side" script -qec "stty rows 24 cols 80; exec ctr run --rm -t $* $NODE_IMAGE $id-tty \
		sh -c 'n=0; until [ \"\$(stty size 2>/dev/null)\" ] || [ \$((n += 1)) -gt 2000 ]; do :; done
		echo my terminal is \$(tty), lines and columns: \$(stty size)'" /dev/null
}

act_pause() {
	life_call "$1" ctr task pause "$2"
}

act_resume() {
	life_call "$1" ctr task resume "$2"
}

act_stats() {
	life_call "$1" ctr task metrics "$2"
	# A few of the lines; a controller that the host does not give reads as zero.
	awk '$1 ~ /^(pids.current|cpu.usage_usec|memory.usage)$/ { printf "%s%s %s", n++ ? ", " : "", $1, $2 }
		END { print "" }' "$work/out.$1" | sed "s/\$/$no_controllers/" >"$work/out"
	mv "$work/out" "$work/out.$1"
}

act_kill() {
	life_call "$1" ctr task kill --signal KILL "$2"
}

act_delete() {
	life_call "$1" ctr task delete "$2"
}

# Waits until as many containers as all lives are in a state.
life_await() {
	local end=$((SECONDS + limit_s)) n
	until n=$(ctr task ls | grep -c " $1") && [ "$n" -eq $((2 * lives)) ]; do
		[ "$SECONDS" -lt "$end" ] || life_failed "${n:-0} of $((2 * lives)) containers are $1"
		sleep 0.02
	done
}

# What ctr takes for itself, in each of the times shown.
life_ctr() {
	local i
	rm -f "$work"/times.*
	for ((i = 1; i <= lives; i++)); do
		life_call azl ctr version
	done
	life_median "$work/times.azl"
}

life_show() {
	local own
	mkfifo "$work/nothing"
	# A standard input without an end.
	exec 8<>"$work/nothing"
	life_runtime
	out_now warm "one life each, not counted"
	act_print azl azl-0 "${azl[@]}"
	act_print ref ref-0 "${ref[@]}"
	own=$(life_ctr)
	out_clear
	printf '\n%s  %-36s%10s%25s  %s%s\n' "$out_bold" "step" azl containerd-shim-runc-v2 ratio "$out_end"
	life_step "run" "a container that prints" act_print
	life_step "run -d" "one that stays" act_detached
	life_await RUNNING
	life_step "exec" "a second process in it" act_exec
	life_step "run -t" "one with a terminal" act_terminal
	life_step "pause" "its cgroup is frozen" act_pause
	life_await PAUSED
	life_step "resume" "and goes on" act_resume
	life_await RUNNING
	life_step "metrics" "what its cgroup counted" act_stats
	out_note "  Medians of $lives calls of ctr, which itself takes $(ms "$own") of each: ask"
	out_note "  \"ctr version\". Calls of the shim alone are what \"make bench\" measures."
}

# The processes of one program that serve containers, one folder of /proc each. Not azl-sealed: it keeps
# the host's one sealed copy of runc.
shims_of() {
	local process exe name
	for process in /proc/[0-9]*; do
		exe=$(readlink "$process/exe") || continue
		exe=${exe% (deleted)}
		read -r name <"$process/comm" || continue
		[ "${exe##*/}" != "$1" ] || [ "$name" = azl-sealed ] || echo "$process"
	done
}

# Sets shims. Those of the containers that are gone may take a moment to end.
shims_await() {
	local end=$((SECONDS + 5))
	until mapfile -t shims < <(shims_of "$1") && [ "${#shims[@]}" -eq "$lives" ]; do
		[ "$SECONDS" -lt "$end" ] || life_failed "${#shims[@]} processes of $1 for $lives containers"
		sleep 0.02
	done
}

# Sets memory: means of all shims of one program, of their PSS, private dirty pages and threads.
shim_memory() {
	local process pss=0 dirty=0 threads=0 key value
	shims_await "$1"
	for process in "${shims[@]}"; do
		while read -r key value _; do
			case $key in
			Pss:) pss=$((pss + value)) ;;
			Private_Dirty:) dirty=$((dirty + value)) ;;
			esac
		done <"$process/smaps_rollup"
		while read -r key value _; do
			[ "$key" != Threads: ] || threads=$((threads + value))
		done <"$process/status"
	done
	memory=($((pss / lives)) $((dirty / lives)) $((threads / lives)))
}

# What azl-sealed keeps, in kB; nothing when there is none.
sealed_memory() {
	local process name file kb=0
	for process in /proc/[0-9]*; do
		read -r name 2>/dev/null <"$process/comm" || continue
		[ "$name" = azl-sealed ] || continue
		for file in "$process"/fd/*; do
			[[ $(readlink "$file") != */memfd:* ]] || kb=$(($(stat -Lc %b "$file") / 2))
		done
		echo "$kb"
	done
}

life_memory() {
	local -a a b
	local sealed
	shim_memory containerd-shim-azl-v2
	a=("${memory[@]}")
	shim_memory containerd-shim-runc-v2
	b=("${memory[@]}")
	out_clear
	printf '\n%s  %-36s%10s%25s  %s%s\n' "$out_bold" "memory of one shim, $lives side by side" azl \
		containerd-shim-runc-v2 ratio "$out_end"
	life_row PSS "its share of all pages" "${a[0]} kB" "${b[0]} kB" "${a[0]}" "${b[0]}"
	life_row dirty "pages of its own" "${a[1]} kB" "${b[1]} kB" "${a[1]}" "${b[1]}"
	life_row threads "" "${a[2]}" "${b[2]}" "${a[2]}" "${b[2]}"
	sealed=$(sealed_memory)
	if [ -n "$sealed" ]; then
		out_note "  and once for the host, while it is used: $sealed kB, $runtime in sealed memory"
	fi
}

life_end() {
	local i
	out_clear
	printf '\n%s  %-36s%10s%25s  %s%s\n' "$out_bold" "the end" azl containerd-shim-runc-v2 ratio "$out_end"
	life_step "kill" "SIGKILL to all of them" act_kill
	life_await STOPPED
	life_step "delete" "and the shim goes" act_delete
	out_now delete "containers and snapshots"
	for ((i = 1; i <= lives; i++)); do
		ctr container delete "azl-$i" "ref-$i"
	done
}
