/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/join/text.h"

#include <errno.h>

/* What the compiler may call on its own. */
void *memcpy(void *restrict to, const void *restrict from, size_t len);
void *memmove(void *to, const void *from, size_t len);
void *memset(void *to, int byte, size_t len);
int memcmp(const void *a, const void *b, size_t len);

void *memcpy(void *restrict to, const void *restrict from, size_t len)
{
	char *out = to;
	const char *in = from;

	for (size_t i = 0; i < len; i++)
		out[i] = in[i];
	return to;
}

void *memmove(void *to, const void *from, size_t len)
{
	char *out = to;
	const char *in = from;

	if ((uintptr_t)to <= (uintptr_t)from) {
		for (size_t i = 0; i < len; i++)
			out[i] = in[i];
	} else {
		for (size_t i = len; i > 0; i--)
			out[i - 1] = in[i - 1];
	}
	return to;
}

void *memset(void *to, int byte, size_t len)
{
	char *out = to;

	for (size_t i = 0; i < len; i++)
		out[i] = (char)byte;
	return to;
}

int memcmp(const void *a, const void *b, size_t len)
{
	const unsigned char *left = a;
	const unsigned char *right = b;

	for (size_t i = 0; i < len; i++)
		if (left[i] != right[i])
			return left[i] < right[i] ? -1 : 1;
	return 0;
}

size_t text_length(const char *words)
{
	size_t len = 0;

	while (words[len] != '\0')
		len++;
	return len;
}

