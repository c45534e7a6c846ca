/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses from Azure CNS. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cni/args.h"
#include "cni/error.h"
#include "cni/http.h"
#include "cni/ipam/cns_map.h"
#include "cni/ipam/cns_wire.h"
#include "cni/ipam/ipam.h"
#include "cni/ipam/spool.h"
#include "cni/netconf.h"
#include "config/base/buf.h"
#include "config/base/clean.h"
#include "config/base/log.h"

enum {
	CNS_ASK_MS = 5000, /* one try of ADD */
	CNS_TRIES = 2,
	CNS_PAUSE_MS = 100, /* and as much again by chance */
	CNS_TELL_MS = 1000, /* a release, and the releases kept, together */
	CNS_STATUS_MS = 2000,
	CNS_ID_ROOM = 512,
	CNS_BODY_MAX_BYTES = 64 << 10,
};

#define CNS_URL "http://127.0.0.1:10090"

struct cns {
	const struct ipam_request *request;
	char interface_id[CNS_ID_ROOM];
	struct address wanted[NETCONF_IPS_MAX + 1];
	struct cns_pod pod;
	struct buf body; /* owned; both forms, each with a newline behind it */
	size_t first;	 /* bytes of the first form */
};

static int64_t cns_until(const struct ipam_request *request, int limit_ms)
{
	int64_t until = http_now_ms() + limit_ms;

	return until < request->until_ms ? until : request->until_ms;
}

static void cns_done(struct cns *cns)
{
	buf_done(&cns->body);
}

/* CNI_ARGS may say what runtimeConfig says. */
static void cns_want_too(struct cns *cns, const struct address *address)
{
	for (size_t i = 0; i < cns->pod.n_wanted; i++) {
		if (address_equal(&cns->wanted[i], address))
			return;
	}
	cns->wanted[cns->pod.n_wanted++] = *address;
}

/* One function for every verb: what is asked for and what is given back have the same names. */
static int cns_init(struct cns *cns, const struct ipam_request *request, struct err *err)
{
	const struct cni_args *args = request->args;
	int code;

	memset(cns, 0, sizeof(*cns));
	cns->request = request;
	if (snprintf(cns->interface_id, sizeof(cns->interface_id), "%s-%s", args->container,
		     args->ifname) >= (int)sizeof(cns->interface_id))
		return cni_err(err, CNI_ENVIRONMENT_INVALID, "CNI_CONTAINERID is too long");
	memcpy(cns->wanted, request->netconf->wanted,
	       request->netconf->n_wanted * sizeof(*cns->wanted));
	cns->pod = (struct cns_pod){
		.interface_id = cns->interface_id,
		.container = args->container,
		.ifname = args->ifname,
		.pod = args->pod,
		.pod_namespace = args->pod_namespace,
		.wanted = cns->wanted,
		.n_wanted = args->verb == CNI_ADD ? request->netconf->n_wanted : 0,
	};
	if (args->verb == CNI_ADD && args->ip.family)
		cns_want_too(cns, &args->ip);
	code = cns_wire_request(&cns->pod, &cns->body);
	code = code ? code : buf_add_text(&cns->body, "\n", CNS_BODY_MAX_BYTES);
	cns->first = cns->body.len;
	code = code ? code : cns_wire_request_one(&cns->pod, &cns->body);
	code = code ? code : buf_add_text(&cns->body, "\n", CNS_BODY_MAX_BYTES);
	if (code == 0)
		return 0;
	cns_done(cns);
	return err_set(err, code, "make a request for CNS: %s", err_reason(-code));
}

/* One POST. Returns 0 with a reply of any status, or as http_call(). */
static int cns_post(const struct ipam_request *request, const char *path, const char *body,
		    size_t len, int64_t until_ms, struct http_reply *reply, struct err *err)
{
	const struct netconf *netconf = request->netconf;
	struct http_request http = {
		.url = netconf->cns_url ? netconf->cns_url : CNS_URL,
		.path = path,
		.body = body,
		.body_len = len,
		.ca = netconf->cns_ca,
		.cert = netconf->cns_cert,
		.cert_key = netconf->cns_key,
		.until_ms = until_ms,
	};

	return http_call(&http, reply, err);
}

