/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/copier.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "config/base/err.h"
#include "tests/unit/test.h"
#include "tests/unit/turn.h"

enum { MUCH_BYTES = 1 << 20 };

static struct loop loop;
static struct copier copier;
static int done;

static void on_done(struct copier *which)
{
	CHECK(which->from_fd < 0 && which->to_fd < 0);
	done++;
}

static void open_copier(void)
{
	struct err err;

	done = 0;
	CHECK(loop_init(&loop, &err) == 0);
	copier_init(&copier, &loop, on_done);
	CHECK(copier_is_drained(&copier));
}

static void close_copier(void)
{
	copier_stop(&copier);
	copier_stop(&copier); /* harmless */
	CHECK(list_empty(&loop.timers));
	loop_done(&loop);
}

/* A stream: what the test writes at `in` comes out at `out`. */
struct stream {
	int in;
	int out;
};

static struct stream start_pipes(void)
{
	int a[2];
	int b[2];

	CHECK(pipe2(a, O_CLOEXEC) == 0 && pipe2(b, O_CLOEXEC) == 0);
	CHECK(copier_start_take(&copier, &a[0], &b[1], false) == 0);
	CHECK(a[0] == -1 && b[1] == -1);
	CHECK(copier.splice);
	(void)fcntl(a[1], F_SETFL, O_NONBLOCK);
	(void)fcntl(b[0], F_SETFL, O_NONBLOCK);
	return (struct stream){ .in = a[1], .out = b[0] };
}

static int open_master(int *slave)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

	CHECK(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
	*slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	CHECK(*slave >= 0);
	return master;
}

static bool has_five(void *owner)
{
	int bytes = 0;

	return ioctl(*(int *)owner, FIONREAD, &bytes) == 0 && bytes >= 5;
}

static bool is_pending(void *owner)
{
	(void)owner;
	return copier.pending.len == 6;
}

static size_t read_all(int fd, char *text, size_t room)
{
	size_t used = 0;
	ssize_t n;

	while (used < room && (n = read(fd, text + used, room - used)) > 0)
		used += (size_t)n;
	return used;
}

TEST(moves_bytes_between_pipes_until_the_end)
{
	struct stream stream;
	char text[16] = "";

	open_copier();
	stream = start_pipes();
	CHECK(write(stream.in, "one", 3) == 3);
	turn_for(&loop, 5);
	CHECK(read(stream.out, text, sizeof(text)) == 3);
	CHECK(copier_is_drained(&copier) && !done);
	CHECK(write(stream.in, "two", 3) == 3);
	(void)close(stream.in);
	CHECK(turn_until(&loop, turn_is_counted, &done));
	CHECK(read_all(stream.out, text, sizeof(text)) == 3);
	CHECK(done == 1);
	(void)close(stream.out);
	close_copier();
}

static unsigned char byte_at(size_t at)
{
	return (unsigned char)(at * 7 % 251);
}

/* Write as much as fits. Returns how much was sent in all. */
static size_t fill(int fd, size_t sent)
{
	unsigned char piece[5003];
	ssize_t n = 1;

	while (n > 0 && sent < MUCH_BYTES) {
		for (size_t i = 0; i < sizeof(piece); i++)
			piece[i] = byte_at(sent + i);
		n = write(fd, piece, sizeof(piece));
		sent += n > 0 ? (size_t)n : 0;
	}
	return sent;
}

/* Far more than two pipes hold, to a reader that takes less than comes. */
TEST(loses_nothing_to_a_slow_reader)
{
	struct stream stream;
	unsigned char piece[10007];
	size_t sent = 0;
	size_t got = 0;
	bool same = true;
	ssize_t n = -1;

	open_copier();
	stream = start_pipes();
	while (n != 0) {
		sent = fill(stream.in, sent);
		if (sent >= MUCH_BYTES && stream.in >= 0) {
			(void)close(stream.in);
			stream.in = -1;
		}
		turn_for(&loop, 1);
		n = read(stream.out, piece, sizeof(piece));
		for (ssize_t i = 0; i < n; i++)
			same = same && piece[i] == byte_at(got + (size_t)i);
		got += n > 0 ? (size_t)n : 0;
	}
	CHECK(same && got == sent && got >= MUCH_BYTES);
	(void)close(stream.out);
	close_copier();
}

TEST(ends_when_nobody_reads_any_more)
{
	struct stream stream;

	open_copier();
	stream = start_pipes();
	(void)signal(SIGPIPE, SIG_IGN);
	(void)close(stream.out);
	CHECK(write(stream.in, "x", 1) == 1);
	CHECK(turn_until(&loop, turn_is_counted, &done));
	CHECK(write(stream.in, "x", 1) < 0 && errno == EPIPE);
	(void)close(stream.in);
	close_copier();
}

TEST(waits_without_work_while_the_target_is_full)
{
	struct stream stream;
	static char junk[4096];
	size_t sent = 0;
	ssize_t n;

	open_copier();
	stream = start_pipes();
	while ((n = write(stream.in, junk, sizeof(junk))) > 0) {
		sent += (size_t)n;
		turn_for(&loop, 1);
	}
	turn_for(&loop, 5);
	CHECK(sent > 100000 && !copier_is_drained(&copier));
	CHECK(loop_has(&copier.to) && !loop_has(&copier.from));
	(void)close(stream.in);
	(void)close(stream.out);
	CHECK(turn_until(&loop, turn_is_counted, &done));
	close_copier();
}

