/* SPDX-License-Identifier: Apache-2.0 */
/* config.json before and after, with a host that is a folder. */
#include "shim/defaults.h"

#include <errno.h>
#include <sys/sysinfo.h>

#include "cgroups/root.h"
#include "config/base/buf.h"
#include "config/base/err.h"
#include "config/base/fd.h"
#include "config/base/log.h"
#include "config/container_defaults.h"
#include "config/host.h"
#include "shim/defaults_spec.h"
#include "tests/unit/failing.h"
#include "tests/unit/folder.h"
#include "tests/unit/test.h"
#include "tests/unit/test_cgroups_tree.h"

enum { TEXT_ROOM = 4096 };

static struct tree cgroups;
static bool is_v2;
static struct folder folder;
static char host_path[96];
static char said[TEXT_ROOM]; /* in the log */
static struct container_defaults kept;
static const char *cgroups_path;
static bool systemd_cgroup;
static bool fails; /* one allocation of the next apply() */

int __wrap_cg_root_open_unified(int *dir, struct err *err);

int __wrap_cg_root_open_unified(int *dir, struct err *err)
{
	if (!is_v2)
		return err_set(err, -ENOENT, "no cgroup v2 hierarchy at /sys/fs/cgroup");
	*dir = openat(cgroups.dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *dir < 0 ? err_errno(err, "open") : 0;
}

static void world_begin(const char *host)
{
	static const char *const files[] = { "pids.max",    "memory.swap.max",	"memory.oom.group",
					     "memory.high", "memory.zswap.max", "io.weight",
					     "cpu.weight" };

	is_v2 = true;
	cgroups_path = "/default/c";
	systemd_cgroup = false;
	tree_init(&cgroups);
	tree_file(&cgroups, "cgroup.controllers", "cpu io memory pids\n");
	tree_file(&cgroups, "cgroup.subtree_control", "cpu io memory pids\n");
	tree_file(&cgroups, "cgroup.procs", "1\n");
	tree_dir(&cgroups, "slice");
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char name[64];

		(void)snprintf(name, sizeof(name), "slice/%s", files[i]);
		tree_file(&cgroups, name, "");
	}
	folder = folder_new();
	(void)snprintf(host_path, sizeof(host_path), "%s/host.json", folder.path);
	if (host)
		folder_put_text(&folder, "host.json", host);
}

static void world_end(void)
{
	tree_done(&cgroups);
	folder_done(&folder);
}

static void take_log(void)
{
	int fd = openat(folder.fd, "log", O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);

	if (fd < 0)
		abort();
	log_init(fd, false);
}

static void read_log(void)
{
	struct buf text = { 0 };

	log_init(-1, false);
	CHECK(fd_read_file(folder.fd, "log", TEXT_ROOM - 1, &text) == 0);
	(void)snprintf(said, sizeof(said), "%s", (const char *)text.data);
	buf_done(&text);
	(void)unlinkat(folder.fd, "log", 0);
}

/* What config.json is afterwards; valid until the next call. */
static const char *apply(const char *config)
{
	static char after[TEXT_ROOM];
	struct defaults_target target = { .id = "c",
					  .bundle_dir = folder.fd,
					  .cgroups_path = cgroups_path,
					  .systemd_cgroup = systemd_cgroup };
	struct buf text = { 0 };
	int files;

	folder_put_text(&folder, "config.json", config);
	files = folder_count(&folder);
	take_log();
	failing_armed = fails;
	defaults_apply(host_path, &target, &kept);
	failing_armed = false;
	read_log();
	CHECK(fd_read_file(folder.fd, "config.json", TEXT_ROOM - 1, &text) == 0);
	(void)snprintf(after, sizeof(after), "%s", (const char *)text.data);
	buf_done(&text);
	/* the note for azlctl explain is there when something was put in */
	if (!fails)
		CHECK((folder_mode(&folder, DEFAULTS_NOTE) == 0600) ==
		      (strcmp(after, config) != 0));
	(void)unlinkat(folder.fd, DEFAULTS_NOTE, 0);
	CHECK(folder_count(&folder) == files);
	return after;
}

/* What the runtime gets; valid until the next call. */
static const char *update(const char *resources)
{
	static char text[TEXT_ROOM];
	struct buf out = { 0 };
	int code = defaults_update(&kept, resources, strlen(resources), &out);

	CHECK(code == (out.len > 0));
	(void)snprintf(text, sizeof(text), "%.*s", code ? (int)out.len : (int)strlen(resources),
		       code ? (const char *)out.data : resources);
	buf_done(&out);
	return text;
}

#define CONFIG(resources) "{\"ociVersion\":\"1.0.2\",\"linux\":{" resources "}}"

