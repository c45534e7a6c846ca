/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/options.h"

#include <errno.h>
#include <string.h>

#include "config/base/buf.h"
#include "config/base/err.h"
#include "config/base/fd.h"
#include "shim/message.h"
#include "shim/proto/options.pb-c.h"
#include "tests/unit/folder.h"
#include "tests/unit/test.h"

#pragma GCC diagnostic ignored "-Wcast-qual" /* the initialisers of protobuf-c cast const away */

enum { LIMIT = 1 << 20 };

static char text_a[] = "/a";
static char text_b[] = "/b";
static char text_c[] = "/c";
static char text_net[] = "net";
static char text_ipc[] = "ipc";

/* Wrap a message into an Any of a type and decode it as options. */
static int parse(const char *type, const ProtobufCMessage *message, struct options *options,
		 struct err *err)
{
	char type_url[128];
	Pb__Any any = PB__ANY__INIT;
	struct buf value = { 0 };
	int code;

	CHECK(message_pack(message, &value, LIMIT) == 0);
	(void)snprintf(type_url, sizeof(type_url), "%s", type);
	any.type_url = type_url;
	any.value.data = value.data;
	any.value.len = value.len;
	code = options_parse(&any, options, err);
	buf_done(&value);
	return code;
}

static bool is_default(const struct options *options)
{
	static const struct options none;

	return memcmp(options, &none, sizeof(none)) == 0;
}

TEST(nothing_given_means_defaults)
{
	Pb__Any any = PB__ANY__INIT;
	struct options options = { .io_uid = 1 };
	struct err err;

	CHECK(options_parse(NULL, &options, &err) == 0 && is_default(&options));
	CHECK(options_parse(&any, &options, &err) == 0 && is_default(&options));
	options_done(&options);
}

TEST(an_unknown_type_means_defaults_and_is_told)
{
	Pb__RuncOptions message = PB__RUNC_OPTIONS__INIT;
	struct options options;
	struct err err;

	message.io_uid = 7;
	CHECK(parse("google.protobuf.Empty", &message.base, &options, &err) == 1);
	CHECK(is_default(&options));
	CHECK(!options_known("google.protobuf.Empty") && !options_known(""));
	CHECK(options_known("containerd.runc.v1.Options"));
	CHECK(options_known("type.googleapis.com/runtimeoptions.v1.Options"));
	CHECK(!options_known("containerd.runc.v1.Options/x"));
}

TEST(reads_runc_options)
{
	Pb__RuncOptions message = PB__RUNC_OPTIONS__INIT;
	struct options options;
	struct err err;

	message.no_pivot_root = true;
	message.no_new_keyring = true;
	message.systemd_cgroup = true;
	message.shim_cgroup = text_a;
	message.io_uid = 1000;
	message.io_gid = UINT32_MAX;
	message.binary_name = text_b;
	message.root = text_c;
	message.criu_path = text_a;
	message.criu_image_path = text_b;
	message.criu_work_path = text_c;
	for (int i = 0; i < 2; i++) {
		CHECK(parse(i ? "type.googleapis.com/containerd.runc.v1.Options"
			      : "containerd.runc.v1.Options",
			    &message.base, &options, &err) == 0);
		CHECK(options.no_pivot_root && options.no_new_keyring && options.systemd_cgroup);
		CHECK(options.io_uid == 1000 && options.io_gid == UINT32_MAX);
		CHECK_TEXT(options.shim_cgroup, "/a");
		CHECK_TEXT(options.binary_name, "/b");
		CHECK_TEXT(options.root, "/c");
		CHECK_TEXT(options.criu_path, "/a");
		CHECK_TEXT(options.criu_image_path, "/b");
		CHECK_TEXT(options.criu_work_path, "/c");
		options_done(&options);
		CHECK(is_default(&options));
	}
}

