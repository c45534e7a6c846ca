/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handler "azl" of containerd's CRI plugin. ctr and nerdctl need none: they name the runtime.
 *
 * A file of our own in conf.d is right where containerd merges it: containerd 2 does, 1.7 takes it
 * in place of all that config.toml says of CRI (containerd issue #5837, pull request #9982). The
 * owner's config.toml is never edited.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/azlctl/facts.h"
#include "config/azlctl/plan.h"
#include "config/azlctl/shipped.h"
#include "config/base/clean.h"
#include "config/host.h"

#define CONF_D_FILE "etc/containerd/conf.d/azl.toml"

/* The lines between the two marks, for who makes cgroups on this host. NULL: no memory. */
static char *handler_block(const char *text, bool has_systemd)
{
	static const char driver[] = "SystemdCgroup = ";
	const char *begin = strstr(text, "# BEGIN azl\n");
	const char *end = strstr(text, "# END azl");
	const char *at;
	char *block = NULL;

	if (!begin || !end)
		return NULL;
	begin += strlen("# BEGIN azl\n");
	at = memmem(begin, (size_t)(end - begin), driver, strlen(driver));
	if (has_systemd || !at)
		return strndup(begin, (size_t)(end - begin));
	at += strlen(driver);
	if (asprintf(&block, "%.*sfalse%.*s", (int)(at - begin), begin,
		     (int)(end - at - (ptrdiff_t)strlen("true")), at + strlen("true")) < 0)
		return NULL;
	return block;
}

static bool merges(const struct host_facts *facts)
{
	return facts->containerd_major >= 2 || facts->containerd_config >= 3;
}

void plan_containerd(struct plan *plan, const struct host_facts *facts,
		     const struct host_config *config)
{
	bool is_3 = facts->has_containerd_config ? facts->containerd_config >= 3 : merges(facts);
	/* that of config.toml: files of two versions are not merged */
	unsigned int version = !is_3			      ? 2
			       : facts->containerd_config > 3 ? facts->containerd_config
							      : 3;
	own_mem char *block = NULL, *text = NULL;
	struct step *step;

	(void)config;
	if ((!facts->unit[FACTS_CONTAINERD] && !facts->has_containerd_config) ||
	    facts->has_azl_handler)
		return;
	block = handler_block(is_3 ? shipped_containerd_3 : shipped_containerd_2,
			      facts->has_systemd);
	if (!block) {
		plan->no_memory = true;
		return;
	}
	if (merges(facts) && facts_reads_conf_d(facts)) {
		plan_text(plan, &text, "version = %u\n\n%s", version, block);
		if (text)
			plan_add(plan, STEP_FILE, CONF_D_FILE, text,
				 "runtime handler azl for Kubernetes; takes effect at containerd's "
				 "next restart: systemctl restart containerd");
		return;
	}
	step = plan_add(plan, STEP_ADVICE, "", NULL, "");
	if (!merges(facts))
		plan_text(plan, &step->why,
			  "for Kubernetes, append these lines to /etc/containerd/config.toml and "
			  "restart containerd; where it names no handler yet, runc's of "
			  "/usr/share/azl/containerd/azl-v2.toml, too: CRI does not start without "
			  "its default. A file in conf.d would take the place of all that "
			  "config.toml says of CRI");
	else
		plan_text(
			plan, &step->why,
			"for Kubernetes, append these lines to /etc/containerd/config.toml, or let "
			"it have imports = [\"/etc/containerd/conf.d/*.toml\"] and run azlctl "
			"apply again; then restart containerd");
	step->block = mem_take(&block);
}
