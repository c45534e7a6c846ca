// SPDX-License-Identifier: Apache-2.0
//
// Enters a laid folder as a test node, or removes what killed nodes left.
//
// usage: enter --base DIR --cgroup DIR --tree NAME --repo DIR [OPTION]... -- COMMAND...
//        enter --base DIR --cgroup DIR --sweep
//
// Three processes take part. The supervisor stays outside, forwards signals and
// cleans up. The init is PID 1 of the node: it mounts, starts the command, reaps,
// and ends with the command, which ends everything else in its PID namespace. The
// janitor waits outside for the supervisor's end and cleans up if it was killed.
// A cgroup or scratch directory is locked for as long as its run lives: whatever
// can be locked by another belongs to nobody and is swept.

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sched.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	MAX_ITEMS = 64,
	KILL_MS = 5000,	  // cgroup.kill to an empty cgroup
	GRACE_MS = 10000, // a forwarded SIGTERM to SIGKILL
};

#define PREFIX "azl-node."

extern char **environ;

static struct {
	const char *base;
	const char *cgroup;
	const char *tree;
	const char *repo;
	const char *dir;
	const char *binds[MAX_ITEMS];
	int n_binds;
	const char *envs[MAX_ITEMS];
	int n_envs;
	bool rw, net, disk, sweep;
	char **command;
} opt = { .dir = "/azl/src" };

// What one run owns outside of its namespaces.
static struct {
	int cgroots; // the directory in which the node's cgroup is
	int cgroup;  // the node's cgroup, locked
	char cgroup_name[64];
	int scratches;
	int scratch; // the scratch directory, locked; -1 when none
	char scratch_name[64];
} own = { .cgroots = -1, .cgroup = -1, .scratches = -1, .scratch = -1 };

__attribute__((format(printf, 1, 2), noreturn)) static void die(const char *fmt, ...)
{
	int e = errno;
	va_list ap;

	va_start(ap, fmt);
	fputs("node: ", stderr);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, ": %s\n", strerror(e));
	exit(125);
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int write_at(int dir, const char *name, const char *text)
{
	int fd = openat(dir, name, O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = write(fd, text, strlen(text));
	close(fd);
	return n < 0 ? -1 : 0;
}

// Removes a directory and what is in it. Of a cgroup only the directories can be removed.
static int remove_tree(int parent, const char *name, bool cgroup)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	struct dirent *d;
	DIR *dir;

	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -1;
	}
	while ((d = readdir(dir))) {
		if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."))
			continue;
		if (d->d_type == DT_DIR)
			(void)remove_tree(fd, d->d_name, cgroup);
		else if (!cgroup)
			(void)unlinkat(fd, d->d_name, 0);
	}
	closedir(dir);
	return unlinkat(parent, name, AT_REMOVEDIR);
}

// Waits for an empty cgroup. The kernel reports each change of cgroup.events as POLLPRI.
static bool cgroup_wait_empty(int cgroup, int limit_ms)
{
	int fd = openat(cgroup, "cgroup.events", O_RDONLY | O_CLOEXEC);
	int64_t end = now_ms() + limit_ms;
	bool empty = false;

	if (fd < 0)
		return errno == ENOENT;
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLPRI };
		char buf[256];
		ssize_t n = pread(fd, buf, sizeof(buf) - 1, 0);
		int64_t left = end - now_ms();

		if (n < 0)
			break;
		buf[n] = 0;
		empty = strstr(buf, "populated 0");
		if (empty || left <= 0)
			break;
		(void)poll(&p, 1, (int)left);
	}
	close(fd);
	return empty;
}

static void cgroup_remove(int cgroots, int cgroup, const char *name)
{
	int64_t end;

	(void)write_at(cgroup, "cgroup.kill", "1");
	if (!cgroup_wait_empty(cgroup, KILL_MS))
		fprintf(stderr, "node: cgroup %s still has processes\n", name);
	// A zombie's cgroup is empty but busy until it has been reaped.
	end = now_ms() + KILL_MS;
	while (remove_tree(cgroots, name, true) < 0 && errno == EBUSY && now_ms() < end)
		(void)poll(NULL, 0, 2);
}

