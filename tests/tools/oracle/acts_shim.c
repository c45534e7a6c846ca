/* SPDX-License-Identifier: Apache-2.0 */
/* Bundles, and the shim as a program: start, delete, and its end. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "config/base/clean.h"
#include "config/base/fd.h"
#include "tests/tools/oracle/world.h"

enum { STARTED_MAX = 128 };

/* The log FIFO of a bundle, kept open and empty as containerd does. */
struct log_end {
	struct source source;
};

static struct {
	char id[NAME_MAX_BYTES];
	char address[128];
	uint32_t pid;
} started[STARTED_MAX];
static int started_count;

void bundle_path(const struct world *world, const char *id, char path[PATH_MAX])
{
	if (snprintf(path, PATH_MAX, "%s/%s", world->state, id) >= PATH_MAX)
		abort();
}

static int started_find(struct world *world, const char *id)
{
	for (int i = started_count - 1; i >= 0; i--) {
		if (strcmp(started[i].id, id) == 0)
			return i;
	}
	fail(world, "%s was not started", id);
}

static void log_ready(struct world *world, struct source *source, short revents)
{
	char bytes[4096];
	ssize_t n = read(source->fd, bytes, sizeof(bytes));

	(void)world;
	(void)revents;
	if (n > 0 && getenv("ORACLE_LOG"))
		(void)fprintf(stderr, "%.*s", (int)n, bytes);
}

/* bundle ID key=value...: by the helper; the log FIFO and the folder are ours */
static void act_bundle(struct world *world, const struct words *words)
{
	char path[PATH_MAX];
	char helper[PATH_MAX];
	char fifo[PATH_MAX + 8];
	char *argv[WORDS_MAX + 4] = { (char[]){ "/bin/sh" }, helper, (char[]){ "make" }, path };
	struct log_end *end = calloc(1, sizeof(*end));
	struct outcome outcome;

	if (!end || words->count < 2)
		fail(world, "bundle ID key=value...");
	bundle_path(world, words->word[1], path);
	(void)snprintf(helper, sizeof(helper), "%s/bundle", world->oracle);
	for (int i = 2; i < words->count; i++)
		argv[i + 2] = words->word[i];
	child_run(world, argv, world->work, NULL, true, world->limit_ms, &outcome);
	if (outcome.status != 0)
		fail(world, "bundle: %.*s", (int)outcome.out.len, (const char *)outcome.out.data);
	outcome_done(&outcome);
	(void)snprintf(fifo, sizeof(fifo), "%s/log", path);
	if (mkfifo(fifo, 0700) < 0 && errno != EEXIST)
		fail(world, "mkfifo %s: errno %d", fifo, errno);
	source_add(world, &end->source, open(fifo, O_RDWR | O_NONBLOCK | O_CLOEXEC), POLLIN,
		   log_ready);
}

static void shim_argv(const struct world *world, const char *id, const char *bundle,
		      const char *action, char *argv[16], char address[PATH_MAX])
{
	int count = 0;

	(void)snprintf(address, PATH_MAX, "%.*s/ctrd", PATH_MAX - 8, world->work);
	argv[count++] = (char *)(uintptr_t)world->shim;
	argv[count++] = (char *)(uintptr_t) "-namespace";
	argv[count++] = (char *)(uintptr_t)world->ns;
	argv[count++] = (char *)(uintptr_t) "-address";
	argv[count++] = address;
	argv[count++] = (char *)(uintptr_t) "-publish-binary";
	argv[count++] = (char *)(uintptr_t) "/usr/bin/containerd";
	argv[count++] = (char *)(uintptr_t) "-id";
	argv[count++] = (char *)(uintptr_t)id;
	if (bundle) {
		argv[count++] = (char *)(uintptr_t) "-bundle";
		argv[count++] = (char *)(uintptr_t)bundle;
	}
	argv[count++] = (char *)(uintptr_t)action;
	argv[count] = NULL;
}

/* Options of `start` on its stdin: an Any of runc options. */
static void start_input(struct world *world, const struct words *words, struct buf *in)
{
	Pb__RuncOptions options;
	Pb__Any any;
	const char *type = words_get(words, "type");
	struct words own = { .count = 1 };
	struct buf value = { 0 };

	for (int i = 1; i < words->count; i++) {
		if (strncmp(words->word[i], "opt.", 4) == 0)
			own.word[own.count++] = words->word[i] + 4;
	}
	if (own.count == 1 && !type)
		return;
	protobuf_c_message_init(&pb__runc_options__descriptor, &options);
	protobuf_c_message_init(&pb__any__descriptor, &any);
	message_fill(world, &options.base, &own);
	if (!buf_reserve(&value, protobuf_c_message_get_packed_size(&options.base) + 1, BYTES_MAX))
		abort();
	value.len = protobuf_c_message_pack(&options.base, value.data);
	any.type_url = (char *)(uintptr_t)(type ? type : "containerd.runc.v1.Options");
	any.value.data = value.data;
	any.value.len = value.len;
	if (!buf_reserve(in, protobuf_c_message_get_packed_size(&any.base) + 1, BYTES_MAX))
		abort();
	in->len = protobuf_c_message_pack(&any.base, in->data);
	buf_done(&value);
}

