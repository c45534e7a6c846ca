/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/bootstrap.h"

#include <errno.h>
#include <string.h>

#include "config/base/buf.h"
#include "config/base/err.h"
#include "shim/message.h"
#include "shim/proto/options.pb-c.h"
#include "tests/unit/guard.h"
#include "tests/unit/test.h"

#pragma GCC diagnostic ignored "-Wcast-qual" /* the initialisers of protobuf-c cast const away */

enum { LIMIT = 1 << 16 };

static char text_id[] = "abc";
static char text_ns[] = "k8s.io";

/* Encode a message and decode it as the standard input of `start` of container abc in k8s.io. */
static int parse(const ProtobufCMessage *message, struct bootstrap *bootstrap)
{
	struct buf bytes = { 0 };
	struct guard guard;
	struct err err;
	int code;

	CHECK(message_pack(message, &bytes, LIMIT) == 0);
	guard = guard_copy(bytes.data, bytes.len);
	code = bootstrap_parse(guard.bytes, bytes.len, text_id, text_ns, bootstrap, &err);
	guard_done(&guard);
	buf_done(&bytes);
	return code;
}

static Pb__BootstrapParams params_for(char *id)
{
	Pb__BootstrapParams params = PB__BOOTSTRAP_PARAMS__INIT;

	params.instance_id = id;
	params.namespace_ = text_ns;
	return params;
}

TEST(reads_params_of_containerd_2_3)
{
	static char dir[] = "/tmp/s";
	static char ttrpc[] = "/run/c.ttrpc";
	static char empty_type[] = "google.protobuf.Empty";
	static char options_type[] = "type.googleapis.com/containerd.runc.v1.Options";
	Pb__BootstrapParams params = params_for(text_id);
	Pb__Any empty = PB__ANY__INIT;
	Pb__Any options = PB__ANY__INIT;
	Pb__Extension extensions[3] = { PB__EXTENSION__INIT, PB__EXTENSION__INIT,
					PB__EXTENSION__INIT };
	Pb__Extension *list[] = { &extensions[0], &extensions[1], &extensions[2] };
	struct bootstrap bootstrap;

	empty.type_url = empty_type;
	options.type_url = options_type;
	extensions[1].value = &empty;
	extensions[2].value = &options;
	params.log_level = -4;
	params.socket_dir = dir;
	params.containerd_ttrpc_address = ttrpc;
	params.extensions = list;
	params.n_extensions = 3;
	CHECK(parse(&params.base, &bootstrap) == 0);
	CHECK(bootstrap.versioned && bootstrap.debug);
	CHECK_TEXT(bootstrap.socket_dir, "/tmp/s");
	CHECK_TEXT(bootstrap.ttrpc_address, "/run/c.ttrpc");
	CHECK(bootstrap.options && strcmp(bootstrap.options->type_url, options_type) == 0);
	bootstrap_done(&bootstrap);
	CHECK(!bootstrap.options && !bootstrap.versioned);
	params.n_extensions = 2; /* none that we know: the first that says something */
	CHECK(parse(&params.base, &bootstrap) == 0);
	CHECK(bootstrap.options && strcmp(bootstrap.options->type_url, empty_type) == 0);
	bootstrap_done(&bootstrap);
}

TEST(params_may_be_bare)
{
	Pb__BootstrapParams params = params_for(text_id);
	struct bootstrap bootstrap;

	CHECK(parse(&params.base, &bootstrap) == 0);
	CHECK(bootstrap.versioned && !bootstrap.debug && !bootstrap.options);
	CHECK(!bootstrap.socket_dir && !bootstrap.ttrpc_address);
	bootstrap_done(&bootstrap);
}

/* An Any has two texts in the same places: only their values tell (containerd pull 13764). */
TEST(reads_an_any_as_such)
{
	static char type[] = "containerd.runc.v1.Options";
	static uint8_t value[] = { 0x48, 0x01 };
	Pb__Any any = PB__ANY__INIT;
	struct bootstrap bootstrap;

	any.type_url = type;
	any.value.data = value;
	any.value.len = sizeof(value);
	CHECK(parse(&any.base, &bootstrap) == 0);
	CHECK(!bootstrap.versioned && bootstrap.options);
	CHECK_TEXT(bootstrap.options->type_url, type);
	CHECK(bootstrap.options->value.len == 2);
	bootstrap_done(&bootstrap);
}

TEST(params_for_another_container_are_none)
{
	static char other[] = "other";
	Pb__BootstrapParams params = params_for(other);
	struct bootstrap bootstrap;

	CHECK(parse(&params.base, &bootstrap) == 0);
	CHECK(!bootstrap.versioned);
	bootstrap_done(&bootstrap);
}

TEST(goes_on_with_nothing_and_with_rubbish)
{
	struct bootstrap bootstrap;
	struct err err;

	CHECK(bootstrap_parse(NULL, 0, "abc", "ns", &bootstrap, &err) == 0);
	CHECK(!bootstrap.versioned && !bootstrap.options);
	CHECK(bootstrap_parse((const uint8_t *)"\xff\xff", 2, "abc", "ns", &bootstrap, &err) == 1);
	CHECK(!bootstrap.versioned && !bootstrap.options);
	bootstrap_done(&bootstrap);
}

