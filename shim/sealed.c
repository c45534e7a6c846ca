/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/sealed.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/base/fd.h"
#include "config/base/num.h"
#include "shim/runtime_store.h"
#include "shim/spawn.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U /* Linux 6.3; before, every memfd is */
#endif

#define SEALED_SUFFIX ".sealed"

enum {
	SEALED_NAME_ROOM = RUNTIME_KEY_ROOM + sizeof(SEALED_SUFFIX),
	SEALED_ENTRY_ROOM = PATH_MAX + 128,
	SEALED_SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE,
	SEALED_START_FIELD = 22, /* of /proc/PID/stat; proc_pid_stat(5) */
};

/* What KEY.sealed says: "PID START FD\nPROGRAM\n". */
struct place {
	pid_t pid;
	uint64_t start; /* of the process, so that another with its number is not taken for it */
	int fd;
	char program[PATH_MAX];
};

bool sealed_is_wanted(const struct runtime_version *version)
{
	return version->major == 1 && version->minor == 1;
}

/* ---- where it is ---- */

static void name_of(const char *key, char *name)
{
	(void)snprintf(name, SEALED_NAME_ROOM, "%s" SEALED_SUFFIX, key);
}

/* When a process was started, in ticks; 0: it is gone. proc: its folder. */
static uint64_t start_of(int proc)
{
	char text[1024];
	ssize_t len = fd_read_text(proc, "stat", text, sizeof(text));
	char *at = len < 0 ? NULL : strrchr(text, ')'); /* the name before it may hold anything */

	for (int field = 2; at && field < SEALED_START_FIELD; field++) {
		at = strchr(at, ' ');
		at = at ? at + 1 : NULL;
	}
	return at ? strtoull(at, NULL, 10) : 0;
}

/* Open the folder of a process that is the one that was written down. Returns it, or -1. */
static int open_holder(const struct place *place)
{
	char path[32];
	own_fd int proc = -1;

	(void)snprintf(path, sizeof(path), "/proc/%d", (int)place->pid);
	proc = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return proc >= 0 && start_of(proc) == place->start ? fd_take(&proc) : -1;
}

/* Cut a number and what follows it off a text. Returns 0 or -EINVAL. */
static int take_number(const char **at, char after, uint64_t *value)
{
	const char *end = strchr(*at, after);

	if (!end || num_u64_parse(*at, (size_t)(end - *at), value) < 0)
		return -EINVAL;
	*at = end + 1;
	return 0;
}

/* Read an entry that only we can have written; fd: it, open for touching. Returns 0 or -ENOENT. */
static int read_place(int dir, const char *name, struct place *place, int *entry)
{
	char text[SEALED_ENTRY_ROOM];
	own_fd int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	ssize_t len;
	const char *at = text;
	uint64_t pid;
	uint64_t number;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
	    (st.st_mode & (S_IWGRP | S_IWOTH)))
		return -ENOENT;
	len = read(fd, text, sizeof(text) - 1);
	if (len <= 0 || text[len - 1] != '\n')
		return -ENOENT;
	text[len - 1] = '\0';
	if (take_number(&at, ' ', &pid) < 0 || take_number(&at, ' ', &place->start) < 0 ||
	    take_number(&at, '\n', &number) < 0 || *at != '/' || pid < 2 || pid > INT_MAX ||
	    number > INT_MAX || place->start == 0 || strlen(at) >= sizeof(place->program))
		return -ENOENT;
	place->pid = (pid_t)pid;
	place->fd = (int)number;
	(void)snprintf(place->program, sizeof(place->program), "%s", at);
	*entry = fd_take(&fd);
	return 0;
}

static bool is_sealed(int fd, const char *program)
{
	struct stat copy;
	struct stat original;

	return fcntl(fd, F_GET_SEALS) == SEALED_SEALS && fstat(fd, &copy) == 0 &&
	       stat(program, &original) == 0 && copy.st_size == original.st_size;
}

static int open_copy(int dir, const char *key, const char *program)
{
	char name[SEALED_NAME_ROOM];
	char path[32];
	struct place place;
	own_fd int entry = -1;
	own_fd int proc = -1;
	own_fd int low = -1;
	own_fd int fd = -1;

	name_of(key, name);
	if (read_place(dir, name, &place, &entry) < 0)
		return -1;
	proc = open_holder(&place);
	if (proc < 0)
		return -1;
	(void)snprintf(path, sizeof(path), "fd/%d", place.fd);
	low = openat(proc, path, O_RDONLY | O_CLOEXEC);
	fd = low < 0 ? -1 : fcntl(low, F_DUPFD_CLOEXEC, SEALED_FD_MIN);
	if (fd < 0 || !is_sealed(fd, program))
		return -1;
	(void)futimens(entry, NULL); /* it is in use */
	return fd_take(&fd);
}

