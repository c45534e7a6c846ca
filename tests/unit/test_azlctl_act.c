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
#include "config/azlctl/run.h"
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

/* A move that apply noted. */
static void moved(struct scene *scene, const char *pid, const char *group)
{
	CHECK(journal_note(&scene->journal, CHANGE_MOVE, pid, "/", group) == 0);
}

TEST(moves_of_processes_that_are_gone_do_not_pile_up)
{
	struct scene scene;

	scene_begin(&scene);
	moved(&scene, "811", "azl-system/containerd"); /* gone */
	moved(&scene, "812", "azl-system/containerd");
	moved(&scene, "813", "azl-system/containerd"); /* somebody else's by now */
	moved(&scene, "814", "azl-system/containerd"); /* another program, started by ours */
	host_tree_put(&scene.tree, "proc/812/cgroup", "0::/azl-system/containerd\n");
	host_tree_daemon(&scene.tree, 813, 1, "/usr/bin/containerd");
	host_tree_put(&scene.tree, "proc/813/cgroup", "0::/user\n");
	host_tree_daemon(&scene.tree, 814, 812, "/usr/bin/runc");
	host_tree_put(&scene.tree, "proc/814/cgroup", "0::/azl-system/containerd\n");
	plan_add(&scene.plan, STEP_GROUP, "azl-system/containerd", NULL, "");
	plan_undoes(&scene.plan, &scene.ctl, &scene.facts, &scene.journal, false);
	CHECK(scene.plan.count == 4);
	for (size_t i = 1; i < scene.plan.count; i++) {
		CHECK(scene.plan.steps[i].kind == STEP_UNDO);
		CHECK(strcmp(scene.plan.steps[i].name, "812") != 0);
		act_look(&scene.world, &scene.plan.steps[i]);
		CHECK(scene.plan.steps[i].state == STEP_IN_FORCE);
	}
	scene_end(&scene);
}

static void plan_undo(struct scene *scene, const char *pid)
{
	plan_add(&scene->plan, STEP_UNDO, pid, NULL, "")->change = (int)CHANGE_MOVE;
}

TEST(what_is_undone_is_forgotten_unless_it_was_done_again)
{
	struct scene scene;
	char *said = NULL;
	size_t len;

	scene_begin(&scene);
	host_tree_folders(&scene.tree, "var/lib/");
	scene.ctl.out = open_memstream(&said, &len);
	moved(&scene, "811", "azl-system/containerd");
	plan_undo(&scene, "811");
	CHECK(run_plan(&scene.ctl, "apply", &scene.facts, &scene.journal, &scene.plan, "") == 0);
	CHECK(scene.journal.count == 0);
	/* noted by a run that was killed before it moved 812; this run does it */
	moved(&scene, "812", "azl-system/containerd");
	plan_undo(&scene, "812");
	plan_add(&scene.plan, STEP_FILE, "proc/812/cgroup", "0::/azl-system/containerd\n", "");
	CHECK(run_plan(&scene.ctl, "apply", &scene.facts, &scene.journal, &scene.plan, "") == 0);
	CHECK(journal_find(&scene.journal, CHANGE_MOVE, "812") != NULL);
	(void)fclose(scene.ctl.out);
	free(said);
	scene_end(&scene);
}

TEST(a_pid_that_another_program_has_now_is_noted_anew)
{
	struct scene scene;
	const struct change *change;
	struct step *step;

	scene_begin(&scene);
	host_tree_put(&scene.tree, "proc/812/cgroup", "0::/services\n");
	moved(&scene, "812", "azl-system/sshd"); /* sshd had it */
	step = plan_add(&scene.plan, STEP_MOVE, "containerd", "azl-system/containerd", "");
	act_look(&scene.world, step);
	CHECK(step->state == STEP_TODO);
	CHECK(act_note(&scene.world, step) == 0);
	change = journal_find(&scene.journal, CHANGE_MOVE, "812");
	CHECK(scene.journal.count == 1 && change);
	CHECK_TEXT(change->before, "/services");
	CHECK_TEXT(change->ours, "azl-system/containerd");
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