static void clean_up(void)
{
	if (own.cgroup >= 0)
		cgroup_remove(own.cgroots, own.cgroup, own.cgroup_name);
	if (own.scratch >= 0)
		(void)remove_tree(own.scratches, own.scratch_name, false);
}

// Removes the directories of runs that are no more, and the folders that a lay replaced or never
// finished.
static void sweep(int parent, const char *prefix, bool cgroup, int min_age)
{
	struct dirent *d;
	struct stat st;
	DIR *dir = fdopendir(fcntl(parent, F_DUPFD_CLOEXEC, 0));

	if (!dir)
		return;
	rewinddir(dir);
	while ((d = readdir(dir))) {
		int fd;

		if (strncmp(d->d_name, prefix, strlen(prefix)) != 0)
			continue;
		fd = openat(parent, d->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (fd < 0)
			continue;
		if (fstat(fd, &st) == 0 && time(NULL) - st.st_ctime >= min_age &&
		    flock(fd, LOCK_EX | LOCK_NB) == 0) {
			if (cgroup)
				cgroup_remove(parent, fd, d->d_name);
			else
				(void)remove_tree(parent, d->d_name, false);
		}
		close(fd);
	}
	closedir(dir);
}

// Makes a directory that nobody else has, locked. A sweeper may win the lock first; then try the
// next name.
static int make_locked(int parent, char *name, size_t size)
{
	for (int i = 0; i < 1000; i++) {
		struct stat a, b;
		int fd;

		snprintf(name, size, PREFIX "%d.%d", (int)getpid(), i);
		if (mkdirat(parent, name, 0755) < 0) {
			if (errno == EEXIST)
				continue;
			return -1;
		}
		fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &a) == 0 &&
		    fstatat(parent, name, &b, 0) == 0 && a.st_ino == b.st_ino)
			return fd;
		close(fd);
	}
	errno = EEXIST;
	return -1;
}

static void make_dirs(const char *path, mode_t mode)
{
	char buf[PATH_MAX];

	snprintf(buf, sizeof(buf), "%s", path);
	for (char *p = buf + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = 0;
		if (mkdir(buf, 0755) < 0 && errno != EEXIST)
			die("mkdir %s", buf);
		*p = '/';
	}
	if (mkdir(buf, mode) < 0 && errno != EEXIST)
		die("mkdir %s", buf);
}

static void mount_or_die(const char *what, const char *where, const char *type, unsigned long flags,
			 const char *data)
{
	if (mount(what, where, type, flags, data) < 0)
		die("mount %s at %s", what ? what : type, where);
}

static void make_node(const char *path, mode_t mode, dev_t dev)
{
	if (mknod(path, mode, dev) < 0 && errno != EEXIST)
		die("mknod %s", path);
	(void)chmod(path, mode & 07777);
}

// Gives the node a device that the host has.
static void copy_node(const char *host, const char *path)
{
	struct stat st;

	if (stat(host, &st) == 0 && (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)))
		make_node(path, st.st_mode, st.st_rdev);
}

