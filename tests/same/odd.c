/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Becomes the program $ODD_PROGRAM with attributes that no service manager would give to it, so
 * that a process which inherits one of them shows it. $ODD names one of them; all when it is empty.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	IOPRIO_PROCESS = 1,
	BEST_EFFORT_6 = 2 << 13 | 6,
	JOIN_SESSION_KEYRING = 1,
	NO_SETUID_FIXUP = 1 << 2, /* securebits */
	MPOL_PREFERRED_ = 1,
};

static bool wanted(const char *name)
{
	const char *one = getenv("ODD");

	return !one || !*one || strcmp(one, name) == 0;
}

static void check(const char *what, long result)
{
	if (result >= 0)
		return;
	(void)fprintf(stderr, "odd: %s: %s\n", what, strerror(errno));
	exit(125);
}

static void limit(int which, rlim_t soft, rlim_t hard)
{
	struct rlimit now;
	struct rlimit limit = { .rlim_cur = soft, .rlim_max = hard };

	check("getrlimit", getrlimit((enum __rlimit_resource)which, &now));
	if (limit.rlim_max > now.rlim_max)
		limit.rlim_max = now.rlim_max;
	if (limit.rlim_cur > limit.rlim_max)
		limit.rlim_cur = limit.rlim_max;
	check("setrlimit", setrlimit((enum __rlimit_resource)which, &limit));
}

static void odd_signals(void)
{
	static const int ignored[] = { SIGPIPE, SIGHUP, SIGINT, SIGUSR1, SIGTSTP, SIGWINCH };
	sigset_t blocked;

	(void)sigemptyset(&blocked);
	(void)sigaddset(&blocked, SIGUSR2);
	(void)sigaddset(&blocked, SIGALRM);
	(void)sigaddset(&blocked, SIGRTMIN + 5);
	if (wanted("blocked"))
		(void)sigprocmask(SIG_BLOCK, &blocked, NULL);
	/* Not among all: it takes the exits of its children from whoever does not reset it. */
	if (getenv("ODD") && strcmp(getenv("ODD"), "children") == 0)
		(void)signal(SIGCHLD, SIG_IGN);
	for (size_t i = 0; wanted("ignored") && i < sizeof(ignored) / sizeof(ignored[0]); i++)
		(void)signal(ignored[i], SIG_IGN);
}

static void odd_limits(void)
{
	if (wanted("nofile"))
		limit(RLIMIT_NOFILE, 700, 900);
	if (!wanted("limits"))
		return;
	limit(RLIMIT_CORE, 12345, 54321);
	limit(RLIMIT_MEMLOCK, 65536, 131072);
	limit(RLIMIT_SIGPENDING, 1000, 2000);
	limit(RLIMIT_MSGQUEUE, 1111, 2222);
	limit(RLIMIT_STACK, 4 << 20, 6 << 20);
}

static void odd_scheduling(void)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(1, &cpus);
	if (wanted("nice"))
		check("nice", setpriority(PRIO_PROCESS, 0, 5));
	if (wanted("batch"))
		check("batch", sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){ 0 }));
	if (wanted("ioprio"))
		check("ioprio", syscall(SYS_ioprio_set, IOPRIO_PROCESS, 0, BEST_EFFORT_6));
	if (wanted("affinity"))
		(void)sched_setaffinity(0, sizeof(cpus), &cpus); /* where there is a second one */
	if (wanted("timerslack"))
		check("timerslack", prctl(PR_SET_TIMERSLACK, 123456));
	if (wanted("mempolicy"))
		(void)syscall(SYS_set_mempolicy, MPOL_PREFERRED_, &(unsigned long){ 1 }, 8);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	check(path, fd);
	check(path, write(fd, text, strlen(text)));
	(void)close(fd);
}

static void odd_attributes(void)
{
	static const gid_t groups[] = { 4, 24, 4242 };

	if (wanted("oom"))
		write_file("/proc/self/oom_score_adj", "500");
	if (wanted("coredump"))
		write_file("/proc/self/coredump_filter", "0x7f");
	if (wanted("personality"))
		check("personality", personality(ADDR_NO_RANDOMIZE));
	if (wanted("thp"))
		check("thp", prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
	if (wanted("pdeathsig"))
		check("pdeathsig", prctl(PR_SET_PDEATHSIG, SIGURG));
	if (wanted("securebits"))
		check("securebits", prctl(PR_SET_SECUREBITS, NO_SETUID_FIXUP));
	if (wanted("groups"))
		check("groups", syscall(SYS_setgroups, 3, groups));
	if (wanted("keyring"))
		(void)syscall(SYS_keyctl, JOIN_SESSION_KEYRING, "odd");
	if (wanted("umask"))
		(void)umask(077);
	if (wanted("environment")) {
		(void)setenv("ODD_LEAK", "1", 1);
		(void)setenv("GODEBUG", "x=1", 1);
		(void)setenv("HOME", "/odd", 1);
	}
}

static void odd_descriptors(void)
{
	if (!wanted("descriptors"))
		return;
	check("open", open("/", O_RDONLY | O_DIRECTORY));
	check("open", open("/etc/passwd", O_RDWR));
	for (int fd = 20; fd < 24; fd++)
		check("dup2", dup2(0, fd));
}

int main(int argc, char *argv[])
{
	const char *program = getenv("ODD_PROGRAM");

	(void)argc;
	if (!program)
		return 125;
	odd_signals();
	odd_descriptors();
	odd_scheduling();
	odd_attributes();
	odd_limits();
	(void)execv(program, argv);
	return 126;
}
