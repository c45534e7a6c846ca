/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/keyed.h"

#include <errno.h>
#include <string.h>

#include "config/base/num.h"

/* A quotient of two exact doubles is correctly rounded: digits below 2^53, powers up to 10^22. */
enum { DECIMAL_DIGITS_MAX = 15 };

struct cg_text cg_keyed_text(const char *text)
{
	return (struct cg_text){ .at = text, .len = strlen(text) };
}

bool cg_keyed_equal(struct cg_text text, const char *want)
{
	return strlen(want) == text.len && memcmp(text.at, want, text.len) == 0;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

int cg_keyed_word(struct cg_text *rest, struct cg_text *word)
{
	size_t start = 0;
	size_t end;

	while (start < rest->len && is_blank(rest->at[start]))
		start++;
	end = start;
	while (end < rest->len && !is_blank(rest->at[end]))
		end++;
	if (end > start)
		*word = (struct cg_text){ .at = rest->at + start, .len = end - start };
	rest->at += end;
	rest->len -= end;
	return end > start;
}

int cg_keyed_line(struct cg_text *rest, struct cg_text *line)
{
	const char *newline;
	size_t used;

	if (rest->len == 0)
		return 0;
	newline = memchr(rest->at, '\n', rest->len);
	line->at = rest->at;
	line->len = newline ? (size_t)(newline - rest->at) : rest->len;
	used = line->len + (newline != NULL);
	rest->at += used;
	rest->len -= used;
	return 1;
}

/* One word as a number. */
static int word_value(struct cg_text word, uint64_t *value)
{
	int64_t below;

	if (cg_keyed_equal(word, "max")) {
		*value = UINT64_MAX;
		return 0;
	}
	if (word.len > 1 && word.at[0] == '-' && num_i64_parse(word.at, word.len, &below) == 0) {
		*value = 0;
		return 0;
	}
	return num_u64_parse(word.at, word.len, value);
}

int cg_keyed_value(struct cg_text text, uint64_t *value)
{
	struct cg_text word;
	struct cg_text more;

	if (!cg_keyed_word(&text, &word) || cg_keyed_word(&text, &more))
		return -EINVAL;
	return word_value(word, value);
}

int cg_keyed_flat(struct cg_text line, struct cg_text *key, uint64_t *value)
{
	if (!cg_keyed_word(&line, key))
		return -EINVAL;
	return cg_keyed_value(line, value);
}

int cg_keyed_find(struct cg_text text, const char *key, uint64_t *value)
{
	struct cg_text line;
	struct cg_text name;
	uint64_t found;

	while (cg_keyed_line(&text, &line)) {
		if (cg_keyed_flat(line, &name, &found) == 0 && cg_keyed_equal(name, key)) {
			*value = found;
			return 1;
		}
	}
	return 0;
}

int cg_keyed_lists(struct cg_text text, struct cg_text word)
{
	struct cg_text listed;

	while (cg_keyed_word(&text, &listed)) {
		if (listed.len == word.len && memcmp(listed.at, word.at, word.len) == 0)
			return 1;
	}
	return 0;
}

/* Split at the first `mark`. */
static int split(struct cg_text word, char mark, struct cg_text *left, struct cg_text *right)
{
	const char *at = word.len ? memchr(word.at, mark, word.len) : NULL;

	if (!at)
		return -EINVAL;
	*left = (struct cg_text){ .at = word.at, .len = (size_t)(at - word.at) };
	*right = (struct cg_text){ .at = at + 1, .len = word.len - left->len - 1 };
	return 0;
}

int cg_keyed_pair(struct cg_text word, struct cg_text *key, struct cg_text *value)
{
	return split(word, '=', key, value);
}

int cg_keyed_device(struct cg_text word, uint64_t *major, uint64_t *minor)
{
	struct cg_text left;
	struct cg_text right;
	uint64_t first;
	int code = split(word, ':', &left, &right);

	if (code == 0)
		code = num_u64_parse(left.at, left.len, &first);
	if (code == 0)
		code = num_u64_parse(right.at, right.len, minor);
	if (code == 0)
		*major = first;
	return code;
}

/* "12.34" without the locale; the nearest double. */
static int decimal_parse(struct cg_text text, double *value)
{
	uint64_t digits = 0;
	double scale = 1;
	size_t count = 0;
	bool point = false;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];

		if (c == '.' && !point) {
			point = true;
			continue;
		}
		if (c < '0' || c > '9' || ++count > DECIMAL_DIGITS_MAX)
			return -EINVAL;
		digits = digits * 10 + (uint64_t)(c - '0');
		scale *= point ? 10 : 1;
	}
	if (count == 0)
		return -EINVAL;
	*value = (double)digits / scale;
	return 0;
}

int cg_keyed_psi(struct cg_text rest, struct cg_psi_line *line)
{
	struct cg_psi_line found = { .present = true };
	struct cg_text word;
	struct cg_text key;
	struct cg_text value;

	while (cg_keyed_word(&rest, &word)) {
		int code = cg_keyed_pair(word, &key, &value);

		if (code < 0)
			return code;
		if (cg_keyed_equal(key, "avg10"))
			code = decimal_parse(value, &found.avg10);
		else if (cg_keyed_equal(key, "avg60"))
			code = decimal_parse(value, &found.avg60);
		else if (cg_keyed_equal(key, "avg300"))
			code = decimal_parse(value, &found.avg300);
		else if (cg_keyed_equal(key, "total"))
			code = num_u64_parse(value.at, value.len, &found.total_usec);
		if (code < 0)
			return -EINVAL;
	}
	*line = found;
	return 0;
}
