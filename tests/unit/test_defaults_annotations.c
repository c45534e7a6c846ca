/* SPDX-License-Identifier: Apache-2.0 */
/* What annotations say of defaults: those of pods, and those for one container. */
#include "tests/unit/defaults_world.h"

#define NOTED(notes) "{\"annotations\":{" notes "},\"linux\":{}}"
#define NOTED_WITH(notes, resources)                                                               \
	"{\"annotations\":{" notes "},\"linux\":{\"resources\":{" resources "}}}"
TEST(does_nothing_to_pause_containers)
{
	world_begin("{}");
	CHECK_TEXT(apply(NOTED("\"io.kubernetes.cri.container-type\":\"sandbox\"")),
		   NOTED("\"io.kubernetes.cri.container-type\":\"sandbox\""));
	CHECK_TEXT(said, "");
	world_end();
}

/* Source: kubelet pkg/kubelet/kuberuntime, generateLinuxContainerResources: memory.oom.group is
 * "1", or nothing with singleProcessOOMKill. */
TEST(leaves_the_oom_group_of_a_pods_container_to_the_kubelet)
{
	static const char pods[] = "\"io.kubernetes.cri.container-type\":\"container\"";
	char before[512], after[1024];

	world_begin("{\"containers\":{\"memory.oom.group\":true}}");
	(void)snprintf(before, sizeof(before), NOTED("%s"), pods);
	(void)snprintf(after, sizeof(after),
		       NOTED_WITH("%s", "\"pids\":{\"limit\":4096},\"unified\":{"
					"\"memory.swap.max\":\"0\"," OUR_WEIGHT "}"),
		       pods);
	CHECK_TEXT(apply(before), after);
	CHECK(!kept.of[DEFAULT_MEMORY_OOM_GROUP].is_set);
	/* The pod's owner has the last word. */
	(void)snprintf(before, sizeof(before),
		       NOTED("%s,\"io.azl.defaults.memory.oom.group\":\"true\""), pods);
	(void)snprintf(after, sizeof(after),
		       NOTED_WITH("%s,\"io.azl.defaults.memory.oom.group\":\"true\"", ALL_DEFAULTS),
		       pods);
	CHECK_TEXT(apply(before), after);
	CHECK_TEXT(said, "");
	world_end();
}

TEST(lets_an_annotation_switch_all_of_them_off)
{
	world_begin("{}");
	CHECK_TEXT(apply(NOTED("\"io.azl.defaults\":\"none\"")),
		   NOTED("\"io.azl.defaults\":\"none\""));
	CHECK_TEXT(apply(NOTED("\"io.azl.defaults\":\"all\"")),
		   NOTED_WITH("\"io.azl.defaults\":\"all\"", ALL_DEFAULTS));
	CHECK_TEXT(said, "");
	world_end();
}

TEST(lets_an_annotation_set_one_of_them)
{
	world_begin("{}");
	CHECK_TEXT(apply(NOTED("\"io.azl.defaults.pids.max\":\"100\","
			       "\"io.azl.defaults.memory.swap.max\":\"off\","
			       "\"io.azl.defaults.memory.oom.group\":\"false\","
			       "\"io.azl.defaults.cpu.weight\":\"7\"")),
		   NOTED_WITH("\"io.azl.defaults.pids.max\":\"100\","
			      "\"io.azl.defaults.memory.swap.max\":\"off\","
			      "\"io.azl.defaults.memory.oom.group\":\"false\","
			      "\"io.azl.defaults.cpu.weight\":\"7\"",
			      "\"pids\":{\"limit\":100},\"unified\":{\"memory.oom.group\":\"0\","
			      "\"cpu.weight\":\"7\"}"));
	CHECK_TEXT(said, "");
	/* The spec's own word counts more. */
	CHECK(strstr(apply("{\"annotations\":{\"io.azl.defaults.pids.max\":\"100\"},\"linux\":{"
			   "\"resources\":{\"pids\":{\"limit\":3}}}}"),
		     "\"pids\":{\"limit\":3}"));
	world_end();
}

TEST(tells_of_annotations_that_make_no_sense)
{
	static const char *const notes[][2] = {
		{ "\"io.azl.defaults\":\"some\"",
		  "annotation io.azl.defaults is ignored: it must be all or none" },
		{ "\"io.azl.defaults\":true",
		  "annotation io.azl.defaults is ignored: it must be all or none" },
		{ "\"io.azl.defaults.pids.max\":\"many\"",
		  "annotation io.azl.defaults.pids.max is ignored: it must be off, 1 to 4194304" },
		{ "\"io.azl.defaults.pids.max\":\"0\"",
		  "annotation io.azl.defaults.pids.max is ignored: it must be off, 1 to 4194304" },
		{ "\"io.azl.defaults.pid.max\":\"5\"",
		  "annotation io.azl.defaults.pid.max is ignored: there is no such default" },
		{ "\"io.azl.defaults.\":\"5\"",
		  "annotation io.azl.defaults.? is ignored: there is no such default" },
	};
	char before[256];
	char after[512];

	world_begin("{}");
	for (size_t i = 0; i < sizeof(notes) / sizeof(notes[0]); i++) {
		(void)snprintf(before, sizeof(before), NOTED("%s"), notes[i][0]);
		(void)snprintf(after, sizeof(after), NOTED_WITH("%s", ALL_DEFAULTS), notes[i][0]);
		CHECK_TEXT(apply(before), after);
		CHECK(strstr(said, notes[i][1]));
		if (!strstr(said, notes[i][1]))
			printf("# said: %s\n", said);
	}
	CHECK_TEXT(apply(NOTED("\"io.azl.defaultsx\":\"none\",\"io.azl.fastpaths\":\"none\"")),
		   NOTED_WITH("\"io.azl.defaultsx\":\"none\",\"io.azl.fastpaths\":\"none\"",
			      ALL_DEFAULTS));
	CHECK_TEXT(said, "");
	world_end();
}
