# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154
# What a call does not pay for: OpenSSL is loaded by those that need it, and a host without it hears so.

load cni

setup_file() { cni_file_begin; }
teardown_file() { cni_file_end; }
setup() { cni_begin; }
teardown() { cni_end; }

# without NAME... -- COMMAND...: where these libraries cannot be loaded
without() {
	local name
	rm -rf "$W/lib"
	mkdir "$W/lib"
	while [ "$1" != -- ]; do
		for name in /usr/lib/*/"$1".so.[0-9]*; do echo 'not a library' >"$W/lib/${name##*/}"; done
		shift
	done
	CNI_WRAP="env LD_LIBRARY_PATH=$W/lib" "${@:2}"
}

cns_conf() {
	conf 1.0.0 '{"type": "cns"}' ".cnsurl = \"${1:-http://127.0.0.1:10090}\""
}

@test "who asks nobody over HTTP needs no OpenSSL" {
	pod p1
	without libcrypto libssl -- cni ADD p1
	without libcrypto libssl -- cni DEL p1
	CNI_WRAP="strace -qq -f -o $W/trace" cni ADD p1
	grep -q 'openat.*libc[.]so' "$W/trace"
	run ! grep -E 'lib(ssl|crypto)' "$W/trace"
	cni DEL p1
}

@test "CNS over HTTP needs libcrypto alone; its absence is told, and DEL succeeds" {
	mkdir -p "$W/cns/reply"
	printf '10.1.0.%d 24 10.1.0.1\n' 10 11 >"$W/cns/pool"
	fabric_serve_cns 1 "$W/cns"
	pod p1
	without libssl -- cni ADD p1 "$(cns_conf)"
	without libssl -- cni DEL p1 "$(cns_conf)"
	run ! without libcrypto libssl -- cni ADD p1 "$(cns_conf)"
	[[ "$output" = *"HTTP needs OpenSSL's libcrypto.so."* ]] || wrong "$output"
	without libcrypto libssl -- cni DEL p1 "$(cns_conf)"
}

@test "https needs libssl, whose absence is told" {
	pod p1
	run ! without libssl -- cni ADD p1 "$(cns_conf https://127.0.0.1:10090)"
	[[ "$output" = *"HTTP needs OpenSSL's libssl.so."* ]] || wrong "$output"
	cni DEL p1 "$(cns_conf https://127.0.0.1:10090)"
}

@test "packagers are told what is loaded" {
	readelf -d "$AZL_BUILD/azl-cni" >"$W/needed"
	run ! grep -E 'lib(ssl|crypto)' "$W/needed"
	objcopy -O binary --only-section=.note.dlopen "$AZL_BUILD/azl-cni" "$W/note"
	[ "$(od -An -tx4 -j8 -N4 "$W/note" | tr -d ' ')" = 407c0c0a ]
	tail -c +17 "$W/note" | tr -d '\0' >"$W/note.json"
	jq -e 'map(.soname[0]) | (.[0] | startswith("libcrypto.so.")) and (.[1] | startswith("libssl.so."))' "$W/note.json"
}
