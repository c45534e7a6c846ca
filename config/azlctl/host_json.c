/* SPDX-License-Identifier: Apache-2.0 */
#include "config/azlctl/host_json.h"

#include <errno.h>

#include "config/azlctl/azlctl.h"
#include "config/azlctl/tree.h"
#include "config/base/buf.h"
#include "config/base/err.h"
#include "config/host.h"

int host_json_read(const struct azlctl *ctl, struct host_config *config, struct err *err)
{
	struct buf text = { 0 };
	int code = tree_read_file(ctl->root, &HOST_CONFIG_PATH[1], HOST_CONFIG_MAX_BYTES, &text);

	if (code == -ENOENT)
		code = host_config_parse("{}", 2, config, err);
	else if (code < 0)
		(void)err_set(err, code, "read " HOST_CONFIG_PATH ": %s", err_reason(-code));
	else if (host_config_parse((const char *)text.data, text.len, config, err) < 0)
		code = err_wrap(err, HOST_CONFIG_PATH);
	else
		code = 1;
	buf_done(&text);
	return code;
}
