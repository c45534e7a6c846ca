/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/failing.h"
#include "tests/unit/host_world.h"

/* ---- the table ---- */

TEST(has_each_key_once_with_a_reason_and_a_source)
{
	for (size_t i = 0; i < host_keys_count; i++) {
		const struct host_key *key = &host_keys[i];

		CHECK(*key->reason && *key->source && *key->fallback && *key->section);
		CHECK(key->reason[strlen(key->reason) - 1] == '.');
		CHECK(strncmp(key->section, "x-", 2) != 0);
		for (size_t j = 0; j < i; j++)
			CHECK(strcmp(key->section, host_keys[j].section) != 0 ||
			      strcmp(key->name, host_keys[j].name) != 0);
	}
}

TEST(takes_defaults_where_nothing_is_said)
{
	CHECK(read_text("{}") == 0);
	CHECK(config.n_sysctls == 0);
	CHECK(value("containers", "pids.max")->number == 4096);
	CHECK(value("containers", "memory.swap.max")->is_set);
	CHECK(value("containers", "memory.swap.max")->number == 0);
	CHECK(value("containers", "memory.oom.group")->number == 1);
	CHECK(!value("containers", "memory.high")->is_set);
	CHECK(!value("containers", "io.weight")->is_set);
	CHECK(value("system", "memory.min")->number == 512 << 20);
	CHECK(value("workload", "pids.max")->is_percent);
	CHECK(value("workload", "pids.max")->number == 800);
	CHECK((int64_t)value("protect", "containerd.oom_score_adj")->number == -999);
	CHECK(value("apply", "network")->number == 1);
	for (size_t i = 0; i < host_keys_count; i++)
		CHECK(!config.values[i].is_given);
	host_config_done(&config);
}

/* What is protected below must be protected above: kernel cgroup-v2.rst, memory.min. */
TEST(protects_no_more_below_than_above)
{
	uint64_t sum = 0;

	CHECK(read_text("{}") == 0);
	for (size_t i = 0; i < host_keys_count; i++)
		if (strcmp(host_keys[i].section, "protect") == 0 &&
		    strstr(host_keys[i].name, "memory.min"))
			sum += config.values[i].number;
	CHECK(sum > 0 && sum <= value("system", "memory.min")->number);
	CHECK(value("system", "memory.low")->number > value("system", "memory.min")->number);
	host_config_done(&config);
}

/* 95% of 64 GiB leaves more than 512 MiB, of 4 GiB less. */
TEST(leaves_a_small_host_what_it_protects)
{
	const uint64_t gib = UINT64_C(1) << 30, mib = UINT64_C(1) << 20;

	CHECK(read_text("{}") == 0);
	host_config_fit(&config, 64 * gib);
	CHECK(value("workload", "memory.max")->is_percent);
	host_config_fit(&config, 0);
	CHECK(value("workload", "memory.max")->is_percent);
	host_config_fit(&config, 4 * gib + 5 * mib);
	CHECK(!value("workload", "memory.max")->is_percent);
	CHECK(value("workload", "memory.max")->number == 3584 * mib);
	host_config_done(&config);
	CHECK(read_text("{}") == 0);
	host_config_fit(&config, 512 * mib);
	CHECK(value("workload", "memory.max")->number == 256 * mib);
	host_config_done(&config);
	CHECK(read_text("{\"workload\":{\"memory.max\":\"95%\"}}") == 0);
	host_config_fit(&config, 4 * gib);
	CHECK(value("workload", "memory.max")->is_percent);
	host_config_done(&config);
}

/* ---- values ---- */

TEST(takes_values_of_each_type)
{
	CHECK(read_text(
		      "{\"containers\":{\"pids.max\":\"max\",\"memory.high\":0.95,"
		      "\"memory.oom.group\":false,\"cpu.weight\":1,\"io.weight\":10000,"
		      "\"memory.swap.max\":\"64Ki\",\"memory.zswap.max\":\"2.5%\"},"
		      "\"system\":{\"memory.min\":4096,\"memory.low\":\"max\",\"pids.max\":\"50%\","
		      "\"cpu.weight\":null},"
		      "\"workload\":{\"memory.high\":\"3Gi\",\"memory.max\":\"1Ti\"},"
		      "\"protect\":{\"sshd.oom_score_adj\":-1000,\"kubelet.oom_score_adj\":0}}") ==
	      0);
	CHECK(value("containers", "pids.max")->number == UINT64_MAX);
	CHECK(value("containers", "pids.max")->is_given);
	CHECK(value("containers", "memory.high")->number == 950);
	CHECK(value("containers", "memory.oom.group")->is_set);
	CHECK(value("containers", "memory.oom.group")->number == 0);
	CHECK(value("containers", "cpu.weight")->number == 1);
	CHECK(value("containers", "io.weight")->number == 10000);
	CHECK(value("containers", "memory.swap.max")->number == 65536);
	CHECK(value("containers", "memory.zswap.max")->is_percent);
	CHECK(value("containers", "memory.zswap.max")->number == 25);
	CHECK(value("system", "memory.min")->number == 4096);
	CHECK(value("system", "memory.low")->number == UINT64_MAX);
	CHECK(value("system", "pids.max")->is_percent);
	CHECK(!value("system", "cpu.weight")->is_set && value("system", "cpu.weight")->is_given);
	CHECK(value("workload", "memory.high")->number == 3ULL << 30);
	CHECK(value("workload", "memory.max")->number == 1ULL << 40);
	CHECK((int64_t)value("protect", "sshd.oom_score_adj")->number == -1000);
	CHECK(value("protect", "kubelet.oom_score_adj")->number == 0);
	host_config_done(&config);
}