/* What a status other than 200 means. */
static int cns_status_error(int status, struct err *err)
{
	return cni_err(err, status >= 500 || status == 429 ? CNI_TRY_AGAIN : CNI_CNS_REFUSED,
		       "CNS answers with HTTP status %d", status);
}

/*
 * Say one thing in the form for many addresses, or where that is unknown in the one for one.
 *
 * verb    "request" or "release"
 * body    both forms
 * sent    set when CNS may have acted
 *
 * Returns 0 with the reply parsed, CNI_TRY_AGAIN (nobody there, or no whole answer), or other.
 */
static int cns_say(const struct ipam_request *request, const char *verb, const char *body,
		   size_t len, int64_t until_ms, struct cns_reply *parsed, bool *sent,
		   struct err *err)
{
	const char *end = memchr(body, '\n', len);
	size_t first = end ? (size_t)(end - body) : len;
	struct http_reply reply = { 0 };
	char path[64];
	int code;

	(void)snprintf(path, sizeof(path), "/network/%sipconfigs", verb);
	code = cns_post(request, path, body, first, until_ms, &reply, err);
	if (code == 0 && reply.status == 404 && first + 1 < len) {
		http_reply_done(&reply);
		reply = (struct http_reply){ 0 };
		(void)snprintf(path, sizeof(path), "/network/%sipconfig", verb);
		code = cns_post(request, path, end + 1, len - first - 2, until_ms, &reply, err);
	}
	*sent |= reply.was_sent;
	if (code == 0 && reply.status != 200)
		code = cns_status_error(reply.status, err);
	else if (code == 0 && reply.body.len == 0)
		code = cni_err(err, CNI_TRY_AGAIN, "CNS gives an empty answer");
	else if (code == 0 &&
		 cns_wire_reply((const char *)reply.body.data, reply.body.len, parsed) != 0)
		code = cni_err(err, CNI_DECODE, "CNS gives an answer that cannot be read: %.200s",
			       (const char *)reply.body.data);
	else if (code < 0 && code > -CNI_ERR_BASE) {
		struct err why = *err;

		code = cni_err(err, CNI_TRY_AGAIN, "CNS: %s", why.msg);
	}
	http_reply_done(&reply);
	return code;
}

static bool cns_is_azure(const struct ipam_request *request)
{
	const char *type = request->netconf->ipam_type;

	return type && strcmp(type, "azure-cns") == 0;
}

/* A code of a release that leaves nothing held. */
static bool cns_is_gone(int code)
{
	return code == CNS_SUCCESS || code == CNS_NO_CODE || code == CNS_RESERVATION_UNKNOWN ||
	       code == CNS_UNKNOWN || code == CNS_CONTAINER_UNKNOWN;
}

/* Tell a release. Returns 0 (nothing is held, or nobody can change it), or negative: later. */
static int cns_release(const struct ipam_request *request, const char *body, size_t len,
		       int64_t until_ms, struct err *err)
{
	struct cns_reply reply = { 0 };
	bool sent = false;
	int code = cns_say(request, "release", body, len, until_ms, &reply, &sent, err);

	if (code < 0 || cns_is_gone(reply.code))
		return code;
	if (reply.code == CNS_INVALID_PARAMETER || reply.code == CNS_INVALID_REQUEST ||
	    reply.code == CNS_CONTEXT_EMPTY || reply.code == CNS_CONTEXT_UNSUPPORTED) {
		log_warn(NULL, "CNS refuses a release, which is dropped: code %d: %s", reply.code,
			 reply.message);
		return 0;
	}
	return cni_err(err, CNI_TRY_AGAIN, "CNS: code %d: %s", reply.code, reply.message);
}

