# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2154
# Nothing differs from inside: processes of every kind see the same, and callers are told the same,
# through containerd's shim, through ours, and through ours without fast paths (tests/same/run).

load lib

setup_file() {
	e2e_file_begin
	rm -f /etc/azl/host.json
	export SAME_BASE=/run/azl-same
	"$E2E_REPO/tests/same/prepare" "$SAME_BASE"
}
teardown_file() { e2e_file_end; }
setup() { e2e_begin; }
teardown() { e2e_end; }

same() {
	"$E2E_REPO/tests/same/run" -d "$E2E/same" "$@"
}

@test "users and groups of a process are the same" { same users; }

@test "capabilities of a process are the same" { same capabilities; }

@test "limits, scores, scheduling and labels of a process are the same" { same limits; }

@test "folder and environment of a process are the same" { same folders; }

@test "what is run, and why it cannot be, is the same" { same programs json; }

@test "terminals of processes are the same" { same terminals; }

@test "seccomp filters of processes are the same" { same seccomp seccomp-flags; }

@test "processes in user namespaces are the same" { same user-namespace; }

@test "processes in shared, joined and time namespaces are the same" { same namespaces time; }

@test "processes of containers that are created, paused or stopped are the same" { same states; }

@test "what a process inherits from a shim with odd attributes is the same" { same inherited; }