static void check_answer(bool versioned, const char *forced, const char *want)
{
	struct buf out = { 0 };

	CHECK(bootstrap_answer(versioned, forced, "unix:///run/s/x", &out) == 0);
	CHECK(buf_add(&out, "", 1, LIMIT) == 0);
	CHECK_TEXT((const char *)out.data, want);
	CHECK(bootstrap_announces_v3(versioned, forced) == (want[0] == '{'));
	buf_done(&out);
}

TEST(answers_what_the_peer_understands)
{
	static const char json[] =
		"{\"version\":3,\"address\":\"unix:///run/s/x\",\"protocol\":\"ttrpc\"}";

	check_answer(false, NULL, "unix:///run/s/x");
	check_answer(true, NULL, json);
	check_answer(false, "3", json);
	check_answer(true, "3", json);
	check_answer(true, "2", "unix:///run/s/x");
	check_answer(false, "2", "unix:///run/s/x");
	check_answer(false, "", "unix:///run/s/x");
	check_answer(true, "4", json);
}

/* Made with Go: sha256.Sum256([]byte(filepath.Join(address, ns, id))). */
TEST(finds_the_socket_where_every_other_shim_finds_it)
{
	static const struct {
		const char *address, *ns, *id, *hash;
	} cases[] = {
		{ "/run/containerd/containerd.sock", "k8s.io", "abc",
		  "a99a1752d3a0fadfb1f869026f16760475df03a572e20f4ccea9e6c1e5470b72" },
		{ "/run//containerd/./x/../containerd.sock/", "default", "a",
		  "82795ca4b9b166c1139546afbf9dfd59d74776e0b49c8edfbb195f9d8b9e94a6" },
		{ "run/c.sock", "ns", "id",
		  "ca6a945e73952f53fc1b15475ab93a02a3c306866dd7af3f3e31403b62b1869b" },
		{ "", "ns", "id",
		  "5fac6d261ce2b141fb306379f49b369314e0f558974b34c27d56d3f75a45f168" },
		{ "/", "ns", "id",
		  "5d9261034466c247d6bfd923806cacedc951010ed05cee9df78d8f126249519d" },
		{ "../../x", "ns", "id",
		  "46c69b15165a21595ae15304d6fbf845ca8570b6dd29b0b4f284bb67be11ac49" },
		{ "a", "..", "id",
		  "a56145270ce6b3bebd1dd012b73948677dd618d496488bc608a3cb43ce3547dd" },
		{ "/a", "../../..", "id",
		  "031021627bad8f984d8969f8cd72653a61f7b1b1647ca08fca9c9496fd56a705" },
		{ "a/b", "../../../..", "../id",
		  "2fb6dcb1444629e160d5b779f716dc8492ab6114ef6f27d647f16cd4de0d3397" },
		{ "", "", "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ ".", "", "", "cdb4ee2aea69cc6a83331bbe96dc2caa9a299d21329efb0336fc02a82e1839a8" },
		{ "/run/c.sock", "ns", "/group/./a//b/",
		  "1fe0a5b7ee43d42fc7c1ed0263190dedb7e1180bb1edcababde982e7cb6b39d6" },
		{ "..", "..", "..",
		  "297823c2f472cdfefd4dfdec487f9069aaf971ac18839bbb2dd4f2c7f3ca57ca" },
		{ "", "", "/x",
		  "b3d1db318671a024a7e4b433389f8820d6ca466e2cf700afc29f37ed64f2fa0d" },
		{ "a", "..", "",
		  "cdb4ee2aea69cc6a83331bbe96dc2caa9a299d21329efb0336fc02a82e1839a8" },
		{ "./..//...", "..a", "b..",
		  "b1551a3c45ad64eee32f5dbd4a2d08ddf209c34cf5c185b80ed2456c2685ef11" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char path[BOOTSTRAP_SOCKET_ROOM];
		struct err err;

		CHECK(bootstrap_socket_path(BOOTSTRAP_SOCKET_DIR, cases[i].address, cases[i].ns,
					    cases[i].id, path, &err) == 0);
		CHECK(strncmp(path, "/run/containerd/s/", 18) == 0);
		CHECK_TEXT(path + 18, cases[i].hash);
	}
}

TEST(refuses_a_socket_path_that_is_too_long)
{
	static const char dir[] = "/tmp/containerd-s-4294967295/aaaaaaaaaaaa"; /* 41 bytes */
	char path[BOOTSTRAP_SOCKET_ROOM] = "kept";
	static char huge[10000];
	char longer[sizeof(dir) + 1];
	struct err err;

	CHECK(strlen(dir) == 41);
	(void)snprintf(longer, sizeof(longer), "%sx", dir);
	CHECK(bootstrap_socket_path(longer, "a", "b", "c", path, &err) == -ENAMETOOLONG);
	memset(huge, 'x', sizeof(huge) - 1);
	CHECK(bootstrap_socket_path("/s", huge, "b", "c", path, &err) == -ENAMETOOLONG);
	CHECK(bootstrap_socket_path("/s", "a", "b", huge, path, &err) == -ENAMETOOLONG);
	CHECK_TEXT(path, "kept");
	CHECK(bootstrap_socket_path(dir, "a", "b", "c", path, &err) == 0);
	CHECK(strlen(path) == BOOTSTRAP_SOCKET_MAX_BYTES);
}
