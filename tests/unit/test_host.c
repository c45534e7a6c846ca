/* SPDX-License-Identifier: Apache-2.0 */
#include "config/host.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>

#include "config/base/buf.h"
#include "config/base/err.h"
#include "config/base/fd.h"
#include "shim/switches.h"
#include "tests/unit/failing.h"
#include "tests/unit/test.h"

static struct host_config config;
static struct err err;

static int read_text(const char *text)
{
	host_config_done(&config);
	err = (struct err){ 0 };
	return host_config_parse(text, strlen(text), &config, &err);
}

static const struct host_value *value(const char *section, const char *name)
{
	return host_config_get(&config, section, name);
}

/* Refused with these words; nothing of it may be kept. */
static void refuses(const char *text, const char *words)
{
	int code = read_text(text);

	CHECK(code == -EINVAL && err.code == code);
	CHECK_TEXT(err.msg, words);
	host_config_done(&config);
}

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

struct refusal {
	enum host_type type;
	enum json_type json;
	const char *text;
};

TEST(refuses_values_out_of_their_range)
{
	static const struct refusal refusals[] = {
		{ HOST_BOOL, JSON_NUMBER, "1" },
		{ HOST_BOOL, JSON_STRING, "true" },
		{ HOST_COUNT, JSON_NUMBER, "0" },
		{ HOST_COUNT, JSON_NUMBER, "4194305" },
		{ HOST_COUNT, JSON_NUMBER, "-1" },
		{ HOST_COUNT, JSON_NUMBER, "1.5" },
		{ HOST_COUNT, JSON_NUMBER, "1e3" },
		{ HOST_COUNT, JSON_STRING, "80%" },
		{ HOST_COUNT, JSON_STRING, "100" },
		{ HOST_COUNT, JSON_STRING, "Max" },
		{ HOST_COUNT, JSON_BOOL, "true" },
		{ HOST_TASKS, JSON_STRING, "0%" },
		{ HOST_TASKS, JSON_STRING, "100.1%" },
		{ HOST_TASKS, JSON_STRING, "%" },
		{ HOST_BYTES, JSON_NUMBER, "-1" },
		{ HOST_BYTES, JSON_NUMBER, "18446744073709551616" },
		{ HOST_BYTES, JSON_NUMBER, "9223372036854775808" },
		{ HOST_BYTES, JSON_STRING, "" },
		{ HOST_BYTES, JSON_STRING, "Mi" },
		{ HOST_BYTES, JSON_STRING, "1M" },
		{ HOST_BYTES, JSON_STRING, "1mi" },
		{ HOST_BYTES, JSON_STRING, "1 Mi" },
		{ HOST_BYTES, JSON_STRING, "8388608Ti" },
		{ HOST_BYTES, JSON_STRING, "1.25%" },
		{ HOST_BYTES, JSON_STRING, "101%" },
		{ HOST_BYTES, JSON_STRING, "-1%" },
		{ HOST_BYTES, JSON_STRING, "1.%" },
		{ HOST_BYTES, JSON_STRING, ".5%" },
		{ HOST_WEIGHT, JSON_NUMBER, "0" },
		{ HOST_WEIGHT, JSON_NUMBER, "10001" },
		{ HOST_WEIGHT, JSON_STRING, "max" },
		{ HOST_RATIO, JSON_NUMBER, "0" },
		{ HOST_RATIO, JSON_NUMBER, "0.0" },
		{ HOST_RATIO, JSON_NUMBER, "1.001" },
		{ HOST_RATIO, JSON_NUMBER, "0.9999" },
		{ HOST_RATIO, JSON_NUMBER, "9e-1" },
		{ HOST_SCORE, JSON_NUMBER, "1001" },
		{ HOST_SCORE, JSON_NUMBER, "-1001" },
		{ HOST_SCORE, JSON_STRING, "0" },
		{ HOST_RING, JSON_NUMBER, "32" },
		{ HOST_RING, JSON_NUMBER, "1000" },
		{ HOST_RING, JSON_NUMBER, "65536" },
		{ HOST_RING, JSON_NUMBER, "-64" },
		{ HOST_RING, JSON_STRING, "1024" },
		{ HOST_CHANNELS, JSON_NUMBER, "0" },
		{ HOST_CHANNELS, JSON_NUMBER, "1025" },
		{ HOST_CHANNELS, JSON_STRING, "all" },
		{ HOST_CONFLIST, JSON_STRING, "" },
		{ HOST_CONFLIST, JSON_STRING, "aks-overlay" },
		{ HOST_CONFLIST, JSON_BOOL, "true" },
		{ HOST_NAMES, JSON_BOOL, "true" },
		{ HOST_SYSCTL, JSON_NUMBER, "1" },
	};

	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		const struct refusal *refusal = &refusals[i];
		struct host_value found = { .number = 77, .is_given = true };
		int code = host_value_parse(refusal->type, refusal->json, refusal->text,
					    strlen(refusal->text), &found);

		CHECK(code == -EINVAL && found.number == 77 && !found.is_set);
		if (code != -EINVAL)
			printf("# taken: %s\n", refusal->text);
		CHECK(*host_type_range(refusal->type));
	}
}

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

