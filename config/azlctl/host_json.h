/* SPDX-License-Identifier: Apache-2.0 */
/* /etc/azl/host.json of the host, or tree, that azlctl looks at. */
#pragma once

struct azlctl;
struct err;
struct host_config;

/* Where to read on, for who has the file wrong. */
#define HOST_JSON_HELP "azlctl help host.json has every key"

/*
 * Read it, as host_config_parse().
 *
 * config   zeroed by the caller; host_config_done() it, also after a failure
 *
 * Returns 1, 0 (there is none: all defaults), or negative: -EBADMSG, -EINVAL, -EFBIG, -EACCES, ...
 */
int host_json_read(const struct azlctl *ctl, struct host_config *config, struct err *err);
