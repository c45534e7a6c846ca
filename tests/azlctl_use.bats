# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2154
# azlctl as a person and as a script use it: help, options, statuses, JSON, colours, completion.

bats_require_minimum_version 1.5.0

src=${BATS_TEST_DIRNAME%/*}

setup() {
	W=$BATS_TEST_TMPDIR
	T=$W/host
	mkdir -p "$T"/{etc/azl,etc/systemd/system,usr/lib/systemd/system,var/lib,run/containerd/io.containerd.runtime.v2.task}
	: >"$T/usr/lib/systemd/systemd"
}

azlctl() {
	"$AZL_BUILD/azlctl" "$@"
}

has() {
	[[ "$output" == *"$1"* ]] || {
		echo "no '$1' in: $output"
		return 1
	}
}

# container ID PID SPEC: one that runs, in the tree
container() {
	local at=$T/run/containerd/io.containerd.runtime.v2.task/k8s.io/$1 group=$T/sys/fs/cgroup/pods/$1
	mkdir -p "$at" "$group" "$T/proc/$2"
	echo "memory pids" >"$T/sys/fs/cgroup/cgroup.controllers"
	printf %s "$2" >"$at/init.pid"
	echo "$3" >"$at/config.json"
	echo "0::/pods/$1" >"$T/proc/$2/cgroup"
	printf 'PPid:\t1\n' >"$T/proc/$2/status"
	echo 4096 >"$group/pids.max"
	echo 1048576 >"$group/memory.current"
}

@test "help teaches each command: how it is called, its statuses, an example" {
	local command
	for command in check apply revert density explain version; do
		run -0 --separate-stderr azlctl help "$command"
		has "usage: azlctl"
		has " $command"
		echo "$output" >"$W/help"
		run -0 azlctl "$command" --help
		diff "$W/help" - <<<"$output"
		run -0 azlctl help
		has "  $command "
		[ "$(wc -L <"$W/help")" -le 100 ]
	done
	run -0 azlctl help host.json
	has "pids.max = 4096"
	has "protect"
	has "names: start, exec, kill, pause, delete, create"
	has "azlctl check says whether"
	# its example is right
	sed -n '/^  {/,/}$/p' <<<"$output" >"$T/etc/azl/host.json"
	jq -e '.sysctl and .fastPaths' "$T/etc/azl/host.json"
	run -3 azlctl --root "$T" apply --dry-run
	run -0 azlctl --help
	run -2 azlctl help nothing
	has 'no help about "nothing"'
}

@test "the manual calls each command as the help does" {
	local command page=$src/docs/man/azlctl.8
	# a tag is the one line behind .TP: fonts taken away, and words put together as .BR does
	sed -n '/^[.]SH COMMANDS/,/^[.]SH OPTIONS/p' "$page" | grep -A 1 '^[.]TP' | sed -n 's/^[.][BI][RI]* //p' |
		sed 's/\\f[A-Z]//g; s/\\-/-/g' | while read -r tag; do
		xargs printf %s <<<"$tag"
		echo
	done >"$W/tags"
	azlctl help | grep '^  [a-z]' | cut -c 3-48 | sed 's/  */ /; s/ *$//' >"$W/help"
	diff "$W/help" "$W/tags"
	[ "$(wc -l <"$W/tags")" -eq 7 ]
	while read -r tag; do
		command=${tag%% *}
		[ "$command" = help ] || grep -qxF "usage: azlctl $tag" <(azlctl help "$command" | sed 's/ \[--root DIR\]//')
	done <"$W/tags"
	command -v groff >/dev/null || return 0
	groff -man -Tascii -P-cbou "$page" | sed -n '/^COMMANDS/,/^OPTIONS/s/^       \([a-z]\)/\1/p' | diff "$W/tags" -
}

