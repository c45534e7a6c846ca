/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/runtime_id.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config/base/err.h"
#include "shim/runtime_store.h"
#include "tests/unit/folder.h"
#include "tests/unit/test.h"

static int parse(const char *text, struct runtime_version *version)
{
	return runtime_id_parse(text, strlen(text), version);
}

static bool is_version(const char *text, unsigned int major, unsigned int minor, unsigned int patch)
{
	struct runtime_version got = { 0 };

	return parse(text, &got) == 0 && got.major == major && got.minor == minor &&
	       got.patch == patch;
}

static bool is_other(const char *text)
{
	struct runtime_version got = { 7, 7, 7 };

	return parse(text, &got) == RUNTIME_ID_OTHER && got.major == 7 && got.patch == 7;
}

TEST(reads_releases)
{
	CHECK(is_version("runc version 1.5.1\ncommit: v1.5.1-0-g\n", 1, 5, 1));
	CHECK(is_version("runc version 1.1.0", 1, 1, 0));
	CHECK(is_version("runc version 1.10.20\n", 1, 10, 20));
}

/* Debian trixie and forky, Debian bookworm, Ubuntu jammy and noble. */
TEST(reads_releases_as_distributions_write_them)
{
	CHECK(is_version("runc version 1.1.15+ds1\ncommit: 1.1.15+ds1-2+b4\nspec: 1.2.0\n", 1, 1,
			 15));
	CHECK(is_version("runc version 1.3.6+ds1\n", 1, 3, 6));
	CHECK(is_version("runc version 1.1.5+ds1\n", 1, 1, 5));
	CHECK(is_version("runc version 1.1.12-0ubuntu2~22.04.1\n", 1, 1, 12));
	CHECK(is_version("runc version 1.3.3-0ubuntu1~24.04.3\n", 1, 3, 3));
	CHECK(is_version("runc version 1.1.4+dfsg1\n", 1, 1, 4));
}

TEST(takes_what_is_not_released_for_something_else)
{
	static const char *const texts[] = {
		"1.3.0-rc.1",
		"1.0.0-rc93",
		"1.3.0+dev",
		"1.5.0-rc.2+dev",
		"1.3.0~rc1+ds1",
		"1.3.0-1~rc1",
		"1.3.0-unknown",
		"1.3.0-0-dirty",
		"1.3.0+ds1~git202",
		"1.3.0-beta.1",
		"1.3.0+incompat",
		"1.3.0-",
		"1.3.0+",
		"1.3.0+dx1",
		"1.3.0 and more",
		"1.3.0-0\tx",
		"1.3.0\r",
		"v1.3.0",
		"1.3",
		"1.3.",
		"1..3",
		".1.3",
		"01.3.0",
		"1.03.0",
		"99999.3.0",
		"1.3.18446744073709551617",
		"unknown",
		"-1.3.0",
		"",
		" 1.3.0",
		"1.3.0.1",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char text[100];

		(void)snprintf(text, sizeof(text), "runc version %s\n", texts[i]);
		CHECK(is_other(text));
		if (!is_other(text))
			printf("# %s\n", texts[i]);
	}
}

TEST(takes_other_runtimes_for_something_else)
{
	CHECK(is_other("crun version 1.21\ncommit: x\n"));
	CHECK(is_other("youki version 0.4.1\n"));
	CHECK(is_other("NVIDIA Container Runtime version 1.17\nrunc version 1.1.15\n"));
	CHECK(is_other("\nrunc version 1.1.15\n"));
	CHECK(is_other("runc version "));
	CHECK(is_other("runc version"));
	CHECK(is_other("Runc version 1.1.15"));
	CHECK(is_other(""));
	CHECK(runtime_id_parse("runc version 1.3.0\0", 19, &(struct runtime_version){ 0 }) ==
	      RUNTIME_ID_OTHER);
}

TEST(knows_versions_from_1_1_to_1_5)
{
	CHECK(runtime_is_known(&(struct runtime_version){ 1, 1, 0 }));
	CHECK(runtime_is_known(&(struct runtime_version){ 1, 5, 99 }));
	CHECK(!runtime_is_known(&(struct runtime_version){ 1, 0, 3 }));
	CHECK(!runtime_is_known(&(struct runtime_version){ 1, 6, 0 }));
	CHECK(!runtime_is_known(&(struct runtime_version){ 0, 3, 0 }));
	CHECK(!runtime_is_known(&(struct runtime_version){ 2, 1, 0 }));
}