TEST(reads_legacy_create_options)
{
	char *namespaces[] = { text_net, text_ipc };
	Pb__LegacyCreateOptions message = PB__LEGACY_CREATE_OPTIONS__INIT;
	struct options options;
	struct err err;

	message.no_pivot_root = true;
	message.open_tcp = true;
	message.file_locks = true;
	message.no_new_keyring = true;
	message.empty_namespaces = namespaces;
	message.n_empty_namespaces = 2;
	message.cgroups_mode = text_a;
	message.shim_cgroup = text_a;
	message.io_uid = 5;
	message.io_gid = 6;
	message.criu_work_path = text_b;
	message.criu_image_path = text_c;
	CHECK(parse("containerd.linux.runc.CreateOptions", &message.base, &options, &err) == 0);
	CHECK(options.no_pivot_root && options.open_tcp && options.file_locks);
	CHECK(options.no_new_keyring && !options.external_unix_sockets);
	CHECK(options.io_uid == 5 && options.io_gid == 6);
	CHECK_TEXT(options.shim_cgroup, "/a");
	CHECK_TEXT(options.criu_work_path, "/b");
	CHECK_TEXT(options.criu_image_path, "/c");
	CHECK_TEXT(options.empty_namespaces[0], "net");
	CHECK_TEXT(options.empty_namespaces[1], "ipc");
	CHECK(!options.empty_namespaces[2]);
	options_done(&options);
}

TEST(reads_legacy_runc_options)
{
	Pb__LegacyRuncOptions message = PB__LEGACY_RUNC_OPTIONS__INIT;
	struct options options;
	struct err err;

	message.runtime = text_a;
	message.runtime_root = text_b;
	message.criu_path = text_c;
	message.systemd_cgroup = true;
	CHECK(parse("containerd.linux.runc.RuncOptions", &message.base, &options, &err) == 0);
	CHECK_TEXT(options.binary_name, "/a");
	CHECK_TEXT(options.root, "/b");
	CHECK_TEXT(options.criu_path, "/c");
	CHECK(options.systemd_cgroup);
	options_done(&options);
}

static int parse_body(const char *toml, struct options *options, struct err *err)
{
	Pb__RuntimeOptions message = PB__RUNTIME_OPTIONS__INIT;
	struct buf body = { 0 };
	int code;

	CHECK(buf_add_text(&body, toml, LIMIT) == 0);
	message.config_body.data = body.data;
	message.config_body.len = body.len;
	code = parse("runtimeoptions.v1.Options", &message.base, options, err);
	buf_done(&body);
	return code;
}

TEST(reads_the_toml_that_containerd_hands_over)
{
	struct options options;
	struct err err;

	CHECK(parse_body(
		      "BinaryName = \"/usr/bin/runc\"\nCriuImagePath = \"\"\nCriuPath = '/criu'\n"
		      "CriuWorkPath = \"/w\"\nIoGid = 100\nIoUid = 1000\nNoNewKeyring = true\n"
		      "NoPivotRoot = false\nRoot = \"/run/runc\"\nShimCgroup = \"/s\"\n"
		      "SystemdCgroup = true\nTypeUrl = \"x\"\n",
		      &options, &err) == 0);
	CHECK_TEXT(options.binary_name, "/usr/bin/runc");
	CHECK_TEXT(options.criu_path, "/criu");
	CHECK_TEXT(options.criu_work_path, "/w");
	CHECK(!options.criu_image_path && options.io_gid == 100 && options.io_uid == 1000);
	CHECK(options.no_new_keyring && !options.no_pivot_root && options.systemd_cgroup);
	CHECK_TEXT(options.root, "/run/runc");
	CHECK_TEXT(options.shim_cgroup, "/s");
	options_done(&options);
}

TEST(reads_toml_as_people_write_it)
{
	struct options options = { 0 };
	struct err err;
	static const char toml[] =
		"# comment\r\n\r\n  systemdCgroup=true# "
		"c\n\"BinaryName\"\t=\t\"a\\tb\\\"\\u00e4\\U0001F600\"\n"
		"list = [ 1, \"]\", # ]\n  { a = ']' },\n]\nfloat = -1.5e3\nwhen = "
		"2024-01-01T00:00:00Z\n"
		"hex = 0xff\ninf = inf\n'quoted key' = {}\n[other]\nRoot = \"no\"\n"
		"[plugins.\"io.containerd\".runtimes.azl.options]\nIoUid = 5\nempty = "
		"[]\n[[many.options2]]\nIoUid = 6\n"
		"[x]\noptions.IoGid = 7\nother.IoGid = 8\n[ options ]\nCriuPath = 'c:\\d'";

	CHECK(options_parse_toml(toml, sizeof(toml) - 1, &options, &err) == 0);
	CHECK(options.systemd_cgroup && options.io_uid == 5 && options.io_gid == 7);
	CHECK_TEXT(options.binary_name, "a\tb\"\xc3\xa4\xf0\x9f\x98\x80");
	CHECK(!options.root);
	CHECK_TEXT(options.criu_path, "c:\\d");
	options_done(&options);
}

