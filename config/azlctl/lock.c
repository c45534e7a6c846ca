/* SPDX-License-Identifier: Apache-2.0 */
#include "config/azlctl/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/azlctl/azlctl.h"
#include "config/azlctl/tree.h"
#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/base/fd.h"

enum { TRIES_MAX = 16 }; /* of a file that its holder removes while it is opened */

/* Is it the file that has the name? One that was removed is locked in vain. */
static bool is_named(int folder, const char *name, int fd)
{
	struct stat named, ours;

	return fstatat(folder, name, &named, AT_SYMLINK_NOFOLLOW) == 0 && fstat(fd, &ours) == 0 &&
	       named.st_ino == ours.st_ino && named.st_dev == ours.st_dev;
}

/* Returns a descriptor, -EAGAIN (the file was removed meanwhile), or another negative errno value.
 */
static int try_once(int folder, const char *name)
{
	own_fd int fd = openat(folder, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	return is_named(folder, name, fd) ? fd_take(&fd) : -EAGAIN;
}

int lock_take(const struct azlctl *ctl, struct lock *lock, struct err *err)
{
	const char *folder = ctl->is_live ? "run/azl" : "var/lib";
	int fd = -EAGAIN;

	lock->name = ctl->is_live ? "azlctl.lock" : ".azlctl.lock";
	if (ctl->is_live && tree_make_folder(ctl->root, folder, err) < 0)
		return err->code;
	lock->folder = tree_open_folder(ctl->root, folder);
	if (lock->folder < 0)
		return err_set(err, lock->folder,
			       "open %s/%s: %s (a host has it; make it in a tree)", ctl->root_path,
			       folder, err_reason(-lock->folder));
	for (int i = 0; i < TRIES_MAX && fd == -EAGAIN; i++)
		fd = try_once(lock->folder, lock->name);
	if (fd == -EBUSY || fd == -EAGAIN)
		return err_set(err, -EBUSY, "another azlctl is at work on this host");
	if (fd < 0)
		return err_set(err, fd, "nothing was changed: lock %s/%s/%s: %s%s", ctl->root_path,
			       folder, lock->name, err_reason(-fd),
			       fd == -EACCES ? " (run it as root)" : "");
	lock->fd = fd;
	return 0;
}

void lock_leave(struct lock *lock)
{
	if (lock->fd >= 0)
		(void)unlinkat(lock->folder, lock->name, 0); /* before it is anybody else's */
	lock->fd = fd_close(lock->fd);
	lock->folder = fd_close(lock->folder);
}