/* ---- what is kept ---- */

struct place {
	struct folder folder; /* stands for /run */
	char store[100];
	char above[100];
	char program[100];
};

static struct place place_new(void)
{
	struct place place = { .folder = folder_new() };

	(void)snprintf(place.above, sizeof(place.above), "%s/azl", place.folder.path);
	(void)snprintf(place.store, sizeof(place.store), "%s/azl/runtimes", place.folder.path);
	(void)snprintf(place.program, sizeof(place.program), "%s/program", place.folder.path);
	return place;
}

static void place_done(struct place *place)
{
	struct folder store = { .fd = open(place->store, O_RDONLY | O_DIRECTORY | O_CLOEXEC) };

	if (store.fd >= 0) {
		(void)snprintf(store.path, sizeof(store.path), "%.63s", place->store);
		folder_done(&store);
	}
	(void)rmdir(place->store);
	(void)rmdir(place->above);
	folder_done(&place->folder);
}

/* A compiled program that prints `text` and ends with `status`. */
static void put_program(const struct place *place, const char *text, int status)
{
	char command[1024];

	(void)snprintf(command, sizeof(command),
		       "printf '#include <stdio.h>\\n#include <unistd.h>\\n"
		       "int main(int c, char **v) { if (c != 2 || v[1][2] != 0x76) return 9; "
		       "fputs(\"%s\", stdout); return %d; }' "
		       "| cc -x c -o %s.new - && mv %s.new %s",
		       text, status, place->program, place->program, place->program);
	if (system(command) != 0)
		abort();
}

static void put_script(const struct place *place, const char *script)
{
	folder_put_text(&place->folder, "program", script);
	if (chmod(place->program, 0755) < 0)
		abort();
}

static char entry_name[200];

/* The number of entries; entry_name is the path of one. */
static int entries(const struct place *place)
{
	DIR *dir = opendir(place->store);
	int count = 0;

	for (struct dirent *at = dir ? readdir(dir) : NULL; at; at = readdir(dir)) {
		if (strcmp(at->d_name, ".") == 0 || strcmp(at->d_name, "..") == 0)
			continue;
		(void)snprintf(entry_name, sizeof(entry_name), "%s/%.90s", place->store,
			       at->d_name);
		count++;
	}
	if (dir)
		(void)closedir(dir);
	return count;
}

TEST(asks_once_and_finds_the_answer_from_then_on)
{
	struct place place = place_new();
	struct runtime_version version = { 0 };
	struct err err;

	put_program(&place, "runc version 1.3.6+ds1\\\\ncommit: x\\\\n", 0);
	CHECK(runtime_id_find(place.store, place.program, &version, &err) == RUNTIME_ID_MISSING);
	CHECK(entries(&place) == 0);
	CHECK(runtime_id_probe(place.store, place.program, &version, &err) == 0);
	CHECK(version.major == 1 && version.minor == 3 && version.patch == 6);
	version = (struct runtime_version){ 0 };
	CHECK(runtime_id_find(place.store, place.program, &version, &err) == 0);
	CHECK(version.major == 1 && version.minor == 3 && version.patch == 6);
	CHECK(entries(&place) == 1);
	place_done(&place);
}

TEST(keeps_its_folder_and_files_to_itself)
{
	struct place place = place_new();
	struct runtime_version version;
	struct stat st;
	struct err err;
	mode_t before = umask(0);

	put_program(&place, "runc version 1.1.15\\\\n", 0);
	CHECK(runtime_id_probe(place.store, place.program, &version, &err) == 0);
	CHECK(stat(place.store, &st) == 0 && (st.st_mode & 07777) == 0700);
	CHECK(entries(&place) == 1 && stat(entry_name, &st) == 0 && (st.st_mode & 07777) == 0600);
	(void)umask(before);
	place_done(&place);
}

TEST(asks_again_when_the_program_was_replaced)
{
	struct place place = place_new();
	struct runtime_version version = { 0 };
	struct err err;

	put_program(&place, "runc version 1.1.15\\\\n", 0);
	CHECK(runtime_id_probe(place.store, place.program, &version, &err) == 0);
	put_program(&place, "runc version 1.3.6\\\\n", 0);
	CHECK(runtime_id_find(place.store, place.program, &version, &err) == RUNTIME_ID_MISSING);
	CHECK(runtime_id_probe(place.store, place.program, &version, &err) == 0);
	CHECK(version.minor == 3);
	CHECK(entries(&place) == 1); /* what was known of the old one is gone */
	place_done(&place);
}

