/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/warm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "config/base/err.h"
#include "config/base/log.h"

enum { WARM_STACK_BYTES = 16 << 10, WARM_TEXT_MAX = 6 << 10 };

/*
 * The child shares our memory, so that starting it copies nothing, and runs beside us: it must not
 * touch anything of the C library's, errno above all. Where there is no such system call here it
 * gets memory of its own, and then may.
 */
#if defined(__x86_64__)
#define WARM_SHARED (CLONE_VM | CLONE_FILES | CLONE_FS)

static inline long system_call(long number, long a, long b, long c)
{
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return result;
}
#elif defined(__aarch64__)
#define WARM_SHARED (CLONE_VM | CLONE_FILES | CLONE_FS)

static inline long system_call(long number, long a, long b, long c)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;

	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
	return x0;
}
#else
#define WARM_SHARED 0

static inline long system_call(long number, long a, long b, long c)
{
	long result = syscall(number, a, b, c);

	return result < 0 ? -errno : result;
}
#endif

#define NO_SANITIZER __attribute__((no_sanitize("address", "undefined")))

NO_SANITIZER char *warm_procs_path(char *text, size_t len, size_t room)
{
	static const char mark[] = "0::/";
	static const char name[] = "/cgroup.procs";
	size_t from = 0;
	size_t same = 0;
	size_t to;

	while (same < sizeof(mark) - 1) {
		if (from + same >= len)
			return NULL;
		if (text[from + same] == mark[same]) {
			same++;
			continue;
		}
		for (same = 0; from < len && text[from] != '\n'; from++)
			;
		from++;
	}
	from += same;
	for (to = from; to < len && text[to] != '\n'; to++)
		;
	if (to + sizeof(name) > room)
		return NULL;
	for (size_t i = to == from; i < sizeof(name); i++) /* of the root: without the '/' */
		text[to++] = name[i];
	return text + from;
}

static inline long raw_open(long dir, const char *path, long flags)
{
	return system_call(SYS_openat, dir, (long)(intptr_t)path, flags);
}

NO_SANITIZER static inline bool is_cgroup2(long fd)
{
	struct statfs at = { 0 };

	return system_call(SYS_fstatfs, fd, (long)(intptr_t)&at, 0) == 0 &&
	       at.f_type == CGROUP2_SUPER_MAGIC;
}

/* As cg_root_open() does it. */
NO_SANITIZER static long open_root(void)
{
	long fd = raw_open(AT_FDCWD, "/sys/fs/cgroup", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || is_cgroup2(fd))
		return fd;
	(void)system_call(SYS_close, fd, 0, 0);
	fd = raw_open(AT_FDCWD, "/sys/fs/cgroup/unified", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || is_cgroup2(fd))
		return fd;
	(void)system_call(SYS_close, fd, 0, 0);
	return -ENOENT;
}

/* Open cgroup.procs of the cgroup that we are in. Its descriptor, or a negative errno value. */
NO_SANITIZER static long open_procs(void)
{
	char text[WARM_TEXT_MAX] = { 0 };
	long fd = raw_open(AT_FDCWD, "/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
	long len = fd < 0 ? fd : system_call(SYS_read, fd, (long)(intptr_t)text, sizeof(text));
	const char *path = len < 0 ? NULL : warm_procs_path(text, (size_t)len, sizeof(text));
	long root;

	if (fd >= 0)
		(void)system_call(SYS_close, fd, 0, 0);
	if (!path)
		return len < 0 ? len : -ENOENT;
	root = open_root();
	if (root < 0)
		return root;
	fd = raw_open(root, path, O_WRONLY | O_CLOEXEC);
	(void)system_call(SYS_close, root, 0, 0);
	return fd;
}

/* The child. Its exit status is the errno value of what failed. */
NO_SANITIZER static int child_main(void *unused)
{
	static const char myself[] = "0";
	const struct timespec between = { .tv_nsec = WARM_PAUSE_MS * 1000000 };
	long fd = open_procs();
	long code = fd;

	(void)unused;
	for (int i = 0; i < WARM_WRITES && code >= 0; i++) {
		if (i > 0)
			(void)system_call(SYS_nanosleep, (long)(intptr_t)&between, 0, 0);
		code = system_call(SYS_write, fd, (long)(intptr_t)myself, 1);
	}
	if (fd >= 0)
		(void)system_call(SYS_close, fd, 0, 0);
	for (;
	     ;) /* the C library would end the threads of a process, and runs what atexit() holds */
		(void)system_call(SYS_exit, code < 0 ? -code : 0, 0, 0);
	__builtin_unreachable();
}

static void tell(struct warm *warm, const char *why)
{
	if (!warm->told)
		log_debug(NULL, "cgroups are not warmed up: %s", why);
	warm->told = true;
}

static void on_ended(struct child *child, const struct child_exit *ended)
{
	struct warm *warm = owner_of(child, struct warm, child);

	(void)munmap(warm->stack, WARM_STACK_BYTES);
	warm->stack = NULL;
	if (ended->status != 0)
		tell(warm, err_reason((int)ended->status));
}

void warm_init(struct warm *warm)
{
	*warm = (struct warm){ 0 };
	child_init(&warm->child, on_ended);
}

void warm_cgroup_attach(struct warm *warm, struct reaper *reaper)
{
	struct child_exit ended;
	void *stack;
	pid_t pid;

	if (warm->stack)
		return;
	stack = mmap(NULL, WARM_STACK_BYTES, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	if (stack == MAP_FAILED) {
		tell(warm, err_reason(errno));
		return;
	}
	pid = clone(child_main, (char *)stack + WARM_STACK_BYTES, WARM_SHARED | SIGCHLD, NULL);
	if (pid < 0) {
		tell(warm, err_reason(errno));
		(void)munmap(stack, WARM_STACK_BYTES);
		return;
	}
	warm->stack = stack;
	if (reaper_watch(reaper, &warm->child, pid, &ended) > 0)
		on_ended(&warm->child, &ended);
}
