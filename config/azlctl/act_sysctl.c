/* SPDX-License-Identifier: Apache-2.0 */
/* Values of the running kernel, below /proc/sys. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/azlctl/act.h"
#include "config/azlctl/azlctl.h"
#include "config/azlctl/journal.h"
#include "config/azlctl/plan.h"
#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/base/fd.h"
#include "config/base/num.h"

/* "net.ipv4.ip_forward" to its file. A name of sysctl.d(5) that has '/' first is one already. */
static int open_sysctl(const char *name, int flags)
{
	own_fd int folder = open("/proc/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
	own_mem char *path = strdup(name);
	size_t first = strcspn(name, "./");
	bool has_dots = name[first] == '.';
	int fd;

	if (folder < 0 || !path)
		return folder < 0 ? -errno : -ENOMEM;
	if (*name == '/' || strstr(name, ".."))
		return -EINVAL;
	for (char *at = path; has_dots && *at; at++) {
		/* "eth0/100" is how an interface with a dot is written */
		if (*at == '.')
			*at = '/';
		else if (*at == '/')
			*at = '.';
	}
	fd = openat(folder, path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Blanks between the numbers of a value are all the same to the kernel. */
static void plain(char *text)
{
	char *to = text;

	for (const char *at = text; *at; at++) {
		bool blank = *at == '\t' || *at == ' ' || *at == '\n';

		if (blank && (to == text || to[-1] == ' '))
			continue;
		*to++ = blank ? ' ' : *at;
	}
	if (to > text && to[-1] == ' ')
		to--;
	*to = '\0';
}

int sysctl_read(const char *name, char value[SYSCTL_ROOM])
{
	own_fd int fd = open_sysctl(name, O_RDONLY);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = read(fd, value, SYSCTL_ROOM - 1);
	if (n < 0)
		return -errno;
	value[n] = '\0';
	plain(value);
	return 0;
}

int sysctl_write(const char *name, const char *value, struct err *err)
{
	own_fd int fd = open_sysctl(name, O_WRONLY);
	ssize_t n;

	if (fd < 0)
		return err_set(err, fd, "sysctl %s: %s", name, err_reason(-fd));
	n = write(fd, value, strlen(value));
	if (n < 0)
		return err_errno(err, "sysctl %s = %s", name, value);
	return 0;
}

/* The kernel takes 0x10 and 020 for 16, and says 16 (kernel/sysctl.c, strtoul_lenient). */
static bool is_number(const char *text, long long *number)
{
	char *end;

	errno = 0;
	*number = strtoll(text, &end, 0);
	return errno == 0 && end != text && *end == '\0';
}

static bool is_same(const char *wanted, const char *now)
{
	long long want, have;

	return strcmp(wanted, now) == 0 ||
	       (is_number(wanted, &want) && is_number(now, &have) && want == have);
}

static bool is_enough(const struct step *step, const char *now)
{
	own_mem char *wanted = strdup(step->value);
	uint64_t have, want;

	if (!wanted)
		return false;
	plain(wanted);
	if (is_same(wanted, now))
		return true;
	return step->at_least && num_u64_parse(now, strlen(now), &have) == 0 &&
	       num_u64_parse(wanted, strlen(wanted), &want) == 0 && have >= want;
}

void sysctl_look(struct world *world, struct step *step)
{
	char now[SYSCTL_ROOM];
	int rc;

	rc = sysctl_read(step->name, now);
	if (rc == -ENOENT && step->optional) {
		step->state = STEP_IN_FORCE;
		return;
	}
	if (rc < 0) {
		step->state = STEP_FAILED;
		plan_text(world->plan, &step->reason,
			  rc == -ENOENT ? "this kernel has no such value: load its module, or have "
					  "host.json say \"sysctl\": { \"%s\": null }"
					: "%s cannot be read",
			  step->name);
		return;
	}
	plan_text(world->plan, &step->before, "%s", now);
	step->state = is_enough(step, now) && !along_is_set(world->plan, step) ? STEP_IN_FORCE
									       : STEP_TODO;
}

int sysctl_note(struct world *world, const struct step *step)
{
	int rc = along_note(world, step);

	return rc < 0 ? rc
		      : journal_note(world->journal, CHANGE_SYSCTL, step->name, step->before,
				     step->value);
}

int sysctl_take(struct world *world, struct step *step, struct err *err)
{
	(void)world;
	return sysctl_write(step->name, step->value, err);
}

static bool same(const char *text, const char *now)
{
	char value[SYSCTL_ROOM];

	if (!text || strlen(text) >= sizeof(value))
		return false;
	memcpy(value, text, strlen(text) + 1);
	plain(value);
	return is_same(value, now);
}

enum undo sysctl_undo_look(struct world *world, const struct change *change, struct err *err)
{
	char now[SYSCTL_ROOM];
	int rc = world->ctl->is_live && change->before ? sysctl_read(change->name, now) : -ENOENT;

	if (rc == -ENOENT || (rc == 0 && same(change->before, now)))
		return UNDO_NOTHING;
	if (rc < 0) {
		(void)err_set(err, rc, "sysctl %s: %s: it stays", change->name, err_reason(-rc));
		return UNDO_LEFT;
	}
	if (same(change->ours, now) || same(change->earlier, now))
		return UNDO_TODO;
	(void)err_set(err, -EEXIST,
		      "somebody set it to %s since: it stays (before azlctl it was %s)", now,
		      change->before);
	return UNDO_LEFT;
}

int sysctl_undo(struct world *world, const struct change *change, struct err *err)
{
	return along_set_back(world, change, err);
}
