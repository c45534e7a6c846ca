/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Says what a process of a container sees of itself: all that whoever made it can have given to it.
 * Two ways of making a process are alike when this says the same. Numbers that differ from run to
 * run (process ids, inodes of pipes) are said as what they are.
 *
 *   dump [-q] [-w] [WORD...]
 *
 * -q  nothing of it (the process is only to be there)
 * -w  wait for a signal afterwards
 *
 * It is static and knows no other file of the container but /share/ns: the namespaces of init, one
 * link a line, as whoever started the container wrote them.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/prctl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <termios.h>
#include <unistd.h>

enum {
	SPEC_SESSION_KEYRING = -3,
	KEY_GET_ID = 0,
	KEY_DESCRIBE = 6,
	GET_MDWE = 66,
	GET_MEMORY_MERGE = 68,
	TEXT_MAX = 65536,
};

static char text[TEXT_MAX];

static const char *why(long result)
{
	return result < 0 ? strerror(errno) : "ok";
}

/* A file's bytes in `text`, NUL-terminated. Returns how many, or -1. */
static ssize_t load(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t all = 0;
	ssize_t n = -1;

	if (fd < 0)
		return -1;
	while (all < TEXT_MAX - 1 && (n = read(fd, text + all, (size_t)(TEXT_MAX - 1 - all))) > 0)
		all += n;
	(void)close(fd);
	text[all] = '\0';
	return n < 0 ? -1 : all;
}

static void put(const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)bytes[i];

		if (c < ' ' || c >= 0x7f || c == '\\')
			printf("\\%02x", c);
		else
			(void)putchar(c);
	}
}

/* Every part of a file that ends with `end`, on a line of its own. */
static void say_parts(const char *name, const char *path, char end)
{
	ssize_t len = load(path);
	char *at = text;

	if (len < 0) {
		printf("%s: %s\n", name, strerror(errno));
		return;
	}
	if (len == 0)
		printf("%s: empty\n", name);
	while (at < text + len) {
		char *stop = memchr(at, end, (size_t)(text + len - at));
		size_t part = stop ? (size_t)(stop - at) : (size_t)(text + len - at);

		printf("%s: ", name);
		put(at, part);
		printf("%s\n", stop ? "" : " (no end)");
		at += part + 1;
	}
}

static void say_file(const char *name)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/self/%s", name);
	say_parts(name, path, '\n');
}

static bool volatile_line(const char *line)
{
	static const char *const names[] = {
		"Vm",	   "Rss",     "Pid:",	"Tgid:",
		"PPid:",   "Ngid:",   "SigQ",	"voluntary_ctxt_switches",
		"FDSize:", "Hugetlb", "State:", "nonvoluntary"
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strncmp(line, names[i], strlen(names[i])) == 0)
			return true;
	}
	return false;
}

/* In each namespace: the leader, another process, or nobody there. */
static void say_namespace_ids(const char *line)
{
	const char *at = strchr(line, ':') + 1;

	printf("%.*s", (int)(at - line), line);
	while (*at) {
		char *end;
		long id = strtol(at, &end, 10);

		if (end == at)
			break;
		printf(" %s", id == 0 ? "0" : id == getpid() ? "self" : "other");
		at = end;
	}
	printf("\n");
}

static void say_status(void)
{
	char *line;
	char *rest = text;

	if (load("/proc/self/status") < 0) {
		printf("status: %s\n", strerror(errno));
		return;
	}
	while ((line = strsep(&rest, "\n")) && *line) {
		if (strncmp(line, "NSpid", 5) == 0 || strncmp(line, "NStgid", 6) == 0 ||
		    strncmp(line, "NSpgid", 6) == 0 || strncmp(line, "NSsid", 5) == 0)
			say_namespace_ids(line);
		else if (!volatile_line(line))
			printf("status %s\n", line);
	}
}

