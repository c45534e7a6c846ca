/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/fast.h"

#include <errno.h>
#include <limits.h>
#include <sys/statfs.h>
#include <sys/wait.h>

#include <linux/magic.h>

#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/base/log.h"
#include "shim/container.h"
#include "shim/runtime_id.h"
#include "shim/runtime_store.h"
#include "shim/spawn.h"

void fast_wait_init(struct fast_wait *wait)
{
	*wait = (struct fast_wait){ .event_fd = -1, .pidfd = -1 };
	loop_source_init(&wait->event, NULL);
	loop_source_init(&wait->exit, NULL);
	loop_timer_init(&wait->limit, NULL);
}

void fast_wait_end(struct fast_wait *wait)
{
	if (!wait->loop)
		return;
	loop_remove(wait->loop, &wait->event);
	loop_remove(wait->loop, &wait->exit);
	loop_timer_stop(&wait->limit);
	wait->event_fd = fd_close(wait->event_fd);
	wait->pidfd = fd_close(wait->pidfd);
	wait->loop = NULL;
}

void fast_init(struct container *container)
{
	struct fast *fast = &container->fast;
	struct err err;

	if (switches_read(SWITCHES_HOST_CONFIG, &fast->off, &err) < 0)
		log_warn(container->id,
			 "fast paths are not switched: %s; azlctl check says what is wrong with it",
			 err.msg);
	if (!container->spec_known)
		return;
	if (container->spec.fast_misspelt)
		log_warn(container->id, "annotation io.azl.fastpaths is ignored: it must be all, "
					"none, or names of start, exec, kill, pause, delete, "
					"create with commas between");
	else
		fast->off |= container->spec.fast_off;
}

/* Which runc this is, as soon as the host knows. */
static int identify(struct container *container, struct err *why)
{
	struct fast *fast = &container->fast;
	char program[PATH_MAX];
	int code;

	if (fast->known)
		return 0;
	if (spawn_find_program(container->runc.name, program, sizeof(program), why) < 0)
		return why->code;
	code = runtime_id_find(RUNTIME_STORE_PATH, program, &fast->version, why);
	if (code == RUNTIME_ID_MISSING)
		return err_set(why, -EAGAIN, "%s is being asked which runtime it is", program);
	if (code == RUNTIME_ID_OTHER)
		return err_set(why, -EOPNOTSUPP, "%s is no released runc", program);
	if (code < 0)
		return code;
	if (!runtime_is_known(&fast->version))
		return err_set(why, -EOPNOTSUPP, "runc %u.%u.%u is not known here",
			       fast->version.major, fast->version.minor, fast->version.patch);
	fast->known = true;
	return 0;
}

/* runc looks at the same place, and takes anything else for cgroup v1. */
static bool is_unified(void)
{
	struct statfs at;

	return statfs("/sys/fs/cgroup", &at) == 0 && at.f_type == CGROUP2_SUPER_MAGIC;
}

int fast_may(struct container *container, enum fast_act act, struct err *why)
{
	if (container->fast.off & 1U << act)
		return err_set(why, -EPERM, "it is switched off");
	if (!container->spec_known)
		return err_set(why, -EOPNOTSUPP, "config.json could not be read");
	if (container->checkpoint)
		return err_set(why, -EOPNOTSUPP, "the container is restored from a checkpoint");
	if (!is_unified())
		return err_set(why, -EOPNOTSUPP, "/sys/fs/cgroup is not cgroup v2");
	return identify(container, why);
}

bool fast_must_ask(struct container *container)
{
	struct err why;

	return container->fast.off != (1U << FAST_ACT_MAX) - 1 &&
	       identify(container, &why) == -EAGAIN;
}

bool fast_try(struct operation *operation, enum fast_act act, fast_begin_fn *begin)
{
	struct container *container = operation->container;
	struct err why;

	if (fast_may(container, act, &why) == 0 && begin(operation, &why) == 0)
		return true;
	if (why.code == -EAGAIN) { /* the next one may be fast */
		log_debug(container->id, "%s goes to the runtime: %s", switches_name(act), why.msg);
		return false;
	}
	if (!(container->fast.told & 1U << act))
		log_info(container->id, "%s goes to the runtime: %s", switches_name(act), why.msg);
	container->fast.told |= (uint8_t)(1U << act);
	return false;
}

bool fast_has_ended(const struct container *container)
{
	siginfo_t info = { 0 };

	if (container->init.child.pid == 0)
		return true;
	return waitid(P_PID, (id_t)container->init.child.pid, &info, WEXITED | WNOHANG | WNOWAIT) ==
		       0 &&
	       info.si_pid == container->init.child.pid;
}
