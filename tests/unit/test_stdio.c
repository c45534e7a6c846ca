/* SPDX-License-Identifier: Apache-2.0 */
/* The streams of a process with real FIFOs, files, terminals and logging programs. */
#include "shim/stdio.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/base/err.h"
#include "shim/reaper.h"
#include "tests/unit/folder.h"
#include "tests/unit/test.h"
#include "tests/unit/turn.h"

static struct loop loop;
static struct reaper reaper;
static struct folder folder;
static struct stdio stdio;
static struct err opened_err;
static int opened;
static int drained;
static char uri[3][256];

static void on_open(struct stdio *which, const struct err *err)
{
	CHECK(which == &stdio);
	opened++;
	opened_err = err ? *err : (struct err){ 0 };
}

static void on_drained(struct stdio *which, const struct err *err)
{
	CHECK(which == &stdio && !err);
	drained++;
}

/* The client's FIFOs: "iabc": which of in, out, err there are; others are empty. */
static void open_streams(const char *which, bool terminal)
{
	struct err err;

	folder = folder_new();
	opened = drained = 0;
	(void)signal(SIGPIPE, SIG_IGN);
	CHECK(loop_init(&loop, &err) == 0);
	CHECK(reaper_init(&reaper, &loop, &err) == 0);
	for (int i = 0; i < 3; i++) {
		uri[i][0] = '\0';
		if (!strchr(which, "ioe"[i]))
			continue;
		(void)snprintf(uri[i], sizeof(uri[i]), "%s/%c", folder.path, "ioe"[i]);
		CHECK(mkfifo(uri[i], 0700) == 0);
	}
	CHECK(stdio_init(&stdio, &loop, uri[0], uri[1], uri[2], terminal) == 0);
}

static void open_with(bool direct, bool piped)
{
	struct stdio_context context = {
		.loop = &loop,
		.reaper = &reaper,
		.id = "c1",
		.ns = "ns1",
		.uid = geteuid(),
		.gid = getegid(),
		.direct = direct,
		.piped = piped,
	};

	stdio_open(&stdio, &context, on_open);
}

static void start_opening(bool direct)
{
	open_with(direct, false);
}

static void close_streams(void)
{
	stdio_done(&stdio);
	stdio_done(&stdio); /* harmless */
	CHECK(list_empty(&loop.timers));
	loop_remove(&loop, &reaper.source);
	(void)close(reaper.signal_fd);
	loop_done(&loop);
	folder_done(&folder);
}

static int client(int i, int flags)
{
	int fd = open(uri[i], flags | O_NONBLOCK | O_CLOEXEC);

	CHECK(fd >= 0);
	return fd;
}

/* runc took its copies: what the process holds from now on. */
static void start_process(int process[3])
{
	struct err err = { 0 };
	int none = -1;

	for (int i = 0; i < 3; i++)
		process[i] = stdio.child[i] < 0 ? -1 : fcntl(stdio.child[i], F_DUPFD_CLOEXEC, 3);
	CHECK(stdio_started_take(&stdio, &none, &err) == 0);
	for (int i = 0; i < 3; i++)
		CHECK(stdio.child[i] == -1);
}

static void close_all(int *fds, int n)
{
	for (int i = 0; i < n; i++)
		if (fds[i] >= 0)
			(void)close(fds[i]);
}

static bool is_hung_up(int fd)
{
	char byte;

	return read(fd, &byte, 1) == 0;
}

static bool has_text(void *owner)
{
	int bytes = 0;

	return ioctl(*(int *)owner, FIONREAD, &bytes) == 0 && bytes > 0;
}

static void check_text(int fd, const char *want)
{
	char text[256];
	ssize_t n;

	CHECK(turn_until(&loop, has_text, &fd));
	n = read(fd, text, sizeof(text) - 1);
	text[n < 0 ? 0 : n] = '\0';
	CHECK_TEXT(text, want);
}

TEST(opens_at_once_when_nothing_is_named)
{
	int process[3];

	open_streams("", false);
	start_opening(true);
	CHECK(opened == 1 && opened_err.code == 0);
	start_process(process);
	CHECK(process[0] < 0 && process[1] < 0 && process[2] < 0);
	stdio_drain(&stdio, on_drained);
	CHECK(drained == 1);
	close_streams();
}

TEST(waits_for_the_clients_reader)
{
	int out;

	open_streams("o", false);
	start_opening(true);
	turn_for(&loop, 30);
	CHECK(opened == 0);
	out = client(1, O_RDONLY);
	CHECK(turn_until(&loop, turn_is_counted, &opened));
	CHECK(opened_err.code == 0);
	(void)close(out);
	close_streams();
}

/* The client reads the FIFO that the process writes: nothing is copied, and a client that goes away
 * does not kill the process. */
