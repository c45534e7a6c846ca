/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/bootstrap.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/buf.h"
#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/base/sha256.h"
#include "config/json.h"
#include "shim/message.h"
#include "shim/options.h"
#include "shim/proto/options.pb-c.h"

enum {
	LOG_LEVEL_DEBUG_AT_MOST = -4, /* bootstrap.proto: TRACE -8, DEBUG -4, INFO 0 */
	JOINED_ROOM = PATH_MAX + 1024,
};

void bootstrap_done(struct bootstrap *bootstrap)
{
	free(bootstrap->socket_dir);
	free(bootstrap->ttrpc_address);
	message_free(bootstrap->options);
	*bootstrap = (struct bootstrap){ 0 };
}

/* ---- input ---- */

/* The extension that holds the options: the first one of a type we know, else the first one. */
static Pb__Any *take_options(Pb__BootstrapParams *params)
{
	Pb__Extension *chosen = NULL;
	Pb__Any *options;

	for (size_t i = 0; i < params->n_extensions; i++) {
		Pb__Extension *extension = params->extensions[i];

		if (extension->value && options_known(extension->value->type_url)) {
			chosen = extension;
			break;
		}
		if (extension->value && !chosen)
			chosen = extension;
	}
	if (!chosen)
		return NULL;
	options = chosen->value;
	chosen->value = NULL;
	return options;
}

static char *take_text(char **text)
{
	return (*text)[0] ? mem_take(text) : NULL;
}

/* Returns 0, or 1 when the bytes are no params for this container. */
static int parse_params(const uint8_t *bytes, size_t len, const char *id, const char *ns,
			struct bootstrap *bootstrap, struct err *err)
{
	Pb__BootstrapParams *params =
		message_unpack(&pb__bootstrap_params__descriptor, bytes, len, err);

	if (!params)
		return 1;
	if (strcmp(params->instance_id, id) != 0 || strcmp(params->namespace_, ns) != 0) {
		message_free(params);
		return 1;
	}
	bootstrap->versioned = true;
	bootstrap->debug = params->log_level <= LOG_LEVEL_DEBUG_AT_MOST;
	bootstrap->socket_dir = take_text(&params->socket_dir);
	bootstrap->ttrpc_address = take_text(&params->containerd_ttrpc_address);
	bootstrap->options = take_options(params);
	message_free(params);
	return 0;
}

int bootstrap_parse(const uint8_t *bytes, size_t len, const char *id, const char *ns,
		    struct bootstrap *bootstrap, struct err *err)
{
	Pb__Any *any;

	*bootstrap = (struct bootstrap){ 0 };
	if (len == 0 || parse_params(bytes, len, id, ns, bootstrap, err) == 0)
		return 0;
	any = message_unpack(&pb__any__descriptor, bytes, len, err);
	if (!any)
		return err->code == -ENOMEM ? err->code : 1;
	bootstrap->options = any;
	return 0;
}

/* ---- answer ---- */

bool bootstrap_announces_v3(bool versioned, const char *forced)
{
	if (forced && strcmp(forced, "3") == 0)
		return true;
	return versioned && !(forced && strcmp(forced, "2") == 0);
}

int bootstrap_answer(bool versioned, const char *forced, const char *address, struct buf *out)
{
	int code;

	if (!bootstrap_announces_v3(versioned, forced))
		return buf_add_text(out, address, SIZE_MAX);
	code = buf_add_text(out, "{\"version\":3,\"address\":", SIZE_MAX);
	if (code == 0)
		code = json_put_string(out, address, SIZE_MAX);
	return code < 0 ? code : buf_add_text(out, ",\"protocol\":\"ttrpc\"}", SIZE_MAX);
}

/* ---- socket ---- */

struct joined {
	char text[JOINED_ROOM];
	size_t len;
	size_t floor; /* ".." may not go below: "../.." at the front of a relative path */
	bool rooted;
};

/* Where the last component of what was joined begins. */
static size_t last_component(const struct joined *joined)
{
	size_t at = joined->len;

	while (at > joined->floor && joined->text[at - 1] != '/')
		at--;
	return at;
}

static int add_component(struct joined *joined, const char *name, size_t len)
{
	bool slash = joined->len > (joined->rooted ? 1U : 0U);

	if (len == 0 || (len == 1 && name[0] == '.'))
		return 0;
	if (len == 2 && name[0] == '.' && name[1] == '.') {
		if (joined->len > joined->floor) {
			size_t at = last_component(joined);

			joined->len = at > joined->floor ? at - 1 : at;
			return 0;
		}
		if (joined->rooted)
			return 0;
	}
	if (joined->len + slash + len >= sizeof(joined->text))
		return -ENAMETOOLONG;
	if (slash)
		joined->text[joined->len++] = '/';
	memcpy(joined->text + joined->len, name, len);
	joined->len += len;
	if (len == 2 && name[0] == '.' && name[1] == '.')
		joined->floor = joined->len;
	return 0;
}

/* Go's filepath.Join: drop empty parts, clean the rest. */
static int join(struct joined *joined, const char *const *parts, size_t n)
{
	bool first = true;

	*joined = (struct joined){ .len = 0 };
	for (size_t i = 0; i < n; i++) {
		const char *at = parts[i];

		if (at[0] == '\0')
			continue;
		if (first && at[0] == '/') {
			joined->rooted = true;
			joined->text[joined->len++] = '/';
			joined->floor = 1;
		}
		first = false;
		while (*at) {
			size_t len = strcspn(at, "/");

			if (add_component(joined, at, len) < 0)
				return -ENAMETOOLONG;
			at += len + (at[len] == '/');
		}
	}
	if (joined->len == 0 && !first)
		joined->text[joined->len++] = '.';
	return 0;
}

int bootstrap_socket_path(const char *dir, const char *address, const char *ns, const char *id,
			  char out[BOOTSTRAP_SOCKET_ROOM], struct err *err)
{
	const char *const parts[] = { address, ns, id };
	uint8_t digest[SHA256_BYTES];
	struct joined joined;
	size_t used = strlen(dir);

	if (used + 1 + sizeof(digest) * 2 > BOOTSTRAP_SOCKET_MAX_BYTES)
		return err_set(err, -ENAMETOOLONG, "folder of sockets %s is too long", dir);
	if (join(&joined, parts, sizeof(parts) / sizeof(parts[0])) < 0)
		return err_set(err, -ENAMETOOLONG, "address and id of the shim are too long");
	sha256(joined.text, joined.len, digest);
	memcpy(out, dir, used);
	out[used++] = '/';
	for (size_t i = 0; i < sizeof(digest); i++)
		used += (size_t)snprintf(out + used, 3, "%02x", digest[i]);
	return 0;
}
