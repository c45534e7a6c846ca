/* SPDX-License-Identifier: Apache-2.0 */
#include "cni/lease_text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cni/lease.h"
#include "cni/read.h"
#include "config/base/buf.h"
#include "config/base/err.h"
#include "config/base/num.h"

enum { LEASE_FORMAT = 1 };

static const char *const states[] = { [LEASE_PENDING] = "pending", [LEASE_BOUND] = "bound" };

struct parse {
	struct lease lease;
	struct err *err;
	int64_t format;
	bool has_state;
};

struct chars {
	const char *name;
	size_t at;
	size_t room;
};

#define CHARS(name, field)                                                                         \
	{                                                                                          \
		name, offsetof(struct lease, field), sizeof(((struct lease *)0)->field)            \
	}

static const struct chars chars[] = {
	CHARS("key", key),	  CHARS("ifname", ifname), CHARS("boot", boot),
	CHARS("podUid", pod_uid), CHARS("pod", pod),	   CHARS("podNamespace", pod_namespace),
	CHARS("hostIf", host_if),
};

static const struct {
	const char *name;
	size_t at;
} texts[] = {
	{ "container", offsetof(struct lease, container) },
	{ "netns", offsetof(struct lease, netns) },
	{ "ipam", offsetof(struct lease, ipam) },
	{ "datapath", offsetof(struct lease, datapath) },
	{ "path", offsetof(struct lease, path) },
	{ "config", offsetof(struct lease, config) },
};

/* ---- reading ---- */

static int take_u64(const struct read_value *value, uint64_t *out)
{
	if (value->type != JSON_NUMBER || num_u64_parse(value->text, value->len, out) < 0)
		return read_refuse(value, "is not a number");
	return 0;
}

static int take_state(struct parse *parse, const struct read_value *value)
{
	for (int i = LEASE_PENDING; i <= LEASE_BOUND; i++) {
		if (value->type == JSON_STRING && strlen(states[i]) == value->len &&
		    memcmp(states[i], value->text, value->len) == 0) {
			parse->lease.state = (enum lease_state)i;
			parse->has_state = true;
			return 0;
		}
	}
	return read_refuse(value, "is not a state");
}

static int take_nic(struct lease *lease, const struct read_value *value)
{
	long at = json_path_index(value->path, 1);
	char mac[MAC_TEXT_ROOM] = "";
	int code;

	if (at < 0 || at >= LEASE_NICS_MAX)
		return read_refuse(value, "one NIC too many");
	lease->n_nics = (size_t)at + 1;
	if (json_path_depth(value->path) == 2)
		return value->type == JSON_OBJECT ? 0 : read_refuse(value, "is not a NIC");
	if (json_path_is(value->path, "nics", "*", "ifname", NULL))
		return read_chars(value, lease->nics[at].ifname, sizeof(lease->nics[at].ifname));
	if (!json_path_is(value->path, "nics", "*", "mac", NULL))
		return 0;
	code = read_chars(value, mac, sizeof(mac));
	if (code == 0 && mac_parse(mac, &lease->nics[at].mac) < 0)
		return read_refuse(value, "is not a MAC address");
	return code;
}

static int take_ip(struct lease *lease, const struct read_value *value)
{
	int code;

	if (lease->n_ips == LEASE_IPS_MAX)
		return read_refuse(value, "one address too many");
	code = read_prefix(value, &lease->ips[lease->n_ips]);
	if (code == 0 && lease->ips[lease->n_ips].family != 0)
		lease->n_ips++;
	return code;
}

