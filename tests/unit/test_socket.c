/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/socket.h"

#include <errno.h>
#include <sys/wait.h>

#include "config/base/err.h"
#include "tests/unit/folder.h"
#include "tests/unit/test.h"
#include "tests/unit/wire.h"

enum { RACERS = 12 };

static struct folder folder;
static char path[128];

static void open_folder(void)
{
	folder = folder_new();
	(void)snprintf(path, sizeof(path), "%s/s", folder.path);
}

/* Returns the listening descriptor, -1 when somebody else has the path, -2 on failure. */
static int claim(void)
{
	struct err err = { 0 };
	int fd = -1;
	int code = socket_claim(path, &fd, &err);

	CHECK(code >= 0 || err.msg[0]);
	return code == 0 ? fd : code > 0 ? -1 : -2;
}

TEST(claims_a_path_that_answers_at_once)
{
	int fd;

	open_folder();
	CHECK(!socket_is_alive(path));
	fd = claim();
	CHECK(fd >= 0 && socket_is_alive(path));
	CHECK(folder_mode(&folder, "s") == 0600);
	CHECK(folder_count(&folder) == 1); /* nothing of the claim is left */
	CHECK((fcntl(fd, F_GETFL) & O_NONBLOCK) && (fcntl(fd, F_GETFD) & FD_CLOEXEC));
	CHECK(claim() == -1);
	(void)close(fd);
	folder_done(&folder);
}

TEST(replaces_a_path_whose_shim_is_dead)
{
	int fd;

	open_folder();
	(void)close(claim());
	CHECK(!socket_is_alive(path));
	fd = claim();
	CHECK(fd >= 0 && socket_is_alive(path));
	(void)close(fd);
	CHECK(unlink(path) == 0);
	folder_put_text(&folder, "s", "not even a socket");
	fd = claim();
	CHECK(fd >= 0 && socket_is_alive(path));
	(void)close(fd);
	folder_done(&folder);
}

TEST(makes_the_folders_of_a_path)
{
	struct stat info;
	int fd;

	open_folder();
	(void)snprintf(path, sizeof(path), "%s/a/b/s", folder.path);
	fd = claim();
	CHECK(fd >= 0);
	CHECK(fstatat(folder.fd, "a/b", &info, 0) == 0 && (info.st_mode & 07777) == 0700);
	(void)close(fd);
	(void)unlink(path);
	(void)unlinkat(folder.fd, "a/b", AT_REMOVEDIR);
	(void)unlinkat(folder.fd, "a", AT_REMOVEDIR);
	folder_done(&folder);
}

TEST(says_when_a_path_is_too_long)
{
	struct err err = { 0 };
	char longest[200];
	int fd = -1;

	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	memcpy(longest, "/tmp/", 5);
	CHECK(socket_claim(longest, &fd, &err) == -ENAMETOOLONG);
	CHECK(fd == -1 && strstr(err.msg, "too long"));
	CHECK(!socket_is_alive(longest));
}

/* Many shims start for one pod: exactly one gets the path, and all others meet a living one. */
TEST(lets_one_of_many_racers_win_even_over_a_dead_socket)
{
	int winners = 0;
	int status;
	int hold[2];
	char byte;

	open_folder();
	(void)close(claim());
	CHECK(pipe(hold) == 0);
	for (int i = 0; i < RACERS; i++) {
		if (fork() != 0)
			continue;
		(void)close(hold[1]);
		status = claim();
		if (status >= 0) /* alive until everybody has tried */
			(void)!read(hold[0], &byte, 1);
		_exit(status >= 0 ? 1 : status == -1 ? 0 : 2);
	}
	(void)close(hold[0]);
	for (int i = 0; i < RACERS - 1; i++) {
		CHECK(wait(&status) > 0);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	(void)close(hold[1]);
	CHECK(wait(&status) > 0 && WIFEXITED(status));
	winners += WEXITSTATUS(status) == 1;
	CHECK(winners == 1);
	folder_done(&folder);
}

/* A newcomer either was seen before the end, or finds nothing. */
TEST(retires_in_a_way_that_can_be_undone)
{
	int fd;
	int client;

	open_folder();
	fd = claim();
	CHECK(socket_retire(path) == 0);
	CHECK(!socket_is_alive(path));
	socket_unretire(path);
	CHECK(socket_is_alive(path) && folder_count(&folder) == 1);
	client = wire_connect(path);
	CHECK(socket_retire(path) == 0);
	socket_remove(path);
	CHECK(folder_count(&folder) == 0);
	CHECK(socket_retire(path) == -ENOENT);
	(void)close(client);
	(void)close(fd);
	folder_done(&folder);
}

TEST(leaves_the_path_to_a_newcomer_who_took_it_meanwhile)
{
	int old;
	int new;

	open_folder();
	old = claim();
	CHECK(socket_retire(path) == 0);
	new = claim();
	CHECK(new >= 0);
	socket_unretire(path);
	(void)close(old);
	CHECK(socket_is_alive(path)); /* the newcomer's, not ours */
	CHECK(folder_count(&folder) == 1);
	(void)close(new);
	folder_done(&folder);
}
