/* SPDX-License-Identifier: Apache-2.0 */
/* One container from bundle to nothing, with what containerd would do around it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config/base/buf.h"
#include "config/base/clean.h"
#include "config/base/fd.h"
#include "tests/bench/bench.h"

enum { OPTIONS_MAX_BYTES = 256, SPEC_MAX_BYTES = 1 << 20 };

#define OPTIONS_TYPE "containerd.runc.v1.Options"
#define PROCESS_TYPE "types.containerd.io/opencontainers/runtime-spec/1/Process"

static char *text(const char *borrowed)
{
	return (char *)(uintptr_t)borrowed;
}

void life_sample(const struct life *life, const char *step, double value)
{
	if (!life->silent)
		(void)printf("%s\t%s\t%s\t%s\t%.4f\n", step, life->engine,
			     life->seccomp ? "seccomp" : "plain", life->side->name, value);
}

static void make_dir(const char *dir, const char *name)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (mkdir(path, 0711) < 0 && errno != EEXIST)
		fail("mkdir %s: %s", path, strerror(errno));
}

/* A FIFO with its reader, which must be there before the shim opens the other end. */
static int make_fifo(const char *dir, const char *name, int flags)
{
	char path[PATH_MAX];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	(void)unlink(path);
	if (mkfifo(path, 0700) < 0)
		fail("mkfifo %s: %s", path, strerror(errno));
	fd = open(path, flags | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		fail("open %s: %s", path, strerror(errno));
	return fd;
}

/* The prepared spec with each @ID@ replaced. */
static void write_spec(const struct life *life)
{
	char path[PATH_MAX];
	own_mem char *spec = NULL;
	struct buf out = { 0 };
	char *at;
	char *mark;

	(void)snprintf(path, sizeof(path), "%s/%s.json", life->bench->specs,
		       life->seccomp ? "seccomp" : "plain");
	spec = host_read(path, NULL);
	for (at = spec; (mark = strstr(at, "@ID@")); at = mark + 4) {
		if (buf_add(&out, at, (size_t)(mark - at), SPEC_MAX_BYTES) < 0 ||
		    buf_add_text(&out, life->id, SPEC_MAX_BYTES) < 0)
			fail("%s: too big", path);
	}
	if (buf_add_text(&out, at, SPEC_MAX_BYTES) < 0)
		fail("%s: too big", path);
	(void)snprintf(path, sizeof(path), "%s/config.json", life->bundle);
	host_write(path, out.data, out.len);
	buf_done(&out);
}

void life_prepare(struct life *life, struct bench *bench, const struct side *side,
		  const char *engine, bool seccomp)
{
	char path[PATH_MAX];

	(void)alarm(BENCH_LIMIT_S);
	*life = (struct life){ .bench = bench, .side = side, .engine = engine, .seccomp = seccomp };
	(void)snprintf(life->id, sizeof(life->id), "b%u", bench->serial++);
	(void)snprintf(life->ns, sizeof(life->ns), "bench-%.20s", side->name);
	(void)snprintf(path, sizeof(path), "%s/state", bench->work);
	make_dir(path, life->ns);
	(void)snprintf(life->bundle, sizeof(life->bundle), "%.180s/%s/%s", path, life->ns,
		       life->id);
	make_dir(life->bundle, "");
	make_dir(life->bundle, "rootfs");
	(void)snprintf(life->scratch, sizeof(life->scratch), "%.180s/lib/%s", bench->work,
		       life->id);
	make_dir(life->scratch, "");
	make_dir(life->scratch, "upper");
	make_dir(life->scratch, "work");
	write_spec(life);
	life->log_fd = make_fifo(life->bundle, "log", O_RDWR);
	life->out_fd[0] = make_fifo(life->scratch, "stdout", O_RDONLY);
	life->out_fd[1] = make_fifo(life->scratch, "stderr", O_RDONLY);
}

static size_t pack_options(const struct life *life, uint8_t bytes[OPTIONS_MAX_BYTES])
{
	Pb__RuncOptions options = PB__RUNC_OPTIONS__INIT;

	options.binary_name = text(life->engine);
	return protobuf_c_message_pack(&options.base, bytes);
}

/* What containerd gives `start` on its standard input. */
static int options_input(const struct life *life)
{
	uint8_t value[OPTIONS_MAX_BYTES];
	uint8_t bytes[OPTIONS_MAX_BYTES * 2];
	Pb__Any any = PB__ANY__INIT;
	char path[PATH_MAX];
	int fd;

	any.type_url = text(OPTIONS_TYPE);
	any.value.data = value;
	any.value.len = pack_options(life, value);
	(void)snprintf(path, sizeof(path), "%s/options", life->scratch);
	host_write(path, bytes, protobuf_c_message_pack(&any.base, bytes));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fail("open %s: %s", path, strerror(errno));
	return fd;
}

/* Run the shim's program and collect what it prints. Returns the bytes of it. */
static size_t run_command(const struct life *life, const char *action, int in, char *out,
			  size_t room)
{
	char address[PATH_MAX];
	char *argv[] = { text(life->side->shim),
			 text("-namespace"),
			 text(life->ns),
			 text("-address"),
			 address,
			 text("-publish-binary"),
			 text("/usr/bin/containerd"),
			 text("-id"),
			 text(life->id),
			 text(action),
			 NULL,
			 NULL,
			 NULL };
	int ends[2];
	size_t len = 0;
	ssize_t n;
	pid_t pid;
	int status;

	if (strcmp(action, "delete") == 0) {
		argv[9] = text("-bundle");
		argv[10] = text(life->bundle);
		argv[11] = text(action);
	}
	(void)snprintf(address, sizeof(address), "%s/ctrd", life->bench->work);
	if (pipe2(ends, O_CLOEXEC) < 0)
		fail("pipe: %s", strerror(errno));
	pid = host_spawn(argv, life->bundle, in, ends[1]);
	(void)close(ends[1]);
	while ((n = read(ends[0], out + len, room - 1 - len)) > 0)
		len += (size_t)n;
	out[len] = '\0';
	(void)close(ends[0]);
	status = host_reap(pid);
	if (status != 0)
		fail("%s %s: status %#x: %s", life->side->shim, action, (unsigned int)status, out);
	return len;
}

void life_shim(struct life *life)
{
	own_fd int in = options_input(life);
	char address[512];
	double from = now_ms();

	life->began_ms = from;
	(void)run_command(life, "start", in, address, sizeof(address));
	address[strcspn(address, "\r\n")] = '\0';
	client_open(&life->client, address, life->id);
	life_sample(life, "shim_start", now_ms() - from);
}

void life_create(struct life *life)
{
	uint8_t value[OPTIONS_MAX_BYTES];
	char lower[PATH_MAX];
	char upper[PATH_MAX];
	char work[PATH_MAX];
	char out[PATH_MAX];
	char err[PATH_MAX];
	char *options[] = { text("index=off"), work, upper, lower };
	Pb__Any any = PB__ANY__INIT;
	Pb__Mount mount = PB__MOUNT__INIT;
	Pb__Mount *mounts[] = { &mount };
	Pb__CreateTaskRequest request = PB__CREATE_TASK_REQUEST__INIT;
	double from;

	(void)snprintf(lower, sizeof(lower), "lowerdir=%s", life->bench->rootfs);
	(void)snprintf(upper, sizeof(upper), "upperdir=%s/upper", life->scratch);
	(void)snprintf(work, sizeof(work), "workdir=%s/work", life->scratch);
	(void)snprintf(out, sizeof(out), "%s/stdout", life->scratch);
	(void)snprintf(err, sizeof(err), "%s/stderr", life->scratch);
	any.type_url = text(OPTIONS_TYPE);
	any.value.data = value;
	any.value.len = pack_options(life, value);
	mount.type = mount.source = text("overlay");
	mount.options = options;
	mount.n_options = sizeof(options) / sizeof(options[0]);
	request.id = life->id;
	request.bundle = life->bundle;
	request.rootfs = mounts;
	request.n_rootfs = 1;
	request.stdout = out;
	request.stderr = err;
	request.options = &any;
	from = now_ms();
	client_call(&life->client, "Create", &request.base);
	life_sample(life, "create", now_ms() - from);
}

void life_start(struct life *life)
{
	double from = now_ms();

	client_ask(&life->client, "Start", life->id, "");
	life_sample(life, "start", now_ms() - from);
	life_sample(life, "running", now_ms() - life->began_ms);
	from = now_ms();
	client_ask(&life->client, "State", life->id, "");
	life_sample(life, "state", now_ms() - from);
}

/* What a shim logs must not fill the FIFO. */
static void drain_log(const struct life *life)
{
	char bytes[4096];
	ssize_t n;

	while ((n = read(life->log_fd, bytes, sizeof(bytes))) > 0) {
		if (life->bench->verbose)
			(void)fprintf(stderr, "%.*s", (int)n, bytes);
	}
}

void life_exec(struct life *life)
{
	char exec_id[32];
	char path[PATH_MAX];
	char out[PATH_MAX];
	char err[PATH_MAX];
	int fds[2] = { make_fifo(life->scratch, "exec-stdout", O_RDONLY),
		       make_fifo(life->scratch, "exec-stderr", O_RDONLY) };
	own_mem char *process = NULL;
	Pb__Any any = PB__ANY__INIT;
	Pb__ExecProcessRequest request = PB__EXEC_PROCESS_REQUEST__INIT;
	double from;

	(void)snprintf(path, sizeof(path), "%s/process.json", life->bench->specs);
	(void)snprintf(out, sizeof(out), "%s/exec-stdout", life->scratch);
	(void)snprintf(err, sizeof(err), "%s/exec-stderr", life->scratch);
	(void)snprintf(exec_id, sizeof(exec_id), "e%u", life->execs++);
	process = host_read(path, &any.value.len);
	any.type_url = text(PROCESS_TYPE);
	any.value.data = (uint8_t *)process;
	request.id = life->id;
	request.exec_id = exec_id;
	request.stdout = out;
	request.stderr = err;
	request.spec = &any;
	drain_log(life);
	from = now_ms();
	client_call(&life->client, "Exec", &request.base);
	client_ask(&life->client, "Start", life->id, exec_id);
	client_ask(&life->client, "Wait", life->id, exec_id);
	client_ask(&life->client, "Delete", life->id, exec_id);
	life_sample(life, "exec", now_ms() - from);
	(void)close(fds[0]);
	(void)close(fds[1]);
	(void)alarm(BENCH_LIMIT_S);
}

void life_kill(struct life *life)
{
	Pb__ProcessRequest wait = PB__PROCESS_REQUEST__INIT;
	Pb__KillRequest kill = PB__KILL_REQUEST__INIT;
	uint32_t waiting;
	uint32_t killing;
	double from;

	wait.id = kill.id = life->id;
	kill.signal = SIGKILL;
	waiting = client_send(&life->client, "Wait", &wait.base);
	client_ask(&life->client, "State", life->id, ""); /* the Wait has arrived */
	from = now_ms();
	killing = client_send(&life->client, "Kill", &kill.base);
	(void)client_wait(&life->client, killing);
	life_sample(life, "kill", client_wait(&life->client, waiting) - from);
	from = now_ms();
	client_ask(&life->client, "Delete", life->id, "");
	life_sample(life, "delete", now_ms() - from);
}

void life_shutdown(struct life *life)
{
	client_shutdown(&life->client, life->id);
	client_close(&life->client);
	(void)host_reap((pid_t)life->client.shim_pid);
}

void life_delete_command(struct life *life, const char *step)
{
	char answer[4096];
	double from = now_ms();

	if (run_command(life, "delete", -1, answer, sizeof(answer)) == 0)
		fail("%s delete: no answer", life->side->shim);
	life_sample(life, step, now_ms() - from);
}

static void remove_tree(const char *dir)
{
	char *argv[] = { text("rm"), text("-rf"), text("--one-file-system"), text(dir), NULL };

	if (host_reap(host_spawn(argv, "/", -1, -1)) != 0)
		fail("cannot remove %s", dir);
}

void life_clean(struct life *life)
{
	char rootfs[PATH_MAX];

	drain_log(life);
	(void)close(life->log_fd);
	(void)close(life->out_fd[0]);
	(void)close(life->out_fd[1]);
	(void)snprintf(rootfs, sizeof(rootfs), "%s/rootfs", life->bundle);
	while (umount2(rootfs, MNT_DETACH) == 0)
		;
	remove_tree(life->bundle);
	remove_tree(life->scratch);
}

static void run_engine(const struct life *life, const char *action, const char *option,
		       const char *value)
{
	char root[PATH_MAX];
	char *argv[] = { text(life->engine), text("--root"), root,	     text(action),
			 text(option),	     text(value),    text(life->id), NULL };
	int status;

	if (!value) {
		argv[5] = text(life->id);
		argv[6] = NULL;
	}
	(void)snprintf(root, sizeof(root), "%s/engine", life->bench->work);
	status = host_reap(host_spawn(argv, life->bundle, -1, -1));
	if (status != 0)
		fail("%s %s: status %#x", life->engine, action, (unsigned int)status);
}

void life_bare(struct bench *bench, const char *engine, bool seccomp)
{
	static const struct side bare = { .name = "bare" };
	struct life life;
	char data[3 * PATH_MAX];
	char rootfs[PATH_MAX];
	double from;

	life_prepare(&life, bench, &bare, engine, seccomp);
	(void)snprintf(data, sizeof(data),
		       "index=off,lowerdir=%s,upperdir=%s/upper,workdir=%s/work", bench->rootfs,
		       life.scratch, life.scratch);
	(void)snprintf(rootfs, sizeof(rootfs), "%s/rootfs", life.bundle);
	if (mount("overlay", rootfs, "overlay", 0, data) < 0)
		fail("mount %s: %s", rootfs, strerror(errno));
	from = now_ms();
	run_engine(&life, "create", "--bundle", life.bundle);
	life_sample(&life, "create", now_ms() - from);
	run_engine(&life, "delete", "--force", NULL);
	life_clean(&life);
}
