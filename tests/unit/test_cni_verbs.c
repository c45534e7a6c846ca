/* SPDX-License-Identifier: Apache-2.0 */
#include "cni/verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cni/args.h"
#include "cni/datapath/datapath.h"
#include "cni/error.h"
#include "cni/ipam/ipam.h"
#include "cni/lease.h"
#include "cni/netconf.h"
#include "config/base/buf.h"
#include "config/base/clean.h"
#include "config/base/fd.h"
#include "tests/unit/folder.h"
#include "tests/unit/test.h"

/* ---- parts that note what is asked of them, in order ---- */

static char journal[1024];
static const char *failing; /* the act that fails: "ipam.add" */
static int failing_code = CNI_TRY_AGAIN;
static bool may_use_all;
static struct datapath_plan last_plan;
static struct cni_ip last_ips[NETCONF_RANGES_MAX];
static int exhausted_left; /* so many ipam.add fail first */
static bool few_files;	   /* while path.gc asks who lives, one more can be opened */

static int act(const char *name, struct err *err)
{
	size_t used = strlen(journal);

	(void)snprintf(journal + used, sizeof(journal) - used, "%s%s", used ? " " : "", name);
	if (failing && strcmp(failing, name) == 0)
		return cni_err(err, failing_code, "%s: thing not found", name);
	return 0;
}

static int fake_ipam_add(const struct ipam_request *request, struct ipam_answer *answer,
			 struct err *err)
{
	int code = act("ipam.add", err);

	if (code == 0 && exhausted_left > 0) {
		exhausted_left--;
		code = cni_err(err, CNI_ADDRESS_EXHAUSTED, "no more");
	}
	if (code < 0)
		return code;
	CHECK(lease_exists(request->dir, request->key)); /* noted before anything is made */
	answer->n_ips = 1;
	answer->ips[0].interface = -1;
	CHECK(address_parse("10.0.0.5/32", &answer->ips[0].address) == 0);
	answer->n_routes = 1;
	answer->routes[0].table = -1;
	CHECK(address_parse("0.0.0.0/0", &answer->routes[0].dst) == 0);
	answer->dns.domain = strdup("from.ipam");
	return 0;
}

static int fake_ipam_del(const struct ipam_request *request, struct err *err)
{
	(void)request;
	return act("ipam.del", err);
}

static int fake_ipam_check(const struct ipam_request *request, const struct cni_ip *ips,
			   size_t n_ips, struct err *err)
{
	(void)request;
	CHECK(n_ips == 1 && ips[0].address.bytes[3] == 5);
	return act("ipam.check", err);
}

static int fake_ipam_status(const struct ipam_request *request, struct err *err)
{
	(void)request;
	return act("ipam.status", err);
}

static int fake_ipam_gc(const struct ipam_request *request,
			bool (*is_alive)(void *owner, const char *key), void *owner,
			struct err *err)
{
	char key[LEASE_KEY_ROOM];

	(void)request;
	lease_key("keep", "eth0", key);
	(void)act(is_alive(owner, key) ? "keep=1" : "keep=0", err);
	lease_key("gone", "eth0", key);
	(void)act(is_alive(owner, key) ? "gone=1" : "gone=0", err);
	return act("ipam.gc", err);
}

static struct ipam fake_ipam = {
	.name = "ranges",
	.add = fake_ipam_add,
	.del = fake_ipam_del,
	.check = fake_ipam_check,
	.status = fake_ipam_status,
	.gc = fake_ipam_gc,
};

static int fake_add(const struct datapath_plan *plan, struct cni_result *result, struct err *err)
{
	int code = act("path.add", err);

	if (code < 0)
		return code;
	CHECK(plan->netns >= 0 && plan->n_ips == 1 && plan->n_routes == 1); /* none twice */
	last_plan = *plan;
	result->n_interfaces = 2;
	(void)snprintf(result->interfaces[0].name, CNI_NAME_ROOM, "%s", plan->host_name);
	(void)snprintf(result->interfaces[1].name, CNI_NAME_ROOM, "%s", plan->ifname);
	result->interfaces[1].sandbox = strdup(plan->netns_path);
	result->n_ips = 1;
	result->ips[0] = plan->ips[0];
	result->ips[0].interface = 1;
	return 0;
}

static int fake_del(const struct datapath_plan *plan, struct err *err)
{
	last_plan = *plan;
	return act(plan->netns >= 0 ? "path.del" : "path.del-", err);
}

static int fake_check(const struct datapath_plan *plan, const struct cni_result *expected,
		      struct err *err)
{
	CHECK(plan->n_ips == 1 && expected->n_ips == 1);
	return act("path.check", err);
}

static int fake_status(const struct datapath_plan *plan, struct err *err)
{
	last_plan = *plan;
	for (size_t i = 0; i < plan->n_ips; i++)
		last_ips[i] = plan->ips[i];
	return act("path.status", err);
}

static const struct datapath fake_datapath = { "routed", fake_add, fake_del, fake_check,
					       fake_status };

