/* SPDX-License-Identifier: Apache-2.0 */
/* What is refused of host.json, and in which words. */
#include "tests/unit/host_world.h"

struct refusal {
	enum host_type type;
	enum json_type json;
	const char *text;
};

TEST(refuses_values_out_of_their_range)
{
	static const struct refusal refusals[] = {
		{ HOST_BOOL, JSON_NUMBER, "1" },
		{ HOST_BOOL, JSON_STRING, "true" },
		{ HOST_COUNT, JSON_NUMBER, "0" },
		{ HOST_COUNT, JSON_NUMBER, "4194305" },
		{ HOST_COUNT, JSON_NUMBER, "-1" },
		{ HOST_COUNT, JSON_NUMBER, "1.5" },
		{ HOST_COUNT, JSON_NUMBER, "1e3" },
		{ HOST_COUNT, JSON_STRING, "80%" },
		{ HOST_COUNT, JSON_STRING, "100" },
		{ HOST_COUNT, JSON_STRING, "Max" },
		{ HOST_COUNT, JSON_BOOL, "true" },
		{ HOST_TASKS, JSON_STRING, "0%" },
		{ HOST_TASKS, JSON_STRING, "100.1%" },
		{ HOST_TASKS, JSON_STRING, "%" },
		{ HOST_BYTES, JSON_NUMBER, "-1" },
		{ HOST_LIMIT, JSON_NUMBER, "0" },
		{ HOST_LIMIT, JSON_NUMBER, "95" }, /* "95%" was meant */
		{ HOST_LIMIT, JSON_NUMBER, "1048575" },
		{ HOST_LIMIT, JSON_STRING, "0%" },
		{ HOST_LIMIT, JSON_STRING, "1023Ki" },
		{ HOST_LIMIT, JSON_STRING, "101%" },
		{ HOST_BYTES, JSON_NUMBER, "18446744073709551616" },
		{ HOST_BYTES, JSON_NUMBER, "9223372036854775808" },
		{ HOST_BYTES, JSON_STRING, "" },
		{ HOST_BYTES, JSON_STRING, "Mi" },
		{ HOST_BYTES, JSON_STRING, "1M" },
		{ HOST_BYTES, JSON_STRING, "1mi" },
		{ HOST_BYTES, JSON_STRING, "1 Mi" },
		{ HOST_BYTES, JSON_STRING, "8388608Ti" },
		{ HOST_BYTES, JSON_STRING, "1.25%" },
		{ HOST_BYTES, JSON_STRING, "101%" },
		{ HOST_BYTES, JSON_STRING, "-1%" },
		{ HOST_BYTES, JSON_STRING, "1.%" },
		{ HOST_BYTES, JSON_STRING, ".5%" },
		{ HOST_WEIGHT, JSON_NUMBER, "0" },
		{ HOST_WEIGHT, JSON_NUMBER, "10001" },
		{ HOST_WEIGHT, JSON_STRING, "max" },
		{ HOST_RATIO, JSON_NUMBER, "0" },
		{ HOST_RATIO, JSON_NUMBER, "0.0" },
		{ HOST_RATIO, JSON_NUMBER, "1.001" },
		{ HOST_RATIO, JSON_NUMBER, "0.9999" },
		{ HOST_RATIO, JSON_NUMBER, "9e-1" },
		{ HOST_SCORE, JSON_NUMBER, "1001" },
		{ HOST_SCORE, JSON_NUMBER, "-1001" },
		{ HOST_SCORE, JSON_STRING, "0" },
		{ HOST_RING, JSON_NUMBER, "32" },
		{ HOST_RING, JSON_NUMBER, "1000" },
		{ HOST_RING, JSON_NUMBER, "65536" },
		{ HOST_RING, JSON_NUMBER, "-64" },
		{ HOST_RING, JSON_STRING, "1024" },
		{ HOST_CHANNELS, JSON_NUMBER, "0" },
		{ HOST_CHANNELS, JSON_NUMBER, "1025" },
		{ HOST_CHANNELS, JSON_STRING, "all" },
		{ HOST_CONFLIST, JSON_STRING, "" },
		{ HOST_CONFLIST, JSON_STRING, "aks-overlay" },
		{ HOST_CONFLIST, JSON_BOOL, "true" },
		{ HOST_NAMES, JSON_BOOL, "true" },
		{ HOST_SYSCTL, JSON_NUMBER, "1" },
	};

	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		const struct refusal *refusal = &refusals[i];
		struct host_value found = { .number = 77, .is_given = true };
		int code = host_value_parse(refusal->type, refusal->json, refusal->text,
					    strlen(refusal->text), &found);

		CHECK(code == -EINVAL && found.number == 77 && !found.is_set);
		if (code != -EINVAL)
			printf("# taken: %s\n", refusal->text);
		CHECK(*host_type_range(refusal->type));
	}
}

