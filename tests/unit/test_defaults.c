/* SPDX-License-Identifier: Apache-2.0 */
/* Where defaults go, and when there are none. */
#include <sys/sysinfo.h>

#include "config/host.h"
#include "tests/unit/defaults_world.h"

/* ---- where they go ---- */

TEST(puts_the_defaults_where_nobody_said_anything)
{
	world_begin("{}");
	CHECK_TEXT(apply(CONFIG("")), CONFIG("\"resources\":{" ALL_DEFAULTS "}"));
	CHECK_TEXT(said, "");
	CHECK_TEXT(apply(CONFIG("\"cgroupsPath\":\"/default/c\"")),
		   CONFIG("\"resources\":{" ALL_DEFAULTS "},\"cgroupsPath\":\"/default/c\""));
	CHECK_TEXT(apply(CONFIG("\"resources\":{\"devices\":[{\"allow\":false}]}")),
		   CONFIG("\"resources\":{" ALL_DEFAULTS ",\"devices\":[{\"allow\":false}]}"));
	CHECK_TEXT(apply(CONFIG("\"resources\":{\"unified\":{\"a.b\":\"1\"},\"pids\":{}}")),
		   CONFIG("\"resources\":{\"unified\":{" OURS
			  ",\"a.b\":\"1\"},\"pids\":{\"limit\":4096}}"));
	world_end();
}

TEST(keeps_every_other_byte)
{
	static const char before[] =
		" {\n \"x\": 1.50, \"linux\" : { \"resources\" : { \"pids\" : { \"limit\" : 7 } } "
		"},\n\"process\":{\"args\":[\"\\u00e4\"]}}\n";
	static const char after[] =
		" {\n \"x\": 1.50, \"linux\" : { \"resources\" : {\"unified\":{" OURS
		"}, \"pids\" : { \"limit\" : 7 } } },\n\"process\":"
		"{\"args\":[\"\\u00e4\"]}}\n";

	world_begin("{}");
	CHECK_TEXT(apply(before), after);
	world_end();
}

TEST(leaves_what_somebody_decided)
{
	static const char *const decided[] = {
		CONFIG("\"resources\":{\"cpu\":{\"shares\":2},\"pids\":{\"limit\":0},\"memory\":{"
		       "\"swap\":-1},"
		       "\"unified\":{\"memory.oom.group\":\"0\"}}"),
		CONFIG("\"resources\":{\"unified\":{\"cpu.weight\":\"1\",\"pids.max\":\"5\","
		       "\"memory.swap.max\":\"max\","
		       "\"memory.oom.group\":\"0\"}}"),
		CONFIG("\"resources\":{\"memory\":{\"limit\":1000000,\"swap\":1000000},\"pids\":{"
		       "\"limit\":-1},\"unified\":{\"memory.oom.group\":\"1\",\"cpu.idle\":\"0\"}"
		       "}"),
	};

	world_begin("{}");
	for (size_t i = 0; i < sizeof(decided) / sizeof(decided[0]); i++)
		CHECK_TEXT(apply(decided[i]), decided[i]);
	CHECK_TEXT(said, "");
	world_end();
}

/* Weights can be said in many ways. */
TEST(leaves_weights_that_somebody_decided)
{
	static const char *const decided[] = {
		"\"cpu\":{\"shares\":2}",
		"\"cpu\":{\"idle\":1}",
		"\"unified\":{\"cpu.weight\":\"1\"}",
		"\"unified\":{\"cpu.weight.nice\":\"1\"}",
		"\"unified\":{\"cpu.idle\":\"1\"}",
	};
	char config[256];

	world_begin("{\"containers\":{\"pids.max\":null,\"memory.swap.max\":null,"
		    "\"memory.oom.group\":null,\"cpu.weight\":50}}");
	for (size_t i = 0; i < sizeof(decided) / sizeof(decided[0]); i++) {
		(void)snprintf(config, sizeof(config), CONFIG("\"resources\":{%s}"), decided[i]);
		CHECK_TEXT(apply(config), config);
	}
	CHECK_TEXT(apply(CONFIG("\"resources\":{\"cpu\":{\"quota\":5}}")),
		   CONFIG("\"resources\":{\"unified\":{\"cpu.weight\":\"50\"},\"cpu\":{\"quota\":"
			  "5}}"));
	folder_put_text(&folder, "host.json",
			"{\"containers\":{\"pids.max\":null,\"memory.swap.max\":null,"
			"\"memory.oom.group\":null,\"cpu.weight\":null,\"io.weight\":50}}");
	CHECK_TEXT(apply(CONFIG("\"resources\":{\"blockIO\":{\"weight\":10}}")),
		   CONFIG("\"resources\":{\"blockIO\":{\"weight\":10}}"));
	CHECK_TEXT(apply(CONFIG("\"resources\":{\"unified\":{\"io.bfq.weight\":\"10\"}}")),
		   CONFIG("\"resources\":{\"unified\":{\"io.bfq.weight\":\"10\"}}"));
	CHECK_TEXT(apply(CONFIG("\"resources\":{}")),
		   CONFIG("\"resources\":{\"unified\":{\"io.weight\":\"50\"}}"));
	world_end();
}

