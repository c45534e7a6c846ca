/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon: one struct that the parts share. */
#pragma once

#include <stdbool.h>

#include "config/base/list.h"
#include "shim/loop.h"
#include "shim/oom.h"
#include "shim/publisher.h"
#include "shim/reaper.h"
#include "shim/server.h"
#include "shim/warm.h"

struct shim {
	struct loop loop;
	struct reaper reaper;
	struct server server;
	struct publisher publisher;
	struct oom oom;
	struct warm warm;
	struct list containers; /* struct container */
	const char *ns;		/* containerd namespace */
	char *socket_path;	/* owned; unlinked at the end */
	bool shutdown_wanted;	/* Shutdown came while containers remained */
	bool ending;		/* flushing events, then the loop stops */
	struct loop_timer ending_timer;
	struct loop_timer unused_timer;
};

/* End the daemon once nothing is left: unless somebody just joined, flush events (<= 5 s) and stop.
 */
void shim_end(struct shim *shim);
