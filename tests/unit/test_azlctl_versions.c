/* SPDX-License-Identifier: Apache-2.0 */
/* The table of known-bad versions: how it is read, and the one that is shipped. */
#include <fcntl.h>
#include <stdint.h>

#include "config/azlctl/checks.h"
#include "config/base/buf.h"
#include "config/base/err.h"
#include "config/base/fd.h"
#include "config/json.h"
#include "tests/unit/test.h"

TEST(versions_are_found_in_what_programs_say)
{
	static const struct {
		const char *text;
		unsigned int part[3];
	} texts[] = {
		{ "containerd github.com/containerd/containerd 1.7.24~ds1 1.7.24~ds1-6",
		  { 1, 7, 24 } },
		{ "containerd github.com/containerd/containerd/v2 v2.1.6 abc", { 2, 1, 6 } },
		{ "runc version 1.3.6+ds1", { 1, 3, 6 } },
		{ "crun version 1.21", { 1, 21, 0 } },
		{ "6.18.2-azl", { 6, 18, 2 } },
		{ "v1.4.0-rc.3", { 1, 4, 0 } },
	};
	struct check_version version;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		CHECK(check_version_find(texts[i].text, &version) == 0);
		CHECK(memcmp(version.part, texts[i].part, sizeof(version.part)) == 0);
	}
	CHECK(check_version_find("", &version) < 0);
	CHECK(check_version_find("none 12", &version) < 0);
	CHECK(check_version_find("99999999999999999999.1", &version) == 0);
}

static size_t known_of(const char *table, const char *program, unsigned int a, unsigned int b,
		       unsigned int c)
{
	static struct checks checks;
	const struct check_version version = { { a, b, c } };
	struct err err;
	int added;

	checks.n = 0;
	added = check_known_versions(&checks, table, strlen(table), program, "runtime.runc",
				     &version, &err);
	return added < 0 ? SIZE_MAX : (size_t)added;
}

static size_t known(const char *table, unsigned int a, unsigned int b, unsigned int c)
{
	return known_of(table, "runc", a, b, c);
}

TEST(the_table_speaks_of_its_ranges_alone)
{
	static const char table[] =
		"{\"versions\": [{\"program\": \"crun\", \"below\": \"9.0\", \"level\": \"fail\", "
		"\"why\": \"w\", \"fix\": \"f\"},"
		"{\"program\": \"runc\", \"from\": \"1.3.0\", \"below\": \"1.3.3\", \"level\": "
		"\"warn\", \"why\": \"w\", \"fix\": \"f\"},"
		"{\"program\": \"runc\", \"below\": \"1.1.12\", \"level\": \"fail\", \"why\": "
		"\"w\", \"fix\": \"f\"}]}";

	CHECK(known(table, 1, 1, 11) == 1);
	CHECK(known(table, 1, 1, 12) == 0);
	CHECK(known(table, 1, 3, 0) == 1);
	CHECK(known(table, 1, 3, 2) == 1);
	CHECK(known(table, 1, 3, 3) == 0);
	CHECK(known("{\"versions\": [{\"program\": \"runc\"}]}", 1, 1, 1) == SIZE_MAX);
	CHECK(known("{\"versions\": [1]}", 1, 1, 1) == SIZE_MAX);
	CHECK(known("{\"versions\": [{\"program\": \"runc\", \"below\": \"2.0\", \"level\": "
		    "\"bad\", "
		    "\"why\": \"w\", \"fix\": \"f\"}]}",
		    1, 1, 1) == SIZE_MAX);
	CHECK(known("{", 1, 1, 1) == SIZE_MAX);
}

/* Sources of the table's entries. */
struct sources {
	long entries;
	long with; /* a source, up to the last entry */
};

static int on_source(void *owner, const struct json_path *path, enum json_type type,
		     const char *text, size_t len)
{
	struct sources *sources = owner;

	if (json_path_is(path, "versions", "*", NULL))
		sources->entries++;
	if (!json_path_is(path, "versions", "*", "source", "*", NULL))
		return 0;
	CHECK(type == JSON_STRING && len > 8 && memcmp(text, "https://", 8) == 0);
	sources->with =
		json_path_index(path, 1) == sources->with ? sources->with + 1 : sources->with;
	return 0;
}

TEST(the_shipped_table_can_be_read_and_says_where_it_is_from)
{
	static const struct {
		const char *program;
		unsigned int a, b, c;
		size_t lines;
	} versions[] = {
		{ "runc", 1, 0, 3, 5 },	       { "runc", 1, 1, 11, 4 },
		{ "runc", 1, 2, 8, 1 },	       { "runc", 1, 3, 2, 2 },
		{ "runc", 1, 3, 7, 0 },	       { "runc", 1, 4, 3, 1 },
		{ "runc", 1, 4, 4, 0 },	       { "runc", 1, 5, 3, 0 },
		{ "crun", 1, 18, 0, 2 },       { "crun", 1, 26, 0, 3 },
		{ "crun", 1, 31, 0, 0 },       { "kernel", 6, 1, 8, 5 },
		{ "kernel", 6, 1, 75, 3 },     { "kernel", 6, 1, 174, 0 },
		{ "kernel", 6, 6, 14, 3 },     { "kernel", 6, 6, 134, 2 },
		{ "kernel", 6, 6, 137, 1 },    { "kernel", 6, 6, 141, 0 },
		{ "kernel", 6, 12, 84, 2 },    { "kernel", 6, 12, 91, 0 },
		{ "kernel", 6, 18, 33, 0 },    { "kernel", 6, 19, 14, 1 },
		{ "kernel", 7, 0, 10, 0 },     { "kernel", 7, 1, 0, 0 },
		{ "containerd", 1, 6, 37, 4 }, { "containerd", 1, 6, 38, 3 },
		{ "containerd", 1, 7, 26, 4 }, { "containerd", 1, 7, 33, 0 },
		{ "containerd", 2, 0, 0, 4 },  { "containerd", 2, 0, 10, 0 },
		{ "containerd", 2, 1, 9, 1 },  { "containerd", 2, 2, 5, 1 },
		{ "containerd", 2, 2, 10, 0 }, { "containerd", 2, 3, 7, 0 },
		{ "containerd", 2, 4, 2, 0 },
	};
	struct sources sources = { 0 };
	struct buf table = { 0 };
	struct err err;

	CHECK(fd_read_file(AT_FDCWD, "config/etc/azl/known-versions.json", 65536, &table) == 0);
	for (size_t i = 0; table.len > 0 && i < sizeof(versions) / sizeof(versions[0]); i++) {
		size_t lines = known_of((const char *)table.data, versions[i].program,
					versions[i].a, versions[i].b, versions[i].c);

		if (lines != versions[i].lines)
			printf("# %s %u.%u.%u: %zu\n", versions[i].program, versions[i].a,
			       versions[i].b, versions[i].c, lines);
		CHECK(lines == versions[i].lines);
	}
	CHECK(json_scan((const char *)table.data, table.len, on_source, &sources, &err) == 0);
	CHECK(sources.entries > 0 && sources.with == sources.entries);
	buf_done(&table);
}