static const struct ipam *fake_ipam_of(const struct netconf *netconf)
{
	return netconf->ipam == IPAM_NONE ? NULL : &fake_ipam;
}

/* Any file is a namespace here. */
static int fake_netns_open(const char *path, int *netns, struct err *err)
{
	(void)err;
	*netns = open(path, O_RDONLY | O_CLOEXEC);
	return *netns < 0;
}

static bool fake_may_use(const struct address *address, const char *host_name)
{
	(void)address;
	CHECK(strncmp(host_name, "azc", 3) == 0);
	return may_use_all;
}

static int fake_claim(const struct address *address, const char *master, struct err *err)
{
	(void)address, (void)master;
	return act("claim", err);
}

static int fake_gc(bool (*is_alive)(void *owner, const char *container, const char *ifname),
		   void *owner, struct err *err)
{
	struct rlimit all;
	struct rlimit few;
	int next = dup(STDIN_FILENO);

	(void)close(next);
	CHECK(getrlimit(RLIMIT_NOFILE, &all) == 0);
	few = all;
	if (few_files)
		few.rlim_cur = (rlim_t)next + 1;
	CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
	(void)act(is_alive(owner, "keep", "eth0") ? "end=1" : "end=0", err);
	(void)act(is_alive(owner, "gone", "eth0") ? "end=1" : "end=0", err);
	CHECK(setrlimit(RLIMIT_NOFILE, &all) == 0);
	return act("path.gc", err);
}

static const struct ipam *const fake_ipams[] = { &fake_ipam, NULL };
static const struct datapath *const fake_datapaths[] = { &fake_datapath, NULL };

static struct verbs_parts parts = {
	.ipams = fake_ipams,
	.datapaths = fake_datapaths,
	.ipam_of = fake_ipam_of,
	.netns_open = fake_netns_open,
	.may_use = fake_may_use,
	.claim = fake_claim,
	.datapath_gc = fake_gc,
};

/* ---- a world ---- */

static char root[64];

struct world {
	struct folder folder;
	char netns[96];
	struct buf out;
	struct err err;
	unsigned int version;
};

#define CONFIG(version, more)                                                                      \
	"{\"cniVersion\":\"" version "\",\"name\":\"net\",\"ipam\":{\"type\":\"ranges\"}" more "}"

static struct world world_new(void)
{
	struct world world = { .folder = folder_new() };

	folder_put_text(&world.folder, "netns", "");
	(void)snprintf(world.netns, sizeof(world.netns), "%s/netns", world.folder.path);
	memcpy(root, world.folder.path, sizeof(root));
	parts.root = root;
	journal[0] = '\0';
	failing = NULL;
	failing_code = CNI_TRY_AGAIN;
	may_use_all = true;
	exhausted_left = 0;
	few_files = false;
	return world;
}

static void world_done(struct world *world)
{
	char command[128];

	buf_done(&world->out);
	(void)snprintf(command, sizeof(command), "rm -rf %s", world->folder.path);
	CHECK(system(command) == 0); /* NOLINT(cert-env33-c) */
	(void)fd_close(world->folder.fd);
}

static int run(struct world *world, enum cni_verb verb, const char *container, const char *netns,
	       const char *config)
{
	struct cni_args args = {
		.verb = verb, .container = container, .netns = netns, .ifname = "eth0", .path = "/p"
	};
	int code;

	buf_done(&world->out);
	journal[0] = '\0';
	world->err = (struct err){ 0 };
	code = verbs_run(&parts, &args, config, strlen(config), &world->out, &world->version,
			 &world->err);
	CHECK(buf_add(&world->out, "", 1, SIZE_MAX) == 0);
	return code < 0 ? (int)cni_code_of(&world->err) : code;
}

/* Files below the folder of the network: leases and locks. */
static int left(const struct world *world)
{
	static const char *const names[] = { "leases", "locks" };
	int n = 0;

	for (size_t i = 0; i < 2; i++) {
		struct folder sub = { .fd = -1 };

		(void)snprintf(sub.path, sizeof(sub.path), "%.40s/net/%s", world->folder.path,
			       names[i]);
		if (access(sub.path, F_OK) == 0)
			n += folder_count(&sub);
	}
	return n;
}

TEST(add_makes_and_del_unmakes_in_reverse)
{
	struct world world = world_new();

	CHECK(run(&world, CNI_ADD, "c1", world.netns, CONFIG("1.0.0", "")) == 0);
	CHECK_TEXT(journal, "ipam.add path.add");
	CHECK(strstr((char *)world.out.data, "\"cniVersion\":\"1.0.0\""));
	CHECK(strstr((char *)world.out.data, "\"domain\":\"from.ipam\""));
	CHECK(strstr((char *)world.out.data, "\"address\":\"10.0.0.5/32\""));
	CHECK(last_plan.guards.imds == GUARDS_CLOSE && last_plan.guards.wireserver == GUARDS_CLOSE);
	CHECK(left(&world) == 2);
	CHECK(run(&world, CNI_DEL, "c1", world.netns, CONFIG("1.0.0", "")) == 0);
	CHECK_TEXT(journal, "path.del ipam.del");
	CHECK_TEXT((char *)world.out.data, "");
	CHECK(left(&world) == 0);
	world_done(&world);
}

