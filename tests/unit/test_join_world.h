/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container for the joiner, and the daemon's part of it: a process in namespaces of its own whose
 * root is a temporary file system with the machine's /usr; plans; what comes back over the control.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config/base/err.h"
#include "shim/join/plan.h"
#include "shim/join_image.h"
#include "tests/unit/test.h"

enum {
	WORLD_SPACES = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET |
		       CLONE_NEWCGROUP
};
enum { WORLD_LIMIT_MS = 60000, WORLD_UID = 100000, WORLD_IDS = 65536 };

struct world {
	pid_t init; /* 0: this machine cannot make one */
	int pidfd;
	int cgroup;
	unsigned int spaces;
};

static void world_file(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) ||
	    fchmod(fd, mode) < 0)
		_exit(90);
	(void)close(fd);
}

/* Whether something that the user namespace cannot take away hides a part of /proc. */
static bool world_hides;

/* In init: what its root holds. */
static void world_root(void)
{
	static const char *const links[] = { "bin", "sbin", "lib", "lib64" };
	static const char *const folders[] = { "usr",  "proc", "dev",  "dev/pts", "etc",
					       "root", "tmp",  "work", "private" };
	char target[32];

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", "/tmp", "tmpfs", 0, "mode=755") < 0 || chdir("/tmp") < 0)
		_exit(91);
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
		if (mkdir(folders[i], 0755) < 0)
			_exit(92);
	for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++) {
		(void)snprintf(target, sizeof(target), "usr/%s", links[i]);
		if (symlink(target, links[i]) < 0)
			_exit(93);
	}
	if (mount("/usr", "usr", NULL, MS_BIND | MS_REC, NULL) < 0 ||
	    mount("proc", "proc", "proc", 0, NULL) < 0 ||
	    mount("devpts", "dev/pts", "devpts", 0, "newinstance,ptmxmode=0666,mode=0620") < 0 ||
	    symlink("pts/ptmx", "dev/ptmx") < 0 || mkdir("old", 0755) < 0)
		_exit(94);
	if (world_hides && mount("none", "proc/sys", "tmpfs", 0, NULL) < 0)
		_exit(94);
	world_file("dev/null", "", 0666);
	if (mount("/dev/null", "dev/null", NULL, MS_BIND, NULL) < 0)
		_exit(95);
	world_file("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/work\n", 0644);
	world_file("tmp/script", "#!/no/such/interpreter\n", 0755);
	world_file("tmp/plain", "text\n", 0644);
	if (chmod("private", 0700) < 0 || chown("private", 1000, 1000) < 0 ||
	    chmod("tmp", 01777) < 0 || syscall(SYS_pivot_root, ".", "old") < 0 || chdir("/") < 0 ||
	    umount2("/old", MNT_DETACH) < 0 || rmdir("/old") < 0)
		_exit(96);
}

static void world_map(pid_t pid, const char *what)
{
	char path[64];
	char text[64];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, what);
	(void)snprintf(text, sizeof(text), "0 %d %d\n", WORLD_UID, WORLD_IDS);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		abort();
	(void)close(fd);
}

/* Our own cgroup in the unified hierarchy. */
static int world_cgroup(void)
{
	static const char *const tops[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
	char line[512];
	char path[600];
	FILE *file = fopen("/proc/self/cgroup", "re");
	int fd = -1;

	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, "0::", 3) != 0)
			continue;
		line[strcspn(line, "\n")] = '\0';
		for (size_t i = 0; i < 2 && fd < 0; i++) {
			(void)snprintf(path, sizeof(path), "%s%s/cgroup.procs", tops[i], line + 3);
			if (access(path, W_OK) < 0)
				continue;
			*strrchr(path, '/') = '\0';
			fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		}
	}
	if (file)
		(void)fclose(file);
	return fd;
}

static void world_init(int ready, int go, bool user)
{
	char byte;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (user) {
		/* the mounts belong to the user namespace, as those of a container do */
		if (unshare(CLONE_NEWUSER) < 0 || write(ready, "u", 1) != 1 ||
		    read(go, &byte, 1) != 1 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0 ||
		    setgroups(0, NULL) < 0 || unshare(CLONE_NEWNS) < 0)
			_exit(97);
	}
	if (write(ready, "r", 1) != 1)
		_exit(98);
	for (;;)
		(void)pause();
}

/* A process of its own namespaces; of a time namespace, too, where there are any: only children get
 * into one, so ours is taken back. */