/* Keep a release for later: for CNS itself where it looks for them, or for us. */
static int cns_keep(struct cns *cns, struct err *err)
{
	const struct ipam_request *request = cns->request;

	if (cns_is_azure(request) &&
	    spool_azure_put(SPOOL_AZURE, request->args->container, cns->interface_id, err) == 0)
		return 0;
	return spool_put(request->dir, request->key, cns->body.data, cns->body.len, err);
}

struct cns_teller {
	const struct ipam_request *request;
	int64_t until_ms;
};

static int cns_tell(void *owner, const char *bytes, size_t len)
{
	const struct cns_teller *teller = owner;
	struct err ignored = { 0 };

	return cns_release(teller->request, bytes, len, teller->until_ms, &ignored);
}

/* Tell what was kept, while CNS is there; what fails stays. */
static int cns_replay(const struct ipam_request *request, const char *own_key, int64_t until_ms,
		      struct err *err)
{
	struct cns_teller teller = { .request = request, .until_ms = until_ms };

	return spool_replay(request->dir, own_key, until_ms, cns_tell, &teller, err);
}

/* A kept release of this attachment must not be told any more. */
static int cns_cancel(struct cns *cns, struct err *err)
{
	const struct ipam_request *request = cns->request;
	int code = spool_cancel(request->dir, request->key, err);

	if (code == 0 && cns_is_azure(request))
		code = spool_azure_cancel(SPOOL_AZURE, request->args->container, cns->interface_id,
					  err);
	return code;
}

/* Undo what CNS may have done for us. */
static void cns_undo(struct cns *cns)
{
	struct err ignored = { 0 };

	if (cns_release(cns->request, (const char *)cns->body.data, cns->body.len,
			http_now_ms() + CNS_TELL_MS, &ignored) == 0)
		return;
	if (cns_keep(cns, &ignored) < 0)
		log_error(cns->request->args->container,
			  "addresses of CNS may be held for nobody: %s", ignored.msg);
}

/* Ask, and once more when nobody was there or the answer was not whole. */
static int cns_ask(struct cns *cns, struct cns_reply *reply, bool *sent, struct err *err)
{
	const struct ipam_request *request = cns->request;
	int code = 0;

	for (int i = 0; i < CNS_TRIES; i++) {
		code = cns_say(request, "request", (const char *)cns->body.data, cns->body.len,
			       cns_until(request, CNS_ASK_MS), reply, sent, err);
		if (code != -(CNI_ERR_BASE + CNI_TRY_AGAIN) ||
		    http_now_ms() + 2 * CNS_PAUSE_MS >= request->until_ms)
			break;
		if (i + 1 < CNS_TRIES)
			(void)usleep((useconds_t)(CNS_PAUSE_MS + getpid() % CNS_PAUSE_MS) * 1000);
	}
	return code;
}

/* What may not be used is in use by somebody who lives: CNS must not have given it. */
static int cns_check_use(const struct ipam_request *request, const struct ipam_answer *answer,
			 struct err *err)
{
	for (size_t i = 0; request->may_use && i < answer->n_ips; i++) {
		char text[ADDRESS_TEXT_ROOM];

		if (request->may_use(request->owner, &answer->ips[i].address))
			continue;
		address_format(&answer->ips[i].address, false, text);
		log_error(request->args->container, "CNS gives %s, which is in use on this host",
			  text);
		return cni_err(err, CNI_TRY_AGAIN,
			       "CNS gives %s, which is in use on this host by another container",
			       text);
	}
	return 0;
}

