/* SPDX-License-Identifier: Apache-2.0 */
/* The first byte chooses a version of runc, the rest of its line is a config.json, what follows is
 * the process object of an Exec. A plan that is made can be trusted by the joiner. */
#include "tests/fuzz/fuzz.h"

#include <errno.h>

#include "config/base/buf.h"
#include "config/base/err.h"
#include "shim/exec_facts.h"
#include "shim/exec_plan.h"
#include "shim/join/plan.h"

static const char *span_check(const struct buf *out, const struct plan_span *span, size_t unit)
{
	FUZZ_CHECK(span->bytes == 0 || span->offset >= sizeof(struct plan));
	FUZZ_CHECK(span->bytes == 0 || span->offset % 8 == 0);
	FUZZ_CHECK(span->bytes % unit == 0);
	FUZZ_CHECK(span->offset <= out->len && span->bytes <= out->len - span->offset);
	return (const char *)out->data + span->offset;
}

static void strings_check(const struct buf *out, const struct plan_span *span, uint32_t count)
{
	const char *text = span_check(out, span, 1);
	uint32_t found = 0;

	FUZZ_CHECK(span->bytes == 0 || text[span->bytes - 1] == '\0');
	for (uint32_t i = 0; i < span->bytes; i++)
		found += text[i] == '\0';
	FUZZ_CHECK(found == count);
}

static void names_check(const struct buf *out, const struct plan *plan)
{
	const char *text = (const char *)out->data + plan->env.offset;

	for (uint32_t i = 0; i < plan->envc; i++) {
		const char *equals = strchr(text, '=');
		const char *other = text + strlen(text) + 1;

		FUZZ_CHECK(equals && equals > text);
		for (uint32_t j = i + 1; j < plan->envc; j++) {
			FUZZ_CHECK(strncmp(text, other, (size_t)(equals - text) + 1) != 0);
			other += strlen(other) + 1;
		}
		text += strlen(text) + 1;
	}
}

static void plan_check(const struct buf *out)
{
	const struct plan *plan = (const struct plan *)(const void *)out->data;

	FUZZ_CHECK(out->len >= sizeof(*plan) && plan->size == out->len);
	FUZZ_CHECK(plan->magic == PLAN_MAGIC && plan->argc > 0);
	strings_check(out, &plan->argv, plan->argc);
	strings_check(out, &plan->env, plan->envc);
	strings_check(out, &plan->cwd, 1);
	strings_check(out, &plan->keyring, plan->keyring.bytes > 0);
	strings_check(out, &plan->apparmor, plan->apparmor.bytes > 0);
	strings_check(out, &plan->apparmor_folder, plan->apparmor.bytes > 0);
	names_check(out, plan);
	FUZZ_CHECK(*span_check(out, &plan->cwd, 1) == '/');
	(void)span_check(out, &plan->groups, sizeof(uint32_t));
	(void)span_check(out, &plan->limits, sizeof(struct plan_limit));
	(void)span_check(out, &plan->initial_cpus, sizeof(uint64_t));
	(void)span_check(out, &plan->final_cpus, sizeof(uint64_t));
	(void)span_check(out, &plan->seccomp, 8);
	FUZZ_CHECK(plan->uid != UINT32_MAX && plan->gid != UINT32_MAX);
	FUZZ_CHECK(plan->umask <= 0777);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct runtime_version versions[] = {
		{ 1, 1, 15 }, { 1, 2, 6 }, { 1, 2, 9 }, { 1, 3, 0 }, { 1, 3, 4 }, { 1, 5, 1 },
	};
	static const uint64_t program[] = { 6 };
	const uint8_t *line = size > 0 ? memchr(data, '\n', size) : NULL;
	size_t config_len = line ? (size_t)(line - data) - (line > data) : 0;
	struct exec_facts facts = { .uids = UINT32_MAX, .gids = UINT32_MAX };
	struct buf out = { 0 };
	struct err err = { 0 };
	struct exec_plan_input input = { .facts = &facts, .id = "id", .seccomp = program };
	char *process;
	int code;

	if (!line)
		return 0;
	fuzz_put("config.json", data + 1, config_len);
	code = exec_facts_read(fuzz_folder(), &facts, &err);
	FUZZ_CHECK(code == 0 || (err.code == code && strncmp(err.msg, "config.json: ", 13) == 0) ||
		   code == -EOPNOTSUPP);
	FUZZ_CHECK(code == 0 || code == -EBADMSG || code == -EINVAL || code == -EOPNOTSUPP);
	input.version = versions[data[0] % (sizeof(versions) / sizeof(versions[0]))];
	input.seccomp_len = data[0] & 0x80 ? 0 : sizeof(program);
	input.no_new_keyring = data[0] & 0x40;
	input.apparmor = !(data[0] & 0x20);
	input.process_len = size - (size_t)(line - data) - 1;
	process = (char *)fuzz_copy(line + 1, input.process_len);
	input.process = process;
	code = exec_plan_make(&input, &out, &err);
	FUZZ_CHECK(code == 0 || (err.code == code && err.msg[0] && out.len == 0));
	FUZZ_CHECK(code == 0 || code == -EBADMSG || code == -EINVAL || code == -EOPNOTSUPP);
	FUZZ_CHECK(code != -EINVAL || strncmp(err.msg, "exec failed: ", 13) == 0);
	if (code == 0)
		plan_check(&out);
	buf_done(&out);
	exec_facts_done(&facts);
	free(process);
	return 0;
}