TEST(a_destination_that_is_configured_and_given_is_there_once)
{
	struct world world = world_new();

	CHECK(run(&world, CNI_ADD, "c1", world.netns,
		  CONFIG("1.0.0", ",\"routes\":[{\"dst\":\"0.0.0.0/0\"}]")) == 0);
	CHECK(run(&world, CNI_ADD, "c2", world.netns,
		  CONFIG("1.0.0", ",\"routes\":[{\"dst\":\"0.0.0.0/0\",\"table\":254}]")) == 0);
	world_done(&world);
}

TEST(del_succeeds_any_number_of_times_and_before_add)
{
	struct world world = world_new();

	for (int i = 0; i < 3; i++) {
		CHECK(run(&world, CNI_DEL, "c1", "", CONFIG("1.0.0", "")) == 0);
		CHECK_TEXT(journal, "path.del- ipam.del");
		CHECK(left(&world) == 0);
	}
	CHECK(run(&world, CNI_DEL, "c1", "/nowhere", CONFIG("0.3.0", "")) == 0);
	CHECK(run(&world, CNI_DEL, "c1", "", CONFIG("1.0.0", ",\"prevResult\":[7]")) == 0);
	CHECK(left(&world) == 0);
	world_done(&world);
}

TEST(del_without_a_namespace_takes_that_of_the_lease)
{
	struct world world = world_new();

	CHECK(run(&world, CNI_ADD, "c1", world.netns, CONFIG("1.0.0", "")) == 0);
	CHECK(run(&world, CNI_DEL, "c1", "", CONFIG("1.0.0", "")) == 0);
	CHECK_TEXT(journal, "path.del ipam.del");
	CHECK(last_plan.n_ips == 1);
	CHECK(left(&world) == 0);
	world_done(&world);
}

TEST(del_does_not_enter_a_namespace_that_came_later)
{
	struct world world = world_new();

	CHECK(run(&world, CNI_ADD, "c1", world.netns, CONFIG("1.0.0", "")) == 0);
	folder_put_text(&world.folder, "other", "");
	CHECK(renameat(world.folder.fd, "other", world.folder.fd, "netns") == 0);
	CHECK(run(&world, CNI_DEL, "c1", world.netns, CONFIG("1.0.0", "")) == 0);
	CHECK_TEXT(journal, "path.del- ipam.del");
	world_done(&world);
}

/* What is wrong with each configuration, and the words of it that DEL without a lease says. */
static const struct {
	const char *config;
	int code;
	const char *says;
} faulty[] = {
	{ CONFIG("1.0.0", ",\"guards\":{\"imd\":true}"), CNI_CONFIG_INVALID, "guards.imd" },
	{ CONFIG("1.0.0", ",\"mtu\":7"), CNI_CONFIG_INVALID, "mtu" },
	{ CONFIG("1.0.0", ",\"datapath\":\"bridge\""), CNI_CONFIG_INVALID, "datapath" },
	{ CONFIG("1.0.0", ",\"removal\":\"not found\""), CNI_CONFIG_INVALID, "\"missing\"" },
	{ CONFIG("9.9.9", ""), CNI_VERSION_INCOMPATIBLE, "9.9.9" },
	{ CONFIG("1.0.0", ","), CNI_DECODE, "configuration" },
};

TEST(del_undoes_by_the_lease_what_a_faulty_configuration_cannot)
{
	struct world world = world_new();

	for (size_t i = 0; i < sizeof(faulty) / sizeof(faulty[0]); i++) {
		CHECK(run(&world, CNI_ADD, "c1", world.netns, CONFIG("1.0.0", "")) == 0);
		failing = "path.del";
		CHECK(run(&world, CNI_DEL, "c1", world.netns, faulty[i].config) == CNI_TRY_AGAIN);
		CHECK_TEXT(world.err.msg, "path.del: thing missing");
		CHECK(left(&world) == 2);
		failing = NULL;
		CHECK(run(&world, CNI_DEL, "c1", world.netns, faulty[i].config) == 0);
		CHECK_TEXT(journal, "path.del ipam.del");
		CHECK_TEXT((char *)world.out.data, "");
		CHECK(left(&world) == 0);
	}
	world_done(&world);
}

