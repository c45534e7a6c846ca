/* SPDX-License-Identifier: Apache-2.0 */
/* What to do about a value of the kernel: does apply set it here, or who else? */
#include <inttypes.h>
#include <string.h>

#include "config/azlctl/checks.h"
#include "config/azlctl/host_json.h"
#include "config/azlctl/plan.h"
#include "config/azlctl/shipped.h"
#include "config/base/err.h"
#include "config/host.h"

/* It is shipped, and host.json neither keeps apply from it nor says another number. */
static bool apply_sets(const struct host_config *config, const char *name)
{
	for (size_t i = 0; i < config->n_sysctls; i++)
		if (strcmp(config->sysctls[i].name, name) == 0)
			return false;
	return shipped_sets(name) &&
	       (plan_wants(config, "network") || strncmp(name, "net.", 4) != 0);
}

void check_fix_sysctl(struct checks *checks, const char *name, uint64_t value)
{
	struct host_config config = { 0 };
	struct err unheard; /* check_host() tells */
	bool is_read = host_json_read(checks->ctl, &config, &unheard) >= 0;

	if (is_read && !plan_wants(&config, "sysctl"))
		check_fix(checks,
			  "sysctl -w %s=%" PRIu64 ", and the same in a file of /etc/sysctl.d for "
			  "every boot: host.json keeps azlctl apply from sysctls",
			  name, value);
	else if (is_read ? apply_sets(&config, name) : shipped_sets(name))
		check_fix(checks, "azlctl apply, or sysctl -w %s=%" PRIu64, name, value);
	else
		check_fix(checks,
			  "sysctl -w %s=%" PRIu64 "; for every boot: \"sysctl\": { \"%s\": %" PRIu64
			  " } in /etc/azl/host.json, then azlctl apply",
			  name, value, name, value);
	host_config_done(&config);
}
