/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is found by name in the container: the program by PATH, the home of a user.
 *
 * Source: Go, os/exec/lp_unix.go; moby/sys/user (ParsePasswdFilter).
 */
#include "shim/join/join.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim/join/sys.h"

enum {
	HOME_PREFIX = 5,	     /* "HOME=" */
	HOME_LINE_MAX = 64 * 1024,   /* of bufio.Scanner */
	HOME_READ_MAX = 4096 * 1024, /* bytes of /etc/passwd that are looked at */
	HOME_FIELD_UID = 2,
	HOME_FIELD_HOME = 5,
};

static bool is_space(char byte)
{
	return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

/* Fields of a line of /etc/passwd. */
struct line {
	const char *field[HOME_FIELD_HOME + 1]; /* empty where there are fewer */
	size_t len[HOME_FIELD_HOME + 1];
};

static struct line split(const char *line, size_t len)
{
	struct line split = { 0 };
	size_t begin = 0;

	for (size_t field = 0; field <= HOME_FIELD_HOME && begin <= len; field++) {
		size_t end = begin;

		while (end < len && line[end] != ':')
			end++;
		split.field[field] = line + begin;
		split.len[field] = end - begin;
		begin = end + 1;
	}
	return split;
}

/* Keep the home in `home` when the line is the user's. What is no number counts as 0, as a field
 * that is missing does. */
static bool home_of_line(const char *line, size_t len, uint32_t uid, char *home)
{
	struct line parts;
	size_t at = 0;

	while (len > 0 && is_space(line[len - 1]))
		len--;
	while (len > 0 && is_space(*line)) {
		line++;
		len--;
	}
	if (len == 0)
		return false;
	parts = split(line, len);
	if (text_atoi(parts.field[HOME_FIELD_UID], parts.len[HOME_FIELD_UID]) != (int64_t)uid)
		return false;
	for (; at < parts.len[HOME_FIELD_HOME]; at++)
		home[at] = parts.field[HOME_FIELD_HOME][at];
	home[at] = '\0';
	return true;
}

/* What was read of a file, and not yet looked at. */
struct part {
	char bytes[HOME_LINE_MAX];
	size_t used;
};

/* Look at the whole lines of a part, until one is the user's, and drop them. Returns whether one
 * was, now or before. */
static bool take_lines(struct part *part, uint32_t uid, char *home, bool found)
{
	size_t begin = 0;

	for (size_t i = 0; i < part->used; i++) {
		if (part->bytes[i] != '\n')
			continue;
		found = found || home_of_line(part->bytes + begin, i - begin, uid, home);
		begin = i + 1;
	}
	memmove(part->bytes, part->bytes + begin, part->used - begin);
	part->used -= begin;
	return found;
}

/*
 * The home of the user's first line in a file. A line that is too long spoils all of it, as in
 * runc. What a container may put there in order to keep us, a pipe, a device, no end, is no file of
 * users.
 */
static bool home_in(int fd, uint32_t uid, char *home)
{
	static struct part part;
	struct stat st = { 0 };
	bool found = false;
	size_t seen = 0;
	long n = 1;

	if (sys2(SYS_fstat, fd, sys_at(&st)) < 0 || !S_ISREG(st.st_mode))
		return false;
	for (; n > 0 && seen < HOME_READ_MAX; seen += (size_t)n) {
		n = sys_read(fd, part.bytes + part.used, sizeof(part.bytes) - part.used);
		if (n < 0)
			return false;
		part.used += (size_t)n;
		found = take_lines(&part, uid, home, found);
		if (part.used == sizeof(part.bytes))
			return false;
	}
	return found || (n == 0 && home_of_line(part.bytes, part.used, uid, home));
}

char *join_home(uint32_t uid)
{
	static char variable[HOME_PREFIX + HOME_LINE_MAX + 1];
	char *home = variable + HOME_PREFIX;
	long fd = sys_open(AT_FDCWD, "/etc/passwd", O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	for (size_t i = 0; i < HOME_PREFIX; i++)
		variable[i] = "HOME="[i];
	if (fd < 0 || !home_in((int)fd, uid, home)) {
		home[0] = '/';
		home[1] = '\0';
	}
	if (fd >= 0)
		(void)sys_close((int)fd);
	return variable;
}

/* 0, or why it cannot be executed. `stated` tells whether it was there. */
static long executable(const char *path, bool *stated)
{
	struct stat st = { 0 };
	long code;

	do
		code = sys4(SYS_newfstatat, AT_FDCWD, sys_at(path), sys_at(&st), 0);
	while (code == -EINTR);
	*stated = code == 0;
	if (code < 0)
		return code;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	code = sys4(SYS_faccessat2, AT_FDCWD, sys_at(path), X_OK, AT_EACCESS);
	if (code != -ENOSYS && code != -EPERM)
		return code;
	return st.st_mode & 0111 ? 0 : -EACCES;
}

static void __attribute__((noreturn))
fail_lookup(const struct join *join, const char *name, long code, const char *why)
{
	struct text said = { 0 };

	text_add(&said, "exec: ");
	text_add_quoted(&said, name);
	text_add(&said, ": ");
	text_add(&said, why);
	if (code == 0)
		join_fail_text(join, ENOENT, &said);
	text_add_reason(&said, (int)-code);
	join_fail_text(join, (int)-code, &said);
}

/* A name with a slash is a path. */
static const char *lookup_path(const struct join *join, const char *name)
{
	struct text why = { 0 };
	bool stated;
	long code = executable(name, &stated);

	if (code == 0)
		return name;
	if (!stated) {
		text_add(&why, "stat ");
		text_add(&why, name);
		text_add(&why, ": ");
	}
	fail_lookup(join, name, code, why.bytes);
}

const char *join_lookup(const struct join *join)
{
	static char path[PATH_MAX];
	const char *name = join->argv[0];
	const char *at = join_variable(join, "PATH");
	bool stated;

	for (const char *byte = name; *byte != '\0'; byte++)
		if (*byte == '/')
			return lookup_path(join, name);
	if (!at || *at == '\0' || *name == '\0' || text_same(name, ".") || text_same(name, ".."))
		fail_lookup(join, name, 0, "executable file not found in $PATH");
	for (;; at++) {
		size_t len = 0;

		while (at[len] != '\0' && at[len] != ':')
			len++;
		if (text_join_path(len == 0 ? "." : at, len == 0 ? 1 : len, name, path,
				   sizeof(path)) &&
		    executable(path, &stated) == 0) {
			if (path[0] != '/')
				fail_lookup(join, name, 0,
					    "cannot run executable found relative to current "
					    "directory");
			return path;
		}
		at += len;
		if (*at == '\0')
			break;
	}
	fail_lookup(join, name, 0, "executable file not found in $PATH");
}