TEST(del_with_a_faulty_configuration_and_nothing_to_go_by_says_the_fault)
{
	struct world world = world_new();

	CHECK(run(&world, CNI_ADD, "c2", world.netns, CONFIG("1.0.0", "")) == 0);
	for (size_t i = 0; i < sizeof(faulty) / sizeof(faulty[0]); i++) {
		CHECK(run(&world, CNI_DEL, "c1", world.netns, faulty[i].config) == faulty[i].code);
		CHECK(strstr(world.err.msg, faulty[i].says));
	}
	CHECK(run(&world, CNI_DEL, "c2", world.netns, "{\"name\":\"../net\",") == CNI_DECODE);
	CHECK(run(&world, CNI_DEL, "c2", world.netns, "nonsense") == CNI_DECODE);
	CHECK(run(&world, CNI_DEL, "c2", world.netns,
		  "{\"cniVersion\":\"1.0.0\",\"name\":\"net\",\"name\":\"a b\"}") ==
	      CNI_CONFIG_INVALID);
	CHECK_TEXT(journal, "");
	CHECK(left(&world) == 2);
	world_done(&world);
}

/* Turn the lease of a container into that of an ADD that was killed, or of a dead namespace. */
static void spoil(const struct world *world, const char *container, bool pending)
{
	struct lease lease = { 0 };
	struct err err;
	char key[LEASE_KEY_ROOM];
	int dir = -1;

	lease_key(container, "eth0", key);
	CHECK(lease_open(world->folder.path, "net", &dir, &err) == 0);
	CHECK(lease_read(dir, key, &lease, &err) == 0);
	if (pending)
		lease.state = LEASE_PENDING;
	else
		lease.netns_ino = 1;
	CHECK(lease_write(dir, &lease, &err) == 0);
	lease_done(&lease);
	(void)close(dir);
}

/* Of the most bytes that are accepted, each of those that say nothing written as six in a lease. */
TEST(the_largest_configuration_is_kept_in_the_lease)
{
	static const char begin[] = "{\"cniVersion\":\"1.0.0\",\"name\":\"net\",";
	static const char end[] = "\"ipam\":{\"type\":\"ranges\"}}";
	struct world world = world_new();
	struct lease lease = { 0 };
	own_mem char *config = malloc(NETCONF_MAX_BYTES + 1);
	char key[LEASE_KEY_ROOM];
	int dir = -1;

	memset(config, '\n', NETCONF_MAX_BYTES);
	memcpy(config, begin, sizeof(begin) - 1);
	memcpy(config + NETCONF_MAX_BYTES - sizeof(end) + 1, end, sizeof(end));
	CHECK(run(&world, CNI_ADD, "c1", world.netns, config) == 0);
	lease_key("c1", "eth0", key);
	CHECK(lease_open(world.folder.path, "net", &dir, &world.err) == 0);
	CHECK(lease_read(dir, key, &lease, &world.err) == 0);
	CHECK(lease.config && strcmp(lease.config, config) == 0);
	lease_done(&lease);
	(void)close(dir);
	spoil(&world, "c1", false);
	CHECK(verbs_reconcile(&parts, &world.err) == 1);
	CHECK(left(&world) == 0);
	world_done(&world);
}

TEST(an_address_is_given_back_though_the_link_stays)
{
	struct world world = world_new();

	CHECK(run(&world, CNI_ADD, "c1", world.netns, CONFIG("1.0.0", "")) == 0);
	failing = "path.del";
	CHECK(run(&world, CNI_DEL, "c1", world.netns, CONFIG("1.0.0", "")) == CNI_TRY_AGAIN);
	CHECK_TEXT(journal, "path.del ipam.del");
	CHECK_TEXT(world.err.msg, "path.del: thing missing"); /* go-cni drops "not found" */
	CHECK(left(&world) == 2);
	failing = NULL;
	CHECK(run(&world, CNI_DEL, "c1", world.netns, CONFIG("1.0.0", "")) == 0);
	CHECK(left(&world) == 0);
	world_done(&world);
}

TEST(a_failed_add_leaves_nothing)
{
	static const struct {
		const char *failing;
		const char *journal;
	} rows[] = {
		{ "ipam.add", "ipam.add" },
		{ "path.add", "ipam.add path.add path.del ipam.del" },
	};
	struct world world = world_new();

	for (size_t i = 0; i < 2; i++) {
		failing = rows[i].failing;
		CHECK(run(&world, CNI_ADD, "c1", world.netns, CONFIG("1.0.0", "")) ==
		      CNI_TRY_AGAIN);
		CHECK_TEXT(journal, rows[i].journal);
		CHECK(strstr(world.err.msg, rows[i].failing));
		CHECK(left(&world) == 0);
	}
	world_done(&world);
}

TEST(an_address_in_use_is_given_back_and_never_handed_out)
{
	struct world world = world_new();

	may_use_all = false;
	CHECK(run(&world, CNI_ADD, "c1", world.netns, CONFIG("1.0.0", "")) == CNI_ADDRESS_IN_USE);
	CHECK_TEXT(journal, "ipam.add path.del ipam.del");
	CHECK(strstr(world.err.msg, "10.0.0.5"));
	CHECK(left(&world) == 0);
	world_done(&world);
}

TEST(a_second_add_of_the_living_is_an_error)
{
	struct world world = world_new();

	CHECK(run(&world, CNI_ADD, "c1", world.netns, CONFIG("1.0.0", "")) == 0);
	CHECK(run(&world, CNI_ADD, "c1", world.netns, CONFIG("1.0.0", "")) == CNI_INTERFACE_EXISTS);
	CHECK_TEXT(journal, "");
	CHECK(left(&world) == 2);
	world_done(&world);
}

