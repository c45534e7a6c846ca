/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sysctls: those of config/etc/sysctl.d/90-azl.conf with what host.json says of them. One that a
 * file of the owner's sets is the owner's; limits of the running kernel are raised and never
 * lowered.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "config/azlctl/facts.h"
#include "config/azlctl/plan.h"
#include "config/azlctl/shipped.h"
#include "config/base/buf.h"
#include "config/base/clean.h"
#include "config/base/num.h"
#include "config/host.h"

enum {
	WANTS_MAX = 64 + HOST_SYSCTLS_MAX,
	TEXT_ROOM = 128,
	REASON_ROOM = 512,
	FILE_MAX_BYTES = 1 << 18,
	SWITCH_MAX = 2, /* 0, 1 and 2 are choices, larger numbers are limits */
};

struct want {
	char name[TEXT_ROOM];
	char value[TEXT_ROOM];
	char reason[REASON_ROOM];
	bool optional;
	bool is_given;	/* by host.json */
	bool is_packed; /* at boot alone, in place of the package's line */
};

struct wants {
	struct want list[WANTS_MAX];
	size_t count;
};

#define SYSCTL_FOLDER "etc/sysctl.d/"

/* Copy a text without the blanks around it; what does not fit is cut. */
static void copy_trimmed(char *to, size_t room, const char *from, size_t len)
{
	while (len > 0 && isspace((unsigned char)*from)) {
		from++;
		len--;
	}
	while (len > 0 && isspace((unsigned char)from[len - 1]))
		len--;
	if (len >= room)
		len = room - 1;
	memcpy(to, from, len);
	to[len] = '\0';
}

/* One more line of a comment. */
static void add_reason(char reason[REASON_ROOM], const char *line, size_t len)
{
	char text[REASON_ROOM];
	size_t used = strlen(reason);

	copy_trimmed(text, sizeof(text), line, len);
	if (used + strlen(text) + 2 > REASON_ROOM)
		return;
	if (used > 0)
		reason[used++] = ' ';
	memcpy(reason + used, text, strlen(text) + 1);
}

static void add_shipped(struct wants *wants, const char *reason, const char *line, size_t len)
{
	struct want *want = &wants->list[wants->count];
	const char *sign = memchr(line, '=', len);

	if (!sign || wants->count == WANTS_MAX - HOST_SYSCTLS_MAX)
		return;
	*want = (struct want){ .optional = *line == '-' };
	if (want->optional)
		line++;
	copy_trimmed(want->name, sizeof(want->name), line, (size_t)(sign - line));
	copy_trimmed(want->value, sizeof(want->value), sign + 1,
		     len - want->optional - (size_t)(sign + 1 - line));
	copy_trimmed(want->reason, sizeof(want->reason), reason, strlen(reason));
	wants->count++;
}

/* The comment above a line, or above the lines in front of it, is its reason. */
static void read_shipped(struct wants *wants, const char *text)
{
	char reason[REASON_ROOM] = "";
	bool in_comment = false;

	while (*text) {
		size_t len = strcspn(text, "\n");

		if (*text == '#') {
			if (!in_comment)
				reason[0] = '\0';
			add_reason(reason, text + 1, len - 1);
		} else if (len > 0) {
			add_shipped(wants, reason, text, len);
		}
		in_comment = *text == '#';
		text += len + (text[len] == '\n');
	}
}

static struct want *find(struct wants *wants, const char *name)
{
	for (size_t i = 0; i < wants->count; i++)
		if (strcmp(wants->list[i].name, name) == 0)
			return &wants->list[i];
	return NULL;
}

/* Forwarding takes routes that came by advertisements off each link that does not accept them in
 * spite of it (kernel net/ipv6/route.c, rt6_addrconf_purge): what says so is set before. */
static struct want *add_given(struct wants *wants, const char *name)
{
	static const char early[] = ".accept_ra";
	size_t len = strlen(name);
	struct want *want = &wants->list[wants->count++];

	if (len > strlen(early) && strcmp(name + len - strlen(early), early) == 0) {
		memmove(wants->list + 1, wants->list, (wants->count - 1) * sizeof(*want));
		want = wants->list;
	}
	*want = (struct want){ .name = "" };
	copy_trimmed(want->name, sizeof(want->name), name, len);
	copy_trimmed(want->reason, sizeof(want->reason), "asked for by host.json.", 23);
	return want;
}

