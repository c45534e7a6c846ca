/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cgroups/file.h"
#include "cgroups/keyed.h"
#include "cgroups/root.h"
#include "config/azlctl/azlctl.h"
#include "config/azlctl/containers.h"
#include "config/azlctl/density.h"
#include "config/azlctl/out.h"
#include "config/azlctl/proc.h"
#include "config/azlctl/tree.h"
#include "config/base/buf.h"
#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/json.h"

#define STATE "/run/containerd/"

enum {
	MOUNTS_MAX_BYTES = 32 << 20,
	GROW = 64,
	PATH_ROOM = 512,
};

struct gathering {
	const struct azlctl *ctl;
	struct density *density;
	int cgroups; /* root of the hierarchy; negative: none */
	struct err *err;
};

void density_done(struct density *density)
{
	free(density->containers);
	free(density->pods);
	*density = (struct density){ 0 };
}

/* ---- one container ---- */

static void keep_text(char room[DENSITY_NAME_ROOM], const char *text, size_t len)
{
	size_t used = strlen(room);

	if (used + len >= DENSITY_NAME_ROOM)
		len = DENSITY_NAME_ROOM - 1 - used;
	memcpy(room + used, text, len);
	room[used + len] = '\0';
	out_plain(room + used);
}

static int spec_value(void *owner, const struct json_path *path, enum json_type type,
		      const char *text, size_t len)
{
	struct density_container *container = owner;
	const char *top, *key;

	if (type != JSON_STRING)
		return 0;
	if (json_path_is(path, "linux", "namespaces", "*", "path", NULL) &&
	    memmem(text, len, "/netns/", strlen("/netns/")))
		container->has_netns = true;
	top = json_path_key(path, 0, NULL);
	key = json_path_key(path, 1, NULL);
	if (json_path_depth(path) != 2 || !top || !key || strcmp(top, "annotations") != 0)
		return 0;
	if (strcmp(key, "io.kubernetes.cri.container-type") == 0) {
		container->is_pause = len == 7 && memcmp(text, "sandbox", 7) == 0;
	} else if (strcmp(key, "io.kubernetes.cri.sandbox-namespace") == 0) {
		char name[DENSITY_NAME_ROOM];

		memcpy(name, container->pod, sizeof(name));
		container->pod[0] = '\0';
		keep_text(container->pod, text, len);
		keep_text(container->pod, "/", 1);
		keep_text(container->pod, name, strlen(name));
	} else if (strcmp(key, "io.kubernetes.cri.sandbox-name") == 0) {
		keep_text(container->pod, text, len);
	}
	return 0;
}

/* Source: kernel cgroup-v2.rst, memory.stat; "kernel" has slabs that can be reclaimed in it. */
static void read_kernel(int dir, struct density_container *container)
{
	static const char *const kept[] = { "slab_unreclaimable", "kernel_stack", "pagetables",
					    "percpu" };
	struct cg_text line, key;
	struct cg_file file;
	uint64_t value;
	int rc = cg_file_open(&file, dir, "memory.stat");

	while (rc >= 0 && cg_file_next(&file, &line) > 0) {
		if (cg_keyed_flat(line, &key, &value) < 0)
			continue;
		if (cg_keyed_equal(key, "kernel"))
			container->kernel = value;
		for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
			if (cg_keyed_equal(key, kept[i]))
				container->kept += value;
	}
	cg_file_close(&file);
}

static void read_cgroup(const struct gathering *gathering, struct density_container *container)
{
	own_fd int dir = -1;
	char path[4096];
	struct err ignored;

	if (gathering->cgroups < 0 ||
	    proc_cgroup(gathering->ctl->root, container->pid, path, sizeof(path)) < 0 ||
	    cg_open_below(gathering->cgroups, path, &dir, &ignored) < 0)
		return;
	container->memory = cg_file_value(dir, "memory.current");
	container->processes = cg_file_value(dir, "pids.current");
	read_kernel(dir, container);
	container->pressure =
		density_pressure_of(dir, "cpu.pressure", "memory.pressure", "io.pressure");
}

/*
 * The container's shim: its parent, unless that has come to be one when the shim ended (process 1,
 * or whoever takes the children of others). A program that cannot be told is taken for it.
 */