TEST(what_is_left_of_a_dead_add_is_undone_first)
{
	struct world world = world_new();

	CHECK(run(&world, CNI_ADD, "c1", world.netns, CONFIG("1.0.0", "")) == 0);
	spoil(&world, "c1", true);
	CHECK(run(&world, CNI_ADD, "c1", world.netns, CONFIG("1.0.0", "")) == 0);
	CHECK_TEXT(journal, "path.del ipam.del ipam.add path.add");
	spoil(&world, "c1", false);
	CHECK(run(&world, CNI_ADD, "c1", world.netns, CONFIG("1.0.0", "")) == 0);
	CHECK_TEXT(journal, "path.del- ipam.del ipam.add path.add");
	CHECK(left(&world) == 2);
	CHECK(run(&world, CNI_DEL, "c1", "", CONFIG("1.0.0", "")) == 0);
	CHECK(left(&world) == 0);
	world_done(&world);
}

/* Another ADD: takes the place as soon as the dead one is gone from it. Returns 1 when it was the
 * first to come, 0 when not. */
static int take_place(int dir, struct lease *lease)
{
	struct lease there = { 0 };
	struct err err;
	const char *key = lease->key;
	int lock = -1;

	lease->state = LEASE_BOUND;
	(void)alarm(60); /* should the place never be free */
	for (;;) {
		int code;

		if (lease_lock(dir, key, 0, &lock, &err) != 0)
			continue;
		code = lease_read(dir, key, &there, &err);
		if (code == -ENOENT)
			return lease_write(dir, lease, &err) == 0 ? 1 : 2;
		if (code == 0 && there.state == LEASE_BOUND)
			return 0;
		lease_done(&there);
		lock = fd_close(lock);
	}
}

TEST(of_two_adds_at_once_one_succeeds)
{
	int lost = 0;

	for (int i = 0; i < 400 && lost < 3; i++) {
		struct world world = world_new();
		struct lease lease = { 0 };
		char key[LEASE_KEY_ROOM];
		int status = 0;
		int dir = -1;
		int code;
		pid_t other;

		CHECK(run(&world, CNI_ADD, "c1", world.netns, CONFIG("1.0.0", "")) == 0);
		spoil(&world, "c1", true);
		lease_key("c1", "eth0", key);
		CHECK(lease_open(world.folder.path, "net", &dir, &world.err) == 0);
		CHECK(lease_read(dir, key, &lease, &world.err) == 0);
		(void)fflush(stdout);
		other = fork();
		if (other == 0)
			_exit(take_place(dir, &lease));
		code = run(&world, CNI_ADD, "c1", world.netns, CONFIG("1.0.0", ""));
		CHECK(waitpid(other, &status, 0) == other && WIFEXITED(status));
		CHECK(WEXITSTATUS(status) < 2);
		CHECK(code == (WEXITSTATUS(status) ? CNI_INTERFACE_EXISTS : 0));
		lost += WEXITSTATUS(status) == 1;
		lease_done(&lease);
		(void)close(dir);
		world_done(&world);
	}
	printf("# the other was first %d times\n", lost);
}

TEST(a_lease_that_cannot_be_read_is_undone_by_its_name)
{
	struct world world = world_new();
	char name[128];
	char key[LEASE_KEY_ROOM];

	CHECK(run(&world, CNI_ADD, "c1", world.netns, CONFIG("1.0.0", "")) == 0);
	lease_key("c1", "eth0", key);
	(void)snprintf(name, sizeof(name), "net/leases/%s.json", key);
	folder_put_text(&world.folder, name, "{\"format\":1,");
	CHECK(run(&world, CNI_ADD, "c1", world.netns, CONFIG("1.0.0", "")) == 0);
	CHECK_TEXT(journal, "path.del ipam.del ipam.add path.add");
	CHECK(left(&world) == 2);
	folder_put_text(&world.folder, name, "");
	CHECK(run(&world, CNI_DEL, "c1", "", CONFIG("1.0.0", "")) == 0);
	CHECK_TEXT(journal, "path.del- ipam.del");
	CHECK(left(&world) == 0);
	world_done(&world);
}

TEST(addresses_of_the_dead_go_to_the_living)
{
	struct world world = world_new();

	CHECK(run(&world, CNI_ADD, "c1", world.netns, CONFIG("1.0.0", "")) == 0);
	spoil(&world, "c1", false);
	exhausted_left = 1;
	CHECK(run(&world, CNI_ADD, "c2", world.netns, CONFIG("1.0.0", "")) == 0);
	CHECK_TEXT(journal, "ipam.add path.del- ipam.del ipam.add path.add");
	exhausted_left = 1; /* nobody is dead now */
	CHECK(run(&world, CNI_ADD, "c3", world.netns, CONFIG("1.0.0", "")) ==
	      CNI_ADDRESS_EXHAUSTED);
	exhausted_left = 1; /* a source that has more soon */
	fake_ipam.refills = true;
	CHECK(run(&world, CNI_ADD, "c3", world.netns, CONFIG("1.0.0", "")) == CNI_TRY_AGAIN);
	fake_ipam.refills = false;
	world_done(&world);
}