/* The score of this process is what a container would have by itself. */
TEST(raises_the_oom_score_and_never_lowers_it)
{
	static const char before[] = "{\"process\":{\"args\":[]},\"linux\":{}}";
	char host[256];
	char want[128];
	int score = 0;
	FILE *file = fopen("/proc/self/oom_score_adj", "r");

	CHECK(file && fscanf(file, "%d", &score) == 1);
	(void)fclose(file);
	for (int step = -1; step <= 1; step++) {
		int wanted = score + step;

		if (wanted < -1000 || wanted > 1000)
			continue;
		(void)snprintf(
			host, sizeof(host),
			"{\"containers\":{\"pids.max\":null,\"memory.swap.max\":null,"
			"\"memory.oom.group\":null,\"cpu.weight\":null,\"oom_score_adj\":%d}}",
			wanted);
		(void)snprintf(want, sizeof(want),
			       "{\"process\":{\"oomScoreAdj\":%d,\"args\":[]},\"linux\":{}}",
			       wanted);
		world_begin(host);
		CHECK_TEXT(apply(before), step > 0 ? want : before);
		CHECK_TEXT(apply(CONFIG("")), CONFIG(""));
		CHECK_TEXT(apply("{\"process\":{\"oomScoreAdj\":-5},\"linux\":{}}"),
			   "{\"process\":{\"oomScoreAdj\":-5},\"linux\":{}}");
		CHECK_TEXT(update("{\"memory\":{}}"), "{\"memory\":{}}");
		CHECK_TEXT(said, "");
		world_end();
	}
}

/* 15% of 15709, as a host of 2 GiB has: what systemd gives there. */
TEST(gives_fewer_tasks_on_a_small_host_unless_its_owner_says_how_many)
{
	world_begin("{}");
	host_tasks = 15709;
	CHECK(strstr(apply(CONFIG("")), "\"pids\":{\"limit\":2356}"));
	host_tasks = 27307;
	CHECK(strstr(apply(CONFIG("")), "\"pids\":{\"limit\":4096}"));
	host_tasks = 27306;
	CHECK(strstr(apply(CONFIG("")), "\"pids\":{\"limit\":4095}"));
	host_tasks = 0;
	CHECK(strstr(apply(CONFIG("")), "\"pids\":{\"limit\":4096}"));
	host_tasks = 15709;
	CHECK_TEXT(apply("{\"annotations\":{\"io.azl.defaults.pids.max\":\"5000\"},\"linux\":{}}"),
		   "{\"annotations\":{\"io.azl.defaults.pids.max\":\"5000\"},\"linux\":{"
		   "\"resources\":{\"pids\":{\"limit\":5000},\"unified\":{" OURS "}}}}");
	CHECK_TEXT(said, "");
	world_end();
	world_begin("{\"containers\":{\"pids.max\":4096}}");
	host_tasks = 15709;
	CHECK(strstr(apply(CONFIG("")), "\"pids\":{\"limit\":4096}"));
	world_end();
	world_begin("{\"containers\":{\"pids.max\":null}}");
	host_tasks = 15709;
	CHECK(!strstr(apply(CONFIG("")), "pids"));
	world_end();
}

TEST(takes_values_from_the_host)
{
	struct sysinfo info;
	char want[256];

	CHECK(sysinfo(&info) == 0);
	world_begin("{\"containers\":{\"pids.max\":\"max\",\"memory.swap.max\":\"64Mi\","
		    "\"memory.oom.group\":false,\"memory.zswap.max\":\"50%\",\"cpu.weight\":null},"
		    "\"other\":[1]}");
	(void)snprintf(want, sizeof(want),
		       CONFIG("\"resources\":{\"pids\":{\"limit\":-1},\"unified\":{\"memory.swap."
			      "max\":\"67108864\",\"memory.oom.group\":\"0\",\"memory.zswap.max\":"
			      "\"%lu\"}}"),
		       info.totalram * info.mem_unit / 1000 * 500 +
			       info.totalram * info.mem_unit % 1000 * 500 / 1000);
	CHECK_TEXT(apply(CONFIG("")), want);
	world_end();
}