static pid_t world_clone(struct world *world)
{
	int time = open("/proc/self/ns/time", O_RDONLY | O_CLOEXEC);
	pid_t pid;

	if (time >= 0 && unshare(CLONE_NEWTIME) == 0)
		world->spaces |= CLONE_NEWTIME;
	pid = (pid_t)syscall(SYS_clone, WORLD_SPACES | SIGCHLD, NULL, NULL, NULL, NULL);
	if (pid != 0 && time >= 0) {
		CHECK(setns(time, CLONE_NEWTIME) == 0);
		(void)close(time);
	}
	return pid;
}

/* Without root, or where namespaces cannot be made, init is 0 and the tests have nothing to say. */
static struct world world_new(bool user)
{
	struct world world = { .pidfd = -1, .cgroup = world_cgroup(), .spaces = WORLD_SPACES };
	int ready[2];
	int go[2];
	char byte = 0;
	pid_t pid;

	if (geteuid() != 0 || world.cgroup < 0 || pipe2(ready, O_CLOEXEC) < 0 ||
	    pipe2(go, O_CLOEXEC) < 0) {
		printf("# no container can be made here\n");
		return world;
	}
	(void)fflush(stdout);
	pid = world_clone(&world);
	if (pid == 0) {
		world_root();
		world_init(ready[1], go[0], user);
	}
	(void)close(ready[1]);
	if (pid > 0 && user && read(ready[0], &byte, 1) == 1) {
		world_map(pid, "uid_map");
		world_map(pid, "gid_map");
		CHECK(write(go[1], "g", 1) == 1);
	}
	if (pid > 0 && read(ready[0], &byte, 1) == 1) {
		world.init = pid;
		world.pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	} else if (pid > 0) {
		int status = 0;

		CHECK(waitpid(pid, &status, 0) == pid);
		printf("# no container here: %d\n", WEXITSTATUS(status));
	}
	(void)close(ready[0]);
	(void)close(go[0]);
	(void)close(go[1]);
	return world;
}

static void world_done(struct world *world)
{
	if (world->init > 0) {
		(void)kill(world->init, SIGKILL);
		CHECK(waitpid(world->init, NULL, 0) == world->init);
	}
	(void)close(world->pidfd);
	(void)close(world->cgroup);
}

/* ---- plans ---- */

enum { WORLD_PLAN_BYTES = 65536 };

union draft {
	struct plan plan;
	char bytes[WORLD_PLAN_BYTES];
};

static struct plan_span draft_add(union draft *draft, const void *bytes, size_t len)
{
	struct plan_span span = { .bytes = (uint32_t)len };

	draft->plan.size = (draft->plan.size + 7) & ~7U;
	span.offset = draft->plan.size;
	if (draft->plan.size + len > sizeof(draft->bytes))
		abort();
	memcpy(draft->bytes + span.offset, bytes, len);
	draft->plan.size += (uint32_t)len;
	return span;
}

/* Words that end with NULL, one behind the other. */
static struct plan_span draft_words(union draft *draft, const char *const *words, uint32_t *count)
{
	char text[8192];
	size_t used = 0;

	for (*count = 0; words[*count]; (*count)++) {
		size_t len = strlen(words[*count]) + 1;

		if (used + len > sizeof(text))
			abort();
		memcpy(text + used, words[*count], len);
		used += len;
	}
	return draft_add(draft, text, used);
}

static void draft_argv(union draft *draft, const char *const *argv)
{
	draft->plan.argv = draft_words(draft, argv, &draft->plan.argc);
}

static void draft_env(union draft *draft, const char *const *env)
{
	draft->plan.env = draft_words(draft, env, &draft->plan.envc);
}

/* `sh -c command` as root with all capabilities, in /, with PATH and HOME. */
static union draft *draft_new(const struct world *world, const char *command)
{
	static const char *const env[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root",
					   NULL };
	const char *const argv[] = { "sh", "-c", command, NULL };
	union draft *draft = calloc(1, sizeof(*draft));

	if (!draft)
		abort();
	draft->plan.magic = PLAN_MAGIC;
	draft->plan.size = sizeof(draft->plan);
	draft->plan.namespaces = world->spaces;
	draft->plan.flags = PLAN_ENV;
	draft_argv(draft, argv);
	draft_env(draft, env);
	draft->plan.cwd = draft_add(draft, "/", 2);
	return draft;
}

/* ---- the daemon's part ---- */

/* What a test does while a process waits for its limits; false: it shall not get them. */
static bool (*world_at_limits)(pid_t pid);

struct said {
	pid_t pid;	/* of the process, or 0 */
	bool pid_first; /* nothing came before it */
	int tty;	/* master, or -1 */
	int messages;
	struct plan_msg error; /* kind 0: none */
	int status;	       /* of the process: exit status, 128 and the signal, or -1 */
	char out[16384];       /* what it wrote to its standard output and error, or terminal */
};

