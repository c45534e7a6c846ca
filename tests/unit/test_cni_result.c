/* SPDX-License-Identifier: Apache-2.0 */
#include "cni/result.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "cni/error.h"
#include "cni/netconf.h"
#include "config/base/buf.h"
#include "tests/unit/test.h"

static const char full[] =
	"{\"cniVersion\":\"1.1.0\",\"interfaces\":["
	"{\"name\":\"azc1\",\"mac\":\"aa:aa:aa:aa:aa:aa\",\"mtu\":1500},"
	"{\"name\":\"eth0\",\"mac\":\"02:00:00:00:00:01\",\"mtu\":1500,\"sandbox\":\"/n\","
	"\"pciID\":\"0000:00:02.0\"}],\"ips\":["
	"{\"interface\":1,\"address\":\"10.1.2.3/32\",\"gateway\":\"169.254.1.1\"},"
	"{\"interface\":1,\"address\":\"fd00::3/128\"}],\"routes\":["
	"{\"dst\":\"0.0.0.0/0\",\"gw\":\"169.254.1.1\",\"mtu\":1400,\"advmss\":1360,"
	"\"priority\":7,\"table\":100,\"scope\":253},{\"dst\":\"::/0\"}],"
	"\"dns\":{\"nameservers\":[\"10.0.0.10\"],\"domain\":\"d\",\"search\":[\"a\",\"b\"],"
	"\"options\":[\"ndots:5\"]}}";

static int parse(const char *json, struct cni_result *result, struct err *err)
{
	return cni_result_parse(json, strlen(json), result, err);
}

static void check_written(const char *json, unsigned int version, const char *want)
{
	struct cni_result result = { 0 };
	struct buf out = { 0 };
	struct err err = { 0 };

	CHECK(parse(json, &result, &err) == 0);
	CHECK_TEXT(err.msg, "");
	CHECK(cni_result_write(&result, version, &out) == 0);
	CHECK(buf_add(&out, "", 1, SIZE_MAX) == 0);
	CHECK_TEXT((const char *)out.data, want);
	buf_done(&out);
	cni_result_done(&result);
}

TEST(a_result_of_the_newest_version_comes_back_as_it_was)
{
	check_written(full, CNI_V1_1_0, full);
}

TEST(older_versions_get_no_newer_fields)
{
	static const char one[] =
		"{\"cniVersion\":\"1.0.0\",\"interfaces\":["
		"{\"name\":\"azc1\",\"mac\":\"aa:aa:aa:aa:aa:aa\"},"
		"{\"name\":\"eth0\",\"mac\":\"02:00:00:00:00:01\",\"sandbox\":\"/n\"}],\"ips\":["
		"{\"interface\":1,\"address\":\"10.1.2.3/32\",\"gateway\":\"169.254.1.1\"},"
		"{\"interface\":1,\"address\":\"fd00::3/128\"}],\"routes\":["
		"{\"dst\":\"0.0.0.0/0\",\"gw\":\"169.254.1.1\"},{\"dst\":\"::/0\"}],"
		"\"dns\":{\"nameservers\":[\"10.0.0.10\"],\"domain\":\"d\",\"search\":[\"a\",\"b\"]"
		","
		"\"options\":[\"ndots:5\"]}}";

	check_written(full, CNI_V1_0_0, one);
}

TEST(below_one_each_address_has_its_version)
{
	static const char *const versions[] = { "0.3.0", "0.3.1", "0.4.0" };
	static const char json[] = "{\"ips\":[{\"address\":\"10.1.2.3/32\"},"
				   "{\"address\":\"fd00::3/128\"}]}";

	for (unsigned int i = 0; i < 3; i++) {
		char want[256];

		(void)snprintf(want, sizeof(want),
			       "{\"cniVersion\":\"%s\",\"ips\":["
			       "{\"version\":\"4\",\"address\":\"10.1.2.3/32\"},"
			       "{\"version\":\"6\",\"address\":\"fd00::3/128\"}]}",
			       versions[i]);
		check_written(json, CNI_V0_3_0 + i, want);
	}
}

TEST(results_of_every_version_are_read)
{
	static const char *const versions[] = { "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0" };

	for (size_t i = 0; i < 5; i++) {
		char json[256];

		(void)snprintf(
			json, sizeof(json),
			"{\"cniVersion\":\"%s\",\"ips\":[{\"version\":\"4\","
			"\"address\":\"10.1.2.3/24\",\"interface\":0}],"
			"\"interfaces\":[{\"name\":\"eth0\",\"mac\":\"\",\"sandbox\":\"\"}]}",
			versions[i]);
		check_written(json, CNI_V1_1_0,
			      "{\"cniVersion\":\"1.1.0\",\"interfaces\":[{\"name\":\"eth0\"}],"
			      "\"ips\":[{\"interface\":0,\"address\":\"10.1.2.3/24\"}]}");
	}
}

TEST(what_is_empty_is_left_out)
{
	static const char want[] = "{\"cniVersion\":\"1.1.0\"}";

	check_written("{}", CNI_V1_1_0, want);
	check_written("{\"ips\":null,\"dns\":{},\"routes\":[],\"interfaces\":null}", CNI_V1_1_0,
		      want);
	check_written("{\"dns\":{\"nameservers\":[],\"search\":null,\"domain\":\"\"},\"x\":{"
		      "\"ips\":[1]}}",
		      CNI_V1_1_0, want);
}

