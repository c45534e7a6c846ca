/* SPDX-License-Identifier: Apache-2.0 */
/* A node, and what the plan for it says. */
#pragma once

#include "config/azlctl/facts.h"
#include "config/azlctl/plan.h"
#include "config/base/err.h"
#include "config/host.h"
#include "tests/unit/test.h"

static inline struct host_facts azure_node(void)
{
	return (struct host_facts){
		.is_live = true,
		.has_systemd = true,
		.unit = { "containerd.service", "kubelet.service", "sshd.service" },
		.slice = { "system.slice", "system.slice", "system.slice" },
		.pid = { 101, 102, 103 },
		.memory_bytes = UINT64_C(8) << 30,
		.page_bytes = 4096,
		.tasks_max = 100000,
		.controllers = "cpuset cpu io memory hugetlb pids rdma misc",
		.has_containerd_config = true,
		.containerd_config = 3,
		.imports_conf_d = true,
		.containerd_major = 2,
		.containerd_minor = 1,
	};
}

static inline struct host_config config_of(const char *json)
{
	struct host_config config = { 0 };
	struct err err;

	if (host_config_parse(json, strlen(json), &config, &err) < 0)
		printf("# %s\n", err.msg);
	return config;
}

static inline struct plan plan_of(const struct host_facts *facts, const char *json)
{
	struct host_config config = config_of(json);
	struct plan plan = { 0 };

	CHECK(plan_make(&plan, facts, &config) == 0);
	host_config_done(&config);
	return plan;
}

static inline const struct step *find(const struct plan *plan, enum step_kind kind,
				      const char *name)
{
	for (size_t i = 0; i < plan->count; i++)
		if (plan->steps[i].kind == kind && strcmp(plan->steps[i].name, name) == 0)
			return &plan->steps[i];
	return NULL;
}

static inline const char *value(const struct plan *plan, enum step_kind kind, const char *name)
{
	const struct step *step = find(plan, kind, name);

	return step ? step->value : "(no such step)";
}

static inline bool says(const char *text, const char *line)
{
	return strstr(text, line) != NULL;
}

static inline bool advises(const struct plan *plan, const char *text)
{
	for (size_t i = 0; i < plan->count; i++)
		if (plan->steps[i].kind == STEP_ADVICE && says(plan->steps[i].why, text))
			return true;
	return false;
}

static inline size_t count(const struct plan *plan, enum step_kind kind)
{
	size_t n = 0;

	for (size_t i = 0; i < plan->count; i++)
		n += plan->steps[i].kind == kind;
	return n;
}

#define UNITS "etc/systemd/system/"