TEST(names_key_value_and_what_is_allowed)
{
	refuses("{\"containers\":{\"pids.max\":0}}",
		"containers.pids.max: 0 is not allowed: it must be 1 to 4194304, "
		"\"max\", or null");
	refuses("{\"workload\":{\"memory.max\":\"1M\"}}",
		"workload.memory.max: \"1M\" is not allowed: it must be bytes, a text "
		"like \"512Mi\" or \"2.5%\" of the host's memory, \"max\", or null");
	refuses("{\"containers\":{\"io.weight\":{\"a\":1}}}",
		"containers.io.weight: an object is not allowed: it must be 1 to 10000, "
		"or null");
	refuses("{\"apply\":{\"slices\":[]}}",
		"apply.slices: a list is not allowed: it must be true, false, or null");
	refuses("{\"containers\":{\"pids.max\":1,\"pids.max\":2}}",
		"containers.pids.max: is there twice");
	refuses("{\"fastPaths\":true,\"fastPaths\":true}", "fastPaths: is there twice");
}

TEST(refuses_what_nobody_knows)
{
	refuses("{\"containers\":{\"pid.max\":1}}", "containers.pid.max: there is no such key");
	refuses("{\"container\":{}}", "container: there is no such section; names of "
				      "your own begin with \"x-\"");
	refuses("{\"containers\":null}", "containers: must be an object of names and values");
	refuses("[]", "document: must be an object of sections");
	refuses("{\"fastPaths\":{\"exce\":true}}",
		"fastPaths.exce: there is no such fast path: start, exec, kill, pause, "
		"delete, create");
	refuses("{\"fastPaths\":{\"exec\":1}}", "fastPaths.exec: 1 is not allowed: it "
						"must be true, false, or null");
	refuses("{\"fastPaths\":1}", "fastPaths: 1 is not allowed: it must be true, "
				     "false, or an object of names with true or false");
	refuses("{\"containers\\u0000\":{}}", "containers: there is no such section; "
					      "names of your own begin with \"x-\"");
	refuses("{\"containers\":{\"pids.max\\u0000\":1}}",
		"containers.pids.max: there is no such key");
	CHECK(read_text("{\"containers\":{}") == -EBADMSG);
	host_config_done(&config);
}

TEST(passes_over_sections_of_the_owner)
{
	CHECK(read_text("{\"x-notes\":{\"pids.max\":0,\"a\":[{}]},\"x-\":1,"
			"\"fastPaths\":{\"exec\":false}}") == 0);
	CHECK(value("containers", "pids.max")->number == 4096);
	host_config_done(&config);
}

/* ---- sysctls ---- */

TEST(keeps_sysctls_as_they_are_written)
{
	CHECK(read_text("{\"sysctl\":{\"vm.max_map_count\":262144,\"net.core.somaxconn\":null,"
			"\"net.ipv4.ip_local_port_range\":\"1024\\t65000\","
			"\"net/ipv4/conf/eth0.100/rp_filter\":\"1\"}}") == 0);
	CHECK(config.n_sysctls == 4);
	CHECK_TEXT(config.sysctls[0].name, "vm.max_map_count");
	CHECK_TEXT(config.sysctls[0].value, "262144");
	CHECK(!config.sysctls[1].value);
	CHECK_TEXT(config.sysctls[2].value, "1024\t65000");
	CHECK_TEXT(config.sysctls[3].name, "net/ipv4/conf/eth0.100/rp_filter");
	host_config_done(&config);
}

TEST(refuses_sysctls_that_are_none)
{
	static const char *const names[] = { "",       "vm",	  ".vm.x",  "vm.x.",
					     "vm..x",  "/vm/x",	  "vm//x",  "../x",
					     "vm x.y", "vm.x\\n", "a/../b", "vm=1.x" };
	static const char *const values[] = { "1.5", "1e3",  "true",	  "{}",
					      "[]",  "\"\"", "\"a\\nb\"", "\"\\u0000\"" };
	char text[200];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(text, sizeof(text), "{\"sysctl\":{\"%s\":1}}", names[i]);
		CHECK(read_text(text) == -EINVAL);
		CHECK(strstr(err.msg, "is no name of a sysctl"));
	}
	CHECK(read_text("{\"sysctl\":{\"vm.\\u0000x\":1}}") == -EINVAL);
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		(void)snprintf(text, sizeof(text), "{\"sysctl\":{\"vm.x\":%s}}", values[i]);
		CHECK(read_text(text) == -EINVAL);
		CHECK(strstr(err.msg, "it must be a text, a whole number, or null"));
	}
	refuses("{\"sysctl\":{\"vm.x\":1,\"vm.x\":2}}", "sysctl.vm.x: is there twice");
}