@test "wrong arguments end with 2, say what is wrong, and answer nothing" {
	local words
	for words in "" "nonsense" "--root" "--root /nowhere check" "check now" "check --dry-run" "density --dry-run" \
		"density --svg" "density --max-pods 0" "density --json --svg x" "density --max-pods 1x" "explain" "explain -x" \
		"explain a b" "apply --now" "revert all" "version x" "help a"; do
		# shellcheck disable=SC2086
		run -2 --separate-stderr azlctl $words
		[ -z "$output" ] && [ -n "$stderr" ] || {
			echo "$words: $output"
			return 1
		}
	done
}

@test "statuses: 0, 1, 3, 4, 5 and 6 as the manual has them" {
	run -3 azlctl --root "$T" apply --dry-run
	run -0 azlctl --root "$T" apply
	run -0 azlctl --root "$T" apply --dry-run
	run -3 azlctl --root "$T" revert --dry-run
	echo "# mine" >>"$T/etc/sysctl.d/90-azl.conf"
	run -6 azlctl --root "$T" revert
	rm "$T/etc/sysctl.d/90-azl.conf"
	run -0 azlctl --root "$T" revert
	# one that fails outweighs one that is left
	mkdir -p "$T/etc/sysctl.d" "$T/etc/modules-load.d"
	echo "# mine" >"$T/etc/sysctl.d/90-azl.conf"
	mount --bind "$T/etc/modules-load.d" "$T/etc/modules-load.d"
	mount -o remount,bind,ro "$T/etc/modules-load.d"
	run azlctl --root "$T" apply
	umount "$T/etc/modules-load.d"
	[ "$status" -eq 5 ]
	has "left    write /etc/sysctl.d/90-azl.conf"
	run -0 azlctl --root "$T" revert
	rm "$T/etc/sysctl.d/90-azl.conf"
	run -4 azlctl --root "$T" check
	run -1 azlctl --root "$T" explain nobody
	rm -r "$T/run"
	run -1 azlctl --root "$T" density
	mkdir -p "$T"/usr/{bin,share/azl} "$T"/opt/cni/bin "$T/etc/cni/net.d"
	touch "$T"/usr/bin/{containerd,runc,containerd-shim-azl-v2} "$T"/opt/cni/bin/{azl-cni,portmap,tuning}
	cp "$src/config/etc/azl/known-versions.json" "$T/usr/share/azl/"
	cp "$src/config/etc/cni/azl-vm.conflist" "$T/etc/cni/net.d/10-azl.conflist"
	run -0 azlctl --root "$T" check
	sed -i '/"cniVersion":/d' "$T/etc/cni/net.d/10-azl.conflist"
	run -3 azlctl --root "$T" check
	for status in 0 1 2 3 4 5 6; do grep -q "^\.B $status$" "$src/docs/man/azlctl.8"; done
}

@test "the host.json that is shipped is right, and asks for what the defaults ask for" {
	run -3 azlctl --root "$T" apply --dry-run --json
	jq .steps <<<"$output" >"$W/defaults"
	cp "$src/config/etc/azl/host.json" "$T/etc/azl/host.json"
	run -3 azlctl --root "$T" apply --dry-run --json
	jq .steps <<<"$output" | diff "$W/defaults" -
	run azlctl --root "$T" check
	has "ok    host.config            /etc/azl/host.json is right"
	# each of its keys says its default, as the help has it
	azlctl help host.json >"$W/help"
	while read -r key value; do
		grep -qxF "  $key = $value" "$W/help" || {
			echo "$key = $value is not the default"
			return 1
		}
	done < <(jq -r 'to_entries[] | .value | to_entries[] | "\(.key) \(.value | tojson)"' "$T/etc/azl/host.json")
}

@test "every sysctl that is shipped is in the documentation with its value" {
	local line
	sed -n 's/^-\{0,1\}\([a-z].*\)/\1/p' "$src/config/etc/sysctl.d/90-azl.conf" >"$W/lines"
	[ "$(wc -l <"$W/lines")" -gt 10 ]
	while read -r line; do
		grep -qF "\`${line/net.ipv6.neigh/net.ipv4.neigh}\`" "$src/docs/CGROUPS.md" || {
			echo "$line"
			return 1
		}
	done <"$W/lines"
}

