/* SPDX-License-Identifier: Apache-2.0 */
/* The client's ends of the FIFOs: collected while the loop turns, printed when the script asks. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/base/clean.h"
#include "tests/tools/oracle/world.h"

static struct stream *stream_find(struct world *world, const char *owner, const char *which)
{
	char name[NAME_MAX_BYTES];
	struct list *node;

	(void)snprintf(name, sizeof(name), "%s %s", owner, which);
	list_for_each (node, &world->streams) {
		struct stream *stream = owner_of(node, struct stream, node);

		if (strcmp(stream->name, name) == 0)
			return stream;
	}
	fail(world, "no stream %s", name);
}

static void stream_ready(struct world *world, struct source *source, short revents)
{
	struct stream *stream = owner_of(source, struct stream, source);
	uint8_t bytes[65536];
	ssize_t n = read(source->fd, bytes, sizeof(bytes));

	(void)revents;
	if (n > 0 && buf_add(&stream->data, bytes, (size_t)n, BYTES_MAX) == 0)
		return;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	stream->eof = true;
	source_close(world, source);
}

static bool to_container(const struct stream *stream)
{
	size_t len = strlen(stream->name);

	return len > 5 && strcmp(stream->name + len - 5, "stdin") == 0;
}

/* A client's open of stdin returns once the shim reads there; that of an output does at once. */
static void stream_open(struct world *world, struct stream *stream)
{
	int flags = (to_container(stream) ? O_WRONLY : O_RDONLY) | O_NONBLOCK | O_CLOEXEC;
	int64_t end = now_ms() + world->limit_ms;
	int fd = open(stream->path, flags);

	while (fd < 0 && errno == ENXIO && now_ms() < end) {
		world_step(world, 5);
		fd = open(stream->path, flags);
	}
	if (fd < 0) {
		say(world, "! open %s: %s", stream->path,
		    errno == ENXIO ? "nobody reads there" : "failed");
		return;
	}
	source_add(world, &stream->source, fd, to_container(stream) ? 0 : POLLIN, stream_ready);
}

const char *stream_make(struct world *world, const char *owner, const char *which)
{
	struct stream *stream = calloc(1, sizeof(*stream));
	char file[NAME_MAX_BYTES];

	if (!stream)
		abort();
	(void)snprintf(file, sizeof(file), "%.200s", owner);
	for (char *c = file; *c; c++) {
		if (*c == '/')
			*c = '-';
	}
	(void)snprintf(stream->name, sizeof(stream->name), "%.200s %s", owner, which);
	if (snprintf(stream->path, sizeof(stream->path), "%s/%s-%s", world->io, file, which) >=
	    (int)sizeof(stream->path))
		fail(world, "path too long");
	(void)unlink(stream->path);
	if (mkfifo(stream->path, 0700) < 0)
		fail(world, "mkfifo %s: errno %d", stream->path, errno);
	/* In front, so that a name used again finds the new one. */
	list_add_before(world->streams.next, &stream->node);
	if (!to_container(stream))
		stream_open(world, stream);
	return stream->path;
}

struct expected {
	struct stream *stream;
	const char *text; /* NULL: the end */
	size_t bytes;
};

static bool stream_there(struct world *world, void *arg)
{
	const struct expected *expected = arg;
	const struct stream *stream = expected->stream;

	(void)world;
	if (stream->eof)
		return true;
	if (expected->bytes)
		return stream->data.len >= stream->given_bytes + expected->bytes;
	return expected->text && stream->data.len &&
	       memmem(stream->data.data + stream->given_bytes,
		      stream->data.len - stream->given_bytes, expected->text,
		      strlen(expected->text));
}

/* FNV-1a: enough to see that two long outputs are the same. */
static uint64_t sum_of(const uint8_t *bytes, size_t len)
{
	uint64_t sum = 0xcbf29ce484222325u;

	for (size_t i = 0; i < len; i++)
		sum = (sum ^ bytes[i]) * 0x100000001b3u;
	return sum;
}

/* read OWNER WHICH [until=TEXT | bytes=N] [sum] */
static void stream_read(struct world *world, const struct words *words)
{
	struct stream *stream = stream_find(world, words->word[1], words->word[2]);
	struct expected expected = { .stream = stream,
				     .text = words_get(words, "until"),
				     .bytes = (size_t)words_number(world, words, "bytes", 0) };
	bool whole = world_until(world, stream_there, &expected, world->limit_ms);
	const uint8_t *from = stream->data.data + stream->given_bytes;
	size_t len = stream->data.len - stream->given_bytes;

	if (strcmp(words->word[words->count - 1], "sum") == 0)
		say(world, "| %zu bytes, sum %016llx", len, (unsigned long long)sum_of(from, len));
	else
		say_bytes(world, "| ", from, len);
	if (!whole)
		say(world, "! %s: no %s in %d s", stream->name,
		    expected.text ? expected.text : "end", world->limit_ms / 1000);
	else if (stream->eof)
		say(world, "| (end)");
	stream->given_bytes = stream->data.len;
}

static void write_bytes(struct world *world, struct stream *stream, const uint8_t *bytes,
			size_t len)
{
	int64_t end = now_ms() + world->limit_ms;

	while (len > 0 && stream->source.ready) {
		ssize_t n = write(stream->source.fd, bytes, len);

		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
			continue;
		}
		if (n < 0 && errno != EAGAIN && errno != EINTR) {
			say(world, "! %s: write: %s", stream->name,
			    errno == EPIPE ? "EPIPE" : "failed");
			return;
		}
		if (now_ms() > end) {
			say(world, "! %s: full for %d s", stream->name, world->limit_ms / 1000);
			return;
		}
		world_step(world, 5);
	}
}

/* write OWNER stdin TEXT | size=N */
static void stream_write(struct world *world, const struct words *words)
{
	struct stream *stream = stream_find(world, words->word[1], words->word[2]);
	long size = words_number(world, words, "size", 0);
	struct buf buf = { 0 };

	for (long i = 0; i < size; i++) {
		char c = i % 64 == 63 ? '\n' : (char)('0' + i % 64);

		if (buf_add(&buf, &c, 1, BYTES_MAX) < 0)
			abort();
	}
	if (size == 0 && buf_add_text(&buf, words->word[3], BYTES_MAX) < 0)
		abort();
	write_bytes(world, stream, buf.data, buf.len);
	buf_done(&buf);
}

/* read, write, close, reopen, hold (stop reading), release */
void stream_act(struct world *world, const struct words *words)
{
	struct stream *stream;
	const char *act = words->word[0];

	if (words->count < 3)
		fail(world, "%s OWNER STREAM ...", act);
	stream = stream_find(world, words->word[1], words->word[2]);
	if (to_container(stream) && !stream->source.ready)
		stream_open(world, stream);
	if (strcmp(act, "read") == 0)
		stream_read(world, words);
	else if (strcmp(act, "write") == 0 && words->count > 3)
		stream_write(world, words);
	else if (strcmp(act, "close") == 0)
		source_close(world, &stream->source);
	else if (strcmp(act, "reopen") == 0 && !stream->source.ready)
		stream_open(world, stream);
	else if (strcmp(act, "reopen") == 0)
		return;
	else if (strcmp(act, "hold") == 0)
		stream->source.events = 0;
	else if (strcmp(act, "release") == 0)
		stream->source.events = POLLIN;
	else
		fail(world, "%s: what?", act);
}