TEST(bounds_the_number_of_sysctls)
{
	char text[4096] = "{\"sysctl\":{";
	size_t used = strlen(text);

	for (int i = 0; i < HOST_SYSCTLS_MAX; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s\"a.b%d\":%d",
					 i ? "," : "", i, i);
	(void)snprintf(text + used, sizeof(text) - used, "}}");
	CHECK(read_text(text) == 0 && config.n_sysctls == HOST_SYSCTLS_MAX);
	(void)snprintf(text + used, sizeof(text) - used, ",\"a.c\":1}}");
	refuses(text, "sysctl.a.c: is one too many: 64 are allowed");
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

/* ---- what stands elsewhere ---- */

/* Every fast path that the shim knows, and no other. */
TEST(knows_the_fast_paths_of_the_shim)
{
	char text[100];

	for (int act = 0; act < FAST_ACT_MAX; act++) {
		(void)snprintf(text, sizeof(text), "{\"fastPaths\":{\"%s\":false}}",
			       switches_name((enum fast_act)act));
		CHECK(read_text(text) == 0);
	}
	CHECK(FAST_ACT_MAX == 6);
	CHECK_TEXT(SWITCHES_HOST_CONFIG, HOST_CONFIG_PATH);
	host_config_done(&config);
}

TEST(reads_the_file_that_is_shipped)
{
	struct buf shipped = { 0 };

	CHECK(fd_read_file(AT_FDCWD, "config/etc/azl/host.json", 1 << 20, &shipped) == 0);
	CHECK(shipped.len > 0 && read_text((const char *)shipped.data) == 0);
	buf_done(&shipped);
	for (size_t i = 0; i < host_keys_count; i++) {
		struct host_value fallback = { 0 };
		const struct host_key *key = &host_keys[i];
		bool quoted = key->fallback[0] == '"';
		char text[HOST_TEXT_ROOM];

		/* It says what holds anyway: no second truth. */
		if (!config.values[i].is_given || key->type == HOST_NAMES)
			continue;
		(void)snprintf(text, sizeof(text), "%.*s",
			       (int)(strlen(key->fallback) - 2 * (size_t)quoted),
			       key->fallback + quoted);
		CHECK(host_value_parse_text(key->type, text, strlen(text), &fallback) == 0);
		CHECK(fallback.number == config.values[i].number);
		CHECK(fallback.is_percent == config.values[i].is_percent);
	}
	host_config_done(&config);
}

/* docs/CGROUPS.md: line by line what the table says, under the section's heading. */
static void row_of(const struct host_key *key, char *row, size_t room)
{
	(void)snprintf(row, room, "| `%s` | `%s` | %s | %s | %s |",
		       *key->name ? key->name : key->section, key->fallback,
		       host_type_range(key->type), key->reason, key->source);
}

static const struct host_key *key_of_row(const char *section, const char *row)
{
	char text[1024];

	for (size_t i = 0; i < host_keys_count; i++) {
		row_of(&host_keys[i], text, sizeof(text));
		if (strcmp(host_keys[i].section, section) == 0 && strcmp(text, row) == 0)
			return &host_keys[i];
	}
	return NULL;
}

TEST(stands_in_the_documentation_word_for_word)
{
	struct buf text = { 0 };
	char section[32] = "";
	size_t found = 0;
	bool in_table = false;

	CHECK(fd_read_file(AT_FDCWD, "docs/CGROUPS.md", 1 << 20, &text) == 0);
	for (char *line = strtok((char *)text.data, "\n"); line; line = strtok(NULL, "\n")) {
		if (strncmp(line, "## ", 3) == 0)
			(void)snprintf(section, sizeof(section), "%s", line + 3);
		if (line[0] != '|')
			in_table = false;
		if (in_table && !key_of_row(section, line))
			printf("# section %s: not in the table: %s\n", section, line);
		CHECK(!in_table || key_of_row(section, line));
		found += in_table;
		if (strcmp(line, "|---|---|---|---|---|") == 0)
			in_table = true;
	}
	CHECK(found == host_keys_count);
	buf_done(&text);
}
