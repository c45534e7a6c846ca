# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
#
# What "make run" writes with: lines of at most 80 columns, and on a terminal one
# line at the bottom that says what is going on. To be sourced.

out_plain=''
out_bold='' out_dim='' out_good='' out_bad='' out_end=''
out_since=0

# Decides how to write. Plain: no colours, nothing is overwritten.
out_init() {
	if [ -n "${1-}" ] || [ ! -t 1 ] || [ "${TERM:-dumb}" = dumb ] || [ -n "${NO_COLOR-}" ]; then
		out_plain=1
		return
	fi
	out_bold=$'\e[1m' out_dim=$'\e[2m' out_good=$'\e[32m' out_bad=$'\e[31m' out_end=$'\e[0m'
}

# out_now NAME TEXT: the line at the bottom. Plain output has none.
out_now() {
	local text=$2
	[ -z "$out_plain" ] || return 0
	printf '\r\e[K  %-11s%s%s%s' "$1" "$out_dim" "${text:0:65}" "$out_end"
}

out_clear() {
	[ -n "$out_plain" ] || printf '\r\e[K'
}

# out_done NAME TEXT: a stage is over.
out_done() {
	out_clear
	printf '  %-11s%s\n' "$1" "$2"
}

out_title() {
	out_clear
	printf '\n%s%s%s\n' "$out_bold" "$1" "$out_end"
}

out_note() {
	out_clear
	printf '%s%s%s\n' "$out_dim" "$1" "$out_end"
}

out_failed() {
	out_clear
	printf '\n%sFAILED%s  %s\n' "$out_bad" "$out_end" "$1"
}

# out_stage NAME LOG COMMAND...: runs COMMAND and shows its last line as it goes on; when plain, its
# lines as they come if VERBOSE is set. On failure shows the end of the log.
out_stage() {
	local name=$1 log=$2 line rc=0
	shift 2
	out_since=$SECONDS
	out_now "$name" ...
	"$@" </dev/null 2>&1 | tee "$log" | while IFS= read -r line; do
		line=${line#"${line%%[![:space:]]*}"}
		line=${line#"$name: "}
		out_now "$name" "$line"
		if [ -n "$out_plain" ] && [ -n "${VERBOSE-}" ]; then
			printf '  %-11s%s\n' "$name" "${line:0:67}"
		fi
	done
	rc=${PIPESTATUS[0]}
	out_clear
	if [ "$rc" -ne 0 ]; then
		out_failed "$name: exit status $rc; the end of $log:"
		tail -n 20 "$log"
	fi
	return "$rc"
}
