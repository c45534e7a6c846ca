/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/reaper.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config/base/err.h"
#include "config/base/log.h"

struct unclaimed {
	struct child_exit ended;
	uint64_t number;
	struct list link;
};

void child_init(struct child *child, child_fn *fn)
{
	child->fn = fn;
	child->pid = 0;
	list_init(&child->link);
}

static void unclaimed_free(struct unclaimed *entry)
{
	list_remove(&entry->link);
	free(entry);
}

static struct unclaimed *last_of(struct reaper *reaper, pid_t pid)
{
	struct unclaimed *found = NULL;
	struct list *at;

	list_for_each (at, &reaper->unclaimed) {
		struct unclaimed *entry = owner_of(at, struct unclaimed, link);

		if (entry->ended.pid == pid)
			found = entry;
	}
	return found;
}

/*
 * Nobody watches this pid: keep it for whoever is about to learn it. An older exit of the same pid
 * is nobody's: without it there are never more than there are pids, however long a start hangs.
 */
static void keep(struct reaper *reaper, const struct child_exit *ended)
{
	struct unclaimed *entry;
	struct unclaimed *older;

	if (list_empty(&reaper->holds))
		return;
	entry = malloc(sizeof(*entry));
	if (!entry) {
		log_error(NULL, "no memory to keep the exit of pid %d", (int)ended->pid);
		return;
	}
	older = last_of(reaper, ended->pid);
	if (older)
		unclaimed_free(older);
	entry->ended = *ended;
	entry->number = ++reaper->kept;
	list_add_before(&reaper->unclaimed, &entry->link);
}

static void dispatch(struct reaper *reaper, const struct child_exit *ended)
{
	struct list *at;

	list_for_each (at, &reaper->children) {
		struct child *child = owner_of(at, struct child, link);

		if (child->pid != ended->pid)
			continue;
		reaper_forget(child);
		child->fn(child, ended);
		return;
	}
	keep(reaper, ended);
}

/* SIGCHLD does not count: one signal may stand for many exits, so wait until nothing is left. */
static void reap_all(struct reaper *reaper)
{
	for (;;) {
		siginfo_t info = { 0 };
		struct child_exit ended;

		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG) < 0 && errno == EINTR)
			continue;
		if (info.si_pid == 0)
			return;
		ended.pid = info.si_pid;
		ended.status = (uint32_t)info.si_status + (info.si_code == CLD_EXITED ? 0 : 128);
		(void)clock_gettime(CLOCK_REALTIME, &ended.at);
		dispatch(reaper, &ended);
	}
}

static void on_signal(struct loop_source *source, uint32_t events)
{
	struct reaper *reaper = owner_of(source, struct reaper, source);
	struct signalfd_siginfo info;
	bool terminate = false;

	(void)events;
	while (read(reaper->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		if (info.ssi_signo != SIGCHLD)
			terminate = true;
	reap_all(reaper);
	if (terminate && reaper->terminate)
		reaper->terminate(reaper->terminate_owner);
}

int reaper_init(struct reaper *reaper, struct loop *loop, struct err *err)
{
	sigset_t set;
	int code;

	*reaper = (struct reaper){ .signal_fd = -1 };
	list_init(&reaper->children);
	list_init(&reaper->unclaimed);
	list_init(&reaper->holds);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	/* Ignored by who started us, it would come to nobody, and children reap themselves. */
	(void)signal(SIGCHLD, SIG_DFL);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return err_errno(err, "block signals");
	reaper->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (reaper->signal_fd < 0)
		return err_errno(err, "signalfd");
	loop_source_init(&reaper->source, on_signal);
	code = loop_add(loop, &reaper->source, reaper->signal_fd, EPOLLIN);
	if (code < 0)
		return err_set(err, code, "watch signals");
	return 0;
}

/*
 * The last exit that was kept for a pid; NULL: there is none. What is our child still, or again,
 * has not been reaped: the exit was that of another, which had the number before.
 */
static struct unclaimed *find(struct reaper *reaper, pid_t pid)
{
	struct unclaimed *found = last_of(reaper, pid);
	siginfo_t info;

	if (found && waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0)
		return NULL;
	return found;
}

int reaper_watch(struct reaper *reaper, struct child *child, pid_t pid, struct child_exit *ended)
{
	struct unclaimed *entry = find(reaper, pid);

	if (entry) {
		*ended = entry->ended;
		unclaimed_free(entry);
		return 1;
	}
	child->pid = pid;
	list_add_before(&reaper->children, &child->link);
	return 0;
}

bool reaper_has(struct reaper *reaper, pid_t pid, struct child_exit *ended)
{
	const struct unclaimed *entry = find(reaper, pid);

	if (entry)
		*ended = entry->ended;
	return entry;
}

void reaper_forget(struct child *child)
{
	child->pid = 0;
	list_remove(&child->link);
}

void reaper_hold(struct reaper *reaper, struct reaper_hold *hold)
{
	hold->since = reaper->kept;
	list_init(&hold->link);
	list_add_before(&reaper->holds, &hold->link);
}

void reaper_release(struct reaper *reaper, struct reaper_hold *hold)
{
	uint64_t since = UINT64_MAX;

	if (!hold->link.next)
		return;
	list_remove(&hold->link);
	hold->link = (struct list){ 0 };
	if (!list_empty(&reaper->holds))
		since = owner_of(reaper->holds.next, struct reaper_hold, link)->since;
	while (!list_empty(&reaper->unclaimed)) {
		struct unclaimed *oldest = owner_of(reaper->unclaimed.next, struct unclaimed, link);

		if (oldest->number > since)
			break;
		unclaimed_free(oldest);
	}
}
