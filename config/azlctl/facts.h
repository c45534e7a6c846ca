/* SPDX-License-Identifier: Apache-2.0 */
/* What a host is, as far as the plan depends on it. Of a tree that is not running only its files
 * are read. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct azlctl;
struct err;

/* Programs whose memory is protected. Debian calls the same unit ssh.service. */
enum facts_unit { FACTS_CONTAINERD, FACTS_KUBELET, FACTS_SSHD, FACTS_UNITS };

/* A sysctl that a file of the owner's sets. */
struct facts_sysctl {
	char *name; /* owned; with dots */
	char *file; /* owned; without leading '/' */
};

/* The list of CNI plugins that apply writes. */
#define FACTS_CONF_FOLDER "etc/cni/net.d"
#define FACTS_CONFLIST	  "10-azl.conflist"

/* The file that apply writes has the name of the package azl-cni's, and hides it (sysctl.d(5)):
 * host.json may leave a line of that out. Where azl-cni's own lines of net.* are not apply's to
 * write, and are not there yet, it has the other name: the package may come before the next apply.
 */
#define FACTS_SYSCTLS	     "90-azl.conf"
#define FACTS_SYSCTLS_BEHIND "91-azl.conf"

/* Files that config.toml may import, azl.toml of apply's among them. */
#define FACTS_CONF_D "etc/containerd/conf.d"

enum { FACTS_IMPORT_ROOM = 512 };
enum { FACTS_NICS_MAX = 32, FACTS_LINK_ROOM = 16, FACTS_NAME_ROOM = 256 };
enum { FACTS_SLICES_MAX = 8, FACTS_SLICE_ROOM = 128 };

/* A slice above a service, other than those that apply cares for anyway. */
struct facts_slice {
	char name[FACTS_SLICE_ROOM]; /* "kubereserved.slice" */
	bool has_min;		     /* its unit file says MemoryMin= */
};

struct facts_nic {
	char name[FACTS_LINK_ROOM]; /* "eth0" */
	bool is_vf;		    /* a virtual function behind another one */
};

struct host_facts {
	bool is_live;
	bool has_systemd;
	const char *unit[FACTS_UNITS];		   /* "sshd.service"; NULL: the host has none */
	char slice[FACTS_UNITS][FACTS_SLICE_ROOM]; /* "system.slice", unless systemd says another */
	struct facts_slice slices[FACTS_SLICES_MAX]; /* those of slice[], and the ones above */
	size_t n_slices;
	pid_t pid[FACTS_UNITS]; /* live: of its process; 0: it does not run */
	bool has_own_slice;	/* the owner wrote an azl.slice */
	uint64_t memory_bytes;	/* 0: not known */
	uint64_t page_bytes;	/* live: 4 KiB, or up to 64 KiB on arm64 */
	uint64_t tasks_max;	/* that the kernel allows, live */
	char controllers[256];	/* of the root cgroup, live; "" where nobody knows */

	bool has_containerd_config;
	unsigned int containerd_config; /* version of its configuration; 0: not told */
	bool has_azl_handler;		/* it knows a handler azl that apply did not write */
	bool imports_conf_d;		/* it reads /etc/containerd/conf.d/azl.toml */
	unsigned int containerd_major;	/* of the program, live; 0: not known */
	unsigned int containerd_minor;

	struct facts_nic nics[FACTS_NICS_MAX]; /* live: those of the host */
	size_t n_nics;
	char conf_in_front[FACTS_NAME_ROOM]; /* first file of CNI's folder; "": ours is, or would be
					      */

	bool has_packed_sysctls; /* the package azl-cni brings a file of the name that apply writes
				  */
	struct facts_sysctl *sysctls; /* owned */
	size_t n_sysctls;
};

/*
 * Look at the host.
 *
 * facts   zeroed by the caller; facts_done() it, also after a failure
 *
 * What is not there is a fact. Returns 0 or -ENOMEM, -EFBIG, -EACCES, ... with err filled.
 */
int facts_read(const struct azlctl *ctl, struct host_facts *facts, struct err *err);
void facts_done(struct host_facts *facts);

/* The owner's file that sets a sysctl; NULL: none does. */
const char *facts_sysctl_file(const struct host_facts *facts, const char *name);

/* True when containerd reads apply's file in /etc/containerd/conf.d/: as config.toml says, and 2.2
 * without being told when there is none (containerd pull request #12323). */
bool facts_reads_conf_d(const struct host_facts *facts);

/*
 * What the kernel keeps of a value of the memory controller, and gives back when it is read: whole
 * pages, and "max" (UINT64_MAX) from the most that it counts on. Pure.
 *
 * Source: kernel mm/page_counter.c, page_counter_memparse; PAGE_COUNTER_MAX of 64-bit machines.
 */
uint64_t facts_kept_bytes(const struct host_facts *facts, uint64_t bytes);

/*
 * True when a slice is, or is above, another one: "a.slice" of "a-b.slice". Of "-.slice" it is
 * never true: the root has no limits. Pure.
 */
bool facts_slice_holds(const char *slice, const char *other);

/* True when the root cgroup has the controller of a file: "memory" of "memory.min". */
bool facts_has_controller(const struct host_facts *facts, const char *file);

/* ---- pure: texts of the host, whatever is in them; NUL-terminated ---- */

/* Take note of what a file of sysctl.d(5) sets. Returns 0 or -ENOMEM. */
int facts_sysctl_lines(struct host_facts *facts, const char *text, const char *file);

/* What "systemctl show -P Slice" prints of a unit; anything else than a slice is passed over. */
void facts_unit_slice(struct host_facts *facts, enum facts_unit unit, const char *text);

/* Fill slices[] from slice[]. What does not fit is left out. */
void facts_find_slices(struct host_facts *facts);

/* /etc/containerd/config.toml, and what "containerd --version" prints. */
void facts_containerd_config(struct host_facts *facts, const char *text);
void facts_containerd_version(struct host_facts *facts, const char *text);

/* "version = N" of a configuration of containerd; 0: it says none. */
unsigned int facts_config_version(const char *text);

/*
 * True when containerd reads all of a configuration and of a file that it imports. Of another
 * version it does not: what the older one says of CRI goes (containerd 2.1, measured), 1.7 knows no
 * 3 at all.
 */
bool facts_versions_fit(const char *config, const char *file);

/* True when a configuration of containerd, /etc/containerd/config.toml, imports a file: by its
 * path, or by a pattern. */
bool facts_imports(const char *text, const char *path);

/* True when a configuration of containerd has a table of the handler azl. */
bool facts_names_handler(const char *text);
