/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "config/azlctl/azlctl.h"
#include "config/azlctl/checks.h"
#include "config/azlctl/tree.h"
#include "config/base/buf.h"
#include "config/base/clean.h"
#include "config/base/fd.h"

enum {
	LINK_NAME_ROOM = 16,
	PATH_ROOM = 320,
};

/* ---- the NIC ---- */

/* The link of the IPv4 default route. Returns false when there is none. */
static bool default_link(const struct checks *checks, char name[LINK_NAME_ROOM])
{
	struct buf routes = { 0 };
	bool found = false;

	if (check_read_file(checks, "proc/net/route", &routes) == 0) {
		const char *line = (const char *)routes.data;

		for (; *line && !found; line += strcspn(line, "\n"), line += *line == '\n') {
			char destination[16];

			found = sscanf(line, "%15s %15s", name, destination) == 2 &&
				strcmp(destination, "00000000") == 0;
		}
	}
	buf_done(&routes);
	return found;
}

/* The last part of what a link of sysfs points to; "" when there is none. */
static void link_target(const struct checks *checks, const char *path, char *target, size_t room)
{
	char full[PATH_ROOM];
	const char *last;

	*target = '\0';
	if (tree_read_link(checks->ctl->root, path, full, sizeof(full)) < 0)
		return;
	last = strrchr(full, '/');
	(void)snprintf(target, room, "%.63s", last ? last + 1 : full);
}

static void link_driver(const struct checks *checks, const char *name, char *driver, size_t room)
{
	char path[PATH_ROOM];

	(void)snprintf(path, sizeof(path), "sys/class/net/%s/device/driver", name);
	link_target(checks, path, driver, room);
}

/* The virtual function behind a synthetic NIC: the link below it. Returns false when it is away. */
static bool find_vf(const struct checks *checks, const char *name, char vf[LINK_NAME_ROOM])
{
	char path[PATH_ROOM];
	DIR *dir;
	int fd;
	bool found = false;

	(void)snprintf(path, sizeof(path), "sys/class/net/%s", name);
	fd = tree_open_folder(checks->ctl->root, path);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		(void)fd_close(fd);
		return false;
	}
	for (const struct dirent *entry; !found && (entry = readdir(dir));)
		if (strncmp(entry->d_name, "lower_", 6) == 0) {
			(void)snprintf(vf, LINK_NAME_ROOM, "%.15s", entry->d_name + 6);
			found = true;
		}
	(void)closedir(dir);
	return found;
}

/* A function that is there and down leaves its NIC the slow path. */
static void judge_vf(struct checks *checks, const char *name, const char *vf)
{
	char driver[64], path[PATH_ROOM], state[32];

	link_driver(checks, vf, driver, sizeof(driver));
	(void)snprintf(path, sizeof(path), "sys/class/net/%s/operstate", vf);
	if (check_read(checks, path, state, sizeof(state)) > 0 && strcmp(state, "down") == 0) {
		check_say(checks, CHECK_WARN, "net.nic",
			  "%s is hv_netvsc, but its virtual function %s (%s) is down: not "
			  "accelerated",
			  name, vf, driver);
		check_fix(
			checks,
			"ip link set %s up (hv_netvsc does that by itself: something set it down)",
			vf);
		return;
	}
	check_say(checks, CHECK_OK, "net.nic", "%s is hv_netvsc, accelerated by %s (%s)", name, vf,
		  driver);
}

static void check_nic(struct checks *checks)
{
	char name[LINK_NAME_ROOM], vf[LINK_NAME_ROOM], master[64], driver[64], path[PATH_ROOM];

	if (!default_link(checks, name)) {
		check_say(checks, CHECK_WARN, "net.nic", "there is no default route");
		check_fix(checks, "ip route show default; without one azl-cni needs \"master\" in "
				  "its configuration");
		return;
	}
	(void)snprintf(path, sizeof(path), "sys/class/net/%s/master", name);
	link_target(checks, path, master, sizeof(master));
	link_driver(checks, name, driver, sizeof(driver));
	if (*master) {
		check_say(checks, CHECK_FAIL, "net.nic",
			  "the default route is on %s (%s), which is a part of %s: a virtual "
			  "function comes and goes",
			  name, driver, master);
		check_fix(checks, "give the addresses and routes to %s; install azure-vm-utils",
			  master);
	} else if (strcmp(driver, "hv_netvsc") != 0) {
		check_say(checks, CHECK_OK, "net.nic", "%s, driver %s", name,
			  *driver ? driver : "none");
	} else if (find_vf(checks, name, vf)) {
		judge_vf(checks, name, vf);
	} else {
		check_say(checks, CHECK_WARN, "net.nic",
			  "%s is hv_netvsc without a virtual function: not accelerated", name);
		check_fix(checks, "enable accelerated networking on the NIC; it may be away for "
				  "some seconds during service");
	}
}

/* ---- settings ---- */

static void check_settings(struct checks *checks)
{
	uint64_t forwarding = check_number(checks, "proc/sys/net/ipv4/ip_forward", 2);
	uint64_t filter = check_number(checks, "proc/sys/net/ipv4/conf/all/rp_filter", 0);
	uint64_t neighbours =
		check_number(checks, "proc/sys/net/ipv4/neigh/default/gc_thresh3", UINT64_MAX);

	if (forwarding == 1) {
		check_say(checks, CHECK_OK, "net.forwarding", "net.ipv4.ip_forward is on");
	} else {
		check_say(checks, CHECK_FAIL, "net.forwarding",
			  "net.ipv4.ip_forward is off: no pod reaches anything");
		check_fix_sysctl(checks, "net.ipv4.ip_forward", 1);
	}
	if (filter == 2) {
		check_say(checks, CHECK_WARN, "net.rp_filter",
			  "net.ipv4.conf.all.rp_filter is 2 (loose), and the larger value counts: "
			  "pods can send with others' addresses");
		check_fix(checks, "sysctl -w net.ipv4.conf.all.rp_filter=0, and the same in "
				  "/etc/azl/host.json, \"sysctl\", to keep it (azl-cni makes each "
				  "pod's link strict)");
	} else {
		check_say(checks, CHECK_OK, "net.rp_filter",
			  "pods' links are strict about sources");
	}
	if (neighbours == UINT64_MAX) {
		check_say(checks, CHECK_NOTE, "net.neighbours",
			  "the table of neighbours is another network namespace's");
	} else if (neighbours >= 4096) {
		check_say(checks, CHECK_OK, "net.neighbours", "the table of neighbours holds %llu",
			  (unsigned long long)neighbours);
	} else {
		check_say(checks, CHECK_WARN, "net.neighbours",
			  "net.ipv4.neigh.default.gc_thresh3 is %llu: too few for hundreds of pods",
			  (unsigned long long)neighbours);
		check_fix_sysctl(checks, "net.ipv4.neigh.default.gc_thresh3", 8192);
	}
}

void check_network(struct checks *checks)
{
	check_nic(checks);
	check_settings(checks);
}