/* In the child: what the daemon gives. */
static void __attribute__((noreturn))
join_exec(const struct world *world, int plan, int control, int out)
{
	const int want[PLAN_FD_MAX] = { -1, out, out, plan, control, world->pidfd, world->cgroup };
	static char *const none[] = { NULL };
	struct err err;
	int image = join_image_open(&err);
	int high[PLAN_FD_MAX];

	image = fcntl(image, F_DUPFD_CLOEXEC, 60);
	for (int i = 0; i < PLAN_FD_MAX; i++) {
		int fd = want[i] < 0 ? open("/dev/null", O_RDWR) : want[i];

		high[i] = fcntl(fd, F_DUPFD_CLOEXEC, 40);
	}
	for (int i = 0; i < PLAN_FD_MAX; i++)
		if (dup2(high[i], i) < 0)
			_exit(80);
	(void)syscall(SYS_execveat, image, "", none, none, AT_EMPTY_PATH);
	_exit(81);
}

static void take_message(struct said *said, int control, const struct plan_msg *msg,
			 const struct plan_limit *limit)
{
	said->messages++;
	if (msg->kind == PLAN_MSG_PID) {
		said->pid = msg->value;
		said->pid_first = said->messages == 1;
	} else if (msg->kind == PLAN_MSG_ERROR) {
		said->error = *msg;
	} else if (msg->kind == PLAN_MSG_LIMITS) {
		const struct rlimit to = { limit->soft, limit->hard };

		if (world_at_limits && !world_at_limits(said->pid)) {
			CHECK(shutdown(control, SHUT_RDWR) == 0);
			return;
		}
		CHECK(prlimit(said->pid, (enum __rlimit_resource)limit->resource, &to, NULL) == 0);
		CHECK(write(control, "", 1) == 1);
	}
}

/* Returns whether there may be more. */
static bool read_control(struct said *said, int control, const struct plan_limit *limit)
{
	struct plan_msg msg = { 0 };
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} extra = { 0 };
	struct iovec part = { .iov_base = &msg, .iov_len = sizeof(msg) };
	struct msghdr header = { .msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = &extra,
				 .msg_controllen = sizeof(extra.bytes) };
	ssize_t n = recvmsg(control, &header, MSG_CMSG_CLOEXEC);

	if (n <= 0)
		return false;
	CHECK((size_t)n >= offsetof(struct plan_msg, text));
	if (header.msg_controllen > 0 && extra.header.cmsg_type == SCM_RIGHTS)
		memcpy(&said->tty, CMSG_DATA(&extra.header), sizeof(int));
	take_message(said, control, &msg, limit);
	return true;
}

static void read_out(struct said *said, int from)
{
	size_t used = strlen(said->out);
	ssize_t n;

	while ((n = read(from, said->out + used, sizeof(said->out) - 1 - used)) > 0)
		used += (size_t)n;
	said->out[used] = '\0';
}

/* Starts the joiner with a plan, and waits for all that comes of it. Takes the draft. */
static struct said join_run(const struct world *world, union draft *draft)
{
	struct said said = { .tty = -1, .status = -1 };
	const struct plan_limit none = { 0 };
	const struct plan_limit *limit =
		draft->plan.limits.bytes == 0
			? &none
			: (const void *)(draft->bytes + draft->plan.limits.offset);
	int plan = memfd_create("plan", MFD_CLOEXEC);
	int control[2];
	int out[2];
	int status = 0;
	pid_t pid;

	(void)alarm(WORLD_LIMIT_MS / 1000);
	CHECK(write(plan, draft, draft->plan.size) == (ssize_t)draft->plan.size);
	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) == 0);
	CHECK(pipe2(out, O_CLOEXEC) == 0);
	(void)fflush(stdout);
	pid = fork();
	if (pid == 0)
		join_exec(world, plan, control[1], out[1]);
	(void)close(control[1]);
	(void)close(out[1]);
	while (read_control(&said, control[0], limit))
		;
	read_out(&said, out[0]);
	if (said.tty >= 0)
		read_out(&said, said.tty);
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status)); /* by itself, whatever it did */
	if (said.pid > 0 && waitpid(said.pid, &status, 0) == said.pid)
		said.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	while (waitpid(-1, NULL, WNOHANG | __WALL) > 0)
		; /* the one in between */
	(void)alarm(0);
	(void)close(control[0]);
	(void)close(out[0]);
	(void)close(plan);
	free(draft);
	return said;
}
