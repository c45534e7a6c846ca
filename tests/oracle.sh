#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Oracle tests: each script of tests/oracle runs against containerd-shim-runc-v2 and against ours;
# what both answer, publish and show to processes must be the same. Prints TAP.
#
# usage: tests/oracle.sh [-j JOBS] [-r REFERENCE] [-s SHIM] [-k DIR] [-u] [-w | -W] [NAME...]
#
#   -j   scripts at a time (3)
#   -r   the reference (/usr/bin/containerd-shim-runc-v2)
#   -s   the shim under test (built when not given; "self": the reference a second time)
#   -k   keep transcripts there ($BUILD/oracle)
#   -u   where there is no reference, take what ours says as expected
#   -w   three ways: scripts that start, exec, kill, pause or delete run a second time against ours, with
#        the annotation io.azl.fastpaths=none, and are compared with the reference again (NAME.none)
#   -W   likewise, but those that exec, pause or kill alone: what can differ most
#   NAME scripts to run, without folder and ending; all when none
#
# Runs on a host with containerd, runc, busybox-static and a cgroup v2 hierarchy; elsewhere it enters
# the test node by itself ($BUILD then is a path below the repository). Directives of a script, for what may differ and why (docs/DIFFERENCES.md):
#
#   only azl         no reference: the transcript must be NAME.expected
#   allow SED        applied to both transcripts (sed -E) before they are compared
#   allow-ref SED    to the reference's alone     allow-azl SED   to ours alone, with and without fast paths
#   allow-none SED   to ours without fast paths
#   needs COMMAND    skip when the shell command fails
set -eu

# With --one, one script of a run: these come from the environment.
if [ "${1-}" != --one ]; then
	here=$(cd "$(dirname "$0")" && pwd)
	repo=${here%/tests}
	reference=/usr/bin/containerd-shim-runc-v2
	shim='' jobs=3 keep='' update='' without=''
	build=${BUILD:-${AZL_BUILD:-$repo/build/host}}
fi

build_all() {
	log=$keep/build.log
	set -- "$build/tools/oracle"
	[ -n "$shim" ] || set -- "$@" "$build/containerd-shim-azl-v2"
	# shellcheck disable=SC2016 # for make to expand
	if ! make -s -C "$repo" BUILD="$build" \
		--eval '$(BUILD)/tools/oracle: $(wildcard tests/tools/oracle/*.c)' "$@" >"$log" 2>&1; then
		sed 's/^/# /' "$log"
		echo 'Bail out! the build failed'
		exit 1
	fi
}

# transcript SIDE SHIM NAME: runs the driver; its exit code
transcript() {
	work=$base/$3.$1
	timeout -k 5 "$((120 * ${AZL_SLOW:-1}))" "$build/tools/oracle" "$2" "$here/oracle/$3.script" "$work" "o-$3-$1" \
		"$base/rootfs" >"$keep/$3.$1.raw" 2>"$keep/$3.$1.err" </dev/null
}

# soften SIDE NAME: what is compared. A shim may close the connection before Shutdown is answered.
soften() {
	side=$1
	[ "$side" != none ] || side='azl|-none'
	[ "$shim" != "$reference" ] || side=ref
	sed -nE "s/^allow(-$side)? (.*)/\\2/p" "$here/oracle/$2.script" >"$keep/$2.$1.sed"
	printf '%s\n' 's/^(< Shutdown .*: )connection closed/\1ok/' >>"$keep/$2.$1.sed"
	sed -E -f "$keep/$2.$1.sed" "$keep/$2.$1.raw" >"$keep/$2.$1"
}

verdict() {
	name=$1
	want=$keep/$name.ref
	rc=0
	need=$(sed -n 's/^needs //p' "$here/oracle/$name.script")
	if [ -n "$need" ] && ! sh -c "$need" >/dev/null 2>&1; then
		echo "ok - $name # SKIP needs: $need"
		return
	fi
	if grep -q '^only azl' "$here/oracle/$name.script"; then
		if [ "$shim" = "$reference" ]; then
			echo "ok - $name # SKIP only ours"
			return
		fi
		want=$here/oracle/$name.expected
	else
		transcript ref "$reference" "$name" || rc=$?
		soften ref "$name"
	fi
	transcript azl "$shim" "$name" || rc=$?
	soften azl "$name"
	[ -z "$update" ] || [ "$want" = "$keep/$name.ref" ] || cp "$keep/$name.azl" "$want"
	if ! diff -U 2 "$want" "$keep/$name.azl" >"$keep/$name.diff" 2>&1 || [ "$rc" -ne 0 ]; then
		differs azl ''
		return
	fi
	if [ -n "$without" ] && grep -qE "$without" "$here/oracle/$name.script"; then
		ORACLE_ANNOTATION=io.azl.fastpaths=none transcript none "$shim" "$name" || rc=$?
		soften none "$name"
		if ! diff -U 2 "$want" "$keep/$name.none" >"$keep/$name.diff" 2>&1 || [ "$rc" -ne 0 ]; then
			differs none ' (without fast paths)'
			return
		fi
	fi
	echo "ok - $name"
}

# differs SIDE REMARK: the verdict of a script whose transcript is not the wanted one
differs() {
	echo "not ok - $name$2"
	[ "$rc" -eq 0 ] || echo "# the driver ended with $rc"
	head -n 60 "$keep/$name.diff" | sed 's/^/# /'
	head -n 5 "$keep/$name.$1.err" | sed 's/^/# stderr: /'
}

if [ "${1-}" = --one ]; then
	verdict "$2" >"$keep/$2.tap"
	cat "$keep/$2.tap"
	exit 0
fi

while getopts j:r:s:k:uwW option; do
	case $option in
	j) jobs=$OPTARG ;;
	r) reference=$OPTARG ;;
	s) shim=$OPTARG ;;
	k) keep=$OPTARG ;;
	u) update=1 ;;
	w) without='^(async [^ ]+ )?(start|exec|kill|pause|resume|delete|Start|Exec|Kill|Pause|Resume|Delete) ' ;;
	W) without='^(async [^ ]+ )?(exec|pause|kill|Exec|Pause|Kill) ' ;;
	*) exit 2 ;;
	esac
done
if [ ! -x "$reference" ] || ! command -v runc >/dev/null; then
	exec "$repo/hack/node" run trixie ${BUILD:+--env "BUILD=/azl/src/$BUILD"} -- tests/oracle.sh "$@"
fi
shift $((OPTIND - 1))
keep=${keep:-$build/oracle}
base=/run/azl-oracle
mkdir -p "$keep" "$base"
[ -x "$base/rootfs/bin/sh" ] || "$here/oracle/bundle" rootfs "$base/rootfs"
[ "$shim" != self ] || shim=$reference
build_all
[ -n "$shim" ] || shim=$build/containerd-shim-azl-v2
if [ $# -eq 0 ]; then
	for script in "$here"/oracle/*.script; do
		script=${script##*/}
		set -- "$@" "${script%.script}"
	done
fi
echo "1..$#"
export here repo reference shim build keep base update without
rm -f "$keep"/*.tap
printf '%s\n' "$@" | xargs -P "$jobs" -I '{}' "$0" --one '{}'
! grep -l '^not ok' "$keep"/*.tap >/dev/null 2>&1