int sealed_open(const char *store, const char *program, int *fd, char *path, struct err *err)
{
	char key[RUNTIME_KEY_ROOM];
	own_fd int dir = -1;
	int code;
	int found;

	if (runtime_store_key(program, key, err) < 0)
		return err->code;
	code = runtime_store_open(store, false, &dir, err);
	if (code < 0)
		return code == -ENOENT ? SEALED_MISSING : code;
	found = open_copy(dir, key, program);
	if (found < 0)
		return SEALED_MISSING;
	*fd = found;
	(void)snprintf(path, SEALED_PATH_ROOM, "/proc/self/fd/%d", found);
	return 0;
}

/* ---- making it ---- */

/* Profiles are named after the program's path or its name: "runc (unconfined)". */
static bool has_apparmor_profile(const char *program)
{
	own_file FILE *file = fopen("/sys/kernel/security/apparmor/profiles", "re");
	const char *base = strrchr(program, '/') + 1;
	own_mem char *line = NULL;
	size_t room = 0;

	while (file && getline(&line, &room, file) > 0) {
		char *end = strstr(line, " (");

		if (end)
			*end = '\0';
		if (strcmp(line, base) == 0 || strcmp(line, program) == 0 ||
		    (strchr(line, '/') && strcmp(strrchr(line, '/') + 1, base) == 0))
			return true;
	}
	return false;
}

static bool is_refused(const char *program)
{
	return access("/sys/fs/selinux/enforce", F_OK) == 0 || has_apparmor_profile(program);
}

/* A sealed copy, open for reading alone: a program that somebody may write cannot be executed. */
static int make_copy(const char *program, int *copy, struct err *err)
{
	const char *name = strrchr(program, '/') + 1;
	unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	own_fd int from = open(program, O_RDONLY | O_CLOEXEC);
	own_fd int to = -1;
	char path[32];
	struct stat st;
	off_t at = 0;

	if (from < 0 || fstat(from, &st) < 0)
		return err_errno(err, "open %s", program);
	to = memfd_create(name, flags | MFD_EXEC);
	if (to < 0 && errno == EINVAL)
		to = memfd_create(name, flags);
	if (to < 0)
		return err_errno(err, "memfd_create");
	while (at < st.st_size) {
		ssize_t n = sendfile(to, from, &at, (size_t)(st.st_size - at));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, "copy %s", program);
		if (n == 0)
			return err_set(err, -EAGAIN, "%s was cut meanwhile", program);
	}
	if (fcntl(to, F_ADD_SEALS, SEALED_SEALS) < 0)
		return err_errno(err, "seal a copy of %s", program);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", to);
	*copy = open(path, O_RDONLY | O_CLOEXEC);
	return *copy < 0 ? err_errno(err, "open %s", path) : 0;
}

/* Something may forbid to execute it; the runtime must not be the first to find out. */
static int try(int copy, const char *program, struct err *err)
{
	const char *argv[] = { program, "--version", NULL };
	struct spawn spawn = spawn_blank();
	char path[32];
	int status = -1;
	pid_t pid;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", copy);
	spawn.program = path;
	spawn.argv = argv;
	pid = spawn_start(&spawn, err);
	if (pid < 0)
		return err->code;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status == 0 ? 0 : err_set(err, -EACCES, "a sealed copy of %s does not run", program);
}

/* What the same program had under older keys; its holder sees that and ends. */
static void remove_older(int dir, const char *name, const char *program)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	struct place place;

	if (!list)
		(void)fd_close(fd);
	for (struct dirent *at = list ? readdir(list) : NULL; at; at = readdir(list)) {
		own_fd int entry = -1;

		if (strstr(at->d_name, SEALED_SUFFIX) && strcmp(at->d_name, name) != 0 &&
		    read_place(dir, at->d_name, &place, &entry) == 0 &&
		    strcmp(place.program, program) == 0)
			(void)unlinkat(dir, at->d_name, 0);
	}
	if (list)
		(void)closedir(list);
}

