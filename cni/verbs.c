/* SPDX-License-Identifier: Apache-2.0 */
#include "cni/verbs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cni/error.h"
#include "cni/job.h"
#include "cni/read.h"
#include "config/base/buf.h"
#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/base/log.h"
#include "config/json.h"

enum { VERSION_ROOM = 32, STATUS_BUDGET_MS = 2000, ANSWER_MAX_BYTES = 4096 };

/* ---- VERSION ---- */

static int take_version(void *owner, const struct json_path *path, enum json_type type,
			const char *text, size_t len)
{
	char *version = owner;

	if (!json_path_is(path, "cniVersion", NULL) || type != JSON_STRING || len >= VERSION_ROOM)
		return 0;
	memcpy(version, text, len);
	version[len] = '\0';
	return 1;
}

/* The version of a document that need not be a configuration; "" when it says none. */
static void version_of(const char *config, size_t len, char version[VERSION_ROOM])
{
	struct err ignored;

	version[0] = '\0';
	(void)json_scan(config, len, take_version, version, &ignored);
}

static int verb_version(const char *config, size_t len, struct buf *out, struct err *err)
{
	char version[VERSION_ROOM];
	int code;

	version_of(config, len, version);
	if (version[0] == '\0')
		memcpy(version, "1.1.0", sizeof("1.1.0"));
	code = buf_add_text(out, "{\"cniVersion\":", ANSWER_MAX_BYTES);
	if (code == 0)
		code = json_put_string(out, version, ANSWER_MAX_BYTES);
	if (code == 0)
		code = buf_add_text(out, ",\"supportedVersions\":[", ANSWER_MAX_BYTES);
	for (int i = 0; i < CNI_V_MAX && code == 0; i++) {
		if (i > 0)
			code = buf_add_text(out, ",", ANSWER_MAX_BYTES);
		if (code == 0)
			code = json_put_string(out, cni_version_text((enum cni_version)i),
					       ANSWER_MAX_BYTES);
	}
	if (code == 0)
		code = buf_add_text(out, "]}", ANSWER_MAX_BYTES);
	return code < 0 ? err_set(err, code, "no memory") : 0;
}

/* ---- STATUS ---- */

/* What is no answer of STATUS yet becomes one. */
static int as_unavailable(struct err *err)
{
	char said[ERR_MSG_MAX];

	if (cni_code_of(err) == CNI_UNAVAILABLE || cni_code_of(err) == CNI_UNAVAILABLE_LIMITED)
		return err->code;
	memcpy(said, err->msg, sizeof(said));
	return cni_err(err, CNI_UNAVAILABLE, "%.1000s", said);
}

/* Any address of each range, for its family. Other sources do not say before they are asked. */
static size_t range_ips(const struct netconf *netconf, struct cni_ip ips[NETCONF_RANGES_MAX])
{
	for (size_t i = 0; i < netconf->n_ranges; i++)
		ips[i] = (struct cni_ip){ .address = netconf->ranges[i].subnet, .interface = -1 };
	return netconf->n_ranges;
}

int verb_status(struct job *job, struct err *err)
{
	struct datapath_plan plan = job_plan(job);
	struct cni_ip ips[NETCONF_RANGES_MAX];
	struct ipam_request request;
	int code = job_check_parts(job, err);

	if (code < 0)
		return code;
	plan.ips = ips;
	plan.n_ips = range_ips(&job->netconf, ips);
	job->until_ms = job_now_ms() + STATUS_BUDGET_MS;
	code = job_open(job, err);
	if (code == 0)
		code = job->datapath->status(&plan, err);
	request = job_request(job);
	if (code == 0)
		code = job->ipam->status(&request, err);
	return code < 0 ? as_unavailable(err) : 0;
}

/* ---- DEL ---- */

/*
 * The namespace, if there is one. The runtime's word first; nerdctl has none, then the lease's. A
 * path that leads to another namespace than the lease's leads to somebody else.
 */
static int enter_if_there(struct job *job, const struct lease *lease, struct err *err)
{
	const char *path = job->args->netns;
	struct err said = { 0 };
	int code;

	if (path[0] == '\0' && lease && lease->netns)
		path = lease->netns;
	if (path[0] == '\0')
		return 0;
	code = job_enter(job, path, &said);
	if (code < 0 && path == job->args->netns && !lease) {
		*err = said;
		return code;
	}
	if (job->netns >= 0 && lease && lease->netns_ino != 0 &&
	    (job->netns_dev != lease->netns_dev || job->netns_ino != lease->netns_ino))
		job->netns = fd_close(job->netns);
	return 0;
}

/* Was the lease made by what the configuration says today? */
static bool is_same_kind(const struct job *job, const struct lease *lease)
{
	const char *ipam = job->netconf.ipam == IPAM_DELEGATE ? job->netconf.ipam_type
			   : job->ipam			      ? job->ipam->name
							      : "";

	return lease->ipam && lease->datapath && job->datapath && strcmp(lease->ipam, ipam) == 0 &&
	       strcmp(lease->datapath, job->datapath->name) == 0;
}