/* Fields of /proc/self/stat behind the name: parent, group, session, terminal, its group, ... */
static void say_stat(void)
{
	long field[64] = { 0 };
	char *at;
	int count = 0;

	if (load("/proc/self/stat") < 0 || !(at = strrchr(text, ')')))
		return;
	at += 3;
	for (char *word; count < 64 && (word = strsep(&at, " ")); count++)
		field[count] = strtol(word, NULL, 10);
	printf("stat: parent %s, group %s, session %s, tty %ld:%ld, its group %s\n",
	       field[1] ? "visible" : "outside", field[2] == getpid() ? "own" : "other",
	       field[3] == getpid() ? "own" : "other", (field[4] >> 8) & 0xfff, field[4] & 0xff,
	       field[5] == -1	      ? "none"
	       : field[5] == getpid() ? "own"
				      : "other");
	printf("stat: priority %ld, nice %ld, threads %ld, exit signal %ld, rt %ld, policy %ld\n",
	       field[15], field[16], field[17], field[35], field[37], field[38]);
}

static void say_limits(void)
{
	for (int i = 0; i < RLIM_NLIMITS; i++) {
		struct rlimit limit = { 0 };

		(void)getrlimit((enum __rlimit_resource)i, &limit);
		printf("limit %d: %lld %lld\n", i, (long long)limit.rlim_cur,
		       (long long)limit.rlim_max);
	}
}

static void say_prctl(const char *name, int option, unsigned long argument)
{
	int result = prctl(option, argument, 0, 0, 0);

	if (result < 0)
		printf("prctl %s: %s\n", name, strerror(errno));
	else
		printf("prctl %s: %d\n", name, result);
}

static void say_attributes(void)
{
	int value = -1;

	say_prctl("dumpable", PR_GET_DUMPABLE, 0);
	say_prctl("keepcaps", PR_GET_KEEPCAPS, 0);
	say_prctl("securebits", PR_GET_SECUREBITS, 0);
	say_prctl("timerslack", PR_GET_TIMERSLACK, 0);
	say_prctl("no_new_privs", PR_GET_NO_NEW_PRIVS, 0);
	say_prctl("thp_disable", PR_GET_THP_DISABLE, 0);
	say_prctl("mce_kill", PR_MCE_KILL_GET, 0);
	say_prctl("io_flusher", PR_GET_IO_FLUSHER, 0);
	say_prctl("timing", PR_GET_TIMING, 0);
	say_prctl("mdwe", GET_MDWE, 0);
	say_prctl("memory_merge", GET_MEMORY_MERGE, 0);
	for (unsigned long i = 0; i < 3; i++)
		say_prctl("speculation", PR_GET_SPECULATION_CTRL, i);
	if (prctl(PR_GET_PDEATHSIG, &value) == 0)
		printf("prctl pdeathsig: %d\n", value);
	if (prctl(PR_GET_CHILD_SUBREAPER, &value) == 0)
		printf("prctl subreaper: %d\n", value);
	if (prctl(PR_GET_TSC, &value) == 0)
		printf("prctl tsc: %d\n", value);
	value = personality(0xffffffff);
	printf("personality: %x %s\n", (unsigned int)value, why(value));
	printf("secure: %lu\n", getauxval(AT_SECURE));
}

static void say_scheduling(void)
{
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
	} attr = { 0 };
	cpu_set_t cpus;
	int mode = -1;
	long result;

	result = syscall(SYS_sched_getattr, 0, &attr, sizeof(attr), 0);
	printf("scheduler: %s policy %u flags %llx nice %d priority %u runtime %llu\n", why(result),
	       attr.policy, (unsigned long long)attr.flags, attr.nice, attr.priority,
	       (unsigned long long)attr.runtime);
	result = syscall(SYS_ioprio_get, 1, 0);
	printf("ioprio: %lx %s\n", (unsigned long)result, why(result));
	CPU_ZERO(&cpus);
	if (sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
		printf("affinity: %s\n", strerror(errno));
	for (size_t i = 0; i < CPU_SETSIZE; i++) {
		if (CPU_ISSET(i, &cpus))
			printf("affinity: %zu\n", i);
	}
	result = syscall(SYS_get_mempolicy, &mode, NULL, 0, NULL, 0);
	printf("mempolicy: %d %s\n", mode, why(result));
	/* "/autogroup-12 nice 0": a session has one of its own */
	if (load("/proc/self/autogroup") > 0 && strstr(text, "nice"))
		printf("autogroup: %s", strstr(text, "nice"));
}

static void say_signals(void)
{
	sigset_t blocked;

	(void)sigprocmask(SIG_BLOCK, NULL, &blocked);
	for (int i = 1; i < _NSIG; i++) {
		struct sigaction action;

		if (sigismember(&blocked, i) == 1)
			printf("signal %d: blocked\n", i);
		if (sigaction(i, NULL, &action) == 0 && action.sa_handler != SIG_DFL)
			printf("signal %d: %s\n", i,
			       action.sa_handler == SIG_IGN ? "ignored" : "caught");
	}
}

