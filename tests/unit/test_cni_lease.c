/* SPDX-License-Identifier: Apache-2.0 */
#include "cni/lease.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cni/netns.h"
#include "config/base/clean.h"
#include "config/base/err.h"
#include "tests/unit/folder.h"
#include "tests/unit/test.h"

struct world {
	struct folder folder;
	int dir;
};

static struct world world_new(void)
{
	struct world world = { .folder = folder_new(), .dir = -1 };
	struct err err;

	CHECK(lease_open(world.folder.path, "net", &world.dir, &err) == 0);
	return world;
}

static int count(int dir, const char *name)
{
	struct folder sub = { .fd = -1 };
	int at = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int n;

	(void)snprintf(sub.path, sizeof(sub.path), "/proc/self/fd/%d", at);
	n = folder_count(&sub);
	(void)fd_close(at);
	return n;
}

static void world_done(struct world *world)
{
	char command[128];

	(void)fd_close(world->dir);
	(void)snprintf(command, sizeof(command), "rm -rf %s", world->folder.path);
	CHECK(system(command) == 0); /* NOLINT(cert-env33-c) */
	(void)fd_close(world->folder.fd);
}

static void put(int dir, const char *name, const char *text)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	(void)close(fd);
}

/* A bound lease of this boot and of our own namespace. */
static struct lease lease_of(const char *container)
{
	struct lease lease = {
		.container = strdup(container),
		.ifname = "eth0",
		.netns = strdup("/proc/self/ns/net"),
		.pod_uid = "uid",
		.pod = "pod",
		.pod_namespace = "ns",
		.config = strdup("{\"name\":\"n\\\"\"}"),
		.path = strdup("/opt/cni/bin"),
		.ipam = strdup("ranges"),
		.datapath = strdup("routed"),
		.host_if = "azc1",
		.nics = { { { { 2, 0, 0, 0, 0, 9 } }, "eth1" },
			  { { { 2, 0, 0, 0, 0, 8 } }, "ib0" } },
		.n_nics = 2,
		.n_ips = 2,
		.state = LEASE_BOUND,
		.since_ms = 1234567890123,
	};
	struct stat info;
	struct err err;

	CHECK(stat("/proc/self/ns/net", &info) == 0);
	lease.netns_dev = info.st_dev;
	lease.netns_ino = info.st_ino;
	CHECK(lease_boot(lease.boot, &err) == 0);
	CHECK(address_parse("10.0.0.9/24", &lease.ips[0]) == 0);
	CHECK(address_parse("fd00::9", &lease.ips[1]) == 0);
	lease_key(container, "eth0", lease.key);
	return lease;
}

TEST(names_come_from_container_and_interface)
{
	char key[LEASE_KEY_ROOM];
	char other[LEASE_KEY_ROOM];
	char name[CNI_NAME_ROOM];
	char mac_text[MAC_TEXT_ROOM];
	struct mac mac;

	/* printf 'abc\0eth0' | sha256sum */
	lease_key("abc", "eth0", key);
	CHECK_TEXT(key, "d887cd286879fd4771a74d45321e88d2004947c5e15fb276f79b39f444cad9e5");
	lease_key("abc", "eth0", other);
	CHECK_TEXT(other, key);
	lease_key("abce", "th0", other);
	CHECK(strcmp(other, key) != 0);
	lease_host_name(key, name);
	CHECK(strlen(name) == 14 && strncmp(name, "azc", 3) == 0);
	CHECK(strncmp(name + 3, key, 11) == 0);
	lease_mac(key, &mac);
	mac_format(&mac, mac_text);
	CHECK(strncmp(mac_text, "02:", 3) == 0);
	CHECK(mac_text[3] == key[0] && mac_text[4] == key[1] && mac_text[16] == key[9]);
}

TEST(containers_with_the_same_beginning_are_apart)
{
	char one[LEASE_KEY_ROOM];
	char other[LEASE_KEY_ROOM];

	lease_key("0123456789abcdef-1", "eth0", one);
	lease_key("0123456789abcdef-2", "eth0", other);
	CHECK(strncmp(one, other, 11) != 0);
}