static void replace_all(char *text, const char *what, const char *with)
{
	size_t len = strlen(with);

	for (char *at = strstr(text, what); at; at = strstr(at, what)) {
		memcpy(at, with, len);
		memmove(at + len, at + strlen(what), strlen(at + strlen(what)) + 1);
	}
}

int verb_del(struct job *job, struct err *err)
{
	own_lock int lock = -1;
	struct lease lease = { 0 };
	struct err said = { 0 };
	bool found;
	int code = job_open(job, err);

	if (code < 0)
		return code;
	/* a lock that cannot be had, or a holder that is stuck, is no reason to leave things */
	(void)lease_lock(job->dir, job->key, LEASE_LOCK_MS, &lock, &said);
	job->lock = lock;
	code = lease_read(job->dir, job->key, &lease, err);
	/* one that is there but cannot be read now says what there is to undo: the runtime asks
	 * again */
	if (code < 0 && code != -ENOENT && code != -EBADMSG)
		return code;
	found = code == 0;
	code = enter_if_there(job, found ? &lease : NULL, err);
	if (code == 0 && found && lease.config && !is_same_kind(job, &lease))
		code = job_undo_lease(job->parts, job->netconf.name, &lease, lock, err);
	else if (code == 0)
		code = job_undo(job, found ? &lease : NULL, err);
	lease_done(&lease);
	return code;
}

/*
 * Undo by what ADD was given, when what DEL is given cannot be read: what is held must go, and a
 * fault of today says nothing of what was made.
 *
 * err   what is wrong with the configuration
 *
 * Returns 0 or negative: nothing is known that could be undone (err stays), or undoing failed.
 */
static int del_by_lease(const struct verbs_parts *parts, const struct cni_args *args,
			const char *config, size_t len, struct err *err)
{
	own_fd int dir = -1;
	own_lock int lock = -1;
	char network[NETCONF_NAME_ROOM];
	char key[LEASE_KEY_ROOM];
	struct lease lease = { 0 };
	struct err said = { 0 };
	int code = err->code;

	lease_key(args->container, args->ifname, key);
	if (!netconf_name(config, len, network) ||
	    lease_open(parts->root, network, &dir, &said) < 0 || !lease_exists(dir, key))
		return code;
	(void)lease_lock(dir, key, LEASE_LOCK_MS, &lock, &said);
	if (lease_read(dir, key, &lease, &said) == 0 && lease.config) {
		log_warn(args->container,
			 "DEL by the configuration of ADD, as today's is wrong: %s", err->msg);
		*err = (struct err){ 0 };
		code = job_undo_lease(parts, network, &lease, lock, err);
	}
	lease_done(&lease);
	return code;
}

/* go-cni takes these words for success and never asks again. */
static void reword(struct err *err)
{
	replace_all(err->msg, "not found", "missing");
	replace_all(err->msg, "no such file or directory", "file is missing");
}

/* ---- all of them ---- */

static int check_version(const struct job *job, enum cni_version least, const char *verb,
			 struct err *err)
{
	if (job->netconf.version >= least)
		return 0;
	return cni_err(err, CNI_VERSION_INCOMPATIBLE, "cniVersion: \"%s\": %s is there since %s",
		       cni_version_text(job->netconf.version), verb, cni_version_text(least));
}

static int run(struct job *job, struct buf *out, struct err *err)
{
	int code;

	switch (job->args->verb) {
	case CNI_ADD:
		return verb_add(job, out, err);
	case CNI_DEL:
		return verb_del(job, err);
	case CNI_CHECK:
		code = check_version(job, CNI_V0_4_0, "CHECK", err);
		return code < 0 ? code : verb_check(job, err);
	case CNI_STATUS:
		code = check_version(job, CNI_V1_1_0, "STATUS", err);
		return code < 0 ? code : verb_status(job, err);
	case CNI_GC:
		code = check_version(job, CNI_V1_1_0, "GC", err);
		return code < 0 ? code : verb_gc(job, err);
	case CNI_VERSION:
		break;
	}
	return 0;
}

int verbs_run(const struct verbs_parts *parts, const struct cni_args *args, const char *config,
	      size_t len, struct buf *out, unsigned int *version, struct err *err)
{
	char text[VERSION_ROOM];
	enum cni_version known = CNI_V1_1_0;
	struct job job;
	int code;

	if (args->verb == CNI_VERSION)
		return verb_version(config, len, out, err);
	version_of(config, len, text);
	(void)cni_version_parse(text, strlen(text), &known);
	*version = known;
	code = job_init(&job, parts, args, config, len, err);
	if (code == 0)
		code = run(&job, out, err);
	else if (args->verb == CNI_DEL)
		code = del_by_lease(parts, args, config, len, err);
	if (code < 0 && args->verb == CNI_DEL)
		reword(err);
	job_done(&job);
	return code;
}