static const char *kind_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFIFO:
		return "pipe";
	case S_IFSOCK:
		return "socket";
	case S_IFCHR:
		return "device";
	case S_IFREG:
		return "file";
	case S_IFDIR:
		return "folder";
	default:
		return "other";
	}
}

/* Inodes of pipes and sockets differ always. */
static void say_target(const char *name)
{
	char path[64];
	char target[512];
	ssize_t len;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%.8s", name);
	len = readlink(path, target, sizeof(target) - 1);
	if (len < 0) {
		printf(" (%s)", strerror(errno));
		return;
	}
	target[len] = '\0';
	if (!strstr(target, ":["))
		printf(" %s", target);
}

static void say_descriptor(int fd, const char *name)
{
	struct stat status;
	char path[64];
	char *flags;

	if (fstat(fd, &status) < 0)
		return;
	printf("fd %s: %s", name, kind_of(status.st_mode));
	say_target(name);
	if (S_ISCHR(status.st_mode))
		printf(" %u:%u", major(status.st_rdev), minor(status.st_rdev));
	printf(" mode %o owner %u:%u", status.st_mode & 07777u, status.st_uid, status.st_gid);
	(void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%.8s", name);
	if (load(path) > 0 && (flags = strstr(text, "flags:")))
		printf(" flags %.*s", (int)strcspn(flags + 7, "\n"), flags + 7);
	printf("\n");
}

static void say_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	char names[256][8];
	int count = 0;

	if (!dir) {
		printf("fd: %s\n", strerror(errno));
		return;
	}
	while (count < 256 && (entry = readdir(dir))) {
		long fd = strtol(entry->d_name, NULL, 10);

		if (entry->d_name[0] != '.' && fd != dirfd(dir))
			(void)snprintf(names[count++], sizeof(names[0]), "%.7s", entry->d_name);
	}
	(void)closedir(dir);
	for (int i = 0; i < count; i++)
		say_descriptor((int)strtol(names[i], NULL, 10), names[i]);
}

static void say_terminal(void)
{
	struct termios mode;
	struct winsize size;
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);

	printf("terminal: %s\n", fd < 0 ? strerror(errno) : "there");
	if (fd >= 0)
		(void)close(fd);
	for (fd = 0; fd < 3; fd++) {
		if (tcgetattr(fd, &mode) < 0)
			continue;
		printf("terminal %d: %x %x %x %x chars ", fd, mode.c_iflag, mode.c_oflag,
		       mode.c_cflag, mode.c_lflag);
		for (size_t i = 0; i < NCCS; i++)
			printf("%02x", mode.c_cc[i]);
		printf(" session %s group %s\n", tcgetsid(fd) == getpid() ? "own" : "other",
		       tcgetpgrp(fd) == getpid() ? "own" : "other");
		if (ioctl(fd, TIOCGWINSZ, &size) == 0)
			printf("terminal %d: %u rows %u columns %u %u\n", fd, size.ws_row,
			       size.ws_col, size.ws_xpixel, size.ws_ypixel);
	}
}

/* Equal to what init had. */
static void say_namespaces(void)
{
	static const char *const names[] = { "cgroup", "ipc",
					     "mnt",    "net",
					     "pid",    "pid_for_children",
					     "time",   "time_for_children",
					     "user",   "uts" };
	char path[64];
	char own[64];

	if (load("/share/ns") < 0)
		printf("ns: %s\n", strerror(errno));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		ssize_t len;

		(void)snprintf(path, sizeof(path), "/proc/self/ns/%s", names[i]);
		len = readlink(path, own, sizeof(own) - 1);
		own[len > 0 ? len : 0] = '\0';
		printf("ns %s: %s\n", names[i],
		       len < 0		   ? strerror(errno)
		       : strstr(text, own) ? "that of init"
					   : "another");
	}
}

static void say_link(const char *name)
{
	char path[64];
	char target[4096];
	ssize_t len;

	(void)snprintf(path, sizeof(path), "/proc/self/%s", name);
	len = readlink(path, target, sizeof(target));
	printf("%s: ", name);
	if (len < 0)
		printf("%s", strerror(errno));
	else
		put(target, (size_t)len);
	printf("\n");
}