TEST(follows_a_link_to_the_program)
{
	struct place place = place_new();
	struct runtime_version version = { 0 };
	struct err err;
	char link[120];

	put_program(&place, "runc version 1.1.15\\\\n", 0);
	(void)snprintf(link, sizeof(link), "%s/link", place.folder.path);
	CHECK(symlink(place.program, link) == 0);
	CHECK(runtime_id_probe(place.store, place.program, &version, &err) == 0);
	CHECK(runtime_id_find(place.store, link, &version, &err) == 0);
	CHECK(runtime_id_find(place.store, "/nowhere/runc", &version, &err) == -ENOENT);
	CHECK(runtime_id_probe(place.store, "/nowhere/runc", &version, &err) == -ENOENT);
	place_done(&place);
}

TEST(remembers_what_is_no_runc)
{
	struct place place = place_new();
	struct runtime_version version = { 0 };
	struct err err;

	put_program(&place, "crun version 1.21\\\\n", 0);
	CHECK(runtime_id_probe(place.store, place.program, &version, &err) == RUNTIME_ID_OTHER);
	CHECK(runtime_id_find(place.store, place.program, &version, &err) == RUNTIME_ID_OTHER);
	put_program(&place, "runc version 1.3.0\\\\n", 1); /* but it failed */
	CHECK(runtime_id_probe(place.store, place.program, &version, &err) == RUNTIME_ID_OTHER);
	CHECK(runtime_id_find(place.store, place.program, &version, &err) == RUNTIME_ID_OTHER);
	place_done(&place);
}

TEST(takes_a_script_for_no_runc_without_running_it)
{
	struct place place = place_new();
	struct runtime_version version = { 0 };
	struct err err;
	char ran[120];

	(void)snprintf(ran, sizeof(ran), "#!/bin/sh\ntouch %s/ran; echo runc version 1.3.0\n",
		       place.folder.path);
	put_script(&place, ran);
	CHECK(runtime_id_probe(place.store, place.program, &version, &err) == RUNTIME_ID_OTHER);
	(void)snprintf(ran, sizeof(ran), "%s/ran", place.folder.path);
	CHECK(access(ran, F_OK) < 0);
	place_done(&place);
}

TEST(keeps_nothing_of_a_program_that_fails_in_silence)
{
	struct place place = place_new();
	struct runtime_version version = { 0 };
	struct err err;

	put_program(&place, "", 1);
	CHECK(runtime_id_probe(place.store, place.program, &version, &err) == -EIO);
	CHECK(entries(&place) == 0);
	place_done(&place);
}

/* As on a host that is too busy for it: another time it may be known. */
TEST(keeps_nothing_of_a_program_that_does_not_end_in_time)
{
	struct place place = place_new();
	struct runtime_version version = { 0 };
	struct err err;

	put_program(&place, "runc version 1.3.6\\\\n\", stdout); fflush(stdout); pause(); fputs(\"",
		    0);
	CHECK(runtime_id_probe(place.store, place.program, &version, &err) == -ETIMEDOUT);
	CHECK(strstr(err.msg, "took longer than 5000 ms"));
	CHECK(entries(&place) == 0);
	place_done(&place);
}

/* ---- bad files and folders ---- */

static int find(const struct place *place, struct runtime_version *version)
{
	struct err err;

	return runtime_id_find(place->store, place->program, version, &err);
}

static void put_entry(const char *text, size_t len)
{
	int fd = open(entry_name, O_WRONLY | O_TRUNC | O_CLOEXEC);

	if (fd < 0 || write(fd, text, len) != (ssize_t)len || close(fd) < 0)
		abort();
}

