/* SPDX-License-Identifier: Apache-2.0 */
#include "cni/netconf.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cni/error.h"
#include "cni/netconf_ranges.h"
#include "cni/netconf_read.h"
#include "cni/read.h"
#include "config/json.h"

enum { IFNAME_MAX_BYTES = 15 };

static const char *const versions[] = {
	[CNI_V0_3_0] = "0.3.0", [CNI_V0_3_1] = "0.3.1", [CNI_V0_4_0] = "0.4.0",
	[CNI_V1_0_0] = "1.0.0", [CNI_V1_1_0] = "1.1.0",
};

const char *cni_version_text(enum cni_version version)
{
	return versions[version < CNI_V_MAX ? version : CNI_V1_1_0];
}

int cni_version_parse(const char *text, size_t len, enum cni_version *version)
{
	for (int i = 0; i < CNI_V_MAX; i++) {
		if (strlen(versions[i]) == len && memcmp(versions[i], text, len) == 0) {
			*version = (enum cni_version)i;
			return 0;
		}
	}
	return -EINVAL;
}

void netconf_attachments_done(struct netconf *netconf)
{
	for (size_t i = 0; i < netconf->n_attachments; i++) {
		free(netconf->attachments[i].container);
		free(netconf->attachments[i].ifname);
	}
	free(netconf->attachments);
	netconf->attachments = NULL;
	netconf->n_attachments = 0;
}

void netconf_prev_done(struct netconf *netconf)
{
	if (netconf->prev)
		cni_result_done(netconf->prev);
	free(netconf->prev);
	free(netconf->prev_error);
	netconf->prev = NULL;
	netconf->prev_error = NULL;
	netconf->has_prev = false;
}

void netconf_done(struct netconf *netconf)
{
	free(netconf->name);
	free(netconf->type);
	free(netconf->master);
	free(netconf->ipam_type);
	free(netconf->cns_url);
	free(netconf->cns_ca);
	free(netconf->cns_cert);
	free(netconf->cns_key);
	free(netconf->imds_url);
	free(netconf->data_dir);
	cni_dns_done(&netconf->dns);
	netconf_prev_done(netconf);
	netconf_attachments_done(netconf);
	*netconf = (struct netconf){ 0 };
}

/* ---- when all was seen ---- */

static int check_version(struct netconf_reader *reader)
{
	const char *version = reader->version[0] ? reader->version : "0.1.0";

	if (cni_version_parse(version, strlen(version), &reader->netconf->version) == 0)
		return 0;
	return cni_err(reader->err, CNI_VERSION_INCOMPATIBLE,
		       "cniVersion: \"%s\": known are 0.3.0, 0.3.1, 0.4.0, 1.0.0 and 1.1.0",
		       version);
}

static bool is_name(const char *name)
{
	bool good = isalnum((unsigned char)name[0]) && strlen(name) < NETCONF_NAME_ROOM;

	for (const char *at = name; *at && good; at++)
		good = isalnum((unsigned char)*at) || strchr("_.-", *at);
	return good;
}

static int check_name(const struct netconf *netconf, struct err *err)
{
	const char *name = netconf->name ? netconf->name : "";

	if (!is_name(name))
		return cni_err(err, CNI_CONFIG_INVALID, "name: \"%.200s\": not a name of a network",
			       name);
	if (netconf->master &&
	    (strlen(netconf->master) > IFNAME_MAX_BYTES || strchr(netconf->master, '/')))
		return cni_err(err, CNI_CONFIG_INVALID,
			       "master: \"%.200s\": not a name of an interface", netconf->master);
	if (netconf->data_dir && netconf->data_dir[0] != '/')
		return cni_err(err, CNI_CONFIG_INVALID, "dataDir: \"%.200s\": must begin with /",
			       netconf->data_dir);
	return 0;
}