TEST(add_refuses_what_it_cannot_do)
{
	struct world world = world_new();

	CHECK(run(&world, CNI_ADD, "c1", world.netns, CONFIG("1.0.0", ",\"prevResult\":{}")) ==
	      CNI_CONFIG_INVALID);
	CHECK(run(&world, CNI_ADD, "c1", "/nowhere", CONFIG("1.0.0", "")) == CNI_NETNS_INVALID);
	CHECK(run(&world, CNI_ADD, "c1", world.netns,
		  CONFIG("1.0.0", ",\"datapath\":\"netkit\"")) == CNI_FIELD_UNSUPPORTED);
	CHECK(strstr(world.err.msg, "datapath") && strstr(world.err.msg, "netkit"));
	CHECK(run(&world, CNI_ADD, "c1", world.netns,
		  "{\"cniVersion\":\"1.0.0\",\"name\":\"net\"}") == CNI_CONFIG_INVALID);
	CHECK(run(&world, CNI_ADD, "c1", world.netns, CONFIG("0.2.0", "")) ==
	      CNI_VERSION_INCOMPATIBLE);
	CHECK(run(&world, CNI_ADD, "c1", world.netns, "nonsense") == CNI_DECODE);
	CHECK_TEXT(journal, "");
	CHECK(left(&world) == 0);
	world_done(&world);
}

#define PREV                                                                                       \
	",\"prevResult\":{\"interfaces\":[{\"name\":\"eth0\",\"sandbox\":\"/n\"},"                 \
	"{\"name\":\"bwp1\"}],\"ips\":[{\"address\":\"10.0.0.5/32\",\"interface\":0}]}"

TEST(check_asks_source_and_datapath)
{
	struct world world = world_new();

	CHECK(run(&world, CNI_CHECK, "c1", world.netns, CONFIG("1.0.0", PREV)) == CNI_CHECK_FAILED);
	CHECK(run(&world, CNI_ADD, "c1", world.netns, CONFIG("1.0.0", "")) == 0);
	CHECK(run(&world, CNI_CHECK, "c1", world.netns, CONFIG("0.4.0", PREV)) == 0);
	CHECK_TEXT(journal, "ipam.check path.check");
	CHECK_TEXT((char *)world.out.data, "");
	CHECK(run(&world, CNI_CHECK, "c1", world.netns, CONFIG("0.3.1", PREV)) ==
	      CNI_VERSION_INCOMPATIBLE);
	CHECK(run(&world, CNI_CHECK, "c1", world.netns, CONFIG("1.0.0", "")) == CNI_CONFIG_INVALID);
	CHECK(run(&world, CNI_CHECK, "c1", world.netns,
		  CONFIG("1.0.0", ",\"prevResult\":{\"ips\":[{\"address\":\"10.0.0.6/32\"}]}")) ==
	      CNI_CHECK_FAILED);
	CHECK(run(&world, CNI_CHECK, "c1", "/nowhere", CONFIG("1.0.0", PREV)) == CNI_NETNS_INVALID);
	failing = "path.check";
	failing_code = CNI_CHECK_FAILED;
	CHECK(run(&world, CNI_CHECK, "c1", world.netns, CONFIG("1.0.0", PREV)) == CNI_CHECK_FAILED);
	CHECK(left(&world) == 2);
	world_done(&world);
}

TEST(status_says_nothing_or_fifty)
{
	struct world world = world_new();

	CHECK(run(&world, CNI_STATUS, "", "", CONFIG("1.1.0", "")) == 0);
	CHECK_TEXT(journal, "path.status ipam.status");
	CHECK_TEXT((char *)world.out.data, "");
	failing = "ipam.status";
	CHECK(run(&world, CNI_STATUS, "", "", CONFIG("1.1.0", "")) == CNI_UNAVAILABLE);
	failing_code = CNI_UNAVAILABLE_LIMITED;
	CHECK(run(&world, CNI_STATUS, "", "", CONFIG("1.1.0", "")) == CNI_UNAVAILABLE_LIMITED);
	CHECK(run(&world, CNI_STATUS, "", "", CONFIG("1.0.0", "")) == CNI_VERSION_INCOMPATIBLE);
	world_done(&world);
}

#define RANGES(...)                                                                                \
	"{\"cniVersion\":\"1.1.0\",\"name\":\"net\",\"ipam\":{\"type\":\"ranges\",\"ranges\":"     \
	"[" __VA_ARGS__ "]}}"