/* What host.json says: another value, one more, or (null) none of ours. */
static void merge(struct wants *wants, const struct host_sysctl *given)
{
	struct want *want = find(wants, given->name);

	if (!given->value) {
		if (want)
			memmove(want, want + 1,
				(size_t)(&wants->list[--wants->count] - want) * sizeof(*want));
		return;
	}
	if (!want) {
		if (wants->count == WANTS_MAX)
			return;
		want = add_given(wants, given->name);
	}
	copy_trimmed(want->value, sizeof(want->value), given->value, strlen(given->value));
	want->is_given = true;
	want->optional = false;
}

static bool is_limit(const struct want *want)
{
	uint64_t number;

	return !want->is_given && num_u64_parse(want->value, strlen(want->value), &number) == 0 &&
	       number > SWITCH_MAX;
}

/* Whose it is already: the owner's by a file. What host.json says goes above that. */
static bool left_to_owner(struct plan *plan, const struct host_facts *facts,
			  const struct want *want)
{
	const char *file = facts_sysctl_file(facts, want->name);
	struct step *step;

	if (!file || want->is_given)
		return false;
	if (want->is_packed)
		return true;
	step = plan_add(plan, STEP_ADVICE, "", NULL, "");
	plan_text(plan, &step->why, "%s is left as /%s sets it (azl would say %s)", want->name,
		  file, want->value);
	return true;
}

static void add_steps(struct plan *plan, const struct host_facts *facts, const struct wants *wants,
		      const char *file)
{
	own_mem struct buf *text = calloc(1, sizeof(*text));
	const char *above = "";

	if (!text) {
		plan->no_memory = true;
		return;
	}
	for (size_t i = 0; i < wants->count; i++) {
		const struct want *want = &wants->list[i];
		char line[REASON_ROOM + 2 * TEXT_ROOM + 16];
		struct step *step;
		int n;

		if (left_to_owner(plan, facts, want))
			continue;
		n = snprintf(line, sizeof(line), "%s%s%s%s%s = %s\n",
			     strcmp(above, want->reason) == 0 ? "" : "# ",
			     strcmp(above, want->reason) == 0 ? "" : want->reason,
			     strcmp(above, want->reason) == 0 ? "" : "\n",
			     want->optional ? "-" : "", want->name, want->value);
		above = want->reason;
		if (n < 0 || buf_add(text, line, (size_t)n, FILE_MAX_BYTES) < 0)
			plan->no_memory = true;
		if (!facts->is_live || want->is_packed)
			continue;
		step = plan_add(plan, STEP_SYSCTL, want->name, want->value, want->reason);
		step->at_least = is_limit(want);
		step->optional = want->optional;
	}
	if (text->len > 0 && buf_add(text, "", 1, FILE_MAX_BYTES) == 0)
		plan_add(plan, STEP_FILE, file, (const char *)text->data, "the same at every boot");
	buf_done(text);
}

void plan_sysctls(struct plan *plan, const struct host_facts *facts,
		  const struct host_config *config)
{
	bool any = plan_wants(config, "sysctl"), net = plan_wants(config, "network");
	own_mem struct wants *wants = calloc(1, sizeof(*wants));
	size_t kept = 0;

	if (!wants) {
		plan->no_memory = true;
		return;
	}
	if (!any)
		return;
	read_shipped(wants, shipped_sysctl);
	for (size_t i = 0; i < config->n_sysctls; i++)
		merge(wants, &config->sysctls[i]);
	for (size_t i = 0; i < wants->count; i++) {
		struct want want = wants->list[i];

		/* The package's file of the same name does not count beside ours (sysctl.d(5)):
		 * what azl-cni needs at boot is in ours, too. */
		want.is_packed = !net && strncmp(want.name, "net.", 4) == 0 && !want.is_given;
		if (!want.is_packed || facts->has_packed_sysctls)
			wants->list[kept++] = want;
	}
	wants->count = kept;
	add_steps(plan, facts, wants,
		  net || facts->has_packed_sysctls ? SYSCTL_FOLDER FACTS_SYSCTLS
						   : SYSCTL_FOLDER FACTS_SYSCTLS_BEHIND);
}
