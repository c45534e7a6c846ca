/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cni/confs.h"
#include "cni/error.h"
#include "cni/job.h"
#include "cni/verbs.h"
#include "config/base/err.h"

struct refresh {
	const struct verbs_parts *parts;
	int done;
};

static int refresh_one(void *owner, const char *json, size_t len, struct err *err)
{
	struct refresh *refresh = owner;
	struct cni_args args = { .verb = CNI_STATUS,
				 .container = "",
				 .netns = "",
				 .ifname = "",
				 .path = "",
				 .text = "" };
	struct ipam_request request;
	struct job job;
	int code = job_init(&job, refresh->parts, &args, json, len, err);

	if (code == 0 && job.ipam && job.ipam->refresh) {
		code = job_open(&job, err);
		request = job_request(&job);
		if (code == 0)
			code = job.ipam->refresh(&request, err);
		refresh->done += code == 0;
	}
	if (code < 0 && job.netconf.name)
		(void)err_wrap(err, "network %s", job.netconf.name);
	job_done(&job);
	return code;
}

int verbs_refresh(const struct verbs_parts *parts, const char *path, struct err *err)
{
	struct refresh refresh = { .parts = parts };
	int code = confs_each(path, refresh_one, &refresh, err);

	return code < 0 ? code : refresh.done;
}