TEST(status_asks_for_the_families_of_the_ranges)
{
	struct world world = world_new();

	CHECK(run(&world, CNI_STATUS, "", "", RANGES("[{\"subnet\":\"fd01::/64\"}]")) == 0);
	CHECK(last_plan.n_ips == 1 && last_ips[0].address.family == AF_INET6);
	CHECK(run(&world, CNI_STATUS, "", "",
		  RANGES("[{\"subnet\":\"10.1.0.0/24\"}],[{\"subnet\":\"fd01::/64\"}]")) == 0);
	CHECK(last_plan.n_ips == 2 && last_ips[0].address.family == AF_INET &&
	      last_ips[1].address.family == AF_INET6);
	CHECK(run(&world, CNI_STATUS, "", "", CONFIG("1.1.0", "")) == 0);
	CHECK(last_plan.n_ips == 0);
	world_done(&world);
}

TEST(version_echoes_and_lists)
{
	static const char list[] =
		",\"supportedVersions\":[\"0.3.0\",\"0.3.1\",\"0.4.0\",\"1.0.0\",\"1.1.0\"]}";
	static const char *const rows[][2] = {
		{ "{\"cniVersion\":\"0.4.0\"}", "0.4.0" },
		{ "{\"cniVersion\":\"9.9.9\"}", "9.9.9" },
		{ "{}", "1.1.0" },
		{ "", "1.1.0" },
	};
	struct world world = world_new();

	for (size_t i = 0; i < 4; i++) {
		char want[200];

		(void)snprintf(want, sizeof(want), "{\"cniVersion\":\"%s\"%s", rows[i][1], list);
		CHECK(run(&world, CNI_VERSION, "", "", rows[i][0]) == 0);
		CHECK_TEXT((char *)world.out.data, want);
	}
	CHECK_TEXT(journal, "");
	world_done(&world);
}

#define KEEP ",\"cni.dev/valid-attachments\":[{\"containerID\":\"keep\",\"ifname\":\"eth0\"}]"

TEST(gc_undoes_what_is_not_on_the_list)
{
	struct world world = world_new();

	CHECK(run(&world, CNI_ADD, "keep", world.netns, CONFIG("1.1.0", "")) == 0);
	CHECK(run(&world, CNI_ADD, "gone", world.netns, CONFIG("1.1.0", "")) == 0);
	CHECK(run(&world, CNI_GC, "", "", CONFIG("1.0.0", KEEP)) == CNI_VERSION_INCOMPATIBLE);
	CHECK(run(&world, CNI_GC, "", "", CONFIG("1.1.0", "")) == CNI_CONFIG_INVALID);
	CHECK_TEXT(journal, "");
	CHECK(left(&world) == 4);
	CHECK(run(&world, CNI_GC, "", "", CONFIG("1.1.0", KEEP)) == 0);
	CHECK_TEXT(journal, "path.del ipam.del end=1 end=0 path.gc keep=1 gone=0 ipam.gc");
	CHECK(left(&world) == 2);
	CHECK(run(&world, CNI_GC, "", "", CONFIG("1.1.0", ",\"cni.dev/attachments\":[]")) == 0);
	CHECK(left(&world) == 0);
	world_done(&world);
}

/* Date the lease of a container, by the key of this version or by that of a former one. */
static void date(const struct world *world, const char *container, const char *word, int64_t ms)
{
	char key[LEASE_KEY_ROOM];
	char name[128];
	char text[8192] = "";
	char dated[8400];
	char *since;

	lease_key(container, "eth0", key);
	(void)snprintf(name, sizeof(name), "net/leases/%s.json", key);
	CHECK(fd_read_text(world->folder.fd, name, text, sizeof(text)) > 0);
	since = strstr(text, "\"sinceBoot\":");
	CHECK(since && strchr(since, ','));
	(void)snprintf(dated, sizeof(dated), "%.*s\"%s\":%lld%s", (int)(since - text), text, word,
		       (long long)ms, strchr(since, ','));
	folder_put_text(&world->folder, name, dated);
}

TEST(gc_leaves_what_came_after_it_and_trusts_no_clock_that_can_be_set)
{
	static const int64_t later = INT64_C(1) << 50;
	struct world world = world_new();

	CHECK(run(&world, CNI_ADD, "gone", world.netns, CONFIG("1.1.0", "")) == 0);
	date(&world, "gone", "sinceBoot", later);
	CHECK(run(&world, CNI_GC, "", "", CONFIG("1.1.0", KEEP)) == 0);
	CHECK(left(&world) == 2);
	/* the clock was set back since a former version made it */
	date(&world, "gone", "since", later);
	CHECK(run(&world, CNI_GC, "", "", CONFIG("1.1.0", KEEP)) == 0);
	CHECK(left(&world) == 0);
	world_done(&world);
}

