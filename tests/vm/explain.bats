# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154
# azlctl explain and density where every controller is: who set what.

load vm

setup_file() { vm_file_begin; }

setup() {
	vm_begin
	mkdir -p /etc/azl
}

teardown() {
	rm -f /etc/azl/host.json
	vm_end
}

# said FILE: what explain says of it, "VALUE AUTHOR"
said() {
	jq -r --arg file "$1" '.values[] | select(.file == $file) | .value + " " + .set_by' "$W/json"
}

@test "explain tells the user's limits from azl's defaults, the kernel's from an update's" {
	echo '{}' >/etc/azl/host.json
	FLAGS='--memory-limit 67108864 --cpus 0.5' run_scope "$T" sleep 1000
	"$AZL_BUILD/azlctl" explain --json "$T" >"$W/json"
	equal "$(said memory.max)" "67108864 user"
	equal "$(said cpu.max)" "50000 100000 user"
	equal "$(said pids.max)" "$(default_tasks) azl default"
	equal "$(said memory.swap.max)" "0 azl default"
	equal "$(said memory.oom.group)" "1 azl default"
	equal "$(said memory.high)" "max kernel"
	equal "$(jq -r .cgroup "$W/json")" "/azl.slice/azl-$T.scope"
	update "$T" '{"pids":{"limit":77}}'
	echo 100000000 >/sys/fs/cgroup/azl.slice/memory.max
	echo 50000000 >/sys/fs/cgroup/azl.slice/memory.high
	"$AZL_BUILD/azlctl" explain --json "$T" >"$W/json"
	equal "$(said pids.max)" "77 an update"
	equal "$(jq -r '.values[] | select(.file == "memory.high") | .effective + " " + .narrowed_by' "$W/json")" "49999872 /azl.slice"
	echo max >/sys/fs/cgroup/azl.slice/memory.max
	echo max >/sys/fs/cgroup/azl.slice/memory.high
	"$AZL_BUILD/azlctl" density --json >"$W/density"
	jq -e --arg id "$T" '.pods[] | select(.name == $id) | .shim.azl and .containers_bytes > 10000 and .kernel_bytes > 0
		and .containers[0].tasks == 1' "$W/density"
}

# as kubelet writes for a container with limits
@test "explain tells the kubelet's values of a pod's container, found by its names in Kubernetes" {
	local pod one
	echo '{}' >/etc/azl/host.json
	pod=$(pod_run "$T")
	one=$(pod_add "$pod" one 'cpu_shares: 2 cpu_quota: 50000 cpu_period: 100000 memory_limit_in_bytes: 50331648
		memory_swap_limit_in_bytes: 58720256 oom_score_adj: 900
		unified { key: "memory.high" value: "40960000" }' sleep 1000)
	"$AZL_BUILD/azlctl" explain --json "test/$T/one" >"$W/json"
	equal "$(jq -r '.id + " " + .name + " " + .cgroup' "$W/json")" \
		"$one test/$T/one /azl.slice/cri-containerd-$one.scope"
	equal "$(said memory.max)" "50331648 kubelet"
	equal "$(said memory.swap.max)" "8388608 kubelet"
	equal "$(said memory.high)" "40960000 kubelet"
	equal "$(said cpu.max)" "50000 100000 kubelet"
	equal "$(said cpu.weight)" "1 kubelet"
	equal "$(said oom_score_adj)" "900 kubelet"
	equal "$(said pids.max)" "$(default_tasks) azl default"
	equal "$(said memory.oom.group)" "0 kernel"
	cri UpdateContainerResources <<<"container_id: \"$one\" linux { memory_limit_in_bytes: 67108864 memory_swap_limit_in_bytes: 75497472 }"
	"$AZL_BUILD/azlctl" explain --json "test/$T" >"$W/json"
	equal "$(said memory.max)" "67108864 an update"
	equal "$(said pids.max)" "$(default_tasks) azl default"
	pod_remove "$pod"
}