static int take_value(void *owner, const struct json_path *path, enum json_type type,
		      const char *text, size_t len)
{
	struct parse *parse = owner;
	struct lease *lease = &parse->lease;
	struct read_value value = { path, type, text, len, parse->err };

	if (json_path_is(path, "ips", "*", NULL))
		return take_ip(lease, &value);
	if (json_path_depth(path) > 1 && json_path_key(path, 0, NULL) &&
	    strcmp(json_path_key(path, 0, NULL), "nics") == 0)
		return take_nic(lease, &value);
	if (json_path_depth(path) != 1)
		return json_path_depth(path) == 0 && type == JSON_OBJECT
			       ? 0
			       : read_refuse(&value, "has no place here");
	for (size_t i = 0; i < sizeof(chars) / sizeof(chars[0]); i++) {
		if (read_key_is(&value, 0, chars[i].name))
			return read_chars(&value, (char *)lease + chars[i].at, chars[i].room);
	}
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (read_key_is(&value, 0, texts[i].name))
			return read_text(&value, (char **)(void *)((char *)lease + texts[i].at));
	}
	if (read_key_is(&value, 0, "format"))
		return read_number(&value, 0, INT32_MAX, &parse->format);
	if (read_key_is(&value, 0, "state"))
		return take_state(parse, &value);
	/* "since" of former versions was of a clock that can be set back: as if nothing was said */
	if (read_key_is(&value, 0, "sinceBoot"))
		return read_number(&value, INT64_MIN, INT64_MAX, &lease->since_ms);
	if (read_key_is(&value, 0, "netnsDev"))
		return take_u64(&value, &lease->netns_dev);
	if (read_key_is(&value, 0, "netnsIno"))
		return take_u64(&value, &lease->netns_ino);
	if (read_key_is(&value, 0, "netnsCookie"))
		return take_u64(&value, &lease->netns_cookie);
	return 0;
}

int lease_text_parse(const char *text, size_t len, struct lease *lease, struct err *err)
{
	struct parse parse = { .err = err };
	int code = json_scan(text, len, take_value, &parse, err);

	if (code < 0 && code != -ENOMEM)
		code = err->code = -EBADMSG;
	if (code == 0 &&
	    (parse.format != LEASE_FORMAT || !parse.has_state || !parse.lease.container ||
	     parse.lease.ifname[0] == '\0' || parse.lease.key[0] == '\0'))
		code = err_set(err, -EBADMSG, "not a whole lease");
	if (code < 0) {
		lease_done(&parse.lease);
		return code;
	}
	*lease = parse.lease;
	return 0;
}

/* ---- writing ---- */

struct writer {
	struct buf *out;
	size_t limit;
	int code;
};

static void put(struct writer *writer, const char *text)
{
	if (writer->code == 0)
		writer->code = buf_add_text(writer->out, text, writer->limit);
}

static void put_key(struct writer *writer, const char *name)
{
	put(writer, ",\"");
	put(writer, name);
	put(writer, "\":");
}

static void put_u64(struct writer *writer, const char *name, uint64_t number)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRIu64, number);
	put_key(writer, name);
	put(writer, text);
}

static void put_text(struct writer *writer, const char *name, const char *text)
{
	if (!text || text[0] == '\0')
		return;
	put_key(writer, name);
	if (writer->code == 0)
		writer->code = json_put_string(writer->out, text, writer->limit);
}

static void put_nics(struct writer *writer, const struct lease *lease)
{
	for (size_t i = 0; i < lease->n_nics; i++) {
		char mac[MAC_TEXT_ROOM];

		mac_format(&lease->nics[i].mac, mac);
		put(writer, i ? ",{\"mac\":\"" : ",\"nics\":[{\"mac\":\"");
		put(writer, mac);
		put(writer, "\"");
		put_text(writer, "ifname", lease->nics[i].ifname);
		put(writer, i + 1 < lease->n_nics ? "}" : "}]");
	}
}

int lease_text_write(const struct lease *lease, struct buf *out, size_t limit)
{
	struct writer writer = { .out = out, .limit = limit };
	char text[64];

	(void)snprintf(text, sizeof(text), "{\"format\":%d,\"sinceBoot\":%" PRId64, LEASE_FORMAT,
		       lease->since_ms);
	put(&writer, text);
	put_text(&writer, "state", states[lease->state]);
	put_u64(&writer, "netnsDev", lease->netns_dev);
	put_u64(&writer, "netnsIno", lease->netns_ino);
	put_u64(&writer, "netnsCookie", lease->netns_cookie);
	for (size_t i = 0; i < sizeof(chars) / sizeof(chars[0]); i++)
		put_text(&writer, chars[i].name, (const char *)lease + chars[i].at);
	put_nics(&writer, lease);
	put(&writer, ",\"ips\":[");
	for (size_t i = 0; i < lease->n_ips; i++) {
		char ip[ADDRESS_TEXT_ROOM];

		address_format(&lease->ips[i], true, ip);
		put(&writer, i ? ",\"" : "\"");
		put(&writer, ip);
		put(&writer, "\"");
	}
	put(&writer, "]");
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		put_text(&writer, texts[i].name,
			 *(char *const *)(const void *)((const char *)lease + texts[i].at));
	put(&writer, "}\n");
	return writer.code;
}