static pid_t shim_of(int root, pid_t pid, int bundle)
{
	static const char usual[] = "containerd-shim";
	pid_t parent = proc_parent(root, pid);
	char program[DENSITY_NAME_ROOM], path[PATH_ROOM];
	const char *its = path;
	ssize_t len = tree_read_text(bundle, "shim-binary-path", path, sizeof(path));

	if (parent <= 1)
		return 0;
	if (len > 0 && strrchr(path, '/'))
		its = strrchr(path, '/') + 1;
	proc_program(root, parent, program, sizeof(program));
	return !*program || strncmp(program, usual, strlen(usual)) == 0 ||
			       (len > 0 && strcmp(program, its) == 0)
		       ? parent
		       : 0;
}

static int on_bundle(void *owner, const char *ns, const char *id, int bundle)
{
	struct gathering *gathering = owner;
	struct density *density = gathering->density;
	struct density_container container = { .pid = containers_pid(bundle) };
	struct err ignored;

	/* a number that another process has by now is no container's */
	if (!container.pid || !proc_parent(gathering->ctl->root, container.pid))
		return 0;
	container.shim = shim_of(gathering->ctl->root, container.pid, bundle);
	if (!container.shim && proc_has_hosts_files(gathering->ctl->root, container.pid))
		return 0;
	if (density->n_containers % GROW == 0) {
		void *more = realloc(density->containers,
				     (density->n_containers + GROW) * sizeof(container));

		if (!more)
			return err_set(gathering->err, -ENOMEM, "no memory");
		density->containers = more;
	}
	keep_text(container.ns, ns, strlen(ns));
	keep_text(container.id, id, strlen(id));
	/* a configuration that cannot be read leaves the pod without its name */
	(void)containers_spec(bundle, spec_value, &container, &ignored);
	read_cgroup(gathering, &container);
	density->containers[density->n_containers++] = container;
	return 0;
}

/* ---- mounts ---- */

static struct density_container *container_named(const struct density *density, const char *ns,
						 size_t ns_len, const char *id, size_t len)
{
	for (size_t i = 0; i < density->n_containers; i++) {
		struct density_container *container = &density->containers[i];

		if (strlen(container->ns) == ns_len && memcmp(container->ns, ns, ns_len) == 0 &&
		    strlen(container->id) == len && memcmp(container->id, id, len) == 0)
			return container;
	}
	return NULL;
}

/* Give a mount to the container that it is for: TASKS/NAMESPACE/ID/..., or STATE/PLUGIN/.../ID/...
 * of the CRI plugin. The names of other folders may be ids, too. */
static void count_mount(const struct density *density, const char *place)
{
	static const char tasks[] = "/" CONTAINERS_TASKS "/", cri[] = "k8s.io";
	struct density_container *container = NULL;
	const char *part = place + strlen(STATE);
	size_t len = strcspn(part, "/ \n");

	if (strncmp(place, tasks, strlen(tasks)) == 0) {
		const char *ns = place + strlen(tasks);
		size_t ns_len = strcspn(ns, "/ \n");

		part = ns + ns_len + (ns[ns_len] == '/');
		container = container_named(density, ns, ns_len, part, strcspn(part, "/ \n"));
	} else {
		while (!container && part[len] == '/') {
			part += len + 1;
			len = strcspn(part, "/ \n");
			container = container_named(density, cri, strlen(cri), part, len);
		}
	}
	if (container)
		container->mounts++;
}

/* Source: proc_pid_mountinfo(5): the fifth field is the mount point. */
static void count_mounts(const struct gathering *gathering)
{
	struct density *density = gathering->density;
	struct buf mounts = { 0 };

	for (size_t i = 0; i < density->n_containers; i++)
		density->containers[i].mounts = density->containers[i].has_netns;
	if (tree_read_file(gathering->ctl->root, "proc/self/mountinfo", MOUNTS_MAX_BYTES,
			   &mounts) == 0 &&
	    buf_add(&mounts, "", 1, MOUNTS_MAX_BYTES + 1) == 0) {
		const char *line = (const char *)mounts.data;

		for (; *line; line += strcspn(line, "\n"), line += *line == '\n') {
			const char *at = line;

			for (int field = 0; field < 4; field++)
				at += strcspn(at, " \n"), at += *at == ' ';
			if (strncmp(at, STATE, strlen(STATE)) == 0)
				count_mount(density, at);
		}
	}
	buf_done(&mounts);
}

