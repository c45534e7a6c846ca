/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "cni/args.h"
#include "cni/error.h"
#include "cni/http.h"
#include "cni/ipam/ipam.h"
#include "cni/netconf.h"
#include "config/base/fd.h"
#include "tests/unit/ipam_world.h"
#include "tests/unit/test.h"

#define CONFIG "{\"cniVersion\":\"1.1.0\",\"name\":\"net\",\"ipam\":{\"type\":\"stand-in\"}}"
/* Notes the verb and what it reads. */
#define NOTES "#!/bin/sh\nd=${0%/*}\necho \"$CNI_COMMAND $CNI_IFNAME\" >> $d/log\ncat > $d/in\n"
/* Notes whom it is asked for. */
#define NOTES_WHOM                                                                                 \
	"#!/bin/sh\nset -eu\nd=${0%/*}\n"                                                          \
	"echo \"$CNI_COMMAND $CNI_CONTAINERID $CNI_NETNS $CNI_IFNAME $CNI_ARGS $OTHER\" >> "       \
	"$d/log\n"

static char log_text[256];

static void world(const char *script)
{
	static char path[128];

	ipam_world_begin();
	(void)snprintf(path, sizeof(path), "/nowhere::%s", folder.path);
	(void)setenv("CNI_COMMAND", "GC", 1);
	args.container = "c1";
	args.netns = "/n";
	args.ifname = "eth0";
	args.text = "A=1";
	args.path = path;
	netconf.ipam = IPAM_DELEGATE;
	netconf.version = CNI_V1_1_0;
	netconf.ipam_type = (char *)(uintptr_t) "stand-in";
	request.config = CONFIG;
	request.config_len = strlen(CONFIG);
	if (!script)
		return;
	folder_put_text(&folder, "stand-in", script);
	if (fchmodat(folder.fd, "stand-in", 0755, 0) < 0)
		abort();
}

static const char *notes(const char *name)
{
	log_text[0] = '\0';
	(void)fd_read_text(folder.fd, name, log_text, sizeof(log_text));
	return log_text;
}

TEST(a_plugin_gives_addresses_routes_and_servers)
{
	world(NOTES
	      "echo '{\"cniVersion\":\"1.1.0\",\"ips\":[{\"address\":\"10.5.0.2/24\","
	      "\"gateway\":\"10.5.0.1\"},{\"address\":\"fd00::2/64\"}],"
	      "\"routes\":[{\"dst\":\"10.0.0.0/8\"}],\"dns\":{\"nameservers\":[\"1.1.1.1\"]}}'");
	CHECK(ipam_delegate.add(&request, &answer, &err) == 0);
	CHECK(answer.n_ips == 2 && answer.ips[0].address.prefix == 24 &&
	      answer.ips[0].gateway.bytes[3] == 1 && answer.ips[0].interface == -1);
	CHECK(answer.n_routes == 1);
	CHECK_TEXT(answer.dns.nameservers[0], "1.1.1.1");
	CHECK_TEXT(notes("log"), "ADD eth0");
	CHECK_TEXT(notes("in"), CONFIG);
	CHECK(ipam_delegate.del(&request, &err) == 0);
	CHECK_TEXT(notes("log"), "ADD eth0\nDEL eth0");
	ipam_world_end();
}

TEST(an_error_keeps_its_code_and_words_and_nothing_is_held)
{
	world(NOTES "echo '{\"code\":11,\"msg\":\"later\",\"details\":\"please\"}'\nexit 1");
	CHECK(ipam_delegate.add(&request, &answer, &err) == -(CNI_ERR_BASE + CNI_TRY_AGAIN));
	CHECK_TEXT(err.msg, "ipam stand-in: later: please");
	CHECK_TEXT(notes("log"), "ADD eth0\nDEL eth0");
	CHECK(ipam_delegate.status(&request, &err) == -(CNI_ERR_BASE + CNI_TRY_AGAIN));
	ipam_world_end();
}