bool text_same(const char *a, const char *b)
{
	while (*a != '\0' && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

bool text_begins(const char *words, const char *beginning)
{
	while (*beginning != '\0')
		if (*words++ != *beginning++)
			return false;
	return true;
}

static void add_byte(struct text *text, char byte)
{
	if (text->used + 1 >= sizeof(text->bytes))
		return;
	text->bytes[text->used++] = byte;
	text->bytes[text->used] = '\0';
}

void text_add(struct text *text, const char *words)
{
	while (*words != '\0')
		add_byte(text, *words++);
}

void text_add_number(struct text *text, uint64_t number)
{
	char digits[24];
	size_t at = sizeof(digits) - 1;

	digits[at] = '\0';
	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	text_add(text, digits + at);
}

/* Bytes of the UTF-8 sequence at `words`, or 0 when there is none. */
static size_t utf8_length(const unsigned char *words)
{
	size_t len = words[0] >= 0xf0 ? 4 : words[0] >= 0xe0 ? 3 : 2;
	uint32_t rune = words[0] & (0x7fU >> len);

	if (words[0] < 0xc2 || words[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((words[i] & 0xc0) != 0x80)
			return 0;
		rune = rune << 6 | (words[i] & 0x3f);
	}
	if ((len == 3 && rune < 0x800) || (len == 4 && (rune < 0x10000 || rune > 0x10ffff)))
		return 0;
	return rune >= 0xd800 && rune <= 0xdfff ? 0 : len;
}

void text_add_quoted(struct text *text, const char *words)
{
	static const char hex[] = "0123456789abcdef";
	static const char escaped[] = "a\ab\bf\fn\nr\rt\tv\v\\\\\"\"";
	const unsigned char *at = (const unsigned char *)words;

	add_byte(text, '"');
	for (size_t len; *at != '\0'; at += len) {
		size_t known = 0;

		len = *at >= 0x80 ? utf8_length(at) : 1;
		while (escaped[known] != '\0' && (unsigned char)escaped[known + 1] != *at)
			known += 2;
		if (escaped[known] != '\0') {
			add_byte(text, '\\');
			add_byte(text, escaped[known]);
		} else if (len == 0 || *at < ' ' || *at == 0x7f) {
			text_add(text, "\\x");
			add_byte(text, hex[*at >> 4]);
			add_byte(text, hex[*at & 15]);
			len = 1;
		} else {
			for (size_t i = 0; i < len; i++)
				add_byte(text, (char)at[i]);
		}
	}
	add_byte(text, '"');
}

/* Chains instead of a table: a table of addresses would need relocation, and there is nobody to do
 * it. */
static const char *reason(int value)
{
#define SAY(name, words)                                                                           \
	if (value == (name))                                                                       \
	return words
	SAY(EPERM, "operation not permitted");
	SAY(ENOENT, "no such file or directory");
	SAY(ESRCH, "no such process");
	SAY(EINTR, "interrupted system call");
	SAY(EIO, "input/output error");
	SAY(ENXIO, "no such device or address");
	SAY(E2BIG, "argument list too long");
	SAY(ENOEXEC, "exec format error");
	SAY(EBADF, "bad file descriptor");
	SAY(EAGAIN, "resource temporarily unavailable");
	SAY(ENOMEM, "cannot allocate memory");
	SAY(EACCES, "permission denied");
	SAY(EFAULT, "bad address");
	SAY(EBUSY, "device or resource busy");
	SAY(EEXIST, "file exists");
	SAY(EXDEV, "invalid cross-device link");
	SAY(ENODEV, "no such device");
	SAY(ENOTDIR, "not a directory");
	SAY(EISDIR, "is a directory");
	SAY(EINVAL, "invalid argument");
	SAY(ENFILE, "too many open files in system");
	SAY(EMFILE, "too many open files");
	SAY(ENOTTY, "inappropriate ioctl for device");
	SAY(ETXTBSY, "text file busy");
	SAY(EFBIG, "file too large");
	SAY(ENOSPC, "no space left on device");
	SAY(EROFS, "read-only file system");
	SAY(EPIPE, "broken pipe");
	SAY(ERANGE, "numerical result out of range");
	SAY(ENAMETOOLONG, "file name too long");
	SAY(ENOSYS, "function not implemented");
	SAY(ELOOP, "too many levels of symbolic links");
	SAY(ELIBBAD, "accessing a corrupted shared library");
	SAY(EUSERS, "too many users");
	SAY(EOPNOTSUPP, "operation not supported");
	SAY(EOVERFLOW, "value too large for defined data type");
	SAY(ESTALE, "stale file handle");
	SAY(EDQUOT, "disk quota exceeded");
	SAY(EKEYREVOKED, "key has been revoked");
	SAY(ENOTCONN, "transport endpoint is not connected");
#undef SAY
	return NULL;
}

void text_add_reason(struct text *text, int value)
{
	const char *words = reason(value);

	if (words) {
		text_add(text, words);
		return;
	}
	text_add(text, "errno ");
	text_add_number(text, (uint64_t)(unsigned int)value);
}

int64_t text_atoi(const char *digits, size_t len)
{
	bool negative = len > 0 && digits[0] == '-';
	size_t at = len > 0 && (digits[0] == '-' || digits[0] == '+') ? 1 : 0;
	int64_t value = 0;
	bool large = false;

	if (at == len)
		return 0;
	for (; at < len; at++) {
		if (digits[at] < '0' || digits[at] > '9')
			return 0;
		large = large || value > (INT64_MAX - 9) / 10;
		if (!large)
			value = value * 10 + (digits[at] - '0');
	}
	if (large)
		return negative ? INT64_MIN : INT64_MAX;
	return negative ? -value : value;
}

/* Take the last element away for "..". Returns false when there is none to take. */
static bool drop_element(const char *path, size_t *used, bool absolute)
{
	size_t begin = *used;

	while (begin > 0 && path[begin - 1] != '/')
		begin--;
	if (*used == 0 || (absolute && *used == 1))
		return absolute;
	if (*used - begin == 2 && path[begin] == '.' && path[begin + 1] == '.')
		return false;
	*used = begin > (absolute ? 1U : 0U) ? begin - 1 : begin;
	return true;
}

/* Append the elements of `from`. */
static bool add_elements(const char *from, size_t len, bool absolute, char *path, size_t *used,
			 size_t room)
{
	for (size_t at = 0; at < len;) {
		size_t end = at;
		size_t size;

		while (end < len && from[end] != '/')
			end++;
		size = end - at;
		if (size == 0 || (size == 1 && from[at] == '.') ||
		    (size == 2 && from[at] == '.' && from[at + 1] == '.' &&
		     drop_element(path, used, absolute))) {
			at = end + 1;
			continue;
		}
		if (*used + 1 + size >= room)
			return false;
		if (*used > 0 && path[*used - 1] != '/')
			path[(*used)++] = '/';
		memcpy(path + *used, from + at, size);
		*used += size;
		at = end + 1;
	}
	return true;
}

bool text_join_path(const char *folder, size_t folder_len, const char *name, char *path,
		    size_t room)
{
	bool absolute = folder_len > 0 && folder[0] == '/';
	size_t used = 0;

	if (absolute)
		path[used++] = '/';
	if (!add_elements(folder, folder_len, absolute, path, &used, room) ||
	    !add_elements(name, text_length(name), absolute, path, &used, room))
		return false;
	if (used == 0)
		path[used++] = '.';
	path[used] = '\0';
	return true;
}
