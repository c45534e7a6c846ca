/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "config/azlctl/azlctl.h"
#include "config/azlctl/checks.h"
#include "config/base/err.h"
#include "config/host.h"

void check_host(struct checks *checks)
{
	struct host_config config = { 0 };
	struct err err = { 0 };
	int code = host_config_read(checks->ctl->root, &HOST_CONFIG_PATH[1], &config, &err);

	if (code < 0) {
		check_say(checks, CHECK_FAIL, "host.config", "%.240s", err.msg);
		check_fix(checks, "man host.json; until then no default of " HOST_CONFIG_PATH
				  " is in force");
	} else if (!config.exists) {
		check_say(checks, CHECK_NOTE, "host.config",
			  "there is no " HOST_CONFIG_PATH ": containers get no defaults");
		check_fix(checks, "copy /usr/share/azl/host.json there");
	} else {
		check_say(checks, CHECK_OK, "host.config", HOST_CONFIG_PATH " is right");
	}
	host_config_done(&config);
	if (check_exists(checks, "var/lib/azl/applied.json")) {
		check_say(checks, CHECK_OK, "host.applied", "azlctl apply has been here");
	} else {
		check_say(checks, CHECK_NOTE, "host.applied", "azlctl apply was never run");
		check_fix(checks, "azlctl apply --dry-run");
	}
}