static void check_wrong(const char *json, enum cni_code code, const char *text)
{
	struct cni_result untouched = { .n_ips = 77 };
	struct err err = { 0 };

	CHECK(parse(json, &untouched, &err) < 0);
	CHECK(cni_code_of(&err) == code);
	if (!strstr(err.msg, text))
		CHECK_TEXT(err.msg, text);
	CHECK(untouched.n_ips == 77);
}

TEST(what_is_wrong_is_named)
{
	check_wrong("", CNI_DECODE, "");
	check_wrong("{\"ips\":[", CNI_DECODE, "");
	check_wrong("[]", CNI_CONFIG_INVALID, "must be an object");
	check_wrong("{\"cniVersion\":\"0.2.0\"}", CNI_CONFIG_INVALID, "\"0.2.0\"");
	check_wrong("{\"ips\":{}}", CNI_CONFIG_INVALID, "ips: {...}: must be a list");
	check_wrong("{\"ips\":[{}]}", CNI_CONFIG_INVALID, "ips[0].address: is missing");
	check_wrong("{\"ips\":[{\"address\":\"10.0.0.1\"}]}", CNI_CONFIG_INVALID,
		    "ips[0].address: \"10.0.0.1\": is not ADDRESS/PREFIX");
	check_wrong("{\"ips\":[{\"address\":7}]}", CNI_CONFIG_INVALID, "must be a string");
	check_wrong("{\"ips\":[{\"address\":\"10.0.0.1/8\",\"interface\":0}]}", CNI_CONFIG_INVALID,
		    "there is no such interface");
	check_wrong("{\"ips\":[{\"address\":\"10.0.0.1/8\",\"interface\":99}]}", CNI_CONFIG_INVALID,
		    "is out of range");
	check_wrong("{\"routes\":[{\"gw\":\"10.0.0.1\"}]}", CNI_CONFIG_INVALID,
		    "routes[0].dst: is missing");
	check_wrong("{\"interfaces\":[{\"name\":\"0123456789abcdef\"}]}", CNI_CONFIG_INVALID,
		    "is too long");
	check_wrong("{\"interfaces\":[{\"mac\":\"\"}]}", CNI_CONFIG_INVALID, "name: is missing");
	check_wrong("{\"interfaces\":[{\"name\":\"a\\u0000b\"}]}", CNI_CONFIG_INVALID, "NUL");
	check_wrong("{\"dns\":{\"search\":\"a\"}}", CNI_CONFIG_INVALID,
		    "dns.search: \"a\": must be a list of strings");
}

TEST(no_list_grows_without_end)
{
	struct buf json = { 0 };
	struct cni_result result;
	struct err err = { 0 };

	CHECK(buf_add_text(&json, "{\"ips\":[", SIZE_MAX) == 0);
	for (int i = 0; i < CNI_IPS_MAX; i++)
		CHECK(buf_add_text(&json, "{\"address\":\"10.0.0.1/8\"},", SIZE_MAX) == 0);
	CHECK(buf_add_text(&json, "{}]}", SIZE_MAX) == 0);
	CHECK(cni_result_parse((const char *)json.data, json.len, &result, &err) < 0);
	CHECK(strstr(err.msg, "one address too many"));
	buf_done(&json);
}

static void check_error(const struct err *err, const char *details, const char *want)
{
	struct buf out = { 0 };

	CHECK(cni_error_write(err, details, CNI_V1_0_0, &out) == 0);
	CHECK(buf_add(&out, "", 1, SIZE_MAX) == 0);
	CHECK_TEXT((const char *)out.data, want);
	buf_done(&out);
}

TEST(errors_are_objects)
{
	struct err err;

	(void)cni_err(&err, CNI_CONFIG_INVALID, "name: \"%s\"", "x");
	check_error(&err, NULL,
		    "{\"cniVersion\":\"1.0.0\",\"code\":7,\"msg\":\"name: \\\"x\\\"\"}");
	(void)err_set(&err, -EAGAIN, "later");
	check_error(
		&err, "long",
		"{\"cniVersion\":\"1.0.0\",\"code\":11,\"msg\":\"later\",\"details\":\"long\"}");
}

TEST(every_error_has_a_code)
{
	static const struct {
		int code;
		enum cni_code want;
	} rows[] = {
		{ -EAGAIN, CNI_TRY_AGAIN },
		{ -ETIMEDOUT, CNI_TRY_AGAIN },
		{ -ECONNREFUSED, CNI_TRY_AGAIN },
		{ -ENOBUFS, CNI_TRY_AGAIN },
		{ -EBADMSG, CNI_DECODE },
		{ -EIO, CNI_IO },
		{ -ENOMEM, CNI_IO },
		{ -100001, CNI_VERSION_INCOMPATIBLE },
		{ -100999, CNI_INTERNAL },
		{ -100050, CNI_UNAVAILABLE },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err err = { .code = rows[i].code };

		CHECK(cni_code_of(&err) == rows[i].want);
	}
}