/* A terminal whose other side is closed may be opened again: EIO is no end while the process
 * lives. */
TEST(reads_a_terminal_until_the_process_is_gone)
{
	int slave;
	int ends[2];
	int master;
	char text[64] = "";

	open_copier();
	master = open_master(&slave);
	CHECK(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
	CHECK(copier_start_take(&copier, &master, &ends[1], true) == 0);
	CHECK(!copier.splice);
	CHECK(write(slave, "one\n", 4) == 4);
	CHECK(turn_until(&loop, has_five, &ends[0]));
	CHECK(read(ends[0], text, sizeof(text)) == 5); /* "one\r\n" */
	(void)close(slave);
	turn_for(&loop, 150);
	CHECK(!done);
	copier_finish(&copier);
	CHECK(turn_until(&loop, turn_is_counted, &done));
	CHECK(done == 1);
	copier_finish(&copier); /* harmless */
	(void)close(ends[0]);
	close_copier();
}

TEST(takes_what_a_terminal_still_holds_when_the_process_is_gone)
{
	int slave;
	int ends[2];
	int master;
	char text[64] = "";

	open_copier();
	master = open_master(&slave);
	CHECK(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
	CHECK(copier_start_take(&copier, &master, &ends[1], true) == 0);
	CHECK(write(slave, "last words\n", 11) == 11);
	(void)close(slave);
	copier_finish(&copier);
	CHECK(turn_until(&loop, turn_is_counted, &done));
	CHECK(read_all(ends[0], text, sizeof(text)) == 12);
	CHECK(strncmp(text, "last words\r\n", 12) == 0);
	(void)close(ends[0]);
	close_copier();
}

/* A full target keeps one read of a terminal, not more. */
TEST(keeps_what_a_full_target_did_not_take)
{
	int slave;
	int ends[2];
	int master;
	static char junk[65536];
	size_t drained = 0;
	ssize_t n;

	open_copier();
	master = open_master(&slave);
	CHECK(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
	while (write(ends[1], junk, sizeof(junk)) > 0)
		drained += sizeof(junk);
	CHECK(copier_start_take(&copier, &master, &ends[1], true) == 0);
	CHECK(write(slave, "kept\n", 5) == 5);
	CHECK(turn_until(&loop, is_pending, NULL));
	CHECK(loop_has(&copier.to) && !loop_has(&copier.from));
	CHECK(!copier_is_drained(&copier));
	while (drained > 0 && (n = read(ends[0], junk, sizeof(junk))) > 0)
		drained -= (size_t)n;
	CHECK(turn_until(&loop, has_five, &ends[0]));
	CHECK(read(ends[0], junk, sizeof(junk)) == 6 && strncmp(junk, "kept\r\n", 6) == 0);
	CHECK(copier.pending.len == 0 && !copier.pending.data);
	(void)close(slave);
	(void)close(ends[0]);
	close_copier();
}

TEST(consumes_both_descriptors_when_it_cannot_start)
{
	int from = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
	int to = 1 << 20; /* no descriptor */
	int numbers[2] = { from, to };

	open_copier();
	CHECK(copier_start_take(&copier, &from, &to, false) < 0);
	CHECK(from == -1 && to == -1 && !done);
	CHECK(fcntl(numbers[0], F_GETFD) < 0 && fcntl(numbers[1], F_GETFD) < 0);
	close_copier();
}

TEST(copies_a_plain_file_which_epoll_refuses)
{
	char name[] = "/tmp/azl-copier.XXXXXX";
	int file = mkstemp(name);
	int slave;
	int master;
	int kept;
	char text[16] = "";

	CHECK(file >= 0 && write(file, "from a file\n", 12) == 12 && lseek(file, 0, SEEK_SET) == 0);
	(void)unlink(name);
	open_copier();
	master = open_master(&slave);
	kept = fcntl(master, F_DUPFD_CLOEXEC,
		     3); /* a terminal without a master forgets what it holds */
	CHECK(copier_start_take(&copier, &file, &master, false) == 0);
	turn_for(&loop, 50);
	CHECK(done == 1);
	CHECK(read(slave, text, sizeof(text)) == 12);
	CHECK_TEXT(text, "from a file\n");
	(void)close(kept);
	(void)close(slave);
	close_copier();
}

/* What a child of the process keeps open does not keep the client from its end. */
TEST(ends_with_the_process_though_its_terminal_stays_open)
{
	int slave;
	int master;
	int ends[2];

	open_copier();
	master = open_master(&slave);
	CHECK(pipe2(ends, O_CLOEXEC) == 0);
	CHECK(copier_start_take(&copier, &master, &ends[1], true) == 0);
	CHECK(write(slave, "last", 4) == 4);
	copier_finish(&copier);
	turn_for(&loop, 1000);
	CHECK(done == 1);
	(void)close(slave);
	(void)close(ends[0]);
	close_copier();
}
