/* SPDX-License-Identifier: Apache-2.0 */
/* What texts of a host say. Pure. */
#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/azlctl/facts.h"
#include "config/host.h"

/* ---- memory ---- */

uint64_t facts_kept_bytes(const struct host_facts *facts, uint64_t bytes)
{
	uint64_t page = facts->page_bytes > 0 ? facts->page_bytes : 1;

	return bytes / page >= (uint64_t)INT64_MAX / page ? UINT64_MAX : bytes - bytes % page;
}

/* ---- containerd ---- */

#define CONFIG_FOLDER "/etc/containerd/"

/* One of "imports": a path or a pattern, from the folder of config.toml on. Source: containerd
 * cmd/containerd/server/config, resolveImports. */
static bool is_import_of(const char *import, size_t len, const char *path)
{
	char pattern[FACTS_IMPORT_ROOM];
	int n = snprintf(pattern, sizeof(pattern), "%s%.*s", *import == '/' ? "" : CONFIG_FOLDER,
			 (int)len, import);

	return n > 0 && (size_t)n < sizeof(pattern) && fnmatch(pattern, path, FNM_PATHNAME) == 0;
}

/* "imports = [...]", over more than one line, too. Comments are passed over. */
static bool imports_in(const char *line, const char *path)
{
	while (*line && *line != ']') {
		size_t len;

		if (*line == '#') {
			line += strcspn(line, "\n");
		} else if (*line != '"' && *line != '\'') {
			line++;
		} else {
			len = strcspn(line + 1, *line == '"' ? "\"\n" : "'\n");
			if (is_import_of(line + 1, len, path))
				return true;
			line += 1 + len;
			line += *line == '"' || *line == '\'';
		}
	}
	return false;
}

bool facts_imports(const char *text, const char *path)
{
	bool found = false;

	/* A key of the document is in front of all tables. */
	for (const char *line = text; *line; line += *line == '\n') {
		line += strspn(line, " \t");
		if (*line == '[')
			break;
		if (strncmp(line, "imports", 7) == 0)
			found = imports_in(line, path);
		line += strcspn(line, "\n");
	}
	return found;
}

bool facts_names_handler(const char *text)
{
	for (const char *line = text; *line; line += *line == '\n') {
		size_t len;

		line += strspn(line, " \t");
		len = strcspn(line, "\n");
		if (*line == '[' && memmem(line, len, "runtimes.azl]", 13))
			return true;
		line += len;
	}
	return false;
}

unsigned int facts_config_version(const char *text)
{
	for (const char *line = text; *line; line += *line == '\n') {
		const char *value;

		line += strspn(line, " \t");
		if (*line == '[')
			break;
		value = line + strlen("version");
		if (strncmp(line, "version", strlen("version")) == 0) {
			value += strspn(value, " \t");
			if (*value == '=')
				return (unsigned int)strtoul(value + 1, NULL, 10);
		}
		line += strcspn(line, "\n");
	}
	return 0;
}

void facts_containerd_config(struct host_facts *facts, const char *text)
{
	unsigned int version = facts_config_version(text);

	facts->has_containerd_config = true;
	facts->has_azl_handler = facts_names_handler(text);
	facts->imports_conf_d = facts_imports(text, "/" FACTS_CONF_D "/azl.toml");
	facts->containerd_config = version ? version : 1;
}

bool facts_versions_fit(const char *config, const char *file)
{
	unsigned int left = facts_config_version(config), right = facts_config_version(file);

	return left == right || left == 0 || right == 0;
}

void facts_containerd_version(struct host_facts *facts, const char *text)
{
	/* "containerd github.com/containerd/containerd 1.7.24~ds1 1.7.24~ds1-6+b5" */
	for (const char *word = text; *word; word++) {
		char *end = NULL;
		unsigned long major;

		if (word != text && word[-1] != ' ' && !(word[-1] == 'v' && isdigit(*word)))
			continue;
		if (!isdigit((unsigned char)*word))
			continue;
		major = strtoul(word, &end, 10);
		if (*end != '.' || !isdigit((unsigned char)end[1]))
			continue;
		facts->containerd_major = (unsigned int)major;
		facts->containerd_minor = (unsigned int)strtoul(end + 1, NULL, 10);
		return;
	}
}

