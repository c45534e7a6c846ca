/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cni/error.h"
#include "cni/http.h"
#include "cni/ipam/imds.h"
#include "cni/ipam/imds_wire.h"
#include "config/base/clean.h"
#include "config/base/fd.h"

enum {
	IMDS_TRIES = 3,
	IMDS_TRIES_UNKNOWN = 2,	   /* of an element that is not there */
	IMDS_PAUSE_MS = 300,	   /* nobody is there */
	IMDS_PAUSE_BUSY_MS = 1000, /* throttled, being updated, failed; doubled each time */
	IMDS_JITTER_MS = 250,
};

#define IMDS_URL  "http://169.254.169.254"
#define IMDS_PATH "/metadata/instance/network?api-version=2021-02-01"

/* Returns 0 (the document is in reply), 1 (may come right: pause_ms), or negative: it will not. */
static int fetch_once(const char *url, int64_t until_ms, struct http_reply *reply, int *pause_ms,
		      struct err *err)
{
	struct http_request request = {
		.url = url ? url : IMDS_URL,
		.path = IMDS_PATH,
		.header = { "Metadata", "true" },
		.until_ms = until_ms,
	};
	int code = http_call(&request, reply, err);

	*pause_ms = IMDS_PAUSE_MS;
	if (code == -(CNI_ERR_BASE + CNI_CONFIG_INVALID))
		return code;
	if (code < 0) {
		struct err why = *err;

		(void)cni_err(err, CNI_TRY_AGAIN, "IMDS: %s", why.msg);
		return 1;
	}
	if (reply->status == 200 && reply->body.len > 0)
		return 0;
	if (reply->status == 400 || reply->status == 405 || reply->status == 403)
		return cni_err(err, CNI_CNS_REFUSED, "IMDS refuses the request: HTTP status %d",
			       reply->status);
	(void)cni_err(err, CNI_TRY_AGAIN, "IMDS answers with HTTP status %d%s", reply->status,
		      reply->status == 200 ? " and no document" : "");
	*pause_ms = IMDS_PAUSE_BUSY_MS;
	return 1;
}

static int fetch(const char *url, int64_t until_ms, struct http_reply *reply, struct err *err)
{
	int code = 0;

	for (int i = 0; i < IMDS_TRIES; i++) {
		int pause_ms = 0;

		code = fetch_once(url, until_ms, reply, &pause_ms, err);
		if (code <= 0)
			return code;
		if (pause_ms == IMDS_PAUSE_BUSY_MS)
			pause_ms <<= i;
		pause_ms += getpid() % IMDS_JITTER_MS;
		if ((reply->status == 404 && i + 1 == IMDS_TRIES_UNKNOWN) || i + 1 == IMDS_TRIES ||
		    http_now_ms() + pause_ms >= until_ms)
			break;
		http_reply_done(reply);
		*reply = (struct http_reply){ 0 };
		(void)usleep((useconds_t)pause_ms * 1000);
	}
	return err->code;
}

/* Is it a document of IMDS, with whatever NICs? */
static int check_document(const struct http_reply *reply, struct err *err)
{
	own_mem struct imds_nic *nic = calloc(1, sizeof(*nic));
	const struct mac none = { { 0 } };
	int code;

	if (!nic)
		return err_set(err, -ENOMEM, "no memory for the document of IMDS");
	code = imds_wire_parse((const char *)reply->body.data, reply->body.len, &none, nic);
	if (code == 0 || code == -ENOENT)
		return 0;
	return cni_err(err, CNI_TRY_AGAIN, "IMDS gives a document that cannot be read: %.200s",
		       (const char *)reply->body.data);
}

int imds_refresh(const char *url, int dir, int64_t until_ms, struct err *err)
{
	struct http_reply reply = { 0 };
	int64_t until = http_now_ms() + IMDS_FETCH_MS;
	int code;

	if (until > until_ms)
		until = until_ms;
	code = fetch(url, until, &reply, err);
	if (code == 0) /* a broken one does not take the place of the former */
		code = check_document(&reply, err);
	if (code == 0)
		code = fd_replace_file_by(dir, "imds.new", "imds.json", reply.body.data,
					  reply.body.len, 0600, err);
	http_reply_done(&reply);
	return code;
}
