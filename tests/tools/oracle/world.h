/* SPDX-License-Identifier: Apache-2.0 */
/* The oracle driver plays containerd to one shim: everything it knows, and who offers what. */
#pragma once

#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "config/base/buf.h"
#include "config/base/list.h"
#include "shim/proto/events.pb-c.h"
#include "shim/proto/metrics.pb-c.h"
#include "shim/proto/options.pb-c.h"
#include "shim/proto/task.pb-c.h"
#include "shim/proto/ttrpc.pb-c.h"
#include "shim/ttrpc.h"

#define TASK_SERVICE   "containerd.task.v2.Task"
#define TASK_SERVICE_3 "containerd.task.v3.Task"

enum {
	NAME_MAX_BYTES = 256,
	WORDS_MAX = 64,
	KNOWN_MAX = 256,
	BYTES_MAX = 256 << 20,
};

struct world;

/* Something the loop waits for. Its owner closes the descriptor. */
struct source {
	struct list node;
	int fd;
	short events;
	void (*ready)(struct world *world, struct source *source, short revents);
};

/* A line of the script: its words, quotes resolved, variables filled in. */
struct words {
	int count;
	char *word[WORDS_MAX]; /* owned */
};

/* Numbers that differ from run to run get names in the order of their first sight. */
struct known {
	int count;
	uint64_t value[KNOWN_MAX];
};

struct method {
	const char *name;
	const ProtobufCMessageDescriptor *request;
	const ProtobufCMessageDescriptor *response;
};

/* A connection to the shim. */
struct conn {
	struct list node;
	struct source source;
	char name[NAME_MAX_BYTES];
	struct ttrpc_reader reader;
	uint32_t next_stream;
	bool closed;
	struct list frames; /* struct frame: arrived for no call of ours */
};

struct frame {
	struct list node;
	enum ttrpc_verdict verdict;
	struct ttrpc_header header;
	uint8_t *data; /* owned */
};

/* A call that may still be under way. */
struct call {
	struct list node;
	char name[NAME_MAX_BYTES];  /* by which the script joins it */
	char label[NAME_MAX_BYTES]; /* "Start c1" */
	const struct method *method;
	struct conn *conn; /* borrowed */
	uint32_t stream;
	bool answered;
	bool lost;	   /* the connection closed first */
	struct buf answer; /* a Response, encoded */
};

/* The client's end of a FIFO. */
struct stream {
	struct list node;
	struct source source;
	char name[NAME_MAX_BYTES]; /* "c1 stdout" */
	char path[PATH_MAX];
	struct buf data;
	size_t given_bytes; /* read by the script already */
	bool eof;
};

/* An event that arrived and was not printed yet. */
struct event {
	struct list node;
	char key[2 * NAME_MAX_BYTES]; /* "exit c1/e1" */
	Pb__ForwardRequest *forward;  /* owned */
};

/* What a finished command left. */
struct outcome {
	int status;	/* exit code, or 128 + signal; -1 when it did not end in time */
	struct buf out; /* stdout; stderr too when merged */
	struct buf err;
};

struct world {
	const char *shim;
	const char *oracle; /* folder of helpers */
	const char *rootfs;
	const char *service; /* of tasks, in the version that `start` announced */
	char ns[NAME_MAX_BYTES];
	char work[PATH_MAX];
	char state[PATH_MAX]; /* parent of the bundles */
	char io[PATH_MAX];
	int limit_ms;
	int slow; /* what limits of a script are multiplied by */
	int line;
	bool failed;

	struct list sources;
	bool sources_changed;

	struct list conns;
	struct list calls;
	struct list streams;
	struct list events;
	struct list publishers; /* connections of shims to our events service */
	struct source listener;
	bool publisher_mute;

	struct known pids;
	struct known times;
	struct known sockets; /* hashes of the addresses */
	struct known shims;   /* process ids of daemons */
};

/* ---- text.c: the transcript ---- */

