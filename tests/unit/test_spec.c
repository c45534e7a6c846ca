/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/spec.h"

#include <errno.h>
#include <string.h>

#include "config/base/err.h"
#include "tests/unit/folder.h"
#include "tests/unit/test.h"

/* Read a config.json of this text; what it says in `err`. */
static int read_text(const char *text, struct spec *spec, struct err *err)
{
	struct folder folder = folder_new();
	int code;

	folder_put_text(&folder, "config.json", text);
	code = spec_read(folder.fd, spec, err);
	folder_done(&folder);
	return code;
}

TEST(reads_what_the_shim_needs)
{
	struct spec spec;
	struct err err;

	CHECK(read_text("{\"ociVersion\":\"1.2.0\",\"process\":{\"terminal\":true,\"user\":{"
			"\"uid\":1000,"
			"\"gid\":100}},\"hooks\":{\"poststart\":[{\"path\":\"/"
			"x\"}],\"poststop\":[{}]},"
			"\"linux\":{\"namespaces\":[{\"type\":\"network\",\"path\":\"/"
			"n\"},{\"type\":\"pid\"},"
			"{\"type\":\"user\"}],\"cgroupsPath\":\"system.slice:cri:abc\","
			"\"intelRdt\":{},"
			"\"seccomp\":{\"defaultAction\":\"x\"}},\"new\":[{}]}",
			&spec, &err) == 0);
	CHECK(spec.pid_namespace_private && spec.user_namespace && spec.terminal);
	CHECK(spec.has_poststart && spec.has_poststop && spec.has_intel_rdt && spec.has_seccomp);
	CHECK(spec.uid == 1000 && spec.gid == 100);
	CHECK_TEXT(spec.cgroups_path, "system.slice:cri:abc");
	CHECK(spec.systemd_cgroup);
	spec_done(&spec);
	CHECK(!spec.cgroups_path);
}

static bool is_labelled(const char *process)
{
	char text[256];
	struct spec spec = { 0 };
	struct err err;

	(void)snprintf(text, sizeof(text), "{\"process\":{%s}}", process);
	CHECK(read_text(text, &spec, &err) == 0);
	return spec.labelled;
}

TEST(knows_a_process_with_a_label)
{
	CHECK(is_labelled("\"apparmorProfile\":\"unconfined\",\"selinuxLabel\":\"a:b:c:s0\""));
	CHECK(!is_labelled("\"apparmorProfile\":\"strict\",\"selinuxLabel\":null"));
	CHECK(!is_labelled("\"selinuxLabel\":\"\""));
	CHECK(!is_labelled("\"terminal\":false"));
}

TEST(an_empty_object_says_nothing)
{
	struct spec spec;
	struct err err;

	CHECK(read_text("{}", &spec, &err) == 0);
	CHECK(!spec.pid_namespace_private && !spec.user_namespace && !spec.terminal);
	CHECK(!spec.cgroups_path && !spec.systemd_cgroup && spec.uid == 0);
	CHECK(!spec.has_poststart && !spec.has_poststop && !spec.has_intel_rdt);
	CHECK(read_text(
		      "{\"process\":null,\"hooks\":{\"poststart\":[],\"poststop\":null},\"linux\":"
		      "{\"cgroupsPath\":\"\",\"namespaces\":null,\"seccomp\":null,\"intelRdt\":"
		      "null}}",
		      &spec, &err) == 0);
	CHECK(!spec.cgroups_path && !spec.has_poststart && !spec.has_poststop);
	CHECK(!spec.has_seccomp && !spec.has_intel_rdt);
}

static bool pid_is_private(const char *namespaces)
{
	char text[512];
	struct spec spec = { 0 };
	struct err err;

	(void)snprintf(text, sizeof(text), "{\"linux\":{\"namespaces\":%s}}", namespaces);
	CHECK(read_text(text, &spec, &err) == 0);
	return spec.pid_namespace_private;
}

