# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2030,SC2031,SC2154
# That containerd hands a pod's annotations on, and what comes of it.

load cni_runtime

setup_file() { runtime_file_begin; }
teardown_file() { runtime_file_end; }
setup() { runtime_begin; }
teardown() { runtime_end; }

is_loaded() {
	cri Status <<<'verbose: true' | grep -F 'key: "cniconfig"' -A 1 | grep -qF -- "$1"
}

# A pod with an annotation: asking NAME KEY VALUE
asking() {
	POD_MORE="annotations { key: \"$2\" value: \"$3\" }" pod_up "$1"
}

imds() {
	in_pod "$1" curl -fsS -m "${GETS_S:-30}" -o /dev/null -H Metadata:true "http://$FABRIC_IMDS/metadata/versions"
}

@test "CRI: a pod that asks by annotation reaches IMDS, others do not, and a wrong word is told" {
	local one two
	mkdir -p "$W/azure"
	fabric_serve "$W/azure"
	conflist | jq '.plugins[0].guards = {imds: "opt-in"}
		| .plugins[0].capabilities = {"io.kubernetes.cri.pod-annotations": true}' | conflist_put 10-azl.conflist
	until_ok 10 is_loaded opt-in
	one=$(pod_up "$T-one")
	two=$(asking "$T-two" network.azl.io/imds allow)
	GETS_S=3 run ! imds "$one"
	imds "$two"
	run asking "$T-three" network.azl.io/imds please
	[ "$status" -ne 0 ]
	[[ "$output" == *network.azl.io/imds*must\ be*allow* ]] || wrong "$output"
	pod_remove "$one"
	pod_remove "$two"
	equal "$(on 1 ip rule | grep -c '^88:' || true)" 0
	conflist | conflist_put 10-azl.conflist
	until_ok 10 eval '! is_loaded opt-in'
}