#define OURS_OF_MEMORY "\"memory.swap.max\":\"0\",\"memory.oom.group\":\"1\""
#define OUR_WEIGHT     "\"cpu.weight\":\"10\""
#define OURS	       OURS_OF_MEMORY "," OUR_WEIGHT
#define ALL_DEFAULTS   "\"pids\":{\"limit\":4096},\"unified\":{" OURS "}"

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

/* ---- annotations ---- */

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

/* ---- Update ---- */

TEST(adds_to_an_update_what_is_in_force)
{
	world_begin("{\"containers\":{\"memory.high\":0.5}}");
	(void)apply(CONFIG(""));
	CHECK_TEXT(update("{\"cpu\":{\"quota\":5},\"pids\":{\"limit\":9}}"),
		   "{\"unified\":{" OURS "},\"cpu\":{\"quota\":5},\"pids\":{\"limit\":9}}");
	CHECK_TEXT(update("{\"memory\":{\"limit\":1000}}"),
		   "{\"unified\":{" OURS_OF_MEMORY ",\"memory.high\":\"500\"," OUR_WEIGHT
		   "},\"memory\":{\"limit\":1000}}");
	CHECK_TEXT(update("{\"memory\":{\"limit\":-1},\"unified\":{}}"),
		   "{\"memory\":{\"limit\":-1},\"unified\":{" OURS_OF_MEMORY
		   ",\"memory.high\":\"max\"," OUR_WEIGHT "}}");
	CHECK_TEXT(update("{}"), "{\"unified\":{" OURS "}}");
	CHECK_TEXT(update("{\"cpu\":{\"shares\":2}}"),
		   "{\"unified\":{" OURS_OF_MEMORY "},\"cpu\":{\"shares\":2}}");
	CHECK_TEXT(update("{}"), "{\"unified\":{" OURS_OF_MEMORY "}}");
	CHECK_TEXT(update("{"), "{");
	CHECK_TEXT(update("[]"), "[]");
	CHECK_TEXT(update("{\"unified\":null}"), "{\"unified\":null}");
	world_end();
}

TEST(leaves_to_the_user_what_an_update_decided)
{
	world_begin("{\"containers\":{\"memory.high\":0.5,\"cpu.weight\":null}}");
	(void)apply(CONFIG(""));
	CHECK_TEXT(update("{\"memory\":{\"limit\":1000,\"swap\":2000}}"),
		   "{\"unified\":{\"memory.oom.group\":\"1\",\"memory.high\":\"500\"},"
		   "\"memory\":{\"limit\":1000,\"swap\":2000}}");
	CHECK_TEXT(update("{\"unified\":{\"memory.high\":\"max\",\"memory.oom.group\":\"0\"}}"),
		   "{\"unified\":{\"memory.high\":\"max\",\"memory.oom.group\":\"0\"}}");
	CHECK_TEXT(update("{\"memory\":{\"limit\":3000}}"), "{\"memory\":{\"limit\":3000}}");
	world_end();
}

/* A limit that comes later: memory.high had nothing to be a part of before. */
TEST(applies_memory_high_to_a_limit_that_an_update_brings)
{
	world_begin("{\"containers\":{\"pids.max\":null,\"memory.swap.max\":null,"
		    "\"memory.oom.group\":null,\"cpu.weight\":null,\"memory.high\":0.5}}");
	CHECK_TEXT(apply(CONFIG("")), CONFIG(""));
	CHECK_TEXT(update("{}"), "{}");
	CHECK_TEXT(update("{\"memory\":{\"limit\":1000}}"),
		   "{\"unified\":{\"memory.high\":\"500\"},\"memory\":{\"limit\":1000}}");
	world_end();
}

TEST(adds_nothing_to_an_update_of_a_container_without_defaults)
{
	static const char config[] = CONFIG("\"resources\":{\"memory\":{\"swap\":5},\"unified\":{"
					    "\"memory.oom.group\":\"0\",\"cpu.weight\":\"5\"}}");

	world_begin(NULL);
	(void)apply(CONFIG(""));
	CHECK_TEXT(update("{\"memory\":{\"limit\":1000}}"), "{\"memory\":{\"limit\":1000}}");
	world_end();
	world_begin("{}");
	(void)apply(config);
	CHECK_TEXT(update("{\"memory\":{\"limit\":1000}}"), "{\"memory\":{\"limit\":1000}}");
	(void)apply("{\"annotations\":{\"io.azl.defaults\":\"none\"},\"linux\":{}}");
	CHECK_TEXT(update("{\"memory\":{\"limit\":1000}}"), "{\"memory\":{\"limit\":1000}}");
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