// Runs before the pivot, with the node's root as the working directory.
static void mount_dev(void)
{
	static const struct {
		const char *path;
		unsigned minor;
	} mem[] = { { "dev/null", 3 },
		    { "dev/zero", 5 },
		    { "dev/full", 7 },
		    { "dev/random", 8 },
		    { "dev/urandom", 9 } };
	static const char *const same[] = { "kmsg",	    "fuse",    "kvm",
					    "loop-control", "net/tun", "vhost-net" };
	char host[64], path[64];

	mount_or_die("dev", "dev", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755,size=1m");
	for (size_t i = 0; i < sizeof(mem) / sizeof(mem[0]); i++)
		make_node(mem[i].path, S_IFCHR | 0666, makedev(1, mem[i].minor));
	make_node("dev/tty", S_IFCHR | 0666, makedev(5, 0));
	make_dirs("dev/pts", 0755);
	make_dirs("dev/shm", 0755);
	make_dirs("dev/mqueue", 0755);
	make_dirs("dev/net", 0755);
	mount_or_die("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
		     "newinstance,ptmxmode=0666,mode=620,gid=5");
	mount_or_die("shm", "dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777");
	mount_or_die("mqueue", "dev/mqueue", "mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	if (symlink("pts/ptmx", "dev/ptmx") < 0 || symlink("/proc/self/fd", "dev/fd") < 0 ||
	    symlink("/proc/self/fd/0", "dev/stdin") < 0 ||
	    symlink("/proc/self/fd/1", "dev/stdout") < 0 ||
	    symlink("/proc/self/fd/2", "dev/stderr") < 0)
		die("symlink in /dev");
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		snprintf(host, sizeof(host), "/dev/%s", same[i]);
		snprintf(path, sizeof(path), "dev/%s", same[i]);
		copy_node(host, path);
	}
	for (int i = 0; i < 64; i++) {
		snprintf(host, sizeof(host), "/dev/loop%d", i);
		snprintf(path, sizeof(path), "dev/loop%d", i);
		copy_node(host, path);
	}
}

static void copy_file(const char *from, const char *to)
{
	char buf[4096];
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out;
	ssize_t n;

	if (in < 0)
		return;
	(void)unlink(to);
	out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	while (out >= 0 && (n = read(in, buf, sizeof(buf))) > 0)
		if (write(out, buf, (size_t)n) != n)
			break;
	close(in);
	if (out >= 0)
		close(out);
}

// Binds HOST:NODE; the mount point is made when it is not there.
static void bind_one(const char *spec)
{
	const char *colon = strrchr(spec, ':');
	char host[PATH_MAX], node[PATH_MAX];
	struct stat st;

	if (!colon || colon[1] != '/') {
		errno = EINVAL;
		die("--bind %s", spec);
	}
	snprintf(host, sizeof(host), "%.*s", (int)(colon - spec), spec);
	snprintf(node, sizeof(node), "%s", colon + 2);
	if (stat(host, &st) < 0)
		die("--bind %s", spec);
	if (S_ISDIR(st.st_mode)) {
		make_dirs(node, 0755);
	} else if (access(node, F_OK) < 0) {
		char *slash = strrchr(node, '/');
		int fd;

		if (slash) {
			*slash = 0;
			make_dirs(node, 0755);
			*slash = '/';
		}
		fd = open(node, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		if (fd < 0)
			die("--bind %s", spec);
		close(fd);
	}
	mount_or_die(host, node, NULL, MS_BIND, NULL);
}

static void mount_root(void)
{
	char store[128] = ".stage", data[PATH_MAX], path[192];

	mount_or_die(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	if (chdir(opt.base) < 0)
		die("%s", opt.base);
	mount_or_die("stage", ".stage", "tmpfs", 0, "mode=755,size=75%");
	if (opt.disk)
		snprintf(store, sizeof(store), ".scratch/%s", own.scratch_name);
	make_dirs(".stage/root", 0755);
	snprintf(path, sizeof(path), "%s/upper", store);
	make_dirs(path, 0755);
	snprintf(path, sizeof(path), "%s/work", store);
	make_dirs(path, 0755);
	snprintf(path, sizeof(path), "%s/containerd", store);
	make_dirs(path, 0711);
	if (opt.rw) {
		mount_or_die(opt.tree, ".stage/root", NULL, MS_BIND, NULL);
	} else {
		snprintf(data, sizeof(data), "lowerdir=%s,upperdir=%s/upper,workdir=%s/work",
			 opt.tree, store, store);
		mount_or_die("node", ".stage/root", "overlay", 0, data);
	}
	// An overlay cannot be the upper layer of another one: containerd's snapshots lie beside
	// it.
	make_dirs(".stage/root/var/lib/containerd", 0711);
	mount_or_die(path, ".stage/root/var/lib/containerd", NULL, MS_BIND, NULL);
	if (chdir(".stage/root") < 0)
		die("chdir to the node's root");
	mount_or_die("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	mount_or_die("sysfs", "sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	mount_or_die("cgroup2", "sys/fs/cgroup", "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	(void)mount("bpf", "sys/fs/bpf", "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=700");
	mount_or_die("run", "run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755");
	make_dirs("run/lock", 01777);
	mount_or_die("tmp", "tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777");
	mount_dev();
	make_dirs("azl/src", 0755);
	mount_or_die(opt.repo, "azl/src", NULL, MS_BIND, NULL);
	if (opt.net)
		copy_file("/etc/resolv.conf", "etc/resolv.conf");
	for (int i = 0; i < opt.n_binds; i++)
		bind_one(opt.binds[i]);
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		die("pivot_root");
	if (umount2(".", MNT_DETACH) < 0)
		die("umount of the host's root");
	if (chdir("/") < 0)
		die("chdir /");
}

static void lo_up(void)
{
	struct ifreq r = { .ifr_name = "lo" };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &r) < 0)
		die("lo");
	r.ifr_flags |= IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &r) < 0)
		die("lo up");
	close(fd);
}