/* Print one line, normalised: paths, sockets and random names become words. */
void say(struct world *world, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* As say, without the line end's own escape: text may hold anything and is printed line by line. */
void say_bytes(struct world *world, const char *prefix, const uint8_t *bytes, size_t len);

/* Print why the script cannot go on, and end the driver. */
_Noreturn void fail(struct world *world, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Index from 1 of a value in the order of first sight; adds it. */
int known_index(struct known *known, uint64_t value);

/* Append formatted text to a buffer. */
void buf_print(struct buf *buf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Replace what differs from run to run; returns owned text. */
char *normalise(struct world *world, const char *text, size_t len);

/* ---- words.c ---- */

/* Split a line. Fails (world) on an open quote. */
void words_split(struct world *world, const char *line, struct words *words);
void words_done(struct words *words);

/* Value of the first `key=value` from word `from` on, or NULL. */
const char *words_get(const struct words *words, const char *key);

/* As words_get, a number, with its default. */
long words_number(struct world *world, const struct words *words, const char *key, long value);

/* ---- loop.c ---- */

void source_add(struct world *world, struct source *source, int fd, short events,
		void (*ready)(struct world *, struct source *, short));

/* Forget and close. */
void source_close(struct world *world, struct source *source);

int64_t now_ms(void);

/* Wait for the sources once. */
void world_step(struct world *world, int timeout_ms);

/* Step until done() says so. Returns false when the limit passed. */
bool world_until(struct world *world, bool (*done)(struct world *, void *), void *arg,
		 int limit_ms);

/* ---- child.c ---- */

/* Run a command to its end while the loop turns. in may be NULL. merged: stderr goes where stdout
 * goes. */
void child_run(struct world *world, char *const argv[], const char *cwd, const struct buf *in,
	       bool merged, int limit_ms, struct outcome *outcome);
void outcome_done(struct outcome *outcome);

/* ---- conn.c ---- */

struct conn *conn_open(struct world *world, const char *name, const char *address);
void conn_close(struct world *world, struct conn *conn);
struct conn *conn_find(struct world *world, const char *name);

/* The connection named by on=, else by the container's id, else the first. Fails when there is
 * none. */
struct conn *conn_pick(struct world *world, const struct words *words);

/* Send bytes as they are; a closed connection is noted, no failure. */
void conn_send(struct world *world, struct conn *conn, const uint8_t *bytes, size_t len);

/* Send one frame. */
void conn_send_frame(struct world *world, struct conn *conn, const struct ttrpc_header *header,
		     const uint8_t *data);

/* ---- call.c ---- */

const struct method *method_find(const char *name);

/* Build the request from words and send it. Returns the call, linked in the world. */
struct call *call_send(struct world *world, const struct words *words, int from, const char *name);

/* Wait for its answer and print it; frees the call. */
void call_join(struct world *world, struct call *call, int limit_ms);
struct call *call_find(struct world *world, const char *name);

/* Pid of the daemon behind an address, by a Connect on a connection of its own; 0 when nobody
 * answers. */
uint32_t shim_pid_ask(struct world *world, const char *address);

/* ---- message.c: printing and filling by descriptor ---- */

/* Append "field=value ..." of a decoded message. */
void message_print(struct world *world, struct buf *out, const ProtobufCMessage *message);

/* Fill scalar fields from key=value words. */
void message_fill(struct world *world, ProtobufCMessage *message, const struct words *words);

/* Field names in the order of their numbers, or NULL. */
const char *const *message_names(const ProtobufCMessageDescriptor *descriptor);

/* Print a Response on one line: "LABEL: ok ..." or "LABEL: CODE: message". */
void response_print(struct world *world, const char *label, const struct method *method,
		    const uint8_t *data, size_t len);

/* ---- events.c ---- */

void publisher_start(struct world *world);
void publisher_stop(struct world *world);
void events_act(struct world *world, const struct words *words);

/* ---- streams.c ---- */

/* Make a FIFO and open our end. which: stdin, stdout or stderr. Returns its path. */
const char *stream_make(struct world *world, const char *owner, const char *which);
void stream_act(struct world *world, const struct words *words);

/* ---- acts.c, acts_frames.c, acts_shim.c, acts_storm.c ---- */

struct act {
	const char *name;
	void (*run)(struct world *world, const struct words *words);
};

extern const struct act acts_shim[];
extern const struct act acts_frames[];
extern const struct act acts_misc[];
extern const struct act acts_storm[];

/* Run the line's act. */
void act_run(struct world *world, const char *line);

/* Path of a bundle. */
void bundle_path(const struct world *world, const char *id, char path[PATH_MAX]);

/* Ends everything that the script left behind. */
void world_clean(struct world *world);
