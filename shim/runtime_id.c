/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/runtime_id.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/base/fd.h"
#include "shim/loop.h"
#include "shim/runtime_store.h"
#include "shim/spawn.h"

#define RUNTIME_ID_SUFFIX     ".version"
#define RUNTIME_ID_OTHER_WORD "other"
#define RUNTIME_ID_RUNC_LINE  "runc version "

enum {
	RUNTIME_ID_NAME_ROOM = RUNTIME_KEY_ROOM + sizeof(RUNTIME_ID_SUFFIX),
	RUNTIME_ID_OUTPUT_MAX =
		1024, /* of what the program prints; the first line is at its begin */
	RUNTIME_ID_ENTRY_ROOM = PATH_MAX + 256,
	RUNTIME_ID_NUMBER_MAX = 9999,
};

/* ---- the version ---- */

/* A decimal number without leading zeros. Returns what follows, NULL when there is none. */
static const char *parse_number(const char *at, const char *end, unsigned int *value)
{
	const char *from = at;

	for (*value = 0; at < end && *at >= '0' && *at <= '9'; at++) {
		*value = *value * 10 + (unsigned int)(*at - '0');
		if (*value > RUNTIME_ID_NUMBER_MAX)
			return NULL;
	}
	return at == from || (*from == '0' && at > from + 1) ? NULL : at;
}

static bool has_word(const char *at, const char *end, const char *word)
{
	size_t len = strlen(word);

	for (; (size_t)(end - at) >= len; at++)
		if (strncasecmp(at, word, len) == 0)
			return true;
	return false;
}

/* What a distribution appends to a release: "+ds1", "+dfsg1", or a revision that begins with a
 * digit, "-0ubuntu2~22.04.1". */
static bool is_distribution(const char *at, const char *end)
{
	static const char *const unfinished[] = { "rc", "dev", "alpha", "beta", "dirty", "git" };

	for (size_t i = 0; i < sizeof(unfinished) / sizeof(unfinished[0]); i++)
		if (has_word(at, end, unfinished[i]))
			return false;
	for (const char *c = at; c < end; c++)
		if (*c <= ' ' || *c > '~')
			return false;
	if (end - at > 2 && at[0] == '+' && at[1] == 'd')
		return at[2] == 's' || at[2] == 'f';
	return end - at > 1 && at[0] == '-' && at[1] >= '0' && at[1] <= '9';
}

static int parse_version(const char *at, const char *end, struct runtime_version *version)
{
	struct runtime_version found;

	at = parse_number(at, end, &found.major);
	if (!at || at == end || *at != '.')
		return RUNTIME_ID_OTHER;
	at = parse_number(at + 1, end, &found.minor);
	if (!at || at == end || *at != '.')
		return RUNTIME_ID_OTHER;
	at = parse_number(at + 1, end, &found.patch);
	if (!at || (at < end && !is_distribution(at, end)))
		return RUNTIME_ID_OTHER;
	*version = found;
	return 0;
}

int runtime_id_parse(const char *text, size_t len, struct runtime_version *version)
{
	size_t skip = strlen(RUNTIME_ID_RUNC_LINE);
	const char *end = memchr(text, '\n', len);

	if (!end)
		end = text + len;
	if ((size_t)(end - text) <= skip || memcmp(text, RUNTIME_ID_RUNC_LINE, skip) != 0)
		return RUNTIME_ID_OTHER;
	return parse_version(text + skip, end, version);
}

bool runtime_is_known(const struct runtime_version *version)
{
	return runtime_version_at_least(version, 1, 1, 0) &&
	       !runtime_version_at_least(version, 1, 6, 0);
}

/* ---- what is kept: "VERSION\nPATH\n" ---- */

/*
 * Read one entry that only we can have written.
 *
 * Returns 0, RUNTIME_ID_OTHER, or RUNTIME_ID_MISSING when there is none or it is broken; *path is
 * then empty, else what stands in `entry`.
 */
static int read_entry(int dir, const char *name, char *entry, const char **path,
		      struct runtime_version *version)
{
	own_fd int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	ssize_t len;
	char *line;

	*path = "";
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
	    (st.st_mode & (S_IWGRP | S_IWOTH)))
		return RUNTIME_ID_MISSING;
	len = read(fd, entry, RUNTIME_ID_ENTRY_ROOM);
	if (len <= 0 || len == RUNTIME_ID_ENTRY_ROOM || entry[len - 1] != '\n')
		return RUNTIME_ID_MISSING;
	entry[len - 1] = '\0';
	line = strchr(entry, '\n');
	if (!line || line[1] != '/' || strchr(line + 1, '\n') || strlen(entry) + 1 != (size_t)len)
		return RUNTIME_ID_MISSING;
	*line = '\0';
	*path = line + 1;
	if (strcmp(entry, RUNTIME_ID_OTHER_WORD) == 0)
		return RUNTIME_ID_OTHER;
	return parse_version(entry, line, version) == 0 ? 0 : RUNTIME_ID_MISSING;
}

int runtime_id_find(const char *store, const char *program, struct runtime_version *version,
		    struct err *err)
{
	char key[RUNTIME_KEY_ROOM];
	char name[RUNTIME_ID_NAME_ROOM];
	char entry[RUNTIME_ID_ENTRY_ROOM];
	const char *path;
	own_fd int dir = -1;
	int code;

	if (runtime_store_key(program, key, err) < 0)
		return err->code;
	code = runtime_store_open(store, false, &dir, err);
	if (code < 0)
		return code == -ENOENT ? RUNTIME_ID_MISSING : code;
	(void)snprintf(name, sizeof(name), "%s" RUNTIME_ID_SUFFIX, key);
	return read_entry(dir, name, entry, &path, version);
}