// The node's cgroup becomes the root of a cgroup namespace. Its processes begin in the
// leaf "init", so that the controllers it has can be given to the containers' cgroups.
static void enter_cgroup(void)
{
	char names[256], *save = NULL;
	ssize_t n;
	int fd;

	if (write_at(own.cgroup, "cgroup.procs", "0") < 0)
		die("join cgroup %s", own.cgroup_name);
	if (unshare(CLONE_NEWCGROUP) < 0)
		die("unshare the cgroup namespace");
	if (mkdirat(own.cgroup, "init", 0755) < 0 ||
	    write_at(own.cgroup, "init/cgroup.procs", "0") < 0)
		die("join cgroup %s/init", own.cgroup_name);
	fd = openat(own.cgroup, "cgroup.controllers", O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, names, sizeof(names) - 1);
	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return;
	names[n] = 0;
	for (char *p = strtok_r(names, " \n", &save); p; p = strtok_r(NULL, " \n", &save)) {
		char add[64];

		snprintf(add, sizeof(add), "+%s", p);
		(void)write_at(own.cgroup, "cgroup.subtree_control", add);
	}
}

static void set_environment(void)
{
	static const char *const keep[] = { "TERM", "CI", "AZL_", "COLUMNS", "LINES" };
	static const char *const keep_net[] = { "http_proxy", "https_proxy", "no_proxy",
						"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY" };
	char **old = environ;
	char *value;

	environ = NULL;
	for (char **e = old; *e; e++) {
		for (size_t i = 0; i < sizeof(keep) / sizeof(keep[0]); i++) {
			size_t n = strlen(keep[i]);

			if (!strncmp(*e, keep[i], n) && ((*e)[n] == '=' || keep[i][n - 1] == '_'))
				(void)putenv(*e);
		}
		for (size_t i = 0; opt.net && i < sizeof(keep_net) / sizeof(keep_net[0]); i++) {
			size_t n = strlen(keep_net[i]);

			if (!strncmp(*e, keep_net[i], n) && (*e)[n] == '=')
				(void)putenv(*e);
		}
	}
	(void)setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	(void)setenv("HOME", "/root", 1);
	(void)setenv("LANG", "C.UTF-8", 1);
	(void)setenv("AZL_NODE", opt.tree, 1);
	for (int i = 0; i < opt.n_envs; i++) {
		value = strdup(opt.envs[i]);
		if (!value || !strchr(value, '=') || putenv(value) != 0) {
			errno = EINVAL;
			die("--env %s", opt.envs[i]);
		}
	}
}

static const int forwarded[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH };

static void signal_set(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGCHLD);
	for (size_t i = 0; i < sizeof(forwarded) / sizeof(forwarded[0]); i++)
		sigaddset(set, forwarded[i]);
}

