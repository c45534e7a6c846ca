/* SPDX-License-Identifier: Apache-2.0 */
/* One request to a source of addresses, with all that it borrows, and the answer. */
#pragma once

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cni/args.h"
#include "cni/http.h"
#include "cni/ipam/ipam.h"
#include "cni/netconf.h"
#include "config/base/err.h"
#include "tests/unit/folder.h"

static struct folder folder; /* of the network */
static struct netconf netconf;
static struct cni_args args;
static struct err err;
static struct ipam_request request;
static struct ipam_answer answer;

/* A folder of a network, an empty configuration, and ten seconds for a request of attachment "a".
 */
static inline void ipam_world_begin(void)
{
	folder = folder_new();
	if (mkdirat(folder.fd, "leases", 0700) < 0 || mkdirat(folder.fd, "locks", 0700) < 0)
		abort();
	memset(&netconf, 0, sizeof(netconf));
	memset(&args, 0, sizeof(args));
	memset(&answer, 0, sizeof(answer));
	memset(&err, 0, sizeof(err));
	netconf.name = (char *)(uintptr_t) "net";
	request = (struct ipam_request){
		.netconf = &netconf,
		.args = &args,
		.dir = folder.fd,
		.key = "a",
		.lock = -1,
		.until_ms = http_now_ms() + 60000,
	};
}

static inline void ipam_world_end(void)
{
	char command[128];

	(void)snprintf(command, sizeof(command), "rm -rf %s", folder.path);
	if (system(command) != 0)
		abort();
	(void)close(folder.fd);
	ipam_answer_done(&answer);
}