TEST(tells_line_and_key_of_what_is_wrong_in_toml)
{
	static const struct {
		const char *toml;
		const char *msg;
	} cases[] = {
		{ "BinaryName = runc\n",
		  "line 1: BinaryName: this is no value; strings want quotes" },
		{ "\n\nSystemdCgroup = \"true\"\n", "line 3: SystemdCgroup: wants true or false" },
		{ "SystemdCgroup = 1\n", "line 1: SystemdCgroup: wants true or false" },
		{ "IoUid = -1\n", "line 1: IoUid: wants a number from 0 to 4294967295" },
		{ "IoUid = 4294967296\n", "line 1: IoUid: wants a number from 0 to 4294967295" },
		{ "IoUid = 1.5\n", "line 1: IoUid: wants a number from 0 to 4294967295" },
		{ "Root = 5\n", "line 1: Root: wants a text in quotes" },
		{ "Root = [\n\"a\"\n]\n", "line 1: Root: wants a text in quotes" },
		{ "Root = \"a\n\"\n", "line 1: Root: the string does not end" },
		{ "Root = \"a", "line 1: Root: the string does not end" },
		{ "Root = \"\"\"a\"\"\"\n", "line 1: Root: multi-line strings are not supported" },
		{ "Root = \"\\x41\"\n", "line 1: Root: unknown escape in a string" },
		{ "Root = \"\\u00\"\n", "line 1: Root: unknown escape in a string" },
		{ "Root = \"\\u0000\"\n", "line 1: Root: no such character" },
		{ "Root = \"\\ud800\"\n", "line 1: Root: no such character" },
		{ "Root = \"a\" \"b\"\n", "line 1: Root: something stands behind the value" },
		{ "Root\n", "line 1: Root: no = behind the key" },
		{ "Root =\n", "line 1: Root: no value" },
		{ "Root = # c\n", "line 1: Root: no value" },
		{ "x = 1\n= 2\n", "line 2: no key, or a strange character in it" },
		{ "[a\nx = 1\n", "line 1: a: the name of the table does not end with ]" },
		{ "[[a]\n", "line 1: a: the name of the table does not end with ]" },
		{ "[a] b\n", "line 1: a: something stands behind the value" },
		{ "x = [1, 2\n", "line 2: x: brackets do not end, or are too deep" },
		{ "x = [1}\n", "line 1: x: brackets do not match" },
		{ "a..b = 1\n", "line 1: a: no key, or a strange character in it" },
		{ "x = 1\xff\n", "not UTF-8, or a NUL byte in it" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct options options = { 0 };
		struct err err = { 0 };

		CHECK(options_parse_toml(cases[i].toml, strlen(cases[i].toml), &options, &err) ==
		      -EBADMSG);
		CHECK_TEXT(err.msg, cases[i].msg);
		options_done(&options);
	}
}

TEST(names_the_message_in_its_errors)
{
	struct options options;
	struct err err;

	CHECK(parse_body("Root = 1", &options, &err) == -EBADMSG);
	CHECK_TEXT(err.msg, "options runtimeoptions.v1.Options: config_body: line 1: Root: wants a "
			    "text in quotes");
	CHECK(is_default(&options));
}

/* Decode runtime options that name a file. */
static int parse_path(const char *path, struct options *options, struct err *err)
{
	Pb__RuntimeOptions message = PB__RUNTIME_OPTIONS__INIT;
	char copy[256];

	(void)snprintf(copy, sizeof(copy), "%s", path);
	message.config_path = copy;
	return parse("runtimeoptions.v1.Options", &message.base, options, err);
}

TEST(reads_the_file_that_the_options_name)
{
	struct folder folder = folder_new();
	struct options options;
	struct err err;
	char path[128];
	static char big[OPTIONS_FILE_MAX_BYTES + 1];

	(void)snprintf(path, sizeof(path), "%s/azl.toml", folder.path);
	folder_put_text(&folder, "azl.toml", "[options]\nRoot = \"/r\"\n");
	CHECK(parse_path(path, &options, &err) == 0);
	CHECK_TEXT(options.root, "/r");
	options_done(&options);
	folder_put_text(&folder, "azl.toml", "");
	CHECK(parse_path(path, &options, &err) == 0 && is_default(&options));
	folder_put_text(&folder, "azl.toml", "Root = \"/r\"\nBinaryName = x\n");
	CHECK(parse_path(path, &options, &err) == -EBADMSG && is_default(&options));
	CHECK(strstr(err.msg, path) && strstr(err.msg, "line 2: BinaryName: "));
	memset(big, '\n', sizeof(big));
	folder_put(&folder, "azl.toml", big, sizeof(big));
	CHECK(parse_path(path, &options, &err) == -EFBIG);
	CHECK(parse_path("/nowhere/azl.toml", &options, &err) == -ENOENT);
	CHECK(parse_path("azl.toml", &options, &err) == -EINVAL);
	CHECK(parse_path("/dev/zero", &options, &err) == -EINVAL);
	CHECK(parse_path(folder.path, &options, &err) == -EINVAL);
	folder_done(&folder);
}

TEST(refuses_a_message_that_is_none)
{
	static char type[] = "containerd.runc.v1.Options";
	static uint8_t value[] = { 0x1a, 0x05, 'a' };
	Pb__Any any = PB__ANY__INIT;
	struct options options = { .io_uid = 1 };
	struct err err;

	any.type_url = type;
	any.value.data = value;
	any.value.len = sizeof(value);
	CHECK(options_parse(&any, &options, &err) == -EBADMSG);
	CHECK_TEXT(err.msg, "options containerd.runc.v1.Options: message: broken encoding");
	CHECK(is_default(&options));
}

TEST(writes_what_the_reference_shim_writes)
{
	static char binary[] = "/usr/\"bin\"/runc";
	struct folder folder = folder_new();
	struct options options = { .no_pivot_root = true,
				   .systemd_cgroup = true,
				   .io_gid = 4294967295U,
				   .binary_name = binary,
				   .root = text_a };
	struct err err;
	char text[256];

	CHECK(options_write(folder.fd, &options, &err) == 0);
	CHECK(fd_read_text(folder.fd, "options.json", text, sizeof(text)) > 0);
	CHECK_TEXT(text, "{\"no_pivot_root\":true,\"io_gid\":4294967295,"
			 "\"binary_name\":\"/usr/\\\"bin\\\"/runc\",\"root\":\"/a\","
			 "\"systemd_cgroup\":true}");
	CHECK(fd_read_text(folder.fd, "runtime", text, sizeof(text)) > 0);
	CHECK_TEXT(text, "/usr/\"bin\"/runc");
	CHECK(folder_mode(&folder, "options.json") == 0600);
	CHECK(folder_mode(&folder, "runtime") == 0600);
	CHECK(folder_count(&folder) == 2);
	options = (struct options){ 0 };
	CHECK(options_write(folder.fd, &options, &err) == 0);
	CHECK(fd_read_text(folder.fd, "options.json", text, sizeof(text)) == 2);
	CHECK_TEXT(text, "{}");
	CHECK(fd_read_text(folder.fd, "runtime", text, sizeof(text)) == 0);
	folder_done(&folder);
}

TEST(reads_what_the_reference_shim_wrote)
{
	struct folder folder = folder_new();
	struct options options;
	struct err err;

	CHECK(options_read(folder.fd, &options, &err) == 1 && is_default(&options));
	folder_put_text(&folder, "runtime", "/usr/bin/crun");
	CHECK(options_read(folder.fd, &options, &err) == 0);
	CHECK_TEXT(options.binary_name, "/usr/bin/crun");
	options_done(&options);
	folder_put_text(
		&folder, "options.json",
		"{\"no_new_keyring\":true,\"shim_cgroup\":\"\\u003c\\u0026\",\"io_uid\":1,"
		"\"binary_name\":\"runc\",\"root\":\"/r\",\"criu_path\":\"/c\","
		"\"criu_image_path\":null,\"criu_work_path\":\"/w\",\"task_api_version\":3}\n");
	CHECK(options_read(folder.fd, &options, &err) == 0);
	CHECK(options.no_new_keyring && options.io_uid == 1 && !options.criu_image_path);
	CHECK_TEXT(options.shim_cgroup, "<&");
	CHECK_TEXT(options.root, "/r");
	CHECK_TEXT(options.criu_work_path, "/w");
	CHECK_TEXT(options.binary_name, "/usr/bin/crun"); /* the file `runtime` counts */
	options_done(&options);
	(void)unlinkat(folder.fd, "runtime", 0);
	CHECK(options_read(folder.fd, &options, &err) == 0);
	CHECK_TEXT(options.binary_name, "runc");
	options_done(&options);
	folder_put_text(&folder, "options.json", "null");
	CHECK(options_read(folder.fd, &options, &err) == 0 && is_default(&options));
	folder_done(&folder);
}

TEST(refuses_broken_files_of_a_bundle)
{
	static const struct {
		const char *text;
		int code;
		const char *msg;
	} cases[] = {
		{ "", -EBADMSG, "options.json: not JSON at byte 0: " },
		{ "{\"root\":1}", -EINVAL, "options.json: root: invalid argument" },
		{ "{\"root\":\"a\\u0000\"}", -EINVAL, "options.json: root: invalid argument" },
		{ "{\"io_uid\":-1}", -ERANGE, "options.json: io_uid: " },
		{ "{\"systemd_cgroup\":\"true\"}", -EINVAL, "options.json: systemd_cgroup: " },
		{ "[]", -EINVAL, "options.json: document: " },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct folder folder = folder_new();
		struct options options = { .io_uid = 1 };
		struct err err;

		folder_put_text(&folder, "options.json", cases[i].text);
		folder_put_text(&folder, "runtime", "runc");
		CHECK(options_read(folder.fd, &options, &err) == cases[i].code);
		CHECK(strncmp(err.msg, cases[i].msg, strlen(cases[i].msg)) == 0);
		CHECK(is_default(&options));
		folder_done(&folder);
	}
}

TEST(reads_checkpoint_options_of_both_ages)
{
	static const char *const types[] = { "containerd.runc.v1.CheckpointOptions",
					     "containerd.linux.runc.CheckpointOptions" };
	char *namespaces[] = { text_net };
	Pb__CheckpointOptions message = PB__CHECKPOINT_OPTIONS__INIT;

	message.exit = true;
	message.file_locks = true;
	message.empty_namespaces = namespaces;
	message.n_empty_namespaces = 1;
	message.image_path = text_a; /* field 8 */
	message.work_path = text_b;  /* field 9 */
	for (int legacy = 0; legacy < 2; legacy++) {
		struct checkpoint_options options;
		struct buf value = { 0 };
		Pb__Any any = PB__ANY__INIT;
		char type[128];
		struct err err;

		CHECK(message_pack(&message.base, &value, LIMIT) == 0);
		(void)snprintf(type, sizeof(type), "%s", types[legacy]);
		any.type_url = type;
		any.value.data = value.data;
		any.value.len = value.len;
		CHECK(checkpoint_options_parse(&any, &options, &err) == 0);
		CHECK(options.exit && options.file_locks && !options.open_tcp);
		CHECK_TEXT(options.image_path, legacy ? "/b" : "/a");
		CHECK_TEXT(options.work_path, legacy ? "/a" : "/b");
		CHECK(options.empty_namespaces && !options.empty_namespaces[1]);
		CHECK(!options.parent_path && !options.cgroups_mode);
		checkpoint_options_done(&options);
		type[0] = 'x';
		CHECK(checkpoint_options_parse(&any, &options, &err) == 1 && !options.image_path);
		CHECK(checkpoint_options_parse(NULL, &options, &err) == 0 && !options.exit);
		buf_done(&value);
	}
}