@test "every list of plugins that is shipped passes check" {
	local list
	mkdir -p "$T/opt/cni/bin" "$T/etc/cni/net.d"
	touch "$T"/opt/cni/bin/{azl-cni,portmap,tuning}
	for list in "$src"/config/etc/cni/*.conflist; do
		cp "$list" "$T/etc/cni/net.d/10-azl.conflist"
		run azlctl --root "$T" check
		has "ok    cni.conflist           10-azl.conflist, first plugin azl-cni"
	done
}

@test "--json is one valid document from each command, its fields are in the manual" {
	local command key
	container 0aaa 77 '{"annotations": {"io.kubernetes.cri.container-type": "container",
		"io.kubernetes.cri.sandbox-name": "a\u001b[31m\"b", "io.kubernetes.cri.sandbox-namespace": "n"},
		"linux": {"resources": {"pids": {"limit": 4096}}}}'
	mkdir -p "$T/etc/cni/net.d"
	# names are bytes; JSON is UTF-8
	echo '{' >"$T/etc/cni/net.d/$(printf 'a\377\303\244\033[1m.conf')"
	for command in check "apply --dry-run" apply "revert --dry-run" density "explain 0a" version revert; do
		# shellcheck disable=SC2086
		azlctl --root "$T" $command --json >"$W/json" || true
		jq -e 'type == "object"' "$W/json" >/dev/null
		iconv -f UTF-8 -t UTF-8 "$W/json" >/dev/null
		run ! grep -q $'\033' "$W/json"
		[ "$command" != check ] || jq -r '.checks[].text' "$W/json" >"$W/texts"
		while read -r key; do
			# two of a name's letters are written apart in roff
			sed 's/\\//g' "$src/docs/man/azlctl.8" | grep -qw -- "$key" || {
				echo "$command: $key is not in the manual"
				return 1
			}
		done < <(jq -r '[paths | map(select(type == "string")) | .[-1]] | unique | .[]' "$W/json" | grep -v null)
	done
	grep -q 'ä?\[1m.conf' "$W/texts"
}

# shown [VARIABLE=VALUE]... COMMAND...: azlctl on a terminal that knows colours and UTF-8, but for the variables
shown() {
	local -a set=()
	while [[ "$1" == *=* ]]; do
		set+=("$1")
		shift
	done
	run env TERM=xterm LC_ALL=C.UTF-8 "${set[@]}" script -qec "'$AZL_BUILD/azlctl' --root '$T' $*" /dev/null
}

@test "colours are for a terminal that knows them, and not with NO_COLOR" {
	local escape=$'\033[' cannot
	run azlctl --root "$T" check
	[[ "$output" != *"$escape"* ]]
	shown check
	[[ "$output" == *"$escape"* ]]
	shown check --json
	[[ "$output" != *"$escape"* ]]
	for cannot in NO_COLOR=1 TERM= TERM=dumb; do
		shown "$cannot" check
		[[ "$output" != *"$escape"* ]] || {
			echo "$cannot"
			return 1
		}
	done
}

@test "signs are for a terminal of UTF-8, elsewhere a word stands in front of each line" {
	local locale
	azlctl --root "$T" apply | grep -a '^done    write ' >"$W/words"
	azlctl --root "$T" revert
	[ -s "$W/words" ]
	for locale in C POSIX xx_XX.UTF-8; do
		shown LC_ALL=$locale TERM=dumb apply
		tr -d '\r' <<<"$output" | grep -a '^done    write ' | diff "$W/words" -
		shown LC_ALL=$locale revert
		has "done    remove "
		LC_ALL=C run ! grep -a $'[\x80-\xff]' <<<"$output"
	done
	shown apply
	[[ "$output" == *"✓"* && "$output" != *"done    "* ]]
	shown TERM=dumb revert
	[[ "$output" == *" ✓ remove "* ]]
}

# completed WORD...: what completion offers for the last word
completed() {
	COMP_WORDS=(azlctl "$@")
	COMP_CWORD=$#
	COMPREPLY=()
	_azlctl
	echo "${COMPREPLY[*]}"
}

@test "completion: every command and option of the help, containers that run, folders and files" {
	local command option
	compopt() { :; } # it is for who is asked by a keyboard: see below
	# shellcheck source=/dev/null
	. "$src/config/etc/bash-completion/azlctl"
	for command in check apply revert density explain version help; do
		[[ " $(completed "") " == *" $command "* ]]
		[ "$(completed "${command:0:3}")" = "$command" ]
		for option in $(azlctl help "$command" | sed -n '1p' | grep -oE -- '--[a-z-]+' | sort -u); do
			[[ " $(completed "$command" "--") " == *" $option "* ]] || {
				echo "$command: $option is not offered: $(completed "$command" "--")"
				[ "$command" = help ]
			}
		done
	done
	container 0abc 77 '{}'
	container 0abd 78 '{}'
	mkdir -p "$T/run/containerd/io.containerd.runtime.v2.task/k8s.io/0gone"
	[ "$(completed --root "$T" explain 0)" = "0abc 0abd" ]
	[ "$(completed --root "$T" explain 0abd)" = 0abd ]
	[ "$(completed --root "$T/et")" = "$T/etc" ]
	touch "$W/x.svg"
	[ "$(completed density --svg "$W/x.")" = "$W/x.svg" ]
	[ "$(completed help host)" = host.json ]
	[ "$(completed apply --d)" = --dry-run ]
}

# typed LINE: a line as a person types it, with tabs; what azlctl is called with is in $output
typed() {
	printf '%s\n' "bind 'set bell-style none'" ". '$src/config/etc/bash-completion/azlctl'" \
		"azlctl() { printf '<%s>' \"\$@\" >'$W/called'; }" "$1" exit |
		TERM=dumb timeout 100 script -qec 'bash --norc --noprofile -i' /dev/null >"$W/screen"
	output=$(cat "$W/called")
}

@test "completion on a keyboard: folders go on, names with blanks are one word" {
	mkdir -p "$W/k/a folder/sub" "$W/k/plain"
	touch "$W/k/a folder/x y.svg"
	typed "azlctl --root $W/k/pl"$'\t'"sub check"
	[ "$output" = "<--root><$W/k/plain/sub><check>" ]
	typed "azlctl --root $W/k/a"$'\t'"s"$'\t'" check"
	[ "$output" = "<--root><$W/k/a folder/sub/><check>" ]
	typed "azlctl density --svg $W/k/a"$'\t'"x"$'\t'"--max-pods 30"
	[ "$output" = "<density><--svg><$W/k/a folder/x y.svg><--max-pods><30>" ]
}

@test "an answer that cannot be written is an error" {
	run -1 --separate-stderr sh -c "'$AZL_BUILD/azlctl' help >/dev/full"
	[[ "$stderr" == *"no space left on device"* ]]
	run -1 sh -c "'$AZL_BUILD/azlctl' --root '$T' apply --dry-run --json >/dev/full"
	container 0abc 77 '{}'
	run -1 azlctl --root "$T" density --svg /dev/full
	has "--svg /dev/full"
}

@test "an answer that nobody reads ends no apply and no revert, and 1 is for a host that is as it was" {
	local way
	mkfifo "$W/fifo"
	exec 8<>"$W/fifo" 9>"$W/fifo" 8<&-
	unread() {
		env --default-signal=PIPE "$AZL_BUILD/azlctl" --root "$T" "$@" >&9
	}
	full() {
		azlctl --root "$T" "$@" >/dev/full
	}
	for way in "" --json; do
		# shellcheck disable=SC2086
		run -5 unread apply $way
		[ "$output" = "azlctl apply: write the answer: broken pipe" ]
		run -0 azlctl --root "$T" apply
		has "Nothing to do"
		# shellcheck disable=SC2086
		run -5 full revert $way
		[ "$output" = "azlctl revert: write the answer: no space left on device" ]
		run -0 azlctl --root "$T" revert
		has "Nothing to undo"
	done
	run -1 full revert
	run -1 full apply --dry-run
	run -141 unread apply --dry-run
	[ ! -e "$T/var/lib/azl" ]
}