TEST(ignores_a_broken_entry_and_writes_it_anew)
{
	static const char *const broken[] = {
		"",	      "\n",
		"1.3.0",      "1.3.0\n",
		"1.3.0\n/p",  "1.3\n/p\n",
		"1.3.0\nx\n", "1.3.0\n/p\nmore\n",
		"crun\n/p\n", "1.3.0-rc.1\n/p\n",
		"\n\n\n/p\n", "99999.1.1\n/p\n",
	};
	struct place place = place_new();
	struct runtime_version version = { 0 };
	struct err err;
	char large[8192];

	put_program(&place, "runc version 1.1.15\\\\n", 0);
	CHECK(runtime_id_probe(place.store, place.program, &version, &err) == 0);
	CHECK(entries(&place) == 1);
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		put_entry(broken[i], strlen(broken[i]));
		CHECK(find(&place, &version) == RUNTIME_ID_MISSING);
	}
	put_entry("1.3.0\n/p\0q\n", 11);
	CHECK(find(&place, &version) == RUNTIME_ID_MISSING);
	memset(large, 'a', sizeof(large));
	memcpy(large, "1.3.0\n/", 7);
	large[sizeof(large) - 1] = '\n';
	put_entry(large, sizeof(large));
	CHECK(find(&place, &version) == RUNTIME_ID_MISSING);
	CHECK(runtime_id_probe(place.store, place.program, &version, &err) == 0);
	CHECK(find(&place, &version) == 0);
	place_done(&place);
}

TEST(believes_nothing_that_others_may_have_written)
{
	struct place place = place_new();
	struct runtime_version version = { 0 };
	struct err err;

	put_program(&place, "runc version 1.1.15\\\\n", 0);
	CHECK(runtime_id_probe(place.store, place.program, &version, &err) == 0);
	CHECK(entries(&place) == 1);
	CHECK(chmod(entry_name, 0622) == 0 && find(&place, &version) == RUNTIME_ID_MISSING);
	CHECK(chmod(entry_name, 0600) == 0 && find(&place, &version) == 0);
	CHECK(chmod(place.store, 0770) == 0 && find(&place, &version) == -EPERM);
	CHECK(runtime_id_probe(place.store, place.program, &version, &err) == -EPERM);
	CHECK(chmod(place.store, 0700) == 0 && find(&place, &version) == 0);
	CHECK(chmod(place.above, 0777) == 0 && find(&place, &version) == -EPERM);
	CHECK(chmod(place.above, 0711) == 0 && find(&place, &version) == 0);
	if (geteuid() == 0) {
		CHECK(chown(entry_name, 7, 7) == 0 && find(&place, &version) == RUNTIME_ID_MISSING);
		CHECK(runtime_id_probe(place.store, place.program, &version, &err) == 0);
		CHECK(find(&place, &version) == 0);
		CHECK(chown(place.store, 7, 7) == 0 && find(&place, &version) == -EPERM);
		CHECK(chown(place.store, 0, 0) == 0 && find(&place, &version) == 0);
	}
	place_done(&place);
}

TEST(follows_no_links_in_its_folder)
{
	struct place place = place_new();
	struct runtime_version version = { 0 };
	struct err err;
	char aside[120];

	put_program(&place, "runc version 1.1.15\\\\n", 0);
	CHECK(runtime_id_probe(place.store, place.program, &version, &err) == 0);
	CHECK(entries(&place) == 1);
	(void)snprintf(aside, sizeof(aside), "%s/aside", place.folder.path);
	CHECK(rename(entry_name, aside) == 0 && symlink(aside, entry_name) == 0);
	CHECK(find(&place, &version) == RUNTIME_ID_MISSING);
	CHECK(unlink(entry_name) == 0 && mkfifo(entry_name, 0600) == 0);
	CHECK(find(&place, &version) == RUNTIME_ID_MISSING); /* and does not wait for a writer */
	CHECK(unlink(entry_name) == 0 && rename(aside, entry_name) == 0);
	CHECK(find(&place, &version) == 0);
	CHECK(rename(place.store, aside) == 0 && symlink(aside, place.store) == 0);
	CHECK(find(&place, &version) == -EPERM);
	CHECK(unlink(place.store) == 0 && rename(aside, place.store) == 0);
	place_done(&place);
}

TEST(two_writers_do_not_disturb_each_other)
{
	struct place place = place_new();
	struct runtime_version version = { 0 };
	pid_t children[4];

	put_program(&place, "runc version 1.1.15\\\\n", 0);
	for (int i = 0; i < 4; i++) {
		children[i] = fork();
		if (children[i] == 0) {
			struct err err;
			bool ok = true;

			for (int round = 0; round < 8; round++)
				ok = ok &&
				     runtime_id_probe(place.store, place.program, &version, &err) ==
					     0 &&
				     find(&place, &version) == 0 && version.patch == 15;
			_exit(!ok);
		}
	}
	for (int i = 0; i < 4; i++) {
		int status = -1;

		CHECK(waitpid(children[i], &status, 0) == children[i] && status == 0);
	}
	CHECK(entries(&place) == 1 && find(&place, &version) == 0);
	place_done(&place);
}
