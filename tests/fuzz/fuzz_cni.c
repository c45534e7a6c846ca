/* SPDX-License-Identifier: Apache-2.0 */
/* Configurations and results of the plugin: what can be read can be written in every version, and
 * reads again as the same. */
#include "tests/fuzz/fuzz.h"

#include "cni/confs.h"
#include "cni/error.h"
#include "cni/netconf.h"
#include "cni/result.h"
#include "config/base/buf.h"
#include "config/json.h"

static void check_error(const struct err *err)
{
	struct buf out = { 0 };

	FUZZ_CHECK(err->code < 0 && err->msg[0] != '\0');
	FUZZ_CHECK(cni_code_of(err) >= CNI_VERSION_INCOMPATIBLE);
	FUZZ_CHECK(cni_error_write(err, NULL, CNI_V1_1_0, &out) == 0);
	buf_done(&out);
}

static void check_result(const struct cni_result *result, unsigned int version)
{
	struct cni_result back = { 0 };
	struct buf first = { 0 };
	struct buf second = { 0 };
	struct err err = { 0 };

	FUZZ_CHECK(cni_result_write(result, version, &first) == 0);
	FUZZ_CHECK(cni_result_parse((const char *)first.data, first.len, &back, &err) == 0);
	FUZZ_CHECK(cni_result_write(&back, version, &second) == 0);
	FUZZ_CHECK(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
	buf_done(&first);
	buf_done(&second);
	cni_result_done(&back);
}

static void check_netconf(const struct netconf *netconf)
{
	FUZZ_CHECK(netconf->version < CNI_V_MAX && netconf->name && netconf->name[0]);
	FUZZ_CHECK(!strchr(netconf->name, '/') && netconf->name[0] != '.');
	FUZZ_CHECK(netconf->n_ranges <= NETCONF_RANGES_MAX);
	FUZZ_CHECK(netconf->n_routes <= NETCONF_ROUTES_MAX);
	FUZZ_CHECK(netconf->n_also <= NETCONF_ALSO_MAX);
	for (size_t i = 0; i < netconf->n_also; i++)
		FUZZ_CHECK(netconf->also[i].address.family != 0);
	FUZZ_CHECK(netconf->n_wanted <= NETCONF_IPS_MAX);
	FUZZ_CHECK(!netconf->prev || netconf->has_prev);
	FUZZ_CHECK(netconf->has_attachments || netconf->n_attachments == 0);
	for (size_t i = 0; i < netconf->n_attachments; i++)
		FUZZ_CHECK(netconf->attachments[i].container && netconf->attachments[i].ifname);
	for (size_t i = 0; i < netconf->n_ranges; i++)
		FUZZ_CHECK(netconf->ranges[i].subnet.family != 0);
	if (netconf->prev)
		check_result(netconf->prev, netconf->version);
}

/* What is taken out of a file is JSON, whatever surrounds it. */
static int nothing(void *owner, const struct json_path *path, enum json_type type, const char *text,
		   size_t len)
{
	(void)owner, (void)path, (void)type, (void)text, (void)len;
	return 0;
}

static int check_conf(void *owner, const char *json, size_t len, struct err *err)
{
	(void)owner;
	FUZZ_CHECK(len > 2 && json[0] != '[' && json_scan(json, len, nothing, NULL, err) == 0);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct netconf netconf = { 0 };
	struct cni_result result = { 0 };
	struct err err = { 0 };
	char *copy = (char *)fuzz_copy(data, size);
	char name[NETCONF_NAME_ROOM];
	bool has_name = netconf_name(copy, size, name);

	if (netconf_parse(copy, size, &netconf, &err) == 0) {
		check_netconf(&netconf);
		FUZZ_CHECK(has_name && strcmp(name, netconf.name) == 0);
	} else {
		check_error(&err);
		FUZZ_CHECK(!has_name || (name[0] != '.' && !strchr(name, '/')));
	}
	netconf_done(&netconf);
	err = (struct err){ 0 };
	if (cni_result_parse(copy, size, &result, &err) == 0)
		check_result(&result, (unsigned int)(size % CNI_V_MAX));
	else
		check_error(&err);
	cni_result_done(&result);
	(void)confs_of(copy, size, check_conf, NULL, &err);
	free(copy);
	return 0;
}