/* ---- pods ---- */

static void add_to_pod(struct density_pod *pod, const struct density_container *container)
{
	if (!pod->name || container->is_pause)
		pod->name = *container->pod ? container->pod : container->id;
	pod->containers++;
	pod->pause += container->is_pause ? container->memory : 0;
	pod->pause_kernel += container->is_pause ? container->kernel : 0;
	pod->kernel += container->kernel;
	pod->kept += container->kept;
	pod->memory += container->memory;
	pod->processes += container->processes;
	pod->mounts += container->mounts;
	if (container->pressure.cpu > pod->pressure.cpu)
		pod->pressure.cpu = container->pressure.cpu;
	if (container->pressure.memory > pod->pressure.memory)
		pod->pressure.memory = container->pressure.memory;
	if (container->pressure.io > pod->pressure.io)
		pod->pressure.io = container->pressure.io;
}

static int read_shim(const struct gathering *gathering, struct density_pod *pod)
{
	struct proc_memory memory = { 0 };
	char program[64];
	int code = 0;

	if (!pod->shim)
		return 0;
	code = proc_memory(gathering->ctl->root, pod->shim, &memory);
	if (code == -EACCES || code == -EPERM)
		return err_set(gathering->err, code, "/proc/%d/smaps_rollup: %s: run it as root",
			       (int)pod->shim, err_reason(-code));
	pod->pss = memory.pss; /* one that has gone meanwhile costs nothing */
	pod->private = memory.private;
	pod->threads = proc_status(gathering->ctl->root, pod->shim, "Threads:");
	(void)proc_files(gathering->ctl->root, pod->shim, &pod->files, &pod->sockets);
	proc_program(gathering->ctl->root, pod->shim, program, sizeof(program));
	pod->is_azl = strncmp(program, "containerd-shim-azl", strlen("containerd-shim-azl")) == 0;
	return 0;
}

static int by_shim(const void *left, const void *right)
{
	const struct density_container *a = left, *b = right;

	return a->shim != b->shim ? (a->shim < b->shim ? -1 : 1) : strcmp(a->id, b->id);
}

static int dearest_first(const void *left, const void *right)
{
	const struct density_pod *a = left, *b = right;
	uint64_t cost_a = density_cost(a), cost_b = density_cost(b);

	return cost_a != cost_b ? (cost_a > cost_b ? -1 : 1) : strcmp(a->name, b->name);
}

static int make_pods(const struct gathering *gathering)
{
	struct density *density = gathering->density;
	int code = 0;

	if (density->n_containers == 0)
		return 0;
	qsort(density->containers, density->n_containers, sizeof(*density->containers), by_shim);
	density->pods = calloc(density->n_containers, sizeof(*density->pods));
	if (!density->pods)
		return err_set(gathering->err, -ENOMEM, "no memory");
	for (size_t i = 0; i < density->n_containers && code == 0; i++) {
		const struct density_container *container = &density->containers[i];
		bool is_new = i == 0 || !container->shim || container->shim != container[-1].shim;

		if (is_new)
			density->pods[density->n_pods++] = (struct density_pod){
				.shim = container->shim,
				.pid = container->pid,
			};
		add_to_pod(&density->pods[density->n_pods - 1], container);
		if (is_new)
			code = read_shim(gathering, &density->pods[density->n_pods - 1]);
	}
	qsort(density->pods, density->n_pods, sizeof(*density->pods), dearest_first);
	return code;
}

int density_gather(const struct azlctl *ctl, struct density *density, struct err *err)
{
	own_fd int cgroups = containers_cgroups(ctl->root);
	struct gathering gathering = {
		.ctl = ctl,
		.density = density,
		.cgroups = cgroups,
		.err = err,
	};
	int code = containers_each(ctl->root, on_bundle, &gathering, err);

	if (code == -ENOENT)
		(void)err_wrap(err, "containerd has not run here");
	if (code < 0)
		return code;
	count_mounts(&gathering);
	code = make_pods(&gathering);
	if (code == 0)
		density_node(ctl, density);
	return code;
}
