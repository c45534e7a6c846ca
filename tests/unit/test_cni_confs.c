/* SPDX-License-Identifier: Apache-2.0 */
#include "cni/confs.h"

#include <stdlib.h>

#include "cni/error.h"
#include "cni/netconf.h"
#include "tests/unit/folder.h"
#include "tests/unit/test.h"

/* Names of networks and their datapaths, one after the other. */
static char seen[256];

static int note(void *owner, const char *json, size_t len, struct err *err)
{
	struct netconf netconf = { 0 };
	int code = netconf_parse(json, len, &netconf, err);
	size_t used = strlen(seen);

	(void)owner;
	(void)snprintf(seen + used, sizeof(seen) - used, "%s:%u ", code == 0 ? netconf.name : "bad",
		       netconf.mtu);
	netconf_done(&netconf);
	return code;
}

static int of(const char *json)
{
	struct err err = { 0 };

	seen[0] = '\0';
	return confs_of(json, strlen(json), note, NULL, &err);
}

TEST(plugins_of_ours_get_what_their_list_says)
{
	CHECK(of("{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"type\":\"azl-cni\",\"mtu\":1}") != 0);
	CHECK(of("{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"type\":\"azl-cni\",\"mtu\":1400}") ==
	      0);
	CHECK_TEXT(seen, "n:1400 ");
	CHECK(of("{\"plugins\":[{\"type\":\"azl-cni\",\"mtu\":1300,\"name\":\"x\"},{\"type\":\"a\"}"
		 ",\n"
		 "  {\"x\":[{},\"]}\\\"\"],\"type\":\"azl-cni\",\"mtu\":1301}],"
		 "\"name\":\"l\",\"cniVersion\":\"1.1.0\"}") == 0);
	CHECK_TEXT(seen, "l:1300 l:1301 ");
	/* keys and values that look alike */
	CHECK(of("{\"a\":\"plugins\",\"b\":{\"plugins\":[{\"type\":\"azl-cni\"}]},\"name\":\"m\","
		 "\"cniVersion\":\"1.0.0\",\"plugins\" : [ {\"type\":\"azl-cni\",\"mtu\":1302} "
		 "]}") == 0);
	CHECK_TEXT(seen, "m:1302 ");
	CHECK(of("{\"plugins\":[{\"type\":\"bridge\"}],\"name\":\"l\"}") == 0);
	CHECK_TEXT(seen, "");
	CHECK(of("{\"plugins\":{}}") == 0 && of("{\"plugins\":[1,2]}") == 0 && of("[]") == 0 &&
	      of("\"plugins\"") == 0 && of("7") == 0);
	CHECK(of("{\"plugins\":") == -(CNI_ERR_BASE + CNI_DECODE));
}

TEST(of_several_versions_one_that_is_known_is_taken)
{
	static const struct {
		const char *says;
		int code;
	} rows[] = {
		{ "\"cniVersions\":[\"1.0.0\",\"1.1.0\",\"9.0.0\"]", 0 },
		{ "\"cniVersions\":[\"9.0.0\",\"0.4.0\"],\"cniVersion\":\"9.0.0\"", 0 },
		{ "\"cniVersions\":[],\"cniVersion\":\"1.0.0\"", 0 },
		{ "\"cniVersions\":[\"9.0.0\"]", -(CNI_ERR_BASE + CNI_VERSION_INCOMPATIBLE) },
		{ "\"cniVersions\":\"1.0.0\"", -(CNI_ERR_BASE + CNI_VERSION_INCOMPATIBLE) },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char json[256];

		(void)snprintf(json, sizeof(json),
			       "{\"name\":\"n\",%s,\"plugins\":[{\"type\":\"azl-cni\"}]}",
			       rows[i].says);
		CHECK(of(json) == rows[i].code);
	}
}

TEST(a_folder_is_read_in_the_order_of_names_and_behind_failures)
{
	struct folder folder = folder_new();
	struct err err = { 0 };
	char command[128];

	folder_put_text(
		&folder, "20.conflist",
		"{\"cniVersion\":\"1.0.0\",\"name\":\"b\",\"plugins\":[{\"type\":\"azl-cni\"}]}");
	folder_put_text(&folder, "10.conf",
			"{\"cniVersion\":\"1.0.0\",\"name\":\"a\",\"type\":\"azl-cni\"}");
	folder_put_text(&folder, "15.json", "{");
	folder_put_text(&folder, "17.conflist.tmp", "{");
	seen[0] = '\0';
	CHECK(confs_each(folder.path, note, NULL, &err) == -(CNI_ERR_BASE + CNI_DECODE));
	CHECK_TEXT(seen, "a:0 b:0 ");
	CHECK(strstr(err.msg, "15.json"));
	(void)snprintf(command, sizeof(command), "%s/10.conf", folder.path);
	CHECK(confs_each(command, note, NULL, &err) == 0);
	CHECK_TEXT(seen, "a:0 b:0 a:0 ");
	CHECK(confs_each("/nowhere/at/all", note, NULL, &err) == 0);
	(void)snprintf(command, sizeof(command), "rm -rf %s", folder.path);
	CHECK(system(command) == 0); /* NOLINT(cert-env33-c) */
	(void)close(folder.fd);
}
