/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/base/fd.h"
#include "shim/runtime_id.h"
#include "shim/runtime_learn.h"
#include "shim/runtime_store.h"
#include "tests/unit/folder.h"
#include "tests/unit/test.h"

struct place {
	struct folder folder; /* stands for /run */
	char store[100];
	char above[100];
	char program[100];
};

static struct place place_new(void)
{
	struct place place = { .folder = folder_new() };
	char command[400];

	(void)snprintf(place.above, sizeof(place.above), "%s/azl", place.folder.path);
	(void)snprintf(place.store, sizeof(place.store), "%s/azl/runtimes", place.folder.path);
	(void)snprintf(place.program, sizeof(place.program), "%s/runtime", place.folder.path);
	(void)snprintf(
		command, sizeof(command),
		"printf '#include <stdio.h>\\n"
		"int main(int c, char **v) { puts(c == 2 ? \"runc version 1.1.15\" : v[0]); }'"
		"| cc -x c -o %s -",
		place.program);
	if (system(command) != 0)
		abort();
	return place;
}

static void place_done(struct place *place)
{
	struct err err;
	struct folder store;

	(void)sealed_remove_all(place->store, &err);
	store.fd = open(place->store, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (store.fd >= 0) {
		(void)snprintf(store.path, sizeof(store.path), "%.63s", place->store);
		folder_done(&store);
	}
	(void)rmdir(place->store);
	(void)rmdir(place->above);
	folder_done(&place->folder);
}

static int open_sealed(const struct place *place, int *fd, char *path)
{
	struct err err;

	return sealed_open(place->store, place->program, fd, path, &err);
}

/* What learns is the program again. glibc hands constructors the arguments of main. */
static void __attribute__((constructor)) learn_instead(int argc, char **argv)
{
	if (strcmp(argv[0], RUNTIME_LEARN_NAME) == 0)
		_exit(runtime_learn_run(argc, argv));
}

/* Learn, and wait until the copy is there. Returns the child's pid. */
static pid_t learn(const struct place *place)
{
	const struct timespec step = { .tv_nsec = 2000000 };
	char path[SEALED_PATH_ROOM];
	struct err err;
	pid_t pid = runtime_learn_start(place->store, place->program, true, &err);
	int fd;

	CHECK(pid > 0);
	for (int i = 0; i < 5000; i++) {
		if (open_sealed(place, &fd, path) == 0) {
			(void)close(fd);
			return pid;
		}
		(void)nanosleep(&step, NULL);
	}
	CHECK(open_sealed(place, &fd, path) == 0);
	return pid;
}

/* It is not our child: it has ended when it is gone, or waits for its parent to see it. */
static void is_over(pid_t pid)
{
	const struct timespec step = { .tv_nsec = 2000000 };
	char path[32];
	char text[512];
	ssize_t len = 1;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	for (int i = 0; i < 5000 && len > 0; i++) {
		len = fd_read_text(AT_FDCWD, path, text, sizeof(text));
		if (len > 0 && strstr(text, ") Z"))
			len = 0;
		(void)nanosleep(&step, NULL);
	}
	CHECK(len <= 0);
}

TEST(wants_copies_of_runc_1_1_alone)
{
	CHECK(sealed_is_wanted(&(struct runtime_version){ 1, 1, 15 }));
	CHECK(!sealed_is_wanted(&(struct runtime_version){ 1, 2, 0 }));
	CHECK(!sealed_is_wanted(&(struct runtime_version){ 1, 0, 3 }));
	CHECK(!sealed_is_wanted(&(struct runtime_version){ 2, 1, 0 }));
}

TEST(gives_a_copy_that_runs_and_that_nobody_can_change)
{
	struct place place = place_new();
	char path[SEALED_PATH_ROOM];
	char output[200];
	char command[300];
	own_fd int fd = -1;
	own_fd int writer = -1;
	FILE *pipe;
	pid_t pid;

	CHECK(open_sealed(&place, &fd, path) == SEALED_MISSING);
	pid = learn(&place);
	CHECK(open_sealed(&place, &fd, path) == 0 && fd >= SEALED_FD_MIN);
	CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	CHECK(fcntl(fd, F_GET_SEALS) == (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE));
	writer = open(path, O_RDWR | O_CLOEXEC);
	CHECK(writer < 0 || (write(writer, "x", 1) < 0 && ftruncate(writer, 0) < 0));
	writer = fd_close(writer);
	(void)snprintf(command, sizeof(command), "cmp %s %s && exec %s", path, place.program, path);
	(void)fcntl(fd, F_SETFD, 0);
	pipe = popen(command, "re");
	CHECK(pipe && fgets(output, sizeof(output), pipe) && strncmp(output, path, 5) == 0);
	CHECK(pipe && pclose(pipe) == 0);
	(void)kill(pid, SIGTERM);
	is_over(pid);
	place_done(&place);
}

TEST(misses_a_copy_whose_holder_is_gone)
{
	struct place place = place_new();
	char path[SEALED_PATH_ROOM];
	int fd;
	pid_t pid = learn(&place);

	(void)kill(pid, SIGKILL);
	is_over(pid);
	CHECK(open_sealed(&place, &fd, path) == SEALED_MISSING);
	pid = learn(&place); /* and there is a new one */
	(void)kill(pid, SIGKILL);
	is_over(pid);
	place_done(&place);
}

TEST(makes_one_copy_however_many_ask)
{
	struct place place = place_new();
	struct err err;
	pid_t pid = learn(&place);
	pid_t more[3];

	for (int i = 0; i < 3; i++)
		more[i] = runtime_learn_start(place.store, place.program, true, &err);
	for (int i = 0; i < 3; i++)
		is_over(more[i]); /* these end at once */
	CHECK(kill(pid, 0) == 0);
	CHECK(sealed_remove_all(place.store, &err) == 1);
	is_over(pid);
	CHECK(sealed_remove_all(place.store, &err) == 0);
	place_done(&place);
}

TEST(misses_a_copy_of_what_was_replaced)
{
	struct place place = place_new();
	char path[SEALED_PATH_ROOM];
	char command[500];
	int fd;
	pid_t pid = learn(&place);

	(void)snprintf(command, sizeof(command), "cp -p %s %s.new && mv %s.new %s", place.program,
		       place.program, place.program, place.program);
	CHECK(system(command) == 0);
	CHECK(open_sealed(&place, &fd, path) == SEALED_MISSING);
	(void)kill(pid, SIGKILL);
	is_over(pid);
	place_done(&place);
}

/* An entry that points at another process, at another file of it, or was written by who knows. */
TEST(takes_nothing_else_for_a_copy)
{
	struct place place = place_new();
	char name[200] = "";
	char entry[400];
	char text[300];
	char path[SEALED_PATH_ROOM];
	struct err err;
	own_fd int good = -1;
	int plain = memfd_create("plain", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int fd = -1;
	pid_t pid = learn(&place);
	FILE *file;

	CHECK(runtime_store_key(place.program, name, &err) == 0);
	(void)snprintf(entry, sizeof(entry), "%s/%s.sealed", place.store, name);
	file = fopen(entry, "re");
	CHECK(file && fgets(text, sizeof(text), file));
	if (file)
		(void)fclose(file);
	CHECK(open_sealed(&place, &good, path) == 0);
	CHECK(chmod(entry, 0666) == 0 && open_sealed(&place, &fd, path) == SEALED_MISSING);
	CHECK(chmod(entry, 0600) == 0 && chmod(place.store, 0777) == 0 &&
	      open_sealed(&place, &fd, path) == -EPERM);
	CHECK(chmod(place.store, 0700) == 0);
	for (int i = 0; i < 6; i++) {
		unsigned long long start = 0;
		int number = 0;

		(void)sscanf(text, "%*d %llu %d", &start, &number);
		file = fopen(entry, "we");
		if (!file)
			abort();
		if (i == 0) /* another process, which even has a sealed copy open */
			(void)fprintf(file, "%d %llu %d\n%s\n", (int)getpid(), start, good,
				      place.program);
		if (i == 1)
			(void)fprintf(file, "%d %llu %d\n%s\n", (int)pid, start + 1, number,
				      place.program);
		if (i == 2)
			(void)fprintf(file, "%d %llu 0\n%s\n", (int)pid, start, place.program);
		if (i == 3)
			(void)fprintf(file, "%d %llu %d\n", (int)pid, start, number);
		if (i == 4)
			(void)fprintf(file, "1 0 0\n/x\n");
		if (i == 5)
			(void)fprintf(file, "-1 %llu %d\n%s\n", start, number, place.program);
		(void)fclose(file);
		CHECK(open_sealed(&place, &fd, path) == SEALED_MISSING);
	}
	(void)close(plain);
	(void)kill(pid, SIGKILL);
	is_over(pid);
	place_done(&place);
}