static int exit_code(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

// A session of its own keeps a kill of the whole process group inside of the node; on a terminal,
// which cannot change sessions, a process group of its own does.
static void start_command(bool tty, const sigset_t *mask)
{
	if (tty) {
		(void)signal(SIGTTOU, SIG_IGN);
		(void)setpgid(0, 0);
		(void)tcsetpgrp(0, getpgrp());
		(void)signal(SIGTTOU, SIG_DFL);
	} else {
		(void)setsid();
	}
	(void)sigprocmask(SIG_SETMASK, mask, NULL);
	set_environment();
	if (chdir(opt.dir) < 0)
		die("%s", opt.dir);
	(void)execvp(opt.command[0], opt.command);
	fprintf(stderr, "node: %s: %s\n", opt.command[0], strerror(errno));
	exit(errno == ENOENT ? 127 : 126);
}

__attribute__((noreturn)) static void run_init(int alive, const sigset_t *mask, bool tty)
{
	struct pollfd p = { .fd = alive, .events = POLLIN };
	sigset_t set;
	pid_t command;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (poll(&p, 1, 0) != 0)
		_exit(125);
	close(alive);
	(void)prctl(PR_SET_NAME, "node-init");
	umask(022);
	enter_cgroup();
	mount_root();
	if (!opt.net)
		lo_up();
	if (sethostname("azl-node", 8) < 0)
		die("sethostname");
	signal_set(&set);
	command = fork();
	if (command < 0)
		die("fork");
	if (command == 0)
		start_command(tty, mask);
	(void)close_range(3, ~0U, 0);
	for (;;) {
		int sig = sigwaitinfo(&set, NULL);
		int status;
		pid_t pid;

		if (sig > 0 && sig != SIGCHLD)
			(void)kill(command, sig);
		if (sig != SIGCHLD)
			continue;
		while ((pid = waitpid(-1, &status, WNOHANG | (tty ? WUNTRACED : 0))) > 0) {
			if (pid == command && WIFSTOPPED(status))
				(void)kill(-command, SIGCONT);
			else if (pid == command)
				_exit(exit_code(status));
		}
	}
}

__attribute__((noreturn)) static void run_janitor(int alive)
{
	sigset_t all;
	char c;

	(void)setsid();
	sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
	(void)prctl(PR_SET_NAME, "node-janitor");
	if (chdir("/") < 0)
		_exit(1);
	// Nothing of the caller's may stay open here: a reader of its output waits for the end of
	// file.
	{
		int *const keep[] = { &alive, &own.cgroots, &own.cgroup, &own.scratches,
				      &own.scratch };
		const int n = (int)(sizeof(keep) / sizeof(keep[0]));

		for (int i = 0; i < n; i++)
			if (*keep[i] >= 0)
				*keep[i] = fcntl(*keep[i], F_DUPFD_CLOEXEC, 100);
		(void)close_range(0, 99, 0);
	}
	if (read(alive, &c, 1) != 1)
		clean_up();
	_exit(0);
}

static int supervise(pid_t init, const sigset_t *set)
{
	int64_t end = 0;

	for (;;) {
		struct timespec t = { .tv_sec = 3600 };
		int status, sig;

		if (end) {
			int64_t left = end - now_ms();

			if (left < 1)
				left = 1;
			t = (struct timespec){ .tv_sec = left / 1000,
					       .tv_nsec = left % 1000 * 1000000 };
		}
		sig = sigtimedwait(set, NULL, &t);
		if (waitpid(init, &status, WNOHANG) == init)
			return exit_code(status);
		if (end && now_ms() >= end)
			(void)kill(init, SIGKILL);
		if (sig < 0 || sig == SIGCHLD)
			continue;
		(void)kill(init, sig);
		if (sig == SIGTERM && !end)
			end = now_ms() + GRACE_MS;
	}
}

static int run(void)
{
	struct clone_args args = { .flags =
					   CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS,
				   .exit_signal = SIGCHLD };
	bool tty = isatty(0) && tcgetpgrp(0) == getpgrp();
	sigset_t set, mask;
	pid_t init, janitor;
	int alive[2], tree, code;

	tree = openat(AT_FDCWD, opt.base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (tree < 0)
		die("%s", opt.base);
	tree = openat(tree, opt.tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (tree < 0 || flock(tree, LOCK_SH | LOCK_NB) < 0)
		die("%s/%s", opt.base, opt.tree);

	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	signal_set(&set);
	(void)sigprocmask(SIG_BLOCK, &set, &mask);
	own.cgroup = make_locked(own.cgroots, own.cgroup_name, sizeof(own.cgroup_name));
	if (own.cgroup < 0)
		die("make a cgroup in %s", opt.cgroup);
	if (opt.disk) {
		own.scratch =
			make_locked(own.scratches, own.scratch_name, sizeof(own.scratch_name));
		if (own.scratch < 0) {
			code = errno;
			clean_up();
			errno = code;
			die("make a scratch directory in %s", opt.base);
		}
	}
	if (pipe2(alive, O_CLOEXEC) < 0)
		die("pipe");
	if (!opt.net)
		args.flags |= CLONE_NEWNET;
	(void)fflush(NULL);
	janitor = fork();
	if (janitor == 0) {
		close(alive[1]);
		run_janitor(alive[0]);
	}
	init = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (init == 0) {
		close(alive[1]);
		run_init(alive[0], &mask, tty);
	}
	if (init < 0) {
		perror("node: clone3");
		code = 125;
	} else {
		close(alive[0]);
		code = supervise(init, &set);
	}
	if (tty) {
		(void)signal(SIGTTOU, SIG_IGN);
		(void)tcsetpgrp(0, getpgrp());
	}
	clean_up();
	(void)!write(alive[1], "c", 1);
	if (janitor > 0)
		(void)waitpid(janitor, NULL, 0);
	return code;
}

static const char *next(char **argv, int *i)
{
	if (!argv[*i + 1]) {
		errno = EINVAL;
		die("%s needs a value", argv[*i]);
	}
	return argv[++*i];
}

static void parse(char **argv)
{
	for (int i = 1; argv[i]; i++) {
		const char *a = argv[i];

		if (!strcmp(a, "--")) {
			opt.command = argv + i + 1;
			break;
		}
		if (!strcmp(a, "--base"))
			opt.base = next(argv, &i);
		else if (!strcmp(a, "--cgroup"))
			opt.cgroup = next(argv, &i);
		else if (!strcmp(a, "--tree"))
			opt.tree = next(argv, &i);
		else if (!strcmp(a, "--repo"))
			opt.repo = next(argv, &i);
		else if (!strcmp(a, "--dir"))
			opt.dir = next(argv, &i);
		else if (!strcmp(a, "--bind") && opt.n_binds < MAX_ITEMS)
			opt.binds[opt.n_binds++] = next(argv, &i);
		else if (!strcmp(a, "--env") && opt.n_envs < MAX_ITEMS)
			opt.envs[opt.n_envs++] = next(argv, &i);
		else if (!strcmp(a, "--rw"))
			opt.rw = true;
		else if (!strcmp(a, "--net"))
			opt.net = true;
		else if (!strcmp(a, "--disk"))
			opt.disk = true;
		else if (!strcmp(a, "--sweep"))
			opt.sweep = true;
		else {
			errno = EINVAL;
			die("%s", a);
		}
	}
	if (!opt.base || !opt.cgroup ||
	    (!opt.sweep && (!opt.tree || !opt.repo || !opt.command || !opt.command[0]))) {
		errno = EINVAL;
		die("arguments");
	}
}

int main(int argc, char **argv)
{
	int base;

	(void)argc;
	parse(argv);
	base = open(opt.base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (base < 0)
		die("%s", opt.base);
	if ((mkdirat(base, ".stage", 0755) < 0 && errno != EEXIST) ||
	    (mkdirat(base, ".scratch", 0755) < 0 && errno != EEXIST))
		die("mkdir in %s", opt.base);
	own.scratches = openat(base, ".scratch", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	own.cgroots = open(opt.cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (own.scratches < 0)
		die("%s/.scratch", opt.base);
	if (own.cgroots < 0)
		die("%s", opt.cgroup);
	sweep(own.cgroots, PREFIX, true, 0);
	sweep(own.scratches, PREFIX, false, 0);
	sweep(base, ".old.", false, 0);
	// A lay makes its folder before it can lock it.
	sweep(base, ".lay.", false, 10);
	return opt.sweep ? 0 : run();
}