TEST(names_key_value_and_what_is_allowed)
{
	refuses("{\"containers\":{\"pids.max\":0}}",
		"containers.pids.max: 0 is not allowed: it must be 1 to 4194304, "
		"\"max\", or null");
	refuses("{\"workload\":{\"memory.max\":95}}",
		"workload.memory.max: 95 is not allowed: it must be bytes from 1 MiB on, a text "
		"like \"512Mi\" or \"2.5%\" of the host's memory, \"max\", or null");
	refuses("{\"containers\":{\"io.weight\":{\"a\":1}}}",
		"containers.io.weight: an object is not allowed: it must be 1 to 10000, "
		"or null");
	refuses("{\"apply\":{\"slices\":[]}}",
		"apply.slices: a list is not allowed: it must be true, false, or null");
	refuses("{\"containers\":{\"pids.max\":1,\"pids.max\":2}}",
		"containers.pids.max: is there twice");
	refuses("{\"fastPaths\":true,\"fastPaths\":true}", "fastPaths: is there twice");
}

TEST(refuses_what_nobody_knows)
{
	refuses("{\"containers\":{\"pid.max\":1}}", "containers.pid.max: there is no such key");
	refuses("{\"container\":{}}", "container: there is no such section; names of "
				      "your own begin with \"x-\"");
	refuses("{\"containers\":null}", "containers: must be an object of names and values");
	refuses("[]", "document: must be an object of sections");
	refuses("{\"fastPaths\":{\"exce\":true}}",
		"fastPaths.exce: there is no such fast path: start, exec, kill, pause, "
		"delete, create");
	refuses("{\"fastPaths\":{\"exec\":1}}", "fastPaths.exec: 1 is not allowed: it "
						"must be true, false, or null");
	refuses("{\"fastPaths\":1}", "fastPaths: 1 is not allowed: it must be true, "
				     "false, or an object of names with true or false");
	refuses("{\"containers\\u0000\":{}}", "containers: there is no such section; "
					      "names of your own begin with \"x-\"");
	refuses("{\"containers\":{\"pids.max\\u0000\":1}}",
		"containers.pids.max: there is no such key");
	CHECK(read_text("{\"containers\":{}") == -EBADMSG);
	host_config_done(&config);
}

TEST(refuses_sysctls_that_are_none)
{
	static const char *const names[] = { "-vm.x",	"",	  "vm",	   ".vm.x", "vm.x.",
					     "vm..x",	"/vm/x",  "vm//x", "../x",  "vm x.y",
					     "vm.x\\n", "a/../b", "vm=1.x" };
	static const char *const values[] = {
		/* would not fit into the file */
		"9999999999999999999999999999999999999999999999999999999999999999"
		"9999999999999999999999999999999999999999999999999999999999999999",
		"1.5",
		"1e3",
		"true",
		"{}",
		"[]",
		"\"\"",
		"\"a\\nb\"",
		"\"\\u0000\""
	};
	char text[200];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(text, sizeof(text), "{\"sysctl\":{\"%s\":1}}", names[i]);
		CHECK(read_text(text) == -EINVAL);
		CHECK(strstr(err.msg, "is no name of a sysctl"));
	}
	CHECK(read_text("{\"sysctl\":{\"vm.\\u0000x\":1}}") == -EINVAL);
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		(void)snprintf(text, sizeof(text), "{\"sysctl\":{\"vm.x\":%s}}", values[i]);
		CHECK(read_text(text) == -EINVAL);
		CHECK(strstr(err.msg, "it must be a text, a whole number, or null"));
	}
	refuses("{\"sysctl\":{\"vm.x\":1,\"vm.x\":2}}", "sysctl.vm.x: is there twice");
	refuses("{\"sysctl\":{\"vm.x\":1,\"vm/x\":2}}", "sysctl.vm/x: is there twice");
}

TEST(bounds_the_number_of_sysctls)
{
	char text[4096] = "{\"sysctl\":{";
	size_t used = strlen(text);

	for (int i = 0; i < HOST_SYSCTLS_MAX; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s\"a.b%d\":%d",
					 i ? "," : "", i, i);
	(void)snprintf(text + used, sizeof(text) - used, "}}");
	CHECK(read_text(text) == 0 && config.n_sysctls == HOST_SYSCTLS_MAX);
	(void)snprintf(text + used, sizeof(text) - used, ",\"a.c\":1}}");
	refuses(text, "sysctl.a.c: is one too many: 64 are allowed");
}