TEST(a_lease_comes_back_as_it_was)
{
	struct world world = world_new();
	struct lease lease = lease_of("c1");
	struct lease back = { 0 };
	struct err err = { 0 };

	CHECK(lease_read(world.dir, lease.key, &back, &err) == -ENOENT);
	CHECK(lease_write(world.dir, &lease, &err) == 0);
	CHECK(lease_exists(world.dir, lease.key));
	CHECK(lease_read(world.dir, lease.key, &back, &err) == 0);
	CHECK_TEXT(back.container, "c1");
	CHECK_TEXT(back.ifname, "eth0");
	CHECK_TEXT(back.netns, lease.netns);
	CHECK_TEXT(back.config, lease.config);
	CHECK_TEXT(back.path, lease.path);
	CHECK_TEXT(back.ipam, "ranges");
	CHECK_TEXT(back.datapath, "routed");
	CHECK_TEXT(back.pod, "pod");
	CHECK_TEXT(back.pod_namespace, "ns");
	CHECK_TEXT(back.pod_uid, "uid");
	CHECK_TEXT(back.host_if, "azc1");
	CHECK(back.n_nics == 2 && mac_equal(&back.nics[0].mac, &lease.nics[0].mac) &&
	      mac_equal(&back.nics[1].mac, &lease.nics[1].mac));
	CHECK_TEXT(back.nics[0].ifname, "eth1");
	CHECK_TEXT(back.nics[1].ifname, "ib0");
	CHECK(back.netns_dev == lease.netns_dev && back.netns_ino == lease.netns_ino);
	CHECK(back.netns_cookie == lease.netns_cookie);
	CHECK(back.state == LEASE_BOUND && back.since_ms == lease.since_ms && back.n_ips == 2);
	CHECK(address_equal(&back.ips[0], &lease.ips[0]) && back.ips[0].prefix == 24);
	CHECK(address_equal(&back.ips[1], &lease.ips[1]) && back.ips[1].prefix == 128);
	CHECK(count(world.dir, "leases") == 1);
	lease_done(&back);
	lease_done(&lease);
	world_done(&world);
}

TEST(folders_and_files_are_ours_alone)
{
	struct world world = world_new();
	struct lease lease = lease_of("c1");
	struct err err = { 0 };
	char name[LEASE_KEY_ROOM + 16];
	struct stat info;
	int dir = -1;

	CHECK(lease_write(world.dir, &lease, &err) == 0);
	(void)snprintf(name, sizeof(name), "leases/%s.json", lease.key);
	CHECK(fstatat(world.dir, name, &info, 0) == 0 && (info.st_mode & 07777) == 0600);
	CHECK(fstat(world.dir, &info) == 0 && (info.st_mode & 07777) == 0700);
	CHECK(mkdirat(world.folder.fd, "open", 0777) == 0);
	CHECK(fchmodat(world.folder.fd, "open", 0777, 0) == 0);
	CHECK(lease_open(world.folder.path, "open", &dir, &err) == -EPERM);
	CHECK(symlinkat("net", world.folder.fd, "link") == 0);
	CHECK(lease_open(world.folder.path, "link", &dir, &err) < 0);
	lease_done(&lease);
	world_done(&world);
}

static void check_bad(const char *text)
{
	struct world world = world_new();
	struct lease lease = { 0 };
	struct err err = { 0 };
	char key[LEASE_KEY_ROOM];
	char name[LEASE_KEY_ROOM + 16];

	lease_key("c1", "eth0", key);
	(void)snprintf(name, sizeof(name), "leases/%s.json", key);
	put(world.dir, name, text);
	CHECK(lease_read(world.dir, key, &lease, &err) == -EBADMSG);
	CHECK(!lease.container);
	CHECK(lease_read(world.dir, key, &lease, &err) == -ENOENT);
	CHECK(count(world.dir, "leases") == 0);
	world_done(&world);
}

TEST(what_is_no_whole_lease_is_as_good_as_none)
{
	check_bad("");
	check_bad("{");
	check_bad("{}");
	check_bad("[]");
	check_bad("{\"format\":1,\"state\":\"bound\",\"container\":\"c1\"");
	check_bad("{\"format\":2,\"state\":\"bound\",\"container\":\"c1\",\"ifname\":\"eth0\","
		  "\"key\":\"k\"}");
	check_bad("{\"format\":1,\"state\":\"odd\"}");
	check_bad("{\"format\":1,\"container\":[\"c1\"]}");
	check_bad("\x01\x02\x03");
}

