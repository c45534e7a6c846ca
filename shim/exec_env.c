/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/exec_env.h"

#include <errno.h>
#include <string.h>

#include "config/base/buf.h"
#include "config/base/clean.h"
#include "config/base/err.h"

/* The entry that won for its name. */
struct kept {
	const char *entry; /* NULL: dropped */
	size_t name_len;
};

/* Names by their hash; a slot holds the number of an entry plus one. Twice as many slots as
 * entries, so that a search ends. */
struct names {
	uint32_t *slots;
	size_t mask;
};

/* FNV-1a. */
static uint64_t hash(const char *bytes, size_t len)
{
	uint64_t value = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < len; i++)
		value = (value ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001b3);
	return value ^ value >> 32;
}

/* The slot of a name: empty, or with the entry of that name. */
static uint32_t *slot_of(const struct names *names, const struct kept *kept, const char *name,
			 size_t len)
{
	size_t at = hash(name, len) & names->mask;

	for (;;) {
		uint32_t *slot = &names->slots[at];
		const struct kept *other = *slot ? &kept[*slot - 1] : NULL;

		if (!other || (other->name_len == len && memcmp(other->entry, name, len) == 0))
			return slot;
		at = (at + 1) & names->mask;
	}
}

static int bad(const struct runtime_version *version, struct err *err, const char *what)
{
	bool comes_first = !runtime_version_at_least(version, 1, 3, 0);

	return err_set(err, comes_first ? -EINVAL : -EOPNOTSUPP, "invalid environment variable: %s",
		       what);
}

/* Split every entry into name and value. */
static int entries_read(const char *entries, uint32_t count, const struct runtime_version *version,
			struct kept *kept, struct err *err)
{
	for (uint32_t i = 0; i < count; i++) {
		const char *equals = strchr(entries, '=');

		if (!equals)
			return bad(version, err, "missing '='");
		if (equals == entries)
			return bad(version, err, "name cannot be empty");
		kept[i].entry = entries;
		kept[i].name_len = (size_t)(equals - entries);
		entries += strlen(entries) + 1;
	}
	return 0;
}

/* The last value of a name takes the place of its first. */
static void keep_first_place(const struct names *names, struct kept *kept, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		uint32_t *slot = slot_of(names, kept, kept[i].entry, kept[i].name_len);

		if (*slot == 0) {
			*slot = i + 1;
		} else {
			kept[*slot - 1].entry = kept[i].entry;
			kept[i].entry = NULL;
		}
	}
}

/* The last entry of a name stays, the earlier ones go. */
static void keep_last(const struct names *names, struct kept *kept, uint32_t count)
{
	for (uint32_t i = count; i > 0; i--) {
		uint32_t *slot = slot_of(names, kept, kept[i - 1].entry, kept[i - 1].name_len);

		if (*slot == 0)
			*slot = i;
		else
			kept[i - 1].entry = NULL;
	}
}

static bool is_home(const struct kept *kept)
{
	static const char home[] = "HOME";

	return kept->entry && kept->name_len == sizeof(home) - 1 &&
	       memcmp(kept->entry, home, sizeof(home) - 1) == 0;
}

/* Write what is left. Returns 0 or a negative errno value. */
static int kept_write(struct kept *kept, uint32_t *count, bool drops_empty_home, size_t limit,
		      struct buf *out, bool *needs_home)
{
	uint32_t left = 0;
	bool home = false;
	int code = 0;

	for (uint32_t i = 0; i < *count && code == 0; i++) {
		if (is_home(&kept[i])) {
			home = kept[i].entry[kept[i].name_len + 1] != '\0';
			if (!home && drops_empty_home)
				continue;
		}
		if (!kept[i].entry)
			continue;
		code = buf_add(out, kept[i].entry, strlen(kept[i].entry) + 1, limit);
		left++;
	}
	if (code < 0)
		return code;
	*count = left;
	*needs_home = !home;
	return 0;
}

static int names_init(struct names *names, uint32_t count)
{
	size_t slots = 4;

	while (slots < 2 * (size_t)count)
		slots *= 2;
	names->mask = slots - 1;
	names->slots = calloc(slots, sizeof(*names->slots));
	return names->slots ? 0 : -ENOMEM;
}

int exec_env_write(const char *entries, const struct runtime_version *version, size_t limit,
		   struct buf *out, uint32_t *count, bool *needs_home, struct err *err)
{
	bool is_new = runtime_version_at_least(version, 1, 3, 0);
	own_mem struct kept *kept = calloc(*count ? *count : 1, sizeof(*kept));
	struct names names = { 0 };
	size_t before = out->len;
	int code;

	if (!kept)
		return err_set(err, -ENOMEM, "environment: no memory");
	code = entries_read(entries, *count, version, kept, err);
	if (code < 0)
		return code;
	if (names_init(&names, *count) < 0)
		return err_set(err, -ENOMEM, "environment: no memory");
	if (is_new)
		keep_last(&names, kept, *count);
	else
		keep_first_place(&names, kept, *count);
	free(names.slots);
	code = kept_write(kept, count, is_new, limit, out, needs_home);
	if (code < 0) {
		out->len = before;
		return err_set(err, code, "environment: %s", err_reason(-code));
	}
	return 0;
}
