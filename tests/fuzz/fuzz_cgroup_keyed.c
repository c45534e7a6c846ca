/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes are a file of a cgroup, of whatever kind. */
#include "tests/fuzz/fuzz.h"

#include "cgroups/keyed.h"

/* A part of a text lies inside it. */
static void check_inside(struct cg_text part, const char *at, size_t len)
{
	FUZZ_CHECK(part.at >= at && part.at + part.len <= at + len);
}

static void try_line(struct cg_text line, const char *at, size_t len)
{
	struct cg_text rest = line;
	struct cg_text word;
	struct cg_text key;
	struct cg_text value;
	struct cg_psi_line psi;
	uint64_t number;
	uint64_t major;

	check_inside(line, at, len);
	(void)cg_keyed_value(line, &number);
	if (cg_keyed_flat(line, &key, &number) == 0)
		check_inside(key, at, len);
	(void)cg_keyed_psi(line, &psi);
	while (cg_keyed_word(&rest, &word)) {
		FUZZ_CHECK(word.len > 0);
		check_inside(word, at, len);
		(void)cg_keyed_device(word, &major, &number);
		FUZZ_CHECK(cg_keyed_lists(line, word));
		if (cg_keyed_pair(word, &key, &value) == 0) {
			FUZZ_CHECK(key.len + value.len + 1 == word.len);
			check_inside(value, at, len);
		}
	}
	(void)cg_keyed_psi(rest, &psi);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = (char *)fuzz_copy(data, size);
	struct cg_text text = { copy, size };
	struct cg_text rest = text;
	struct cg_text line;
	uint64_t value;

	(void)cg_keyed_find(text, "oom_kill", &value);
	(void)cg_keyed_equal(text, "max");
	while (cg_keyed_line(&rest, &line))
		try_line(line, copy, size);
	FUZZ_CHECK(rest.len == 0);
	free(copy);
	return 0;
}