static int choose_datapath(struct netconf_reader *reader)
{
	static const struct {
		const char *name;
		enum netconf_datapath datapath;
	} known[] = {
		{ "", DATAPATH_ROUTED },       { "routed", DATAPATH_ROUTED },
		{ "nic", DATAPATH_NIC },       { "ipvlan", DATAPATH_IPVLAN },
		{ "netkit", DATAPATH_NETKIT },
	};
	const char *name = reader->datapath;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(name, known[i].name) == 0) {
			reader->netconf->datapath = known[i].datapath;
			return 0;
		}
	}
	if (strcmp(name, "bridge") == 0 || strcmp(name, "macvlan") == 0)
		return cni_err(reader->err, CNI_CONFIG_INVALID,
			       "datapath: \"%s\": the fabric takes frames from no MAC address but "
			       "the NIC's own",
			       name);
	return cni_err(reader->err, CNI_CONFIG_INVALID,
		       "datapath: \"%s\": known are routed, nic, ipvlan and netkit", name);
}

static int choose_ipam(const char *type, enum netconf_ipam *ipam, struct err *err)
{
	static const struct {
		const char *name;
		enum netconf_ipam ipam;
	} known[] = {
		{ "ranges", IPAM_RANGES },
		{ "imds", IPAM_IMDS },
		{ "cns", IPAM_CNS },
		{ "azure-cns", IPAM_CNS },
	};

	*ipam = type && type[0] ? IPAM_DELEGATE : IPAM_NONE;
	for (size_t i = 0; type && i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(type, known[i].name) == 0)
			*ipam = known[i].ipam;
	}
	if (*ipam == IPAM_DELEGATE && (strchr(type, '/') || type[0] == '.'))
		return cni_err(err, CNI_CONFIG_INVALID,
			       "ipam.type: \"%.200s\": must be a bare name", type);
	return 0;
}

static int join_ranges(struct netconf_reader *reader)
{
	struct netconf *netconf = reader->netconf;
	struct range_list single = { .ranges = { reader->single }, .n = 1 };
	int code = 0;

	if (reader->single.subnet.family != 0)
		code = ranges_append(netconf, &single, reader->err);
	if (code == 0)
		code = ranges_append(netconf, &reader->runtime_ranges, reader->err);
	if (code == 0)
		code = ranges_append(netconf, &reader->ranges, reader->err);
	return code < 0 ? code : ranges_check(netconf, reader->err);
}

static int join_routes(struct netconf_reader *reader)
{
	struct netconf *netconf = reader->netconf;
	int code = read_routes_end(netconf->routes, netconf->n_routes, reader->err);

	if (code == 0)
		code = read_routes_end(reader->ipam_routes, reader->n_ipam_routes, reader->err);
	for (size_t i = 0; code == 0 && i < reader->n_ipam_routes; i++) {
		if (netconf->n_routes == NETCONF_ROUTES_MAX)
			return cni_err(reader->err, CNI_CONFIG_INVALID,
				       "ipam.routes: more than %d routes", NETCONF_ROUTES_MAX);
		netconf->routes[netconf->n_routes++] = reader->ipam_routes[i];
	}
	return code;
}

/* The runtime's wishes come before those in "args"; none twice. */
static int join_wanted(struct netconf_reader *reader, const struct address *ips, size_t n)
{
	struct netconf *netconf = reader->netconf;

	for (size_t i = 0; i < n; i++) {
		size_t at = 0;

		while (at < netconf->n_wanted && !address_equal(&netconf->wanted[at], &ips[i]))
			at++;
		if (at == NETCONF_IPS_MAX)
			return cni_err(reader->err, CNI_CONFIG_INVALID,
				       "runtimeConfig.ips: more than %d addresses",
				       NETCONF_IPS_MAX);
		if (at == netconf->n_wanted)
			netconf->wanted[netconf->n_wanted++] = ips[i];
	}
	return 0;
}

static int check_attachments(const struct netconf *netconf, struct err *err)
{
	for (size_t i = 0; i < netconf->n_attachments; i++) {
		const struct netconf_attachment *attachment = &netconf->attachments[i];

		if (!attachment->container || !attachment->ifname)
			return cni_err(err, CNI_CONFIG_INVALID,
				       "cni.dev/valid-attachments[%zu]: containerID or ifname is "
				       "missing",
				       i);
	}
	return 0;
}

static void check_prev(struct netconf *netconf)
{
	struct err err = { 0 };

	if (!netconf->prev || read_result_end(netconf->prev, &err) == 0)
		return;
	netconf_prev_done(netconf);
	netconf->has_prev = true;
	netconf->prev_error = strdup(err.msg);
}