TEST(resolves_percents)
{
	struct host_value half = { .is_set = true, .is_percent = true, .number = 500 };
	struct host_value plain = { .is_set = true, .number = 7 };
	struct host_value none = { .is_set = true, .number = UINT64_MAX };

	CHECK(host_value_number(&half, 1001) == 500);
	CHECK(host_value_number(&half, UINT64_MAX) == UINT64_MAX / 2);
	CHECK(host_value_number(&plain, 1000) == 7);
	CHECK(host_value_number(&none, 1000) == UINT64_MAX);
}

/* ---- what is refused ---- */

TEST(takes_rings_channels_and_lists)
{
	struct host_value found = { 0 };

	CHECK(host_value_parse(HOST_RING, JSON_NUMBER, "64", 2, &found) == 0);
	CHECK(host_value_parse(HOST_RING, JSON_NUMBER, "32768", 5, &found) == 0);
	CHECK(found.is_set && found.number == 32768);
	CHECK(host_value_parse(HOST_RING, JSON_STRING, "max", 3, &found) == 0);
	CHECK(found.number == UINT64_MAX);
	CHECK(host_value_parse(HOST_CHANNELS, JSON_NUMBER, "3", 1, &found) == 0);
	CHECK(found.number == 3);
	CHECK(host_value_parse(HOST_CONFLIST, JSON_STRING, "local", 5, &found) == 0);
	CHECK_TEXT(host_conflists[found.number], "local");
	CHECK(host_value_parse(HOST_RING, JSON_NULL, "null", 4, &found) == 0 && !found.is_set);
}

TEST(takes_plain_texts)
{
	struct host_value found = { 0 };

	CHECK(host_value_parse_text(HOST_COUNT, "100", 3, &found) == 0 && found.number == 100);
	CHECK(host_value_parse_text(HOST_COUNT, "max", 3, &found) == 0);
	CHECK(host_value_parse_text(HOST_BYTES, "1Mi", 3, &found) == 0 && found.number == 1 << 20);
	CHECK(host_value_parse_text(HOST_BYTES, "0", 1, &found) == 0 && found.number == 0);
	CHECK(host_value_parse_text(HOST_RATIO, "0.9", 3, &found) == 0 && found.number == 900);
	CHECK(host_value_parse_text(HOST_BOOL, "false", 5, &found) == 0 && found.number == 0);
	CHECK(host_value_parse_text(HOST_BOOL, "no", 2, &found) == -EINVAL);
	CHECK(host_value_parse_text(HOST_COUNT, "", 0, &found) == -EINVAL);
	CHECK(host_value_parse_text(HOST_WEIGHT, "null", 4, &found) == -EINVAL);
}

TEST(passes_over_sections_of_the_owner)
{
	CHECK(read_text("{\"x-notes\":{\"pids.max\":0,\"a\":[{}]},\"x-\":1,"
			"\"fastPaths\":{\"exec\":false}}") == 0);
	CHECK(value("containers", "pids.max")->number == 4096);
	host_config_done(&config);
}

/* ---- sysctls ---- */

TEST(keeps_sysctls_by_their_names_with_dots)
{
	CHECK(read_text("{\"sysctl\":{\"vm.max_map_count\":262144,\"net.core.somaxconn\":null,"
			"\"net.ipv4.ip_local_port_range\":\"1024\\t65000\","
			"\"net/ipv4/conf/eth0.100/rp_filter\":\"1\"}}") == 0);
	CHECK(config.n_sysctls == 4);
	CHECK_TEXT(config.sysctls[0].name, "vm.max_map_count");
	CHECK_TEXT(config.sysctls[0].value, "262144");
	CHECK(!config.sysctls[1].value);
	CHECK_TEXT(config.sysctls[2].value, "1024\t65000");
	CHECK_TEXT(config.sysctls[3].name, "net.ipv4.conf.eth0/100.rp_filter");
	host_config_done(&config);
}

/* ---- the file ---- */

TEST(survives_the_failure_of_each_single_allocation)
{
	int hits = 0;
	int n = 0;

	do {
		failing_left = n++;
		failing_hits = 0;
		failing_armed = true;
		if (read_text("{\"sysctl\":{\"vm.a\":1,\"vm.b\":null},\"apply\":{}}") < 0)
			CHECK(err.code == -ENOMEM);
		failing_armed = false;
		hits += failing_hits;
		host_config_done(&config);
	} while (failing_hits && n < 1000);
	CHECK(hits >= 4 && n < 1000);
}