/* The same program had other keys before: those entries are never asked for again. */
static void remove_older(int dir, const char *name, const char *program)
{
	char entry[RUNTIME_ID_ENTRY_ROOM];
	struct runtime_version version;
	const char *path;
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);

	if (!list) {
		(void)fd_close(fd);
		return;
	}
	for (struct dirent *at = readdir(list); at; at = readdir(list)) {
		size_t len = strlen(at->d_name);
		size_t tail = strlen(RUNTIME_ID_SUFFIX);

		if (len <= tail || strcmp(at->d_name + len - tail, RUNTIME_ID_SUFFIX) != 0 ||
		    strcmp(at->d_name, name) == 0)
			continue;
		(void)read_entry(dir, at->d_name, entry, &path, &version);
		if (strcmp(path, program) == 0)
			(void)unlinkat(dir, at->d_name, 0);
	}
	(void)closedir(list);
}

static int keep(const char *store, const char *key, const char *program, int answer,
		const struct runtime_version *version, struct err *err)
{
	char name[RUNTIME_ID_NAME_ROOM];
	char entry[RUNTIME_ID_ENTRY_ROOM];
	own_fd int dir = -1;
	int len;

	if (answer == 0)
		len = snprintf(entry, sizeof(entry), "%u.%u.%u\n%s\n", version->major,
			       version->minor, version->patch, program);
	else
		len = snprintf(entry, sizeof(entry), RUNTIME_ID_OTHER_WORD "\n%s\n", program);
	if (len >= (int)sizeof(entry) || strchr(program, '\n') || program[0] != '/')
		return err_set(err, -EINVAL, "no path to keep: %s", program);
	if (runtime_store_open(store, true, &dir, err) < 0)
		return err->code;
	(void)snprintf(name, sizeof(name), "%s" RUNTIME_ID_SUFFIX, key);
	if (fd_replace_file(dir, name, entry, (size_t)len, 0600, err) < 0)
		return err->code;
	remove_older(dir, name, program);
	return 0;
}

/* ---- asking ---- */

/* Read until the end, what fits, or the moment is over. Returns the length. */
static size_t read_output(int fd, char *output, int64_t until_ms)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	size_t used = 0;

	while (used < RUNTIME_ID_OUTPUT_MAX) {
		int64_t left = until_ms - loop_now_ms();
		ssize_t n;

		if (left <= 0 || (poll(&ready, 1, (int)left) < 0 && errno != EINTR))
			break;
		if (!ready.revents)
			continue;
		n = read(fd, output + used, RUNTIME_ID_OUTPUT_MAX - used);
		if (n <= 0)
			break;
		used += (size_t)n;
	}
	return used;
}

/* Returns 0 when it ended with status 0, -ETIMEDOUT when it had to be killed, -EIO otherwise. */
static int end(pid_t pid, int64_t until_ms)
{
	own_fd int pidfd = pidfd_open(pid, 0);
	struct pollfd ended = { .fd = pidfd, .events = POLLIN };
	int64_t left = until_ms - loop_now_ms();
	bool late = pidfd < 0 || poll(&ended, 1, left > 0 ? (int)left : 0) != 1;
	int status = 0;

	if (late)
		(void)kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (late)
		return -ETIMEDOUT;
	return status == 0 ? 0 : -EIO;
}

static int run(const char *program, char *output, size_t *len, struct err *err)
{
	const char *argv[] = { program, "--version", NULL };
	struct spawn spawn = spawn_blank();
	int64_t until_ms = loop_now_ms() + RUNTIME_ID_PROBE_MS;
	own_fd int from = -1;
	own_fd int to = -1;
	int ends[2];
	int code;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_errno(err, "pipe");
	from = ends[0];
	to = ends[1];
	spawn.program = program;
	spawn.argv = argv;
	spawn.stdio[1] = to;
	pid = spawn_start(&spawn, err);
	if (pid < 0)
		return err->code;
	(void)fd_close(fd_take(&to));
	*len = read_output(from, output, until_ms);
	code = end(pid, until_ms);
	if (code == 0)
		return 0;
	/* says nothing of the program: a busy host is asked again */
	if (code == -ETIMEDOUT)
		return err_set(err, code, "%s --version took longer than %d ms", program,
			       RUNTIME_ID_PROBE_MS);
	if (*len == 0)
		return err_set(err, -EIO, "%s --version failed", program);
	return RUNTIME_ID_OTHER;
}

/* A script is no runtime but somebody's way to one. */
static bool is_elf(const char *program)
{
	own_fd int fd = open(program, O_RDONLY | O_CLOEXEC);
	char magic[4];

	return fd >= 0 && read(fd, magic, sizeof(magic)) == (ssize_t)sizeof(magic) &&
	       memcmp(magic, "\177ELF", sizeof(magic)) == 0;
}

int runtime_id_probe(const char *store, const char *program, struct runtime_version *version,
		     struct err *err)
{
	char before[RUNTIME_KEY_ROOM];
	char after[RUNTIME_KEY_ROOM];
	char output[RUNTIME_ID_OUTPUT_MAX];
	struct runtime_version found = { 0 };
	size_t len = 0;
	int answer = RUNTIME_ID_OTHER;

	if (runtime_store_key(program, before, err) < 0)
		return err->code;
	if (is_elf(program))
		answer = run(program, output, &len, err);
	if (answer == 0)
		answer = runtime_id_parse(output, len, &found);
	if (answer < 0)
		return answer;
	if (runtime_store_key(program, after, err) < 0)
		return err->code;
	if (strcmp(before, after) != 0)
		return err_set(err, -EAGAIN, "%s was replaced meanwhile", program);
	if (keep(store, before, program, answer, &found, err) < 0)
		return err->code;
	if (answer == 0)
		*version = found;
	return answer;
}