/* Source: containerd runtime/v2/runc/task/service.go, shouldKillAllOnExit. */
TEST(a_pid_namespace_is_private_when_it_has_no_path)
{
	CHECK(pid_is_private("[{\"type\":\"pid\"}]"));
	CHECK(pid_is_private(
		"[{\"path\":\"\",\"type\":\"pid\"},{\"type\":\"ipc\",\"path\":\"/p\"}]"));
	CHECK(pid_is_private("[{\"path\":\"/p\",\"type\":\"ipc\"},{\"type\":\"pid\"}]"));
	CHECK(!pid_is_private("[{\"type\":\"pid\",\"path\":\"/proc/1/ns/pid\"}]"));
	CHECK(!pid_is_private(
		"[{\"path\":\"/proc/1/ns/pid\",\"type\":\"pid\"},{\"type\":\"ipc\"}]"));
	CHECK(!pid_is_private("[]"));
	CHECK(!pid_is_private("[{\"type\":\"network\"},{\"type\":\"\"}]"));
	CHECK(!pid_is_private("[{\"x\":{\"type\":\"pid\"}}]"));
}

TEST(tells_systemd_paths_from_others)
{
	static const struct {
		const char *path;
		bool systemd;
	} cases[] = {
		{ "system.slice:cri-containerd:abc", true },
		{ ":docker:abc", true },
		{ "::", true },
		{ "/kubepods/pod1/abc", false },
		{ "/a:b:c", false },
		{ "a:b", false },
		{ "a:b:c:d", false },
		{ "default/abc", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[128];
		struct spec spec = { 0 };
		struct err err;

		(void)snprintf(text, sizeof(text), "{\"linux\":{\"cgroupsPath\":\"%s\"}}",
			       cases[i].path);
		CHECK(read_text(text, &spec, &err) == 0);
		CHECK_TEXT(spec.cgroups_path, cases[i].path);
		CHECK(spec.systemd_cgroup == cases[i].systemd);
		spec_done(&spec);
	}
}

TEST(the_last_of_two_counts)
{
	struct spec spec;
	struct err err;

	CHECK(read_text(
		      "{\"linux\":{\"cgroupsPath\":\"a:b:c\",\"namespaces\":[{\"type\":\"pid\"}]},"
		      "\"linux\":{\"cgroupsPath\":\"/d\",\"namespaces\":[{\"type\":\"user\"}]}}",
		      &spec, &err) == 0);
	CHECK_TEXT(spec.cgroups_path, "/d");
	CHECK(!spec.systemd_cgroup && !spec.pid_namespace_private && spec.user_namespace);
	spec_done(&spec);
}

TEST(names_the_file_the_place_and_the_reason)
{
	static const struct {
		const char *text;
		int code;
		const char *msg;
	} cases[] = {
		{ "[]", -EINVAL, "config.json: document: invalid argument" },
		{ "{\"process\":{\"terminal\":1}}", -EINVAL,
		  "config.json: process.terminal: invalid argument" },
		{ "{\"process\":{\"user\":{\"uid\":4294967296}}}", -EINVAL,
		  "config.json: process.user.uid: invalid argument" },
		{ "{\"process\":{\"user\":{\"uid\":-1}}}", -EINVAL,
		  "config.json: process.user.uid: invalid argument" },
		{ "{\"linux\":{\"cgroupsPath\":[\"a\"]}}", -EINVAL,
		  "config.json: linux.cgroupsPath: invalid argument" },
		{ "{\"linux\":{\"cgroupsPath\":\"a\\u0000b\"}}", -EINVAL,
		  "config.json: linux.cgroupsPath: invalid argument" },
		{ "{\"linux\":{\"namespaces\":{}}}", -EINVAL,
		  "config.json: linux.namespaces: invalid argument" },
		{ "{\"linux\":{\"namespaces\":[\"pid\"]}}", -EINVAL,
		  "config.json: linux.namespaces[0]: invalid argument" },
		{ "{\"linux\":{\"namespaces\":[{},{\"type\":1}]}}", -EINVAL,
		  "config.json: linux.namespaces[1].type: invalid argument" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct spec spec = { .uid = 42 };
		struct err err;

		CHECK(read_text(cases[i].text, &spec, &err) == cases[i].code);
		CHECK_TEXT(err.msg, cases[i].msg);
		CHECK(spec.uid == 42);
	}
}

TEST(tells_missing_broken_and_too_large_apart)
{
	struct folder folder = folder_new();
	struct spec spec;
	struct err err;
	char group[SPEC_GROUP_ROOM];

	CHECK(spec_read(folder.fd, &spec, &err) == -ENOENT);
	CHECK_TEXT(err.msg, "open config.json: no such file or directory");
	CHECK(spec_read_group(folder.fd, group, sizeof(group), &err) == 0);
	CHECK(read_text("{\"linux\":", &spec, &err) == -EBADMSG);
	CHECK(strncmp(err.msg, "config.json: not JSON at byte 9: ", 33) == 0);
	folder_put_text(&folder, "config.json", "{}");
	{
		int fd = openat(folder.fd, "config.json", O_WRONLY | O_CLOEXEC);
		static char blanks[1 << 20];

		memset(blanks, ' ', sizeof(blanks));
		for (int i = 0; i <= SPEC_LIMIT_BYTES / (int)sizeof(blanks); i++)
			CHECK(write(fd, blanks, sizeof(blanks)) == (ssize_t)sizeof(blanks));
		(void)close(fd);
	}
	CHECK(spec_read(folder.fd, &spec, &err) == -EFBIG);
	CHECK_TEXT(err.msg, "config.json: larger than 16777216 bytes");
	folder_done(&folder);
}

static int group_of(const char *text, char *group, size_t room)
{
	struct folder folder = folder_new();
	struct err err;
	int code;

	folder_put_text(&folder, "config.json", text);
	code = spec_read_group(folder.fd, group, room, &err);
	folder_done(&folder);
	return code;
}

/* Arrays where objects belong: no key there. */
TEST(survives_documents_of_another_shape)
{
	static const char *const texts[] = {
		"{\"linux\":[[[[1]]]]}",
		"{\"linux\":[{\"namespaces\":[{\"type\":\"pid\"}]}]}",
		"{\"linux\":{\"x\":[[1]]}}",
		"{\"process\":[[[1]]]}",
		"{\"hooks\":[[[1]]]}",
		"{\"annotations\":[[1]]}",
		"{\"linux\":{\"a\":[{\"type\":\"pid\"}]}}",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct spec spec = { 0 };
		struct err err;

		CHECK(read_text(texts[i], &spec, &err) == 0);
		CHECK(!spec.pid_namespace_private);
	}
}

TEST(finds_the_group)
{
	char group[SPEC_GROUP_ROOM];

	CHECK(group_of("{\"annotations\":{\"io.kubernetes.cri.sandbox-id\":\"pod\"},\"z\":1}",
		       group, sizeof(group)) == 1);
	CHECK_TEXT(group, "pod");
	CHECK(group_of("{\"annotations\":{\"io.kubernetes.cri.sandbox-id\":\"pod\","
		       "\"io.containerd.runc.v2.group\":\"named\"}}",
		       group, sizeof(group)) == 1);
	CHECK_TEXT(group, "named");
	CHECK(group_of("{\"annotations\":{\"io.containerd.runc.v2.group\":\"named\","
		       "\"io.kubernetes.cri.sandbox-id\":\"pod\"}}",
		       group, sizeof(group)) == 1);
	CHECK_TEXT(group, "named");
	CHECK(group_of("{\"annotations\":{\"other\":\"x\"},\"io.containerd.runc.v2.group\":\"no\","
		       "\"x\":{\"annotations\":{\"io.containerd.runc.v2.group\":\"no\"}}}",
		       group, sizeof(group)) == 0);
	CHECK(group_of("{}", group, sizeof(group)) == 0);
}

TEST(refuses_groups_that_are_no_names)
{
	char group[8] = "kept";

	CHECK(group_of("{\"annotations\":{\"io.containerd.runc.v2.group\":1}}", group, 8) ==
	      -EINVAL);
	CHECK(group_of("{\"annotations\":{\"io.containerd.runc.v2.group\":\"a\\u0000\"}}", group,
		       8) == -EINVAL);
	CHECK(group_of("{\"annotations\":{\"io.containerd.runc.v2.group\":\"12345678\"}}", group,
		       8) == -EINVAL);
	CHECK(group_of("[]", group, 8) == -EINVAL);
	CHECK(group_of("{", group, 8) == -EBADMSG);
	CHECK_TEXT(group, "kept");
	CHECK(group_of("{\"annotations\":{\"io.containerd.runc.v2.group\":\"1234567\"}}", group,
		       8) == 1);
	CHECK_TEXT(group, "1234567");
}