TEST(takes_a_part_of_the_limit_for_memory_high)
{
	static const char *const configs[][2] = {
		{ "\"memory\":{\"limit\":1000000}",
		  "\"unified\":{\"memory.high\":\"900000\"},\"memory\":{\"limit\":1000000}" },
		{ "\"memory\":{\"limit\":1000000},\"unified\":{\"memory.max\":\"2000000\"}",
		  "\"memory\":{\"limit\":1000000},\"unified\":{\"memory.high\":\"1800000\","
		  "\"memory.max\":\"2000000\"}" },
		{ "\"unified\":{\"memory.max\":\"2000000\"},\"memory\":{\"limit\":1000000}",
		  "\"unified\":{\"memory.high\":\"1800000\",\"memory.max\":\"2000000\"},\"memory\":"
		  "{\"limit\":1000000}" },
		{ "\"unified\":{\"memory.max\":\"max\"},\"memory\":{\"limit\":1000000}",
		  "\"unified\":{\"memory.max\":\"max\"},\"memory\":{\"limit\":1000000}" },
		{ "\"memory\":{\"limit\":0}", "\"memory\":{\"limit\":0}" },
		{ "\"memory\":{\"limit\":-1}", "\"memory\":{\"limit\":-1}" },
		{ "\"memory\":{\"limit\":5},\"unified\":{\"memory.high\":\"max\"}",
		  "\"memory\":{\"limit\":5},\"unified\":{\"memory.high\":\"max\"}" },
		{ "", "" },
	};
	char before[256];
	char after[256];

	world_begin("{\"containers\":{\"pids.max\":null,\"memory.swap.max\":null,"
		    "\"memory.oom.group\":null,\"cpu.weight\":null,\"memory.high\":0.9}}");
	for (size_t i = 0; i < sizeof(configs) / sizeof(configs[0]); i++) {
		(void)snprintf(before, sizeof(before), CONFIG("\"resources\":{%s}"), configs[i][0]);
		(void)snprintf(after, sizeof(after), CONFIG("\"resources\":{%s}"), configs[i][1]);
		CHECK_TEXT(apply(before), after);
	}
	world_end();
}

/* ---- when there are none ---- */

TEST(changes_nothing_without_the_file_of_the_host)
{
	world_begin(NULL);
	CHECK_TEXT(apply(CONFIG("")), CONFIG(""));
	CHECK_TEXT(apply("{\"annotations\":{\"io.azl.defaults.pids.max\":\"5\"},\"linux\":{}}"),
		   "{\"annotations\":{\"io.azl.defaults.pids.max\":\"5\"},\"linux\":{}}");
	CHECK_TEXT(said, "");
	world_end();
}

TEST(changes_nothing_with_a_file_that_makes_no_sense)
{
	static const char *const files[] = {
		"",
		"{",
		"[]",
		"{\"containers\":1}",
		"{\"containers\":{\"pids.max\":0}}",
		"{\"containers\":{\"pid.max\":1}}",
		"{\"containers\":{\"pids.max\\u0000\":1}}",
		"{\"containers\":{\"pids.max\":{}}}",
	};

	world_begin("");
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		folder_put_text(&folder, "host.json", files[i]);
		CHECK_TEXT(apply(CONFIG("")), CONFIG(""));
		CHECK(strstr(said, "level=warning") && strstr(said, "defaults are not applied: "));
		CHECK(strstr(said, "host.json: "));
		CHECK(strstr(said, "; azlctl check says what is wrong with it"));
	}
	world_end();
}

TEST(changes_nothing_on_a_host_without_cgroup_v2)
{
	world_begin("{}");
	is_v2 = false;
	CHECK_TEXT(apply(CONFIG("")), CONFIG(""));
	CHECK(strstr(said, "defaults are not applied: no cgroup v2 hierarchy at /sys/fs/cgroup"));
	CHECK(!kept.of[DEFAULT_MEMORY_SWAP_MAX].is_set);
	world_end();
}

TEST(leaves_out_what_the_host_does_not_have)
{
	world_begin("{}");
	tree_file(&cgroups, "cgroup.controllers", "cpu memory\n");
	CHECK(unlinkat(cgroups.dir, "slice/memory.swap.max", 0) == 0);
	CHECK_TEXT(
		apply(CONFIG("")),
		CONFIG("\"resources\":{\"unified\":{\"memory.oom.group\":\"1\"," OUR_WEIGHT "}}"));
	CHECK(strstr(said, "defaults that its cgroup cannot have are left out: pids.max "
			   "memory.swap.max"));
	tree_file(&cgroups, "cgroup.controllers", "\n");
	CHECK_TEXT(apply(CONFIG("")), CONFIG(""));
	for (int key = 0; key < DEFAULT_MAX; key++)
		CHECK(!kept.of[key].is_set);
	world_end();
}