/* The session keyring as the kernel describes it. */
static void say_keyring(void)
{
	char description[256] = "";
	long id = syscall(SYS_keyctl, KEY_GET_ID, SPEC_SESSION_KEYRING, 0);
	long len = -1;

	if (id >= 0)
		len = syscall(SYS_keyctl, KEY_DESCRIBE, SPEC_SESSION_KEYRING, description,
			      sizeof(description) - 1);
	printf("keyring: %s %s\n", why(len), description);
}

/* What umask leaves of a new file. */
static void say_new_file(void)
{
	char path[] = "/dev/shm/new.XXXXXX";
	struct stat status;
	int fd;

	(void)snprintf(path, sizeof(path), "/dev/shm/new.%06u", (unsigned int)getpid() % 1000000);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0777);
	if (fd < 0 || fstat(fd, &status) < 0) {
		printf("new file: %s\n", strerror(errno));
		return;
	}
	printf("new file: mode %o owner %u:%u\n", status.st_mode & 07777u, status.st_uid,
	       status.st_gid);
	(void)unlink(path);
	(void)close(fd);
}

/* What a filter, a missing capability or a limit does to calls. */
static void say_calls(void)
{
	long result;

	result = syscall(SYS_unshare, 0);
	printf("call unshare: %s\n", why(result));
	result = syscall(SYS_mkdirat, -1, "/dev/shm/x/y/z", 0);
	printf("call mkdirat: %s\n", why(result));
	result = syscall(SYS_ptrace, 0xffff, 0, 0, 0);
	printf("call ptrace: %s\n", why(result));
	result = syscall(SYS_sethostname, "", (size_t)-1);
	printf("call sethostname: %s\n", why(result));
	result = syscall(SYS_bpf, 0xffff, NULL, 0);
	printf("call bpf: %s\n", why(result));
	result = syscall(SYS_clone3, NULL, 0);
	printf("call clone3: %s\n", why(result));
	result = syscall(1999);
	printf("call 1999: %s\n", why(result));
	result = syscall(SYS_setgroups, 1u << 20, NULL);
	printf("call setgroups: %s\n", why(result));
	result = syscall(SYS_socket, 40, 1, 0);
	printf("call socket: %s\n", why(result));
	result = setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0));
	printf("call setpriority: %s\n", why(result));
}

static void say_rest(void)
{
	struct utsname names;
	char cwd[4096];
	long lines = 0;

	printf("getcwd: %s\n", getcwd(cwd, sizeof(cwd)) ? cwd : strerror(errno));
	(void)uname(&names);
	printf("names: %s %s %s\n", names.nodename, names.domainname, names.machine);
	if (load("/proc/self/mountinfo") > 0) {
		for (const char *c = text; *c; c++)
			lines += *c == '\n';
	}
	printf("mounts: %ld\n", lines);
	say_namespaces();
	say_keyring();
	say_new_file();
}

static void dump(void)
{
	static const char *const links[] = { "cwd", "root", "exe" };
	static const char *const files[] = { "cgroup",	      "oom_score_adj",	"oom_adj",
					     "loginuid",      "sessionid",	"coredump_filter",
					     "uid_map",	      "gid_map",	"setgroups",
					     "cpuset",	      "timens_offsets", "timerslack_ns",
					     "personality",   "attr/current",	"attr/exec",
					     "attr/keycreate" };

	say_status();
	say_stat();
	say_limits();
	say_attributes();
	say_scheduling();
	say_signals();
	say_parts("arg", "/proc/self/cmdline", '\0');
	say_parts("env", "/proc/self/environ", '\0');
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		say_file(files[i]);
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		say_link(links[i]);
	say_descriptors();
	say_terminal();
	say_rest();
	say_calls();
	(void)fflush(stdout);
}

int main(int argc, char *argv[])
{
	bool quiet = false;
	bool wait = false;

	for (int i = 1; i < argc && argv[i][0] == '-'; i++) {
		quiet = quiet || strcmp(argv[i], "-q") == 0;
		wait = wait || strcmp(argv[i], "-w") == 0;
	}
	if (!quiet)
		dump();
	if (!wait)
		return 7;
	for (;;)
		(void)pause();
}