static int publish(int dir, const char *name, int copy, const char *program, struct err *err)
{
	char text[SEALED_ENTRY_ROOM];
	own_fd int self = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int len = snprintf(text, sizeof(text), "%d %" PRIu64 " %d\n%s\n", (int)getpid(),
			   start_of(self), copy, program);

	if (len >= (int)sizeof(text) || strchr(program, '\n'))
		return err_set(err, -EINVAL, "no path to keep: %s", program);
	if (fd_replace_file(dir, name, text, (size_t)len, 0600, err) < 0)
		return err->code;
	remove_older(dir, name, program);
	return 0;
}

/* ---- holding it ---- */

/* True when the entry is ours still and was touched not long ago. */
static bool is_in_use(int dir, const char *name, ino_t ours)
{
	struct stat st;
	struct timespec now;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_ino != ours)
		return false;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec - st.st_mtim.tv_sec < SEALED_IDLE_S &&
	       now.tv_sec >= st.st_mtim.tv_sec - 1;
}

static void stay(int dir, const char *name, ino_t ours)
{
	const struct timespec between = { .tv_sec = SEALED_LOOK_S };
	struct stat st;

	while (is_in_use(dir, name, ours))
		(void)nanosleep(&between, NULL);
	if (flock(dir, LOCK_EX | LOCK_NB) == 0 &&
	    fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_ino == ours)
		(void)unlinkat(dir, name, 0);
}

/* Under the lock: the copy, tried and told of. */
static int make(int dir, const char *program, int *copy, char *name, struct err *err)
{
	char key[RUNTIME_KEY_ROOM];
	char after[RUNTIME_KEY_ROOM];
	own_fd int fd = -1;

	if (runtime_store_key(program, key, err) < 0)
		return err->code;
	fd = open_copy(dir, key, program);
	if (fd >= 0)
		return SEALED_BUSY; /* somebody was quicker */
	if (is_refused(program))
		return SEALED_REFUSED;
	if (make_copy(program, &fd, err) < 0 || runtime_store_key(program, after, err) < 0)
		return err->code;
	if (strcmp(key, after) != 0)
		return err_set(err, -EAGAIN, "%s was replaced meanwhile", program);
	name_of(key, name);
	if (try(fd, program, err) < 0 || publish(dir, name, fd, program, err) < 0)
		return err->code;
	*copy = fd_take(&fd);
	return 0;
}

int sealed_hold(const char *store, const char *program, struct err *err)
{
	char name[SEALED_NAME_ROOM];
	own_fd int dir = -1;
	own_fd int copy = -1;
	struct stat st;
	int code;

	if (program[0] != '/')
		return err_set(err, -EINVAL, "no absolute path: %s", program);
	if (runtime_store_open(store, true, &dir, err) < 0)
		return err->code;
	if (flock(dir, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? SEALED_BUSY : err_errno(err, "lock %s", store);
	code = make(dir, program, &copy, name, err);
	if (code == 0 && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		code = err_errno(err, "stat %s", name);
	(void)flock(dir, LOCK_UN);
	if (code != 0)
		return code;
	(void)prctl(PR_SET_NAME, "azl-sealed");
	stay(dir, name, st.st_ino);
	return 0;
}

int sealed_remove_all(const char *store, struct err *err)
{
	own_fd int dir = -1;
	int code = runtime_store_open(store, false, &dir, err);
	int again;
	DIR *list;
	int count = 0;

	if (code < 0)
		return code == -ENOENT ? 0 : code;
	again = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	list = again < 0 ? NULL : fdopendir(again);
	if (!list) {
		(void)fd_close(again);
		return err_errno(err, "list %s", store);
	}
	for (struct dirent *at = readdir(list); at; at = readdir(list)) {
		struct place place;
		own_fd int entry = -1;
		own_fd int proc = -1;
		own_fd int pidfd = -1;

		if (!strstr(at->d_name, SEALED_SUFFIX))
			continue;
		if (read_place(dir, at->d_name, &place, &entry) == 0) {
			pidfd = pidfd_open(place.pid, 0);
			proc = open_holder(&place); /* after: so it is the one */
		}
		if (proc >= 0 && pidfd_send_signal(pidfd, SIGKILL, NULL, 0) == 0)
			count++;
		(void)unlinkat(dir, at->d_name, 0);
	}
	(void)closedir(list);
	return count;
}