TEST(hands_the_fifo_itself_to_a_process_in_its_own_pid_namespace)
{
	int process[3];
	int out;

	open_streams("oe", false);
	out = client(1, O_RDONLY);
	(void)!client(2, O_RDONLY);
	start_opening(true);
	CHECK(turn_until(&loop, turn_is_counted, &opened));
	start_process(process);
	CHECK(stdio.copy[STDIO_OUT].done);
	CHECK((fcntl(process[1], F_GETFL) & O_NONBLOCK) == 0);
	CHECK(write(process[1], "direct", 6) == 6);
	check_text(out, "direct");
	(void)close(out);
	CHECK(write(process[1], "x", 1) == 1); /* the spare reader keeps it from SIGPIPE */
	out = client(1, O_RDONLY);
	check_text(out, "x");
	close_all(process, 3);
	stdio_drain(&stdio, on_drained);
	CHECK(drained == 1);
	stdio_done(&stdio);
	CHECK(is_hung_up(out));
	(void)close(out);
	close_streams();
}

TEST(copies_through_pipes_when_a_stranger_could_keep_the_fifo_open)
{
	int process[3];
	int out;
	int err;

	open_streams("oe", false);
	out = client(1, O_RDONLY);
	err = client(2, O_RDONLY);
	start_opening(false);
	CHECK(turn_until(&loop, turn_is_counted, &opened));
	start_process(process);
	CHECK(!stdio.copy[STDIO_OUT].done);
	CHECK(write(process[1], "to out", 6) == 6 && write(process[2], "to err", 6) == 6);
	check_text(out, "to out");
	check_text(err, "to err");
	CHECK(write(process[1], "last", 4) == 4);
	close_all(process, 3);
	stdio_exited(&stdio);
	stdio_drain(&stdio, on_drained);
	turn_for(&loop, 50);
	CHECK(drained == 0); /* a client that were told now would close, and lose it */
	check_text(out, "last");
	CHECK(turn_until(&loop, turn_is_counted, &drained));
	stdio_done(&stdio);
	CHECK(is_hung_up(out) && is_hung_up(err));
	(void)close(out);
	(void)close(err);
	close_streams();
}

/* Each way in which output reaches the client: "last" is in its FIFO, and nobody holds that any
 * more. */
static int leave_unread(bool direct)
{
	int process[3];
	int out;

	open_streams("o", false);
	out = client(1, O_RDONLY);
	start_opening(direct);
	CHECK(turn_until(&loop, turn_is_counted, &opened));
	start_process(process);
	CHECK(write(process[1], "last", 4) == 4);
	close_all(process, 3);
	stdio_exited(&stdio);
	CHECK(turn_until(&loop, has_text, &out));
	return out;
}

TEST(waits_for_a_client_that_reads_late)
{
	for (int direct = 0; direct < 2; direct++) {
		int out = leave_unread(direct);

		stdio_drain(&stdio, on_drained);
		turn_for(&loop, 50);
		CHECK(drained == 0);
		check_text(out, "last");
		CHECK(turn_until(&loop, turn_is_counted, &drained));
		CHECK(is_hung_up(out));
		(void)close(out);
		close_streams();
	}
}

TEST(does_not_wait_for_a_client_that_is_gone)
{
	for (int direct = 0; direct < 2; direct++) {
		(void)close(leave_unread(direct));
		while (!stdio.copy[STDIO_OUT].done)
			turn_for(&loop, 5);
		stdio_drain(&stdio, on_drained);
		CHECK(drained == 1);
		close_streams();
	}
}

TEST(does_not_wait_long_for_a_client_that_does_not_read)
{
	int out = leave_unread(true);
	int64_t start_ms = loop_now_ms();

	stdio_drain(&stdio, on_drained);
	CHECK(turn_until(&loop, turn_is_counted, &drained));
	CHECK(loop_now_ms() - start_ms >= 900 && loop_now_ms() - start_ms < 20000);
	(void)close(out);
	close_streams();
}

TEST(does_not_wait_long_for_a_stranger_that_holds_the_output)
{
	int process[3];
	int out;
	int64_t start_ms;

	open_streams("o", false);
	out = client(1, O_RDONLY);
	start_opening(false);
	CHECK(turn_until(&loop, turn_is_counted, &opened));
	start_process(process);
	stdio_exited(&stdio); /* but somebody still has process[1] */
	start_ms = loop_now_ms();
	stdio_drain(&stdio, on_drained);
	CHECK(turn_until(&loop, turn_is_counted, &drained));
	CHECK(loop_now_ms() - start_ms >= 80 && loop_now_ms() - start_ms < 20000);
	close_all(process, 3);
	(void)close(out);
	close_streams();
}

