/* SPDX-License-Identifier: Apache-2.0 */
/* What stands elsewhere, too: in the shim, in the file that is shipped, in the documentation. */
#include <fcntl.h>

#include "config/base/buf.h"
#include "config/base/fd.h"
#include "shim/switches.h"
#include "tests/unit/host_world.h"

/* Every fast path that the shim knows, and no other. */
TEST(knows_the_fast_paths_of_the_shim)
{
	char text[100];

	for (int act = 0; act < FAST_ACT_MAX; act++) {
		(void)snprintf(text, sizeof(text), "{\"fastPaths\":{\"%s\":false}}",
			       switches_name((enum fast_act)act));
		CHECK(read_text(text) == 0);
	}
	CHECK(FAST_ACT_MAX == 6);
	CHECK_TEXT(SWITCHES_HOST_CONFIG, HOST_CONFIG_PATH);
	host_config_done(&config);
}

TEST(reads_the_file_that_is_shipped)
{
	struct buf shipped = { 0 };

	CHECK(fd_read_file(AT_FDCWD, "config/etc/azl/host.json", 1 << 20, &shipped) == 0);
	CHECK(shipped.len > 0 && read_text((const char *)shipped.data) == 0);
	buf_done(&shipped);
	for (size_t i = 0; i < host_keys_count; i++) {
		struct host_value fallback = { 0 };
		const struct host_key *key = &host_keys[i];
		bool quoted = key->fallback[0] == '"';
		char text[HOST_TEXT_ROOM];

		/* It says what holds anyway: no second truth. */
		if (!config.values[i].is_given || key->type == HOST_NAMES)
			continue;
		(void)snprintf(text, sizeof(text), "%.*s",
			       (int)(strlen(key->fallback) - 2 * (size_t)quoted),
			       key->fallback + quoted);
		CHECK(host_value_parse_text(key->type, text, strlen(text), &fallback) == 0);
		CHECK(fallback.number == config.values[i].number);
		CHECK(fallback.is_percent == config.values[i].is_percent);
	}
	host_config_done(&config);
}

/* docs/CGROUPS.md: line by line what the table says, under the section's heading. */
static void row_of(const struct host_key *key, char *row, size_t room)
{
	(void)snprintf(row, room, "| `%s` | `%s` | %s | %s | %s |",
		       *key->name ? key->name : key->section, key->fallback,
		       host_type_range(key->type), key->reason, key->source);
}

static const struct host_key *key_of_row(const char *section, const char *row)
{
	char text[1024];

	for (size_t i = 0; i < host_keys_count; i++) {
		row_of(&host_keys[i], text, sizeof(text));
		if (strcmp(host_keys[i].section, section) == 0 && strcmp(text, row) == 0)
			return &host_keys[i];
	}
	return NULL;
}

TEST(stands_in_the_documentation_word_for_word)
{
	struct buf text = { 0 };
	char section[32] = "";
	size_t found = 0;
	bool in_table = false;

	CHECK(fd_read_file(AT_FDCWD, "docs/CGROUPS.md", 1 << 20, &text) == 0);
	for (char *line = strtok((char *)text.data, "\n"); line; line = strtok(NULL, "\n")) {
		if (strncmp(line, "## ", 3) == 0)
			(void)snprintf(section, sizeof(section), "%s", line + 3);
		if (line[0] != '|')
			in_table = false;
		if (in_table && !key_of_row(section, line))
			printf("# section %s: not in the table: %s\n", section, line);
		CHECK(!in_table || key_of_row(section, line));
		found += in_table;
		if (strcmp(line, "|---|---|---|---|---|") == 0)
			in_table = true;
	}
	CHECK(found == host_keys_count);
	buf_done(&text);
}