TEST(asks_systemd_for_anything_that_the_host_has)
{
	world_begin("{}");
	systemd_cgroup = true;
	cgroups_path = "azl.slice:azl:c";
	CHECK(strstr(apply(CONFIG("")), "\"memory.swap.max\":\"0\""));
	cgroups_path = NULL;
	CHECK(strstr(apply(CONFIG("")), "\"memory.swap.max\":\"0\""));
	world_end();
}

TEST(changes_nothing_where_the_cgroup_is_not_known)
{
	world_begin("{}");
	cgroups_path = "relative";
	CHECK_TEXT(apply(CONFIG("")), CONFIG(""));
	CHECK(strstr(said, "defaults are not applied: linux.cgroupsPath does not begin at the "
			   "root"));
	cgroups_path = NULL;
	CHECK_TEXT(apply(CONFIG("")), CONFIG(""));
	cgroups_path = "/../x";
	CHECK_TEXT(apply(CONFIG("")), CONFIG(""));
	world_end();
}

/* What Go takes for the same key, and what is there twice, is not touched. */
TEST(changes_nothing_in_a_spec_that_is_odd)
{
	static const char *const odd[] = {
		"{\"Linux\":{}}",
		"{\"linux\":null}",
		"{\"linux\":{},\"linux\":{}}",
		CONFIG("\"Resources\":{}"),
		CONFIG("\"resources\":null"),
		CONFIG("\"resources\":[]"),
		CONFIG("\"resources\":{},\"resources\":{}"),
		CONFIG("\"resources\":{\"Pids\":{}}"),
		CONFIG("\"resources\":{\"pids\":null}"),
		CONFIG("\"resources\":{\"pids\":{\"Limit\":5}}"),
		CONFIG("\"resources\":{\"memory\":{\"SWAP\":5}}"),
		CONFIG("\"resources\":{\"unified\":null}"),
		CONFIG("\"resources\":{\"unified\":{},\"unified\":{}}"),
	};

	world_begin("{}");
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		CHECK_TEXT(apply(odd[i]), odd[i]);
		CHECK(strstr(said, "defaults are not applied: config.json is written in an "
				   "unusual way"));
	}
	CHECK_TEXT(apply("{}"), "{}"); /* no container of Linux */
	CHECK_TEXT(apply("{"), "{");
	world_end();
}

/* ---- hard times ---- */

TEST(leaves_the_spec_alone_without_memory)
{
	static const char before[] = CONFIG("\"resources\":{\"devices\":[]}");
	int hits = 0;

	world_begin("{}");
	fails = true;
	for (int n = 0; n < 1000; n++) {
		const char *after;

		failing_left = n;
		failing_hits = 0;
		after = apply(before);
		if (!failing_hits)
			break;
		hits++;
		CHECK_TEXT(after, before);
		CHECK(strstr(said, "defaults are not applied: ") && strstr(said, "no memory"));
	}
	fails = false;
	CHECK(hits > 4 && hits < 100);
	CHECK(strstr(apply(before), "\"pids\":{\"limit\":4096}"));
	world_end();
}

/* ---- what stands elsewhere ---- */

TEST(has_the_defaults_of_the_hosts_table)
{
	struct container_defaults defaults;
	struct host_config config = { 0 };
	struct err err;
	size_t keys = 0;

	world_begin("{}");
	CHECK(container_defaults_read(AT_FDCWD, host_path, &defaults, &err) == 0);
	CHECK(host_config_parse("{}", 2, &config, &err) == 0);
	for (size_t i = 0; i < host_keys_count; i++)
		keys += strcmp(host_keys[i].section, "containers") == 0;
	CHECK(keys == DEFAULT_MAX);
	for (int i = 0; i < DEFAULT_MAX; i++) {
		enum container_default key = (enum container_default)i;
		const char *name = container_default_name(key);
		const struct host_value *value = host_config_get(&config, "containers", name);

		CHECK(value->is_set == defaults.of[i].is_set);
		CHECK(value->number == defaults.of[i].number);
		CHECK(host_keys[value - config.values].type == container_default_type(key));
		CHECK(container_default_find(name) == key);
	}
	CHECK_TEXT(DEFAULTS_HOST_CONFIG, HOST_CONFIG_PATH);
	host_config_done(&config);
	world_end();
}