TEST(a_lease_of_another_boot_is_as_good_as_none)
{
	struct world world = world_new();
	struct lease lease = lease_of("c1");
	struct lease back = { 0 };
	struct err err = { 0 };

	CHECK(lease_is_alive(world.dir, &lease));
	lease.boot[0] = lease.boot[0] == '0' ? '1' : '0';
	CHECK(!lease_is_alive(world.dir, &lease));
	CHECK(lease_write(world.dir, &lease, &err) == 0);
	CHECK(lease_read(world.dir, lease.key, &back, &err) == -EBADMSG);
	CHECK(!lease_exists(world.dir, lease.key));
	lease_done(&lease);
	world_done(&world);
}

TEST(a_lease_under_anothers_name_is_none)
{
	struct world world = world_new();
	struct lease lease = lease_of("c1");
	struct lease back = { 0 };
	struct err err = { 0 };
	char from[LEASE_KEY_ROOM + 16];
	char to[LEASE_KEY_ROOM + 16];
	char key[LEASE_KEY_ROOM];

	CHECK(lease_write(world.dir, &lease, &err) == 0);
	lease_key("c2", "eth0", key);
	(void)snprintf(from, sizeof(from), "leases/%s.json", lease.key);
	(void)snprintf(to, sizeof(to), "leases/%s.json", key);
	CHECK(renameat(world.dir, from, world.dir, to) == 0);
	CHECK(lease_read(world.dir, key, &back, &err) == -EBADMSG);
	lease_done(&lease);
	world_done(&world);
}

TEST(removing_leaves_nothing)
{
	struct world world = world_new();
	struct lease lease = lease_of("c1");
	struct err err = { 0 };
	char aside[LEASE_KEY_ROOM + 16];
	int lock = -1;

	CHECK(lease_lock(world.dir, lease.key, 0, &lock, &err) == 0);
	CHECK(lease_write(world.dir, &lease, &err) == 0);
	(void)snprintf(aside, sizeof(aside), "leases/%s.new", lease.key);
	put(world.dir, aside, "{\"form"); /* of one that was killed while it wrote */
	CHECK(lease_remove(world.dir, lease.key, &err) == 0);
	CHECK(count(world.dir, "leases") == 0 && count(world.dir, "locks") == 0);
	CHECK(lease_remove(world.dir, lease.key, &err) == 0);
	(void)fd_close(lock);
	lease_done(&lease);
	world_done(&world);
}

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

TEST(a_held_lock_is_waited_for_up_to_the_limit)
{
	struct world world = world_new();
	struct err err = { 0 };
	char key[LEASE_KEY_ROOM];
	char other[LEASE_KEY_ROOM];
	int lock = -1;
	int second = -1;
	int64_t start;

	lease_key("c1", "eth0", key);
	lease_key("c2", "eth0", other);
	CHECK(lease_lock(world.dir, key, 0, &lock, &err) == 0);
	start = now_ms();
	CHECK(lease_lock(world.dir, key, 60, &second, &err) == 1 && second == -1);
	CHECK(now_ms() - start >= 60);
	CHECK(lease_lock(world.dir, other, 0, &second, &err) == 0);
	second = fd_close(second);
	lock = fd_close(lock);
	CHECK(lease_lock(world.dir, key, 0, &lock, &err) == 0);
	(void)fd_close(lock);
	world_done(&world);
}

TEST(a_lock_whose_file_was_removed_is_not_taken_for_the_new_one)
{
	struct world world = world_new();
	struct err err = { 0 };
	char key[LEASE_KEY_ROOM];
	int first = -1;
	int second = -1;
	int third = -1;

	lease_key("c1", "eth0", key);
	CHECK(lease_lock(world.dir, key, 0, &first, &err) == 0);
	CHECK(lease_remove(world.dir, key, &err) == 0);
	CHECK(lease_lock(world.dir, key, 0, &second, &err) == 0);
	CHECK(lease_lock(world.dir, key, 0, &third, &err) == 1);
	(void)fd_close(first);
	CHECK(lease_lock(world.dir, key, 0, &third, &err) == 1);
	(void)fd_close(second);
	world_done(&world);
}