TEST(shows_the_process_the_end_of_its_input_only_when_both_writers_closed)
{
	int process[3];
	int in;
	char byte;

	open_streams("i", false);
	start_opening(false);
	CHECK(opened == 1 && opened_err.code == 0);
	in = client(0, O_WRONLY);
	start_process(process);
	(void)fcntl(process[0], F_SETFL, O_NONBLOCK);
	CHECK(write(in, "typed", 5) == 5);
	check_text(process[0], "typed");
	(void)close(in);
	turn_for(&loop, 20);
	CHECK(read(process[0], &byte, 1) < 0 && errno == EAGAIN); /* the shim's writer is there */
	in = client(0, O_WRONLY);
	stdio_close_stdin(&stdio);
	turn_for(&loop, 20);
	CHECK(read(process[0], &byte, 1) < 0 && errno == EAGAIN); /* the client's is there */
	(void)close(in);
	turn_for(&loop, 20);
	CHECK(is_hung_up(process[0]));
	close_all(process, 3);
	close_streams();
}

TEST(moves_a_terminals_bytes_both_ways_and_resizes_it)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	int slave;
	int in;
	int out;
	struct winsize size = { 0 };
	struct err err = { 0 };

	open_streams("io", true);
	CHECK(stdio_resize(&stdio, 1, 1) == 0); /* no terminal yet: nothing happens */
	out = client(1, O_RDONLY);
	start_opening(false);
	CHECK(turn_until(&loop, turn_is_counted, &opened) && opened_err.code == 0);
	in = client(0, O_WRONLY);
	CHECK(grantpt(master) == 0 && unlockpt(master) == 0);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	CHECK(stdio_started_take(&stdio, &master, &err) == 0);
	CHECK(master == -1);
	CHECK(stdio_resize(&stdio, 100, 40) == 0);
	CHECK(ioctl(slave, TIOCGWINSZ, &size) == 0 && size.ws_col == 100 && size.ws_row == 40);
	CHECK(write(slave, "screen", 6) == 6);
	check_text(out, "screen");
	CHECK(write(in, "key\n", 4) == 4);
	check_text(slave, "key\n");
	(void)close(slave);
	stdio_exited(&stdio);
	stdio_drain(&stdio, on_drained);
	CHECK(turn_until(&loop, turn_is_counted, &drained));
	(void)close(in);
	(void)close(out);
	close_streams();
}

TEST(appends_to_a_file_and_makes_its_folders)
{
	char path[128];
	char text[32] = "";
	int process[3];
	int fd;

	open_streams("", false);
	stdio_done(&stdio);
	(void)snprintf(path, sizeof(path), "file://%s/a/b.log", folder.path);
	CHECK(stdio_init(&stdio, &loop, "", path, "ignored", false) == 0);
	start_opening(false);
	CHECK(opened == 1 && opened_err.code == 0);
	start_process(process);
	CHECK(write(process[1], "1", 1) == 1 && write(process[2], "2", 1) == 1);
	close_all(process, 3);
	fd = openat(folder.fd, "a/b.log", O_RDONLY | O_CLOEXEC);
	CHECK(read(fd, text, sizeof(text)) == 2 && strcmp(text, "12") == 0);
	(void)close(fd);
	(void)unlinkat(folder.fd, "a/b.log", 0);
	(void)unlinkat(folder.fd, "a", AT_REMOVEDIR);
	close_streams();
}

static void check_refused(const char *out, const char *want)
{
	open_streams("", false);
	stdio_done(&stdio);
	CHECK(stdio_init(&stdio, &loop, "", out, "", false) == 0);
	start_opening(false);
	CHECK(turn_until(&loop, turn_is_counted, &opened));
	CHECK(opened == 1 && opened_err.code < 0);
	CHECK(strstr(opened_err.msg, want));
	if (!strstr(opened_err.msg, want))
		printf("# %s\n", opened_err.msg);
	close_streams();
}

static bool is_unnamed_pipe(int fd)
{
	char link[32];
	char name[64];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, name, sizeof(name));
	return n > 5 && memcmp(name, "pipe:", 5) == 0;
}