static void write_text(const char *path, const char *text)
{
	own_file FILE *file = fopen(path, "we");

	if (file)
		(void)fputs(text, file);
}

/* What containerd does once `start` has printed the address. */
static void start_connect(struct world *world, const char *id, const char *bundle, char *address)
{
	char path[PATH_MAX + 32];
	char written[128];

	if (started_count == STARTED_MAX)
		fail(world, "too many starts");
	(void)snprintf(started[started_count].id, NAME_MAX_BYTES, "%.250s", id);
	(void)snprintf(started[started_count].address, sizeof(started[0].address), "%.120s",
		       address);
	if (!conn_open(world, id, address)) {
		say(world, "! nobody listens at %s", address);
		return;
	}
	started[started_count].pid = shim_pid_ask(world, address);
	say(world, "< start %s: ok %s shim=S%d", id, address,
	    known_index(&world->shims, started[started_count].pid));
	(void)snprintf(path, sizeof(path), "%u", started[started_count].pid);
	(void)setenv("SHIM_PID", path, 1); /* for sh */
	started_count++;
	(void)snprintf(path, sizeof(path), "%s/address", bundle);
	/* From version 3 on, containerd itself writes what it was told. */
	if (strcmp(world->service, TASK_SERVICE) == 0 &&
	    (fd_read_text(AT_FDCWD, path, written, sizeof(written)) < 0 ||
	     strcmp(written, address) != 0))
		say(world, "! the file `address` does not hold this address");
	(void)snprintf(path, sizeof(path), "%s/shim-binary-path", bundle);
	write_text(path, world->shim);
}

/* Since containerd 2.0 its shim says {"version":3,"address":"...","protocol":"ttrpc"}. */
static char *bootstrap_address(struct world *world, char *text)
{
	char *at = *text == '{' ? strstr(text, "\"address\":\"") : NULL;

	if (!at)
		return text;
	if (strstr(text, "\"version\":3"))
		world->service = TASK_SERVICE_3;
	at += strlen("\"address\":\"");
	at[strcspn(at, "\"")] = '\0';
	return at;
}

static char *trim(struct buf *text)
{
	char *end;

	if (buf_add(text, "", 1, BYTES_MAX) < 0)
		abort();
	end = (char *)text->data + strlen((char *)text->data);
	while (end > (char *)text->data && strchr(" \t\r\n", end[-1]))
		*--end = '\0';
	return (char *)text->data;
}

static void act_start_call(struct world *world, const struct words *words)
{
	struct words call = { .count = 3 };
	char id[NAME_MAX_BYTES + 4];
	char exec_id[NAME_MAX_BYTES + 16];
	char *slash;

	(void)snprintf(id, sizeof(id), "id=%.250s", words->word[1]);
	call.word[0] = words->word[0];
	call.word[1] = (char[]){ "Start" };
	call.word[2] = id;
	slash = strchr(id, '/');
	if (slash) {
		*slash = '\0';
		(void)snprintf(exec_id, sizeof(exec_id), "exec_id=%.250s", slash + 1);
		call.word[call.count++] = exec_id;
	}
	for (int i = 2; i < words->count; i++)
		call.word[call.count++] = words->word[i];
	call_join(world, call_send(world, &call, 1, ""), world->limit_ms);
}

/* shim ID: the `start` command */
static void act_shim(struct world *world, const struct words *words)
{
	char bundle[PATH_MAX];
	char address[PATH_MAX];
	char *argv[16];
	const char *id = words->count > 1 ? words->word[1] : "";
	struct buf in = { 0 };
	struct outcome outcome;
	char *text;

	bundle_path(world, id, bundle);
	shim_argv(world, id, NULL, "start", argv, address);
	start_input(world, words, &in);
	child_run(world, argv, bundle, in.len ? &in : NULL, true, world->limit_ms, &outcome);
	text = trim(&outcome.out);
	if (outcome.status != 0)
		say(world, "< start %s: exit %d: %s", id, outcome.status, text);
	else
		start_connect(world, id, bundle, bootstrap_address(world, text));
	outcome_done(&outcome);
	buf_done(&in);
}

/* shim-run ARG...: the program with any arguments */
static void act_shim_run(struct world *world, const struct words *words)
{
	char *argv[WORDS_MAX + 1] = { (char *)(uintptr_t)world->shim };
	struct outcome outcome;

	for (int i = 1; i < words->count; i++)
		argv[i] = words->word[i];
	child_run(world, argv, world->work, NULL, true, world->limit_ms, &outcome);
	say_bytes(world, "$ ", outcome.out.data, outcome.out.len);
	say(world, "$ exit %d", outcome.status);
	outcome_done(&outcome);
}

