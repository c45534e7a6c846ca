/* SPDX-License-Identifier: Apache-2.0 */
#include "config/base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config/base/err.h"
#include "tests/unit/folder.h"
#include "tests/unit/test.h"

TEST(reads_a_whole_file_behind_what_the_buffer_has)
{
	struct folder folder = folder_new();
	struct buf buf = { 0 };
	char big[10000];

	memset(big, 'b', sizeof(big));
	folder_put(&folder, "big", big, sizeof(big));
	CHECK(buf_add_text(&buf, "front", 100) == 0);
	CHECK(fd_read_file(folder.fd, "big", sizeof(big), &buf) == 0);
	CHECK(buf.len == 5 + sizeof(big) && memcmp(buf.data + 5, big, sizeof(big)) == 0);
	CHECK(buf.data[buf.len] == '\0');
	buf_done(&buf);
	folder_done(&folder);
}

TEST(refuses_a_file_over_the_limit_and_leaves_the_buffer)
{
	struct folder folder = folder_new();
	struct buf buf = { 0 };

	folder_put_text(&folder, "f", "123456");
	CHECK(buf_add_text(&buf, "x", 100) == 0);
	CHECK(fd_read_file(folder.fd, "f", 5, &buf) == -EFBIG);
	CHECK(fd_read_file(folder.fd, "none", 5, &buf) == -ENOENT);
	CHECK(fd_read_file(folder.fd, ".", 5, &buf) == -EISDIR);
	CHECK(buf.len == 1 && buf.data[0] == 'x');
	CHECK(fd_read_file(folder.fd, "f", 6, &buf) == 0);
	CHECK(buf.len == 7);
	buf_done(&buf);
	folder_done(&folder);
}

TEST(reads_an_empty_file)
{
	struct folder folder = folder_new();
	struct buf buf = { 0 };

	folder_put_text(&folder, "f", "");
	CHECK(fd_read_file(folder.fd, "f", 0, &buf) == 0);
	CHECK(buf.len == 0 && buf.data && buf.data[0] == '\0');
	buf_done(&buf);
	folder_done(&folder);
}

TEST(reads_small_text_and_cuts_one_newline)
{
	struct folder folder = folder_new();
	char text[8];

	folder_put_text(&folder, "f", "max\n\n");
	CHECK(fd_read_text(folder.fd, "f", text, sizeof(text)) == 4);
	CHECK_TEXT(text, "max\n");
	folder_put_text(&folder, "f", "1234567");
	CHECK(fd_read_text(folder.fd, "f", text, sizeof(text)) == 7);
	CHECK_TEXT(text, "1234567");
	folder_put_text(&folder, "f", "12345678");
	CHECK(fd_read_text(folder.fd, "f", text, sizeof(text)) == -EFBIG);
	folder_put_text(&folder, "f", "");
	CHECK(fd_read_text(folder.fd, "f", text, sizeof(text)) == 0);
	CHECK_TEXT(text, "");
	CHECK(fd_read_text(folder.fd, "none", text, sizeof(text)) == -ENOENT);
	folder_done(&folder);
}

TEST(replaces_a_file_in_one_step)
{
	struct folder folder = folder_new();
	struct err err = { 0 };
	char text[16];

	folder_put_text(&folder, "f", "old and longer");
	CHECK(fd_replace_file(folder.fd, "f", "new", 3, 0600, &err) == 0);
	CHECK(fd_read_text(folder.fd, "f", text, sizeof(text)) == 3);
	CHECK_TEXT(text, "new");
	CHECK(folder_mode(&folder, "f") == 0600);
	CHECK(folder_count(&folder) == 1);
	folder_done(&folder);
}

TEST(writes_over_what_was_left_aside)
{
	struct folder folder = folder_new();
	struct err err = { 0 };
	char text[16];

	folder_put_text(&folder, "aside", "of somebody who was killed");
	CHECK(fd_replace_file_by(folder.fd, "aside", "f", "new", 3, 0600, &err) == 0);
	CHECK(fd_read_text(folder.fd, "f", text, sizeof(text)) == 3);
	CHECK(folder_count(&folder) == 1);
	folder_done(&folder);
}

TEST(leaves_nothing_behind_when_it_cannot_replace)
{
	struct folder folder = folder_new();
	struct err err = { 0 };

	CHECK(mkdirat(folder.fd, "f", 0700) == 0);
	CHECK(fd_replace_file(folder.fd, "f", "new", 3, 0600, &err) == -EISDIR);
	CHECK(strstr(err.msg, "write f: ") != NULL);
	CHECK(folder_count(&folder) == 1);
	(void)unlinkat(folder.fd, "f", AT_REMOVEDIR);
	folder_done(&folder);
}

TEST(writes_all_through_a_small_pipe)
{
	static char bytes[300000];
	int ends[2];
	pid_t reader;
	int status = -1;

	CHECK(pipe2(ends, O_CLOEXEC) == 0);
	reader = fork();
	if (reader == 0) {
		static char got[sizeof(bytes)];
		size_t used = 0;
		ssize_t n;

		(void)close(ends[1]);
		while ((n = read(ends[0], got, 1000)) > 0)
			used += (size_t)n;
		_exit(used == sizeof(bytes) ? 0 : 1);
	}
	(void)close(ends[0]);
	CHECK(fd_write_all(ends[1], bytes, sizeof(bytes)) == 0);
	(void)close(ends[1]);
	CHECK(waitpid(reader, &status, 0) == reader && status == 0);
}

TEST(tells_when_writing_fails)
{
	int ends[2];

	(void)signal(SIGPIPE, SIG_IGN);
	CHECK(pipe2(ends, O_CLOEXEC) == 0);
	(void)close(ends[0]);
	CHECK(fd_write_all(ends[1], "x", 1) == -EPIPE);
	CHECK(fd_write_all(ends[1], "", 0) == 0);
	(void)close(ends[1]);
	CHECK(fd_write_all(-1, "x", 1) == -EBADF);
}

TEST(switches_nonblock)
{
	int ends[2];

	CHECK(pipe2(ends, O_CLOEXEC) == 0);
	CHECK(fd_set_nonblock(ends[0], true) == 0);
	CHECK((fcntl(ends[0], F_GETFL) & O_NONBLOCK) != 0);
	CHECK(fd_set_nonblock(ends[0], false) == 0);
	CHECK((fcntl(ends[0], F_GETFL) & O_NONBLOCK) == 0);
	CHECK(fd_set_nonblock(-1, true) == -EBADF);
	(void)close(ends[0]);
	(void)close(ends[1]);
}