/* What the runtime says of DNS stands in place of what the file says. */
static void join_dns(struct netconf_reader *reader)
{
	struct cni_dns *dns = &reader->netconf->dns;
	char ***from[] = { &reader->runtime_dns.nameservers, &reader->runtime_dns.search,
			   &reader->runtime_dns.options };
	char ***to[] = { &dns->nameservers, &dns->search, &dns->options };

	for (size_t i = 0; i < sizeof(to) / sizeof(to[0]); i++) {
		if (!*from[i])
			continue;
		read_list_done(to[i]);
		*to[i] = *from[i];
		*from[i] = NULL;
	}
}

static int finish(struct netconf_reader *reader)
{
	struct netconf *netconf = reader->netconf;
	int code = check_version(reader);

	if (code == 0)
		code = check_name(netconf, reader->err);
	if (code == 0)
		code = choose_datapath(reader);
	if (code == 0 && netconf->flowtable && netconf->datapath != DATAPATH_ROUTED)
		code = cni_err(reader->err, CNI_CONFIG_INVALID,
			       "flowtable: true: only with datapath routed");
	if (code == 0)
		code = choose_ipam(netconf->ipam_type, &netconf->ipam, reader->err);
	if (code == 0)
		code = join_ranges(reader);
	if (code == 0)
		code = join_routes(reader);
	if (code == 0)
		code = join_wanted(reader, reader->runtime_ips, reader->n_runtime_ips);
	if (code == 0)
		code = join_wanted(reader, reader->args_ips, reader->n_args_ips);
	if (code == 0)
		code = check_attachments(netconf, reader->err);
	check_prev(netconf);
	join_dns(reader);
	return code;
}

/* First pass: whose the keys of "ipam" are. */
static int take_ipam_type(void *owner, const struct json_path *path, enum json_type type,
			  const char *text, size_t len)
{
	struct netconf_reader *reader = owner;
	enum netconf_ipam ipam;
	struct err ignored;
	char name[32] = "";

	if (!json_path_is(path, "ipam", "type", NULL) || type != JSON_STRING || len >= sizeof(name))
		return 0;
	memcpy(name, text, len);
	(void)choose_ipam(name, &ipam, &ignored);
	reader->own_ipam = ipam != IPAM_DELEGATE && ipam != IPAM_NONE;
	return 0;
}

int netconf_parse(const char *json, size_t len, struct netconf *netconf, struct err *err)
{
	struct netconf read = { 0 };
	struct netconf_reader *reader = calloc(1, sizeof(*reader));
	int code;

	if (!reader)
		return err_set(err, -ENOMEM, "no memory");
	reader->netconf = &read;
	reader->err = err;
	code = json_scan(json, len, take_ipam_type, reader, err);
	if (code == 0)
		code = json_scan(json, len, netconf_take_value, reader, err);
	if (code == -EBADMSG) {
		(void)err_wrap(err, "configuration");
		code = err->code = -(CNI_ERR_BASE + CNI_DECODE);
	} else if (code == 0) {
		code = finish(reader);
	}
	cni_dns_done(&reader->runtime_dns);
	free(reader);
	if (code < 0) {
		netconf_done(&read);
		return code;
	}
	*netconf = read;
	return 0;
}

/* ---- the name alone ---- */

/* One that cannot be a name is none, though another one was before it. */
static int take_name(void *owner, const struct json_path *path, enum json_type type,
		     const char *text, size_t len)
{
	char *name = owner;

	if (!json_path_is(path, "name", NULL) || type == JSON_NULL)
		return 0;
	name[0] = '\0';
	if (type != JSON_STRING || len >= NETCONF_NAME_ROOM || memchr(text, '\0', len))
		return 0;
	memcpy(name, text, len);
	name[len] = '\0';
	return 0;
}

bool netconf_name(const char *json, size_t len, char name[NETCONF_NAME_ROOM])
{
	char found[NETCONF_NAME_ROOM] = "";
	struct err ignored;

	(void)json_scan(json, len, take_name, found, &ignored);
	if (!is_name(found))
		return false;
	memcpy(name, found, sizeof(found));
	return true;
}
