/* SPDX-License-Identifier: Apache-2.0 */
/* Steps on processes, against a tree that stands for a host that runs. */
#include <errno.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "config/azlctl/act.h"
#include "config/azlctl/azlctl.h"
#include "config/azlctl/facts.h"
#include "config/azlctl/journal.h"
#include "config/azlctl/plan.h"
#include "config/base/err.h"
#include "config/base/fd.h"
#include "tests/unit/host_tree.h"
#include "tests/unit/test.h"

struct scene {
	struct host_tree tree;
	struct azlctl ctl;
	struct host_facts facts;
	struct journal journal;
	struct plan plan;
	struct world world;
};

static void scene_begin(struct scene *scene)
{
	memset(scene, 0, sizeof(*scene));
	scene->tree = host_tree_new();
	scene->ctl = (struct azlctl){ .root = scene->tree.fd, .root_path = "", .is_live = true };
	scene->world = (struct world){ .ctl = &scene->ctl,
				       .facts = &scene->facts,
				       .journal = &scene->journal,
				       .plan = &scene->plan };
	host_tree_daemon(&scene->tree, 1, 0, "/sbin/init");
	host_tree_daemon(&scene->tree, 812, 1, "/usr/bin/containerd");
	host_tree_put(&scene->tree, "proc/812/oom_score_adj", "0\n");
}

static void scene_end(struct scene *scene)
{
	plan_done(&scene->plan);
	journal_done(&scene->journal);
	host_tree_done(&scene->tree);
}

static struct step *look(struct scene *scene, const char *name, const char *score)
{
	struct step *step = plan_add(&scene->plan, STEP_SCORE, name, score, "");

	act_look(&scene->world, step);
	return step;
}

static const char *score_of(const struct scene *scene)
{
	static char text[16];

	if (fd_read_text(scene->tree.fd, "proc/812/oom_score_adj", text, sizeof(text)) < 0)
		return "(none)";
	return text;
}

TEST(a_score_is_set_once_and_set_back)
{
	struct scene scene;
	struct step *step;
	struct change *change;
	struct err err;

	scene_begin(&scene);
	step = look(&scene, "containerd/812", "-999");
	CHECK(step->state == STEP_TODO);
	CHECK_TEXT(step->before, "0");
	CHECK(act_note(&scene.world, step) == 0);
	act_take(&scene.world, step);
	CHECK(step->state == STEP_DONE);
	CHECK_TEXT(score_of(&scene), "-999");
	CHECK(look(&scene, "containerd/812", "-999")->state == STEP_IN_FORCE);

	change = journal_find(&scene.journal, CHANGE_SCORE, "containerd/812");
	CHECK(change && change_look(&scene.world, change, &err) == UNDO_TODO);
	host_tree_put(&scene.tree, "proc/812/oom_score_adj", "5\n");
	CHECK(change_look(&scene.world, change, &err) == UNDO_LEFT);
	CHECK(strstr(err.msg, "set it to 5 since") != NULL);
	host_tree_put(&scene.tree, "proc/812/oom_score_adj", "-999\n");
	CHECK(change_undo(&scene.world, change, &err) == 0);
	CHECK_TEXT(score_of(&scene), "0");
	CHECK(change_look(&scene.world, change, &err) == UNDO_NOTHING);
	scene_end(&scene);
}

TEST(a_process_that_is_gone_or_another_one_is_left_alone)
{
	struct scene scene;
	struct step *step;
	struct err err;

	scene_begin(&scene);
	step = look(&scene, "containerd/812", "-999");
	CHECK(act_note(&scene.world, step) == 0);
	host_tree_remove(&scene.tree, "proc/812/exe");
	host_tree_link(&scene.tree, "proc/812/exe", "/usr/bin/bash");
	act_take(&scene.world, step);
	CHECK(step->state == STEP_DONE);
	CHECK_TEXT(score_of(&scene), "0");
	CHECK(look(&scene, "containerd/812", "-999")->state == STEP_IN_FORCE);
	CHECK(look(&scene, "sshd/4711", "5")->state == STEP_IN_FORCE);
	host_tree_put(&scene.tree, "proc/812/oom_score_adj", "-999\n");
	CHECK(change_look(&scene.world, &scene.journal.changes[0], &err) == UNDO_NOTHING);
	scene_end(&scene);
}

/* Without the capability, on a score of this machine's own /proc. Returns 0 when all is as it
 * should be. */
static int without_capability(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[2] = { { 0 } };
	struct scene scene;
	struct step *step;

	if (syscall(SYS_capset, &header, sets) < 0)
		return 1;
	scene_begin(&scene);
	host_tree_remove(&scene.tree, "proc/812/oom_score_adj");
	host_tree_link(&scene.tree, "proc/812/oom_score_adj", "/proc/self/oom_score_adj");
	step = look(&scene, "containerd/812", "-1000");
	if (step->state != STEP_TODO)
		return 2;
	act_take(&scene.world, step);
	if (step->state != STEP_SKIPPED || !strstr(step->reason, "CAP_SYS_RESOURCE"))
		return 3;
	scene_end(&scene);
	return 0;
}

TEST(what_the_kernel_does_not_allow_is_skipped_with_the_reason)
{
	int status = -1;
	pid_t child = fork();

	if (child == 0)
		_exit(without_capability());
	CHECK(child > 0 && waitpid(child, &status, 0) == child);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	if (status != 0)
		printf("# status %d\n", status);
}