TEST(add_dates_by_the_time_since_boot)
{
	struct world world = world_new();
	struct lease lease = { 0 };
	struct timespec now;
	char key[LEASE_KEY_ROOM];
	int64_t now_ms;
	int dir = -1;

	CHECK(run(&world, CNI_ADD, "c1", world.netns, CONFIG("1.1.0", "")) == 0);
	CHECK(clock_gettime(CLOCK_BOOTTIME, &now) == 0);
	now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
	lease_key("c1", "eth0", key);
	CHECK(lease_open(world.folder.path, "net", &dir, &world.err) == 0);
	CHECK(lease_read(dir, key, &lease, &world.err) == 0);
	CHECK(lease.since_ms > 0 && lease.since_ms <= now_ms && lease.since_ms > now_ms - 60000);
	lease_done(&lease);
	(void)close(dir);
	world_done(&world);
}

TEST(gc_goes_on_behind_a_failure_and_tells_it)
{
	struct world world = world_new();

	CHECK(run(&world, CNI_ADD, "gone", world.netns, CONFIG("1.1.0", "")) == 0);
	failing = "path.del";
	CHECK(run(&world, CNI_GC, "", "", CONFIG("1.1.0", KEEP)) == CNI_TRY_AGAIN);
	CHECK_TEXT(journal, "path.del ipam.del end=1 end=1 path.gc keep=1 gone=1 ipam.gc");
	CHECK(strstr(world.err.msg, "path.del"));
	world_done(&world);
}

TEST(gc_leaves_host_ends_of_other_networks)
{
	struct world world = world_new();

	CHECK(run(&world, CNI_ADD, "gone", world.netns,
		  "{\"cniVersion\":\"1.1.0\",\"name\":\"other\",\"ipam\":{\"type\":\"ranges\"}}") ==
	      0);
	CHECK(run(&world, CNI_GC, "", "", CONFIG("1.1.0", KEEP)) == 0);
	CHECK_TEXT(journal, "end=1 end=1 path.gc keep=1 gone=0 ipam.gc");
	world_done(&world);
}

#define OTHER "{\"cniVersion\":\"1.1.0\",\"name\":\"other\",\"ipam\":{\"type\":\"ranges\"}}"

TEST(an_attachment_is_of_one_network)
{
	struct world world = world_new();

	CHECK(run(&world, CNI_ADD, "c1", world.netns, CONFIG("1.1.0", "")) == 0);
	CHECK(run(&world, CNI_ADD, "c1", world.netns, OTHER) == CNI_INTERFACE_EXISTS);
	CHECK_TEXT(journal, "");
	CHECK(strstr(world.err.msg, "by the network net"));
	/* its links are the other network's */
	CHECK(run(&world, CNI_DEL, "c1", world.netns, OTHER) == 0);
	CHECK_TEXT(journal, "ipam.del");
	CHECK(left(&world) == 2);
	/* what is dead there goes first, and when it cannot, nothing is made */
	spoil(&world, "c1", false);
	failing = "path.del-";
	CHECK(run(&world, CNI_ADD, "c1", world.netns, OTHER) == CNI_TRY_AGAIN);
	CHECK_TEXT(journal, "path.del- ipam.del");
	CHECK(left(&world) == 2);
	failing = NULL;
	CHECK(run(&world, CNI_ADD, "c1", world.netns, OTHER) == 0);
	CHECK_TEXT(journal, "path.del- ipam.del ipam.add path.add");
	CHECK(left(&world) == 0);
	CHECK(run(&world, CNI_DEL, "c1", world.netns, OTHER) == 0);
	CHECK_TEXT(journal, "path.del ipam.del");
	world_done(&world);
}

TEST(reconcile_undoes_the_dead_alone)
{
	struct world world = world_new();
	char *text = NULL;
	size_t len = 0;
	FILE *table;

	CHECK(verbs_reconcile(&parts, &world.err) == 0);
	CHECK(run(&world, CNI_ADD, "keep", world.netns, CONFIG("1.1.0", "")) == 0);
	CHECK(run(&world, CNI_ADD, "gone", world.netns, CONFIG("1.1.0", "")) == 0);
	spoil(&world, "gone", false);
	table = open_memstream(&text, &len);
	CHECK(verbs_leases(&parts, table, &world.err) == 0);
	(void)fclose(table);
	CHECK(strncmp(text, "NETWORK ", 8) == 0);
	CHECK(strstr(text, " alive  10.0.0.5\n") && strstr(text, " dead   10.0.0.5\n"));
	free(text);
	journal[0] = '\0';
	CHECK(verbs_reconcile(&parts, &world.err) == 1);
	CHECK_TEXT(journal, "path.del- ipam.del keep=1 gone=0 ipam.gc end=1 end=0 path.gc");
	CHECK(left(&world) == 2);
	CHECK(verbs_reconcile(&parts, &world.err) == 0);
	world_done(&world);
}

TEST(nothing_is_taken_from_who_cannot_be_looked_for)
{
	struct world world = world_new();

	CHECK(run(&world, CNI_ADD, "keep", world.netns, CONFIG("1.1.0", "")) == 0);
	journal[0] = '\0';
	few_files = true;
	CHECK(verbs_reconcile(&parts, &world.err) == 0);
	CHECK_TEXT(journal, "keep=1 gone=0 ipam.gc end=1 end=1 path.gc");
	world_done(&world);
}