static int cns_take(struct cns *cns, struct ipam_answer *answer, struct err *err)
{
	own_mem struct cns_reply *reply = calloc(1, sizeof(*reply));
	struct ipam_answer got = { 0 };
	bool sent = false;
	int code;

	if (!reply)
		return err_set(err, -ENOMEM, "no memory for the reply of CNS");
	code = cns_ask(cns, reply, &sent, err);
	/* unknown whether it acted; a status of refusal or a code other than 0 say that it did not
	 */
	if (code < 0 && sent && code != -(CNI_ERR_BASE + CNI_CNS_REFUSED))
		cns_undo(cns);
	if (code == 0)
		code = cns_map_code(reply, err);
	if (code < 0)
		return code;
	code = cns_map_answer(reply, &got, err);
	if (code == 0)
		code = cns_check_use(cns->request, &got, err);
	if (code < 0) {
		ipam_answer_done(&got);
		cns_undo(cns);
		return code;
	}
	*answer = got;
	return 0;
}

static int cns_add(const struct ipam_request *request, struct ipam_answer *answer, struct err *err)
{
	struct err ignored = { 0 };
	struct cns cns;
	int code = cns_init(&cns, request, err);

	if (code < 0)
		return code;
	code = cns_cancel(&cns, err);
	if (code == 0)
		code = cns_take(&cns, answer, err);
	cns_done(&cns);
	if (code == 0)
		(void)cns_replay(request, request->key, cns_until(request, CNS_TELL_MS), &ignored);
	return code;
}

static int cns_del(const struct ipam_request *request, struct err *err)
{
	int64_t until = cns_until(request, CNS_TELL_MS);
	struct err why = { 0 };
	struct cns cns;
	int code = cns_init(&cns, request, err);

	if (code < 0)
		return code;
	if (cns_release(request, (const char *)cns.body.data, cns.body.len, until, &why) == 0) {
		(void)cns_cancel(&cns, &why);
		(void)cns_replay(request, request->key, until, &why);
	} else {
		log_warn(request->args->container, "a release is kept for later: %s", why.msg);
		code = cns_keep(&cns, err);
	}
	cns_done(&cns);
	return code;
}

static int cns_check(const struct ipam_request *request, const struct cni_ip *ips, size_t n_ips,
		     struct err *err)
{
	static const char body[] = "{\"IPConfigStateFilter\":[\"Assigned\"]}";
	struct http_reply reply = { 0 };
	int code = cns_post(request, "/debug/ipaddresses", body, sizeof(body) - 1,
			    cns_until(request, CNS_ASK_MS), &reply, err);

	/* where CNS does not serve this, there is nothing to compare with */
	for (size_t i = 0; code == 0 && reply.status == 200 && reply.body.len > 0 && i < n_ips;
	     i++) {
		char text[ADDRESS_TEXT_ROOM];

		address_format(&ips[i].address, false, text);
		if (cns_wire_has_address((const char *)reply.body.data, reply.body.len,
					 &ips[i].address) == 0)
			code = cni_err(err, CNI_CHECK_FAILED, "CNS does not hold %s as assigned",
				       text);
	}
	http_reply_done(&reply);
	return code;
}

static int cns_status(const struct ipam_request *request, struct err *err)
{
	static const char body[] = "{\"IPConfigStateFilter\":[\"Available\"]}";
	struct http_reply reply = { 0 };
	struct err why = { 0 };
	int code = cns_post(request, "/debug/ipaddresses", body, sizeof(body) - 1,
			    cns_until(request, CNS_STATUS_MS), &reply, &why);

	if (code == 0 && reply.status >= 500)
		code = cns_status_error(reply.status, &why);
	http_reply_done(&reply);
	return code < 0 ? cni_err(err, CNI_UNAVAILABLE, "CNS: %s", why.msg) : 0;
}

static int cns_gc(const struct ipam_request *request,
		  bool (*is_alive)(void *owner, const char *key), void *owner, struct err *err)
{
	(void)is_alive, (void)owner;
	return cns_replay(request, NULL, cns_until(request, 10 * CNS_TELL_MS), err);
}

const struct ipam ipam_cns = {
	.name = "cns",
	.refills = true, /* CNS asks Azure for more by itself */
	.add = cns_add,
	.del = cns_del,
	.check = cns_check,
	.status = cns_status,
	.gc = cns_gc,
};