TEST(unlocking_unlocks_for_all_who_have_the_descriptor)
{
	struct world world = world_new();
	struct err err = { 0 };
	char key[LEASE_KEY_ROOM];
	int lock = -1;
	int shared;

	lease_key("c1", "eth0", key);
	CHECK(lease_lock(world.dir, key, 0, &lock, &err) == 0);
	shared = fcntl(lock, F_DUPFD_CLOEXEC, 0);
	CHECK(shared >= 0);
	/* as after our death, while a program that we run goes on */
	lock = fd_close(lock);
	CHECK(lease_lock(world.dir, key, 0, &lock, &err) == 1 && lock == -1);
	lease_unlock(&lock);
	lease_unlock(&shared);
	CHECK(shared == -1);
	CHECK(lease_lock(world.dir, key, 0, &lock, &err) == 0);
	shared = fcntl(lock, F_DUPFD_CLOEXEC, 0);
	CHECK(shared >= 0);
	lease_unlock(&lock);
	CHECK(lock == -1 && lease_lock(world.dir, key, 0, &lock, &err) == 0);
	lease_unlock(&lock);
	(void)fd_close(shared);
	world_done(&world);
}

TEST(a_pending_lease_lives_while_its_lock_is_held)
{
	struct world world = world_new();
	struct lease lease = lease_of("c1");
	struct err err = { 0 };
	int lock = -1;

	lease.state = LEASE_PENDING;
	CHECK(!lease_is_alive(world.dir, &lease));
	CHECK(lease_lock(world.dir, lease.key, 0, &lock, &err) == 0);
	CHECK(lease_is_alive(world.dir, &lease));
	(void)fd_close(lock);
	CHECK(!lease_is_alive(world.dir, &lease));
	lease_done(&lease);
	world_done(&world);
}

TEST(a_namespace_lives_by_its_path_or_by_any_process)
{
	struct world world = world_new();
	struct lease lease = lease_of("c1");

	free(lease.netns);
	lease.netns = strdup("/nowhere");
	CHECK(lease_is_alive(world.dir, &lease)); /* we are in it */
	lease.netns_ino = 1;
	CHECK(!lease_is_alive(world.dir, &lease));
	free(lease.netns);
	lease.netns = strdup("/proc/self/ns/net"); /* the path leads to another one now */
	CHECK(!lease_is_alive(world.dir, &lease));
	lease_done(&lease);
	world_done(&world);
}

/* A process in a network namespace of its own, and that namespace; the process is killed by the
 * caller. */
static pid_t netns_child(struct stat *netns, uint64_t *cookie)
{
	int ready[2];
	char path[48];
	own_fd int fd = -1;
	char byte = 0;
	pid_t child;

	CHECK(pipe2(ready, O_CLOEXEC) == 0);
	child = fork();
	if (child == 0) {
		(void)alarm(60); /* should nobody kill it */
		if (unshare(CLONE_NEWNET) < 0 || write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			(void)pause();
	}
	(void)close(ready[1]);
	CHECK(read(ready[0], &byte, 1) == 1);
	(void)close(ready[0]);
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)child);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0 && fstat(fd, netns) == 0);
	*cookie = netns_cookie(fd);
	return child;
}