TEST(a_plugin_that_says_nothing_useful_is_named)
{
	world(NOTES "echo oh no\nexit 3");
	CHECK(ipam_delegate.add(&request, &answer, &err) == -(CNI_ERR_BASE + CNI_IO));
	CHECK(strstr(err.msg, "stand-in") && strstr(err.msg, "status 3"));
	ipam_world_end();
	world(NOTES "echo '{}'");
	CHECK(ipam_delegate.add(&request, &answer, &err) < 0);
	CHECK_TEXT(notes("log"), "ADD eth0\nDEL eth0");
	ipam_world_end();
	world(NOTES "kill -9 $$");
	CHECK(ipam_delegate.add(&request, &answer, &err) == -(CNI_ERR_BASE + CNI_IO));
	CHECK(strstr(err.msg, "signal 9"));
	ipam_world_end();
}

TEST(names_with_slashes_and_unknown_ones_are_refused)
{
	static const char *const bad[] = { "../stand-in", "/bin/true", "", "..", "stand-out" };

	world(NOTES);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		netconf.ipam_type = (char *)(uintptr_t)bad[i];
		CHECK(ipam_delegate.add(&request, &answer, &err) ==
		      -(CNI_ERR_BASE + CNI_CONFIG_INVALID));
		CHECK(!strstr(err.msg, "not found"));
	}
	CHECK_TEXT(notes("log"), "");
	ipam_world_end();
}

TEST(late_verbs_are_forwarded_where_they_are_known)
{
	world(NOTES "echo '{\"code\":4,\"msg\":\"unknown CNI_COMMAND: GC\"}'\nexit 1");
	CHECK(ipam_delegate.gc(&request, NULL, NULL, &err) == 0);
	CHECK(ipam_delegate.status(&request, &err) == 0);
	CHECK(ipam_delegate.check(&request, NULL, 0, &err) == -(CNI_ERR_BASE + 4));
	CHECK_TEXT(notes("log"), "GC eth0\nSTATUS eth0\nCHECK eth0");
	netconf.version = CNI_V0_3_1;
	CHECK(ipam_delegate.gc(&request, NULL, NULL, &err) == 0);
	CHECK(ipam_delegate.check(&request, NULL, 0, &err) == 0);
	CHECK_TEXT(notes("log"), "GC eth0\nSTATUS eth0\nCHECK eth0");
	ipam_world_end();
}

TEST(who_hangs_is_killed_and_who_leaves_something_running_is_not_waited_for)
{
	int64_t began = http_now_ms();

	world("#!/bin/sh\nexec sleep 30");
	request.until_ms = http_now_ms() + 300;
	CHECK(ipam_delegate.del(&request, &err) == -(CNI_ERR_BASE + CNI_TRY_AGAIN));
	ipam_world_end();
	world("#!/bin/sh\nsleep 25 &\nexit 0");
	CHECK(ipam_delegate.del(&request, &err) == 0);
	CHECK(http_now_ms() - began < 20000);
	ipam_world_end();
}

TEST(output_has_a_bound)
{
	world("#!/bin/sh\nexec head -c 3000000 /dev/zero");
	CHECK(ipam_delegate.del(&request, &err) == -(CNI_ERR_BASE + CNI_DECODE));
	ipam_world_end();
}

TEST(a_plugin_is_asked_for_the_attachment_of_the_request_whatever_we_were_called_for)
{
	static const char *const names[] = { "CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME",
					     "CNI_ARGS", "CNI_PATH" };

	(void)setenv("OTHER", "kept", 1);
	for (int called = 0; called < 2; called++) {
		world(NOTES_WHOM);
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			(void)(called ? setenv(names[i], "another", 1) : unsetenv(names[i]));
		CHECK(ipam_delegate.del(&request, &err) == 0);
		CHECK_TEXT(notes("log"), "DEL c1 /n eth0 A=1 kept");
		ipam_world_end();
	}
}