bool facts_reads_conf_d(const struct host_facts *facts)
{
	if (facts->has_containerd_config)
		return facts->imports_conf_d;
	return facts->containerd_major > 2 ||
	       (facts->containerd_major == 2 && facts->containerd_minor >= 2);
}

/* ---- slices ---- */

void facts_unit_slice(struct host_facts *facts, enum facts_unit unit, const char *text)
{
	static const char end[] = ".slice";
	size_t len = strcspn(text, "\n");

	/* It becomes part of a file's name. */
	if (len < sizeof(end) || len >= FACTS_SLICE_ROOM || memchr(text, '/', len) ||
	    memcmp(text + len - strlen(end), end, strlen(end)) != 0)
		return;
	memcpy(facts->slice[unit], text, len);
	facts->slice[unit][len] = '\0';
}

static void add_slice(struct host_facts *facts, const char *name, size_t len)
{
	static const char *const others[] = { "-.slice", "system.slice", "azl.slice" };
	char slice[FACTS_SLICE_ROOM];

	(void)snprintf(slice, sizeof(slice), "%.*s.slice", (int)len, name);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (strcmp(slice, others[i]) == 0)
			return;
	for (size_t i = 0; i < facts->n_slices; i++)
		if (strcmp(slice, facts->slices[i].name) == 0)
			return;
	if (facts->n_slices < FACTS_SLICES_MAX)
		memcpy(facts->slices[facts->n_slices++].name, slice, sizeof(slice));
}

void facts_find_slices(struct host_facts *facts)
{
	for (int unit = 0; unit < FACTS_UNITS; unit++) {
		const char *slice = facts->slice[unit];
		size_t len = facts->unit[unit] ? strlen(slice) - strlen(".slice") : 0;

		/* "a-b.slice" is below "a.slice" (systemd.slice(5)). */
		for (size_t n = 1; n <= len; n++)
			if (n == len || slice[n] == '-')
				add_slice(facts, slice, n);
	}
}

bool facts_slice_holds(const char *slice, const char *other)
{
	size_t len = strlen(slice) - strlen(".slice");

	return *slice != '-' && strncmp(slice, other, len) == 0 &&
	       (other[len] == '-' || strcmp(slice, other) == 0);
}

/* ---- sysctl.d(5): "[-]NAME = VALUE", comments with '#' or ';' ---- */

static int add_sysctl(struct host_facts *facts, const char *name, size_t len, const char *file)
{
	struct facts_sysctl *grown =
		reallocarray(facts->sysctls, facts->n_sysctls + 1, sizeof(*grown));
	struct facts_sysctl one;

	if (!grown)
		return -ENOMEM;
	facts->sysctls = grown;
	one = (struct facts_sysctl){ strndup(name, len), strdup(file) };
	if (!one.name || !one.file) {
		free(one.name);
		free(one.file);
		return -ENOMEM;
	}
	host_sysctl_dots(one.name);
	grown[facts->n_sysctls++] = one;
	return 0;
}

int facts_sysctl_lines(struct host_facts *facts, const char *text, const char *file)
{
	for (const char *line = text; *line; line += *line == '\n') {
		size_t len = strcspn(line, "\n");
		const char *name = line + strspn(line, " \t-");
		size_t name_len = strcspn(name, " \t=\n");

		if (*name != '#' && *name != ';' && name_len > 0 && memchr(line, '=', len) &&
		    add_sysctl(facts, name, name_len, file) < 0)
			return -ENOMEM;
		line += len;
	}
	return 0;
}

const char *facts_sysctl_file(const struct host_facts *facts, const char *name)
{
	for (size_t i = 0; i < facts->n_sysctls; i++)
		if (strcmp(facts->sysctls[i].name, name) == 0)
			return facts->sysctls[i].file;
	return NULL;
}

/* ---- the rest ---- */

bool facts_has_controller(const struct host_facts *facts, const char *file)
{
	size_t len = strcspn(file, ".");

	for (const char *word = facts->controllers; *word; word += strspn(word, " ")) {
		size_t n = strcspn(word, " ");

		if (n == len && strncmp(word, file, len) == 0)
			return true;
		word += n;
	}
	return false;
}

void facts_done(struct host_facts *facts)
{
	for (size_t i = 0; i < facts->n_sysctls; i++) {
		free(facts->sysctls[i].name);
		free(facts->sysctls[i].file);
	}
	free(facts->sysctls);
	*facts = (struct host_facts){ 0 };
}