static void child_end(pid_t child)
{
	CHECK(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
}

TEST(a_later_namespace_with_the_number_of_one_that_ended_is_not_it)
{
	struct world world = world_new();
	struct lease lease = lease_of("c1");
	struct stat first;
	struct stat next = { 0 };
	uint64_t cookie;
	pid_t child;

	if (geteuid() != 0) {
		printf("# skip: needs root\n");
		lease_done(&lease);
		world_done(&world);
		return;
	}
	child = netns_child(&first, &lease.netns_cookie);
	CHECK(lease.netns_cookie != 0);
	free(lease.netns);
	lease.netns = strdup("/nowhere");
	lease.netns_dev = first.st_dev;
	lease.netns_ino = first.st_ino;
	CHECK(lease_is_alive(world.dir, &lease));
	child_end(child);
	/* the kernel uses a number again as soon as it has cleaned up */
	for (int i = 0; i < 1000 && next.st_ino != first.st_ino; i++) {
		if (i > 0)
			child_end(child);
		child = netns_child(&next, &cookie);
	}
	if (next.st_ino == first.st_ino)
		CHECK(cookie != lease.netns_cookie && !lease_is_alive(world.dir, &lease));
	else
		printf("# skip: the number was not used again\n");
	child_end(child);
	lease_done(&lease);
	world_done(&world);
}

static int count_one(void *owner, const struct lease *lease)
{
	int *seen = owner;

	CHECK(strcmp(lease->ifname, "eth0") == 0);
	return ++*seen == 3 ? 7 : 0;
}

TEST(each_lease_that_can_be_read_is_seen)
{
	struct world world = world_new();
	struct err err = { 0 };
	int seen = 0;

	put(world.dir, "leases/x.json", "{}");
	put(world.dir,
	    "leases/0000000000000000000000000000000000000000000000000000000000000000.json", "{");
	for (int i = 0; i < 4; i++) {
		char name[8];
		struct lease lease;

		(void)snprintf(name, sizeof(name), "c%d", i);
		lease = lease_of(name);
		CHECK(lease_write(world.dir, &lease, &err) == 0);
		lease_done(&lease);
		if (i == 1) {
			CHECK(lease_each(world.dir, count_one, &seen, &err) == 0 && seen == 2);
			seen = 0;
		}
	}
	CHECK(lease_each(world.dir, count_one, &seen, &err) == 7 && seen == 3);
	world_done(&world);
}

TEST(a_holder_that_dies_lets_go)
{
	struct world world = world_new();
	struct err err = { 0 };
	char key[LEASE_KEY_ROOM];
	int ready[2];
	int lock = -1;
	char byte;
	pid_t child;

	lease_key("c1", "eth0", key);
	CHECK(pipe2(ready, O_CLOEXEC) == 0);
	child = fork();
	if (child == 0) {
		if (lease_lock(world.dir, key, 0, &lock, &err) == 0)
			(void)!write(ready[1], "x", 1);
		(void)pause();
		_exit(0);
	}
	CHECK(read(ready[0], &byte, 1) == 1);
	CHECK(lease_lock(world.dir, key, 0, &lock, &err) == 1);
	CHECK(kill(child, SIGKILL) == 0);
	CHECK(lease_lock(world.dir, key, 5000, &lock, &err) == 0);
	(void)waitid(P_PID, (id_t)child, &(siginfo_t){ 0 }, WEXITED);
	(void)fd_close(lock);
	(void)close(ready[0]);
	(void)close(ready[1]);
	world_done(&world);
}

TEST(the_last_attachment_of_a_pod_is_noted)
{
	static const char *const odd[] = { "", "..", "a/b", "a.b" };
	struct world world = world_new();
	char one[LEASE_KEY_ROOM];
	char two[LEASE_KEY_ROOM];
	char former[LEASE_KEY_ROOM];

	lease_key("c1", "eth0", one);
	lease_key("c2", "eth0", two);
	CHECK(!lease_pod_put(world.dir, "uid-1", one, former));
	CHECK(!lease_pod_put(world.dir, "uid-1", one, former));
	CHECK(lease_pod_put(world.dir, "uid-1", two, former));
	CHECK_TEXT(former, one);
	lease_pod_forget(world.dir, "uid-1", one); /* not the last one any more */
	CHECK(lease_pod_put(world.dir, "uid-1", one, former));
	CHECK_TEXT(former, two);
	lease_pod_forget(world.dir, "uid-1", one);
	CHECK(!lease_pod_put(world.dir, "uid-1", two, former));
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		CHECK(!lease_pod_put(world.dir, odd[i], one, former));
		CHECK(!lease_pod_put(world.dir, odd[i], two, former));
	}
	CHECK(count(world.dir, "pods") == 1);
	lease_sweep(world.dir);
	CHECK(count(world.dir, "pods") == 0);
	world_done(&world);
}

TEST(locks_without_leases_are_swept_unless_somebody_holds_them)
{
	struct world world = world_new();
	struct lease lease = lease_of("c1");
	struct err err = { 0 };
	char key[LEASE_KEY_ROOM];
	int lock = -1;
	int held = -1;

	CHECK(lease_write(world.dir, &lease, &err) == 0);
	CHECK(lease_lock(world.dir, lease.key, 0, &lock, &err) == 0);
	(void)close(lock);
	lease_key("c2", "eth0", key);
	CHECK(lease_lock(world.dir, key, 0, &held, &err) == 0);
	lease_key("c3", "eth0", key);
	CHECK(lease_lock(world.dir, key, 0, &lock, &err) == 0);
	(void)close(lock);
	CHECK(count(world.dir, "locks") == 3);
	lease_sweep(world.dir);
	CHECK(count(world.dir, "locks") == 2);
	(void)close(held);
	lease_sweep(world.dir);
	CHECK(count(world.dir, "locks") == 1 && count(world.dir, "leases") == 1);
	lease_done(&lease);
	world_done(&world);
}