/* shim-delete ID [warnings=true]: the `delete` command and its answer */
static void act_shim_delete(struct world *world, const struct words *words)
{
	char bundle[PATH_MAX];
	char address[PATH_MAX];
	char *argv[16];
	const char *id = words->count > 1 ? words->word[1] : "";
	struct outcome outcome;
	struct buf line = { 0 };
	Pb__DeleteResponse *answer;

	bundle_path(world, id, bundle);
	shim_argv(world, id, bundle, "delete", argv, address);
	child_run(world, argv, bundle, NULL, false, world->limit_ms, &outcome);
	answer = (Pb__DeleteResponse *)protobuf_c_message_unpack(
		&pb__delete_response__descriptor, NULL, outcome.out.len, outcome.out.data);
	if (outcome.status != 0 || outcome.out.len == 0)
		buf_print(&line, " exit %d, %zu bytes", outcome.status, outcome.out.len);
	else if (answer)
		message_print(world, &line, &answer->base);
	else
		buf_print(&line, " UNDECODABLE");
	say(world, "< delete %s:%.*s", id, (int)line.len, (const char *)line.data);
	if (words_get(words, "warnings"))
		say(world, "< warnings: %s", outcome.err.len ? "some" : "none");
	if (outcome.err.len && getenv("ORACLE_LOG"))
		(void)fprintf(stderr, "%.*s", (int)outcome.err.len, (char *)outcome.err.data);
	if (answer)
		protobuf_c_message_free_unpacked(&answer->base, NULL);
	buf_done(&line);
	outcome_done(&outcome);
}

static bool process_gone(struct world *world, void *arg)
{
	const uint32_t *pid = arg;
	struct timespec pause = { .tv_nsec = 2000000 };

	(void)world;
	if (kill((pid_t)*pid, 0) < 0 && errno == ESRCH)
		return true;
	(void)nanosleep(&pause, NULL);
	world_step(world, 0);
	return false;
}

/* shim-kill ID [signal=9] */
static void act_shim_kill(struct world *world, const struct words *words)
{
	int which = started_find(world, words->count > 1 ? words->word[1] : "");

	(void)kill((pid_t)started[which].pid, (int)words_number(world, words, "signal", 9));
	if (!world_until(world, process_gone, &started[which].pid, world->limit_ms))
		say(world, "! the shim lives on");
}

/* shim-gone ID: wait for its end by itself; say what became of the socket */
static void act_shim_gone(struct world *world, const struct words *words)
{
	int which = started_find(world, words->count > 1 ? words->word[1] : "");
	bool gone = world_until(world, process_gone, &started[which].pid,
				(int)words_number(world, words, "ms", world->limit_ms));
	const char *path = started[which].address;

	if (strncmp(path, "unix://", 7) == 0)
		path += 7;
	say(world, "< shim %s, socket %s", gone ? "gone" : "lives",
	    access(path, F_OK) == 0 ? "there" : "gone");
}

/* open NAME ID: one more connection to the shim of ID */
static void act_open(struct world *world, const struct words *words)
{
	int which;

	if (words->count < 3)
		fail(world, "open NAME ID");
	which = started_find(world, words->word[2]);
	if (!conn_open(world, words->word[1], started[which].address))
		say(world, "< open %s: refused", words->word[1]);
}

/* fake NAME: a link to the runc that misbehaves, at $WORK/fake/NAME */
static void act_fake(struct world *world, const struct words *words)
{
	char path[PATH_MAX];
	char target[PATH_MAX];

	if (words->count < 2)
		fail(world, "fake NAME");
	(void)snprintf(path, sizeof(path), "%.3000s/fake", world->work);
	(void)mkdir(path, 0755);
	(void)snprintf(path, sizeof(path), "%.3000s/fake/%.200s", world->work, words->word[1]);
	(void)snprintf(target, sizeof(target), "%.4000s/fake-runc", world->oracle);
	if (symlink(target, path) < 0)
		fail(world, "symlink %s: errno %d", path, errno);
}

void world_clean(struct world *world)
{
	char helper[PATH_MAX];
	char *argv[] = { (char[]){ "/bin/sh" }, helper, (char[]){ "clean" }, world->ns,
			 world->work,		NULL };
	struct outcome outcome;

	for (int i = 0; i < started_count; i++) {
		const char *path = strstr(started[i].address, "://");

		if (started[i].pid > 1)
			(void)kill((pid_t)started[i].pid, SIGKILL);
		(void)unlink(path ? path + 3 : started[i].address);
	}
	started_count = 0;
	(void)snprintf(helper, sizeof(helper), "%s/bundle", world->oracle);
	child_run(world, argv, "/", NULL, true, 20000, &outcome);
	if (outcome.status != 0)
		(void)fprintf(stderr, "clean: %.*s\n", (int)outcome.out.len,
			      (const char *)outcome.out.data);
	outcome_done(&outcome);
}

const struct act acts_shim[] = {
	{ "bundle", act_bundle },
	{ "shim", act_shim },
	{ "start", act_start_call },
	{ "shim-run", act_shim_run },
	{ "shim-delete", act_shim_delete },
	{ "shim-kill", act_shim_kill },
	{ "shim-gone", act_shim_gone },
	{ "open", act_open },
	{ "fake", act_fake },
	{ NULL, NULL },
};