static void open_plain(int i)
{
	(void)snprintf(uri[i], sizeof(uri[i]), "%s/plain", folder.path);
	(void)close(open(uri[i], O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	free(stdio.uri[i]);
	stdio.uri[i] = strdup(uri[i]);
}

static bool has_twelve(void *path)
{
	struct stat st;

	return stat(path, &st) == 0 && st.st_size == 12;
}

/* A label may forbid files; what would be written there comes all the same. */
TEST(gives_a_labelled_process_pipes_alone)
{
	static const char *const shapes[] = { "file://", "" };
	char path[128];

	for (size_t shape = 0; shape < 2; shape++) {
		int process[3];

		open_streams("", false);
		open_plain(1);
		open_plain(2);
		(void)snprintf(path, sizeof(path), "%s/plain", folder.path);
		(void)snprintf(uri[1], sizeof(uri[1]), "%s%s", shapes[shape], path);
		free(stdio.uri[1]);
		stdio.uri[1] = strdup(uri[1]);
		open_with(false, true);
		CHECK(opened == 1 && opened_err.code == 0);
		start_process(process);
		CHECK(is_unnamed_pipe(process[1]) && is_unnamed_pipe(process[2]));
		CHECK(write(process[1], "to out", 6) == 6 && write(process[2], "to err", 6) == 6);
		CHECK(turn_until(&loop, has_twelve, path));
		close_all(process, 3);
		close_streams();
	}
}

TEST(refuses_what_it_cannot_open_and_names_it)
{
	check_refused("ftp://host/x", "unknown STDIO scheme ftp");
	check_refused("file:relative", "the path must be absolute");
	check_refused("file:///%zz", "the path must be absolute");
	check_refused("/nonexistent/out", "opening file \"/nonexistent/out\" failed");
	check_refused("binary:///nonexistent/logger?a=b",
		      "failed to start logging binary /nonexistent/logger");
	check_refused("binary://relative", "the path must be absolute");
	check_refused("binary:///bin/true?a=%zz", "arguments");
}

TEST(closes_everything_while_it_still_waits_for_the_client)
{
	open_streams("ioe", false);
	start_opening(false);
	turn_for(&loop, 10);
	CHECK(opened == 0);
	close_streams();
	CHECK(opened == 0);
}

/* ---- logging programs ---- */

static void put_logger(const char *script)
{
	folder_put_text(&folder, "logger", script);
	CHECK(fchmodat(folder.fd, "logger", 0755, 0) == 0);
}

static void open_logger(const char *scheme, const char *script)
{
	char out[256];

	open_streams("", false);
	stdio_done(&stdio);
	put_logger(script);
	(void)snprintf(out, sizeof(out), "%s://%s/logger?%s", scheme, folder.path, folder.path);
	CHECK(stdio_init(&stdio, &loop, "", out, out, false) == 0);
	start_opening(false);
	CHECK(turn_until(&loop, turn_is_counted, &opened));
}

static bool is_logged(void *owner)
{
	(void)owner;
	return faccessat(folder.fd, "done", F_OK, 0) == 0;
}

static const char good_logger[] = "#!/bin/sh\n"
				  "exec >$1/log\n"
				  "echo x >&5; exec 5>&-\n"
				  "echo $CONTAINER_ID $CONTAINER_NAMESPACE\n"
				  "cat <&3; cat <&4; : >$1/done\n"
				  "trap '' TERM\n"
				  "while [ -e $1/done ]; do sleep 0.01; done\n";

TEST(lets_a_logging_program_read_the_output_to_its_end)
{
	char text[64] = "";
	int process[3];
	int fd;

	open_logger("binary", good_logger);
	CHECK(opened_err.code == 0);
	if (opened_err.code)
		printf("# %s\n", opened_err.msg);
	start_process(process);
	CHECK(write(process[1], "out\n", 4) == 4 && write(process[2], "err\n", 4) == 4);
	close_all(process, 3);
	CHECK(turn_until(&loop, is_logged, NULL));
	fd = openat(folder.fd, "log", O_RDONLY | O_CLOEXEC);
	CHECK(read(fd, text, sizeof(text) - 1) > 0);
	CHECK_TEXT(text, "c1 ns1\nout\nerr\n");
	(void)close(fd);
	stdio_done(&stdio); /* it gets SIGTERM, heeds it or not, and frees itself when it ends */
	(void)unlinkat(folder.fd, "done", 0);
	for (int i = 0; i < 2000 && !list_empty(&reaper.children); i++)
		turn_for(&loop, 5);
	CHECK(list_empty(&reaper.children));
	close_streams();
}

TEST(takes_the_end_of_a_logging_program_for_ready_but_not_with_version_2)
{
	open_logger("binary", "#!/bin/sh\nexit 0\n");
	CHECK(opened_err.code == 0);
	stdio_done(&stdio);
	for (int i = 0; i < 2000 && !list_empty(&reaper.children); i++)
		turn_for(&loop, 5);
	close_streams();
	open_logger("binary-v2", "#!/bin/sh\nexit 0\n");
	CHECK(opened_err.code < 0 && strstr(opened_err.msg, "did not call ready"));
	stdio_done(&stdio);
	for (int i = 0; i < 2000 && !list_empty(&reaper.children); i++)
		turn_for(&loop, 5);
	close_streams();
}
