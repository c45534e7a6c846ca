/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The node's network: one of the lists that azl ships, where host.json names it. Runtimes take the
 * first file of /etc/cni/net.d by name (libcni, ConfFiles); one of somebody else's that stands in
 * front of ours is told of, and stays.
 */
#include <string.h>

#include "config/azlctl/facts.h"
#include "config/azlctl/plan.h"
#include "config/azlctl/shipped.h"
#include "config/host.h"

void plan_conflist(struct plan *plan, const struct host_facts *facts,
		   const struct host_config *config)
{
	/* In the order of host_conflists. */
	static const char *const texts[HOST_CONFLISTS] = { shipped_conflist_aks,
							   shipped_conflist_vm,
							   shipped_conflist_local };
	const struct host_value *value = host_config_get(config, "cni", "conflist");
	struct step *step;

	if (!value->is_set)
		return;
	plan_add(plan, STEP_FILE, FACTS_CONF_FOLDER "/" FACTS_CONFLIST, texts[value->number],
		 "the node's network: new pods get azl-cni");
	if (!*facts->conf_in_front)
		return;
	step = plan_add(plan, STEP_ADVICE, "", NULL, "");
	plan_text(plan, &step->why,
		  "/" FACTS_CONF_FOLDER "/%s stands in front of " FACTS_CONFLIST
		  ", and runtimes take the first: move it away, or have host.json say \"cni\": { "
		  "\"conflist\": null }",
		  facts->conf_in_front);
}
