/* SPDX-License-Identifier: Apache-2.0 */
/* azl-cni: standard input and output, and nothing decided here. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cni/args.h"
#include "cni/confs.h"
#include "cni/datapath/datapath.h"
#include "cni/error.h"
#include "cni/ipam/ipam.h"
#include "cni/lease.h"
#include "cni/netconf.h"
#include "cni/netns.h"
#include "cni/result.h"
#include "cni/verbs.h"
#include "config/base/buf.h"
#include "config/base/err.h"
#include "config/base/fd.h"
#include "config/base/log.h"

enum { READ_STEP = 8192 };

static const struct ipam *const ipams[] = { &ipam_ranges, &ipam_imds, &ipam_cns, NULL };

static const struct datapath *const datapaths[] = { &datapath_routed, &datapath_nic,
						    &datapath_netkit, &datapath_ipvlan, NULL };

static const struct verbs_parts parts = {
	.root = LEASE_ROOT,
	.confs = CONFS_DIR,
	.ipams = ipams,
	.datapaths = datapaths,
	.ipam_of = ipam_of,
	.netns_open = netns_open,
	.may_use = datapath_may_use,
	.claim = datapath_claim,
	.datapath_gc = datapath_gc,
};

static const char *from_environment(const char *name)
{
	return getenv(name);
}

/* What ADD took comes back with the result of the whole chain, for which there must be room. */
static int read_input(enum cni_verb verb, struct buf *input, struct err *err)
{
	size_t most = verb == CNI_ADD ? NETCONF_MAX_BYTES : 2 * NETCONF_MAX_BYTES;

	for (;;) {
		uint8_t *room = buf_reserve(input, READ_STEP, most + READ_STEP);
		ssize_t n = room ? read(STDIN_FILENO, room, READ_STEP) : 0;

		if (!room || input->len > most)
			return cni_err(err, CNI_DECODE, "configuration: larger than %zu bytes",
				       most);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, "read the configuration");
		if (n == 0)
			return 0;
		input->len += (size_t)n;
	}
}

/* Tell what failed; only a failure to do so goes to standard error. */
static int tell_failure(const struct err *failed, unsigned int version)
{
	struct buf out = { 0 };
	int code = cni_error_write(failed, NULL, version, &out);

	if (code == 0)
		code = fd_write_all(STDOUT_FILENO, out.data, out.len);
	if (code < 0)
		(void)fprintf(stderr, "azl-cni: %s\n", failed->msg);
	buf_done(&out);
	return EXIT_FAILURE;
}

static int serve(const struct cni_args *args)
{
	struct buf input = { 0 };
	struct buf out = { 0 };
	struct err err = { 0 };
	unsigned int version = CNI_V1_1_0;
	int code = read_input(args->verb, &input, &err);

	if (code == 0)
		code = verbs_run(&parts, args, (const char *)input.data, input.len, &out, &version,
				 &err);
	if (code == 0 && out.len > 0) {
		/* a runtime that went away is told of by an exit status */
		(void)signal(SIGPIPE, SIG_IGN);
		code = fd_write_all(STDOUT_FILENO, out.data, out.len);
		if (code < 0)
			(void)err_set(&err, code, "write the result: %s", err_reason(-code));
	}
	if (code < 0)
		code = tell_failure(&err, version);
	buf_done(&input);
	buf_done(&out);
	return code;
}

static int about(void)
{
	(void)fprintf(stderr,
		      "azl-cni %s: pods on the network of Azure and elsewhere\n"
		      "CNI protocol versions supported:",
		      AZL_VERSION);
	for (int i = 0; i < CNI_V_MAX; i++)
		(void)fprintf(stderr, "%s %s", i ? "," : "", cni_version_text((enum cni_version)i));
	(void)fprintf(
		stderr,
		"\n"
		"Runtimes call it with CNI_COMMAND. For people:\n"
		"  azl-cni leases         what is held for whom\n"
		"  azl-cni reconcile      undo what is held for nobody any more\n"
		"  azl-cni imds-refresh [--config FILE...]\n"
		"                         ask IMDS for this host's addresses; unless told, for\n"
		"                         the networks of " CONFS_DIR "\n");
	return 0;
}

/* Everything is tried; the last failure decides. */
static int refresh(int argc, char **argv, struct err *err)
{
	const char *fallback[] = { parts.confs };
	const char *const *paths = argc > 2 ? (const char *const *)argv + 3 : fallback;
	int n = argc > 2 ? argc - 3 : 1;
	int done = 0;
	int code = 0;

	if (argc > 2 && (strcmp(argv[2], "--config") != 0 || n == 0))
		return 1;
	for (int i = 0; i < n; i++) {
		int one = verbs_refresh(&parts, paths[i], err);

		if (one < 0)
			code = one;
		else
			done += one;
	}
	if (code == 0)
		(void)printf("%d refreshed\n", done);
	return code;
}

static int reconcile(struct err *err)
{
	int code = verbs_reconcile(&parts, err);

	if (code >= 0)
		(void)printf("%d undone\n", code);
	return code < 0 ? code : 0;
}

static int for_people(int argc, char **argv)
{
	struct err err = { 0 };
	int code = 1;

	if (argc == 1)
		return about();
	if (argc == 2 && strcmp(argv[1], "leases") == 0)
		code = verbs_leases(&parts, stdout, &err);
	else if (argc == 2 && strcmp(argv[1], "reconcile") == 0)
		code = reconcile(&err);
	else if (strcmp(argv[1], "imds-refresh") == 0)
		code = refresh(argc, argv, &err);
	if (code > 0) {
		(void)about();
		return 2;
	}
	if (code < 0)
		(void)fprintf(stderr, "azl-cni: %s\n", err.msg);
	return code < 0 || fflush(stdout) != 0 ? EXIT_FAILURE : 0;
}

int main(int argc, char **argv)
{
	struct cni_args args;
	struct err err = { 0 };
	int code = cni_args_read(from_environment, &args, &err);

	log_init(STDERR_FILENO, false);
	if (code > 0)
		return for_people(argc, argv);
	return code < 0 ? tell_failure(&err, CNI_V1_1_0) : serve(&args);
}
