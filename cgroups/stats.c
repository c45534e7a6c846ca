/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/stats.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cgroups/file.h"
#include "cgroups/walk.h"
#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/base/fd.h"
#include "config/base/num.h"

enum {
	STATS_KEY_MAX = 24, /* an array, not a pointer: the tables need no relocation */
	STATS_CONTROLLERS_ROOM = 512,
	STATS_ENTRIES_FIRST = 8,
};

/* A key, or a file, and the number it fills. */
struct field {
	char key[STATS_KEY_MAX];
	uint16_t offset;
};

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

#define CPU(name)                                                                                  \
	{                                                                                          \
#name, offsetof(struct cg_cpu, name)                                               \
	}
static const struct field cpu_fields[] = {
	CPU(usage_usec),   CPU(user_usec),	CPU(system_usec), CPU(nr_periods),
	CPU(nr_throttled), CPU(throttled_usec), CPU(nr_bursts),	  CPU(burst_usec),
};

#define MEMORY(name)                                                                               \
	{                                                                                          \
#name, offsetof(struct cg_memory, name)                                            \
	}
static const struct field memory_fields[] = {
	MEMORY(anon),
	MEMORY(file),
	MEMORY(kernel_stack),
	MEMORY(slab),
	MEMORY(sock),
	MEMORY(shmem),
	MEMORY(file_mapped),
	MEMORY(file_dirty),
	MEMORY(file_writeback),
	MEMORY(anon_thp),
	MEMORY(inactive_anon),
	MEMORY(active_anon),
	MEMORY(inactive_file),
	MEMORY(active_file),
	MEMORY(unevictable),
	MEMORY(slab_reclaimable),
	MEMORY(slab_unreclaimable),
	MEMORY(pgfault),
	MEMORY(pgmajfault),
	MEMORY(workingset_refault),
	MEMORY(workingset_activate),
	MEMORY(workingset_nodereclaim),
	MEMORY(pgrefill),
	MEMORY(pgscan),
	MEMORY(pgsteal),
	MEMORY(pgactivate),
	MEMORY(pgdeactivate),
	MEMORY(pglazyfree),
	MEMORY(pglazyfreed),
	MEMORY(thp_fault_alloc),
	MEMORY(thp_collapse_alloc),
};

#define EVENT(name)                                                                                \
	{                                                                                          \
#name, offsetof(struct cg_memory_events, name)                                     \
	}
static const struct field event_fields[] = {
	EVENT(low), EVENT(high), EVENT(max), EVENT(oom), EVENT(oom_kill), EVENT(oom_group_kill),
};

/* Single-value files. */
static const struct field value_files[] = {
	{ "pids.current", offsetof(struct cg_stats, pids.current) },
	{ "pids.max", offsetof(struct cg_stats, pids.limit) },
	{ "memory.current", offsetof(struct cg_stats, memory.usage) },
	{ "memory.max", offsetof(struct cg_stats, memory.usage_limit) },
	{ "memory.swap.current", offsetof(struct cg_stats, memory.swap_usage) },
	{ "memory.swap.max", offsetof(struct cg_stats, memory.swap_limit) },
	{ "memory.peak", offsetof(struct cg_stats, memory.max_usage) },
	{ "memory.swap.peak", offsetof(struct cg_stats, memory.swap_max_usage) },
};

static uint64_t *number_at(void *base, const struct field *field)
{
	return (uint64_t *)(void *)((char *)base + field->offset);
}

/* Fill the numbers of a flat keyed file. Returns whether it holds any, known or not. */
static bool read_flat(int dir, const char *name, const struct field *fields, size_t count,
		      void *base)
{
	struct cg_file file;
	struct cg_text line;
	struct cg_text key;
	uint64_t value;
	bool any = false;

	if (cg_file_open(&file, dir, name) < 0)
		return false;
	while (cg_file_next(&file, &line) == 1) {
		if (cg_keyed_flat(line, &key, &value) < 0)
			continue;
		any = true;
		for (size_t i = 0; i < count; i++) {
			if (cg_keyed_equal(key, fields[i].key)) {
				*number_at(base, &fields[i]) = value;
				break;
			}
		}
	}
	cg_file_close(&file);
	return any;
}

/* One broken line makes the whole file worthless, as it does for the Go library. */
static void read_psi(int dir, const char *name, struct cg_psi *psi)
{
	struct cg_psi found = { .present = true };
	struct cg_file file;
	struct cg_text line;
	struct cg_text word;
	int code = cg_file_open(&file, dir, name);

	if (code < 0)
		return;
	for (code = cg_file_next(&file, &line); code == 1; code = cg_file_next(&file, &line)) {
		int bad = 0;

		if (!cg_keyed_word(&line, &word))
			continue;
		if (cg_keyed_equal(word, "some"))
			bad = cg_keyed_psi(line, &found.some);
		else if (cg_keyed_equal(word, "full"))
			bad = cg_keyed_psi(line, &found.full);
		if (bad < 0)
			found.present = false;
	}
	cg_file_close(&file);
	if (code == 0 && found.present)
		*psi = found;
}

/* Make room for one more in an array of `size` bytes each that grows by doubling. */
static int entry_room(void *slot, size_t count, size_t size)
{
	void **entries = slot;
	void *grown;

	if (count != 0 && (count < STATS_ENTRIES_FIRST || (count & (count - 1)) != 0))
		return 0;
	grown = reallocarray(*entries, count ? count * 2 : STATS_ENTRIES_FIRST, size);
	if (!grown)
		return -ENOMEM;
	*entries = grown;
	return 0;
}

/* "8:0 rbytes=1 wbytes=2 ...". Returns 1 with the entry filled, or 0. */
static int io_line_find(struct cg_text line, struct cg_io_entry *entry)
{
	struct cg_text word;
	struct cg_text key;
	struct cg_text text;
	uint64_t value;

	*entry = (struct cg_io_entry){ 0 };
	/* A device that did nothing yet is "8:0 ", with the blank; a bare word is no entry. */
	if (!cg_keyed_word(&line, &word) || line.len == 0 ||
	    cg_keyed_device(word, &entry->major, &entry->minor) < 0)
		return 0;
	while (cg_keyed_word(&line, &word)) {
		if (cg_keyed_pair(word, &key, &text) < 0 ||
		    num_u64_parse(text.at, text.len, &value) < 0)
			continue;
		if (cg_keyed_equal(key, "rbytes"))
			entry->rbytes = value;
		else if (cg_keyed_equal(key, "wbytes"))
			entry->wbytes = value;
		else if (cg_keyed_equal(key, "rios"))
			entry->rios = value;
		else if (cg_keyed_equal(key, "wios"))
			entry->wios = value;
	}
	return 1;
}

static int read_io(int dir, struct cg_io *io)
{
	struct cg_io_entry entry;
	struct cg_file file;
	struct cg_text line;
	int code = 0;

	if (cg_file_open(&file, dir, "io.stat") < 0)
		return 0;
	while (code == 0 && io->count < CG_STATS_IO_MAX && cg_file_next(&file, &line) == 1) {
		if (!io_line_find(line, &entry))
			continue;
		code = entry_room(&io->entry, io->count, sizeof(entry));
		if (code == 0)
			io->entry[io->count++] = entry;
	}
	cg_file_close(&file);
	return code;
}

/* One "hca_handle=2" of an rdma line; anything else changes nothing. */
static void rdma_pair(struct cg_text word, struct cg_rdma_entry *entry)
{
	struct cg_text key;
	struct cg_text text;
	uint64_t value;

	if (cg_keyed_pair(word, &key, &text) < 0 || cg_keyed_value(text, &value) < 0)
		return;
	if (value > UINT32_MAX && !cg_keyed_equal(text, "max"))
		return;
	if (value > UINT32_MAX)
		value = UINT32_MAX;
	if (cg_keyed_equal(key, "hca_handle"))
		entry->hca_handles = (uint32_t)value;
	else if (cg_keyed_equal(key, "hca_object"))
		entry->hca_objects = (uint32_t)value;
}

/* "mlx4_0 hca_handle=2 hca_object=2000", three words. Returns 1 with the entry filled, or 0. */
static int rdma_line_find(struct cg_text line, struct cg_rdma_entry *entry)
{
	struct cg_text device;
	struct cg_text first;
	struct cg_text second;
	struct cg_text more;

	*entry = (struct cg_rdma_entry){ 0 };
	if (!cg_keyed_word(&line, &device) || !cg_keyed_word(&line, &first) ||
	    !cg_keyed_word(&line, &second) || cg_keyed_word(&line, &more) ||
	    device.len >= sizeof(entry->device))
		return 0;
	/* It becomes a protobuf string, which has to be UTF-8. */
	for (size_t i = 0; i < device.len; i++) {
		if (device.at[i] <= ' ' || device.at[i] >= 0x7f)
			return 0;
	}
	memcpy(entry->device, device.at, device.len);
	rdma_pair(first, entry);
	rdma_pair(second, entry);
	return 1;
}

static int read_rdma(int dir, const char *name, struct cg_rdma *rdma)
{
	struct cg_rdma_entry entry;
	struct cg_file file;
	struct cg_text line;
	int code = 0;

	if (cg_file_open(&file, dir, name) < 0)
		return 0;
	while (code == 0 && rdma->count < CG_STATS_RDMA_MAX && cg_file_next(&file, &line) == 1) {
		if (!rdma_line_find(line, &entry))
			continue;
		code = entry_room(&rdma->entry, rdma->count, sizeof(entry));
		if (code == 0)
			rdma->entry[rdma->count++] = entry;
	}
	cg_file_close(&file);
	return code;
}

/* "hugepages-2048kB" as the cgroup's files spell it: "2MB". Returns 1 or 0. */
static int pagesize_find(const char *name, char *pagesize, size_t room)
{
	static const char prefix[] = "hugepages-";
	static const char suffix[] = "kB";
	size_t len = strlen(name);
	size_t around = sizeof(prefix) + sizeof(suffix) - 2;
	uint64_t kib;

	if (len <= around || strncmp(name, prefix, sizeof(prefix) - 1) != 0 ||
	    strcmp(name + len - (sizeof(suffix) - 1), suffix) != 0 ||
	    num_u64_parse(name + sizeof(prefix) - 1, len - around, &kib) < 0)
		return 0;
	if (kib >= 1 << 20)
		(void)snprintf(pagesize, room, "%lluGB", (unsigned long long)(kib >> 20));
	else if (kib >= 1 << 10)
		(void)snprintf(pagesize, room, "%lluMB", (unsigned long long)(kib >> 10));
	else
		(void)snprintf(pagesize, room, "%lluKB", (unsigned long long)kib);
	return 1;
}

void cg_stats_hugetlb_read(int dir, int sizes, struct cg_stats *stats)
{
	struct cg_walk walk;
	int code = cg_walk_start(&walk, sizes);

	stats->hugetlb_count = 0;
	while (code == 0 && stats->hugetlb_count < CG_STATS_HUGETLB_MAX &&
	       cg_walk_next(&walk) == 1) {
		struct cg_hugetlb *entry = &stats->hugetlb[stats->hugetlb_count];
		char name[64];

		*entry = (struct cg_hugetlb){ 0 };
		if (!pagesize_find(walk.name, entry->pagesize, sizeof(entry->pagesize)))
			continue;
		stats->hugetlb_count++;
		(void)snprintf(name, sizeof(name), "hugetlb.%s.max", entry->pagesize);
		entry->max = cg_file_value(dir, name);
		(void)snprintf(name, sizeof(name), "hugetlb.%s.current", entry->pagesize);
		entry->current = cg_file_value(dir, name);
		(void)snprintf(name, sizeof(name), "hugetlb.%s.events", entry->pagesize);
		(void)cg_file_find(dir, name, "max", &entry->failcnt);
	}
	cg_walk_end(&walk);
}

/* Numbers that own nothing. */
static void read_numbers(int dir, struct cg_text controllers, struct cg_stats *stats)
{
	own_fd int sizes = open("/sys/kernel/mm/hugepages", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (cg_keyed_lists(controllers, cg_keyed_text("cpu")))
		(void)read_flat(dir, "cpu.stat", cpu_fields, LENGTH(cpu_fields), &stats->cpu);
	read_psi(dir, "cpu.pressure", &stats->cpu.psi);
	if (cg_keyed_lists(controllers, cg_keyed_text("memory"))) {
		(void)read_flat(dir, "memory.stat", memory_fields, LENGTH(memory_fields),
				&stats->memory);
		read_psi(dir, "memory.pressure", &stats->memory.psi);
	}
	stats->memory_events.present = read_flat(dir, "memory.events", event_fields,
						 LENGTH(event_fields), &stats->memory_events);
	for (size_t i = 0; i < LENGTH(value_files); i++)
		*number_at(stats, &value_files[i]) = cg_file_value(dir, value_files[i].key);
	read_psi(dir, "io.pressure", &stats->io.psi);
	if (sizes >= 0)
		cg_stats_hugetlb_read(dir, sizes, stats);
}

int cg_stats_read(int dir, struct cg_stats *stats, struct err *err)
{
	char text[STATS_CONTROLLERS_ROOM];
	ssize_t len = fd_read_text(dir, "cgroup.controllers", text, sizeof(text));
	int code;

	*stats = (struct cg_stats){ 0 };
	if (len == -ENODEV)
		len = -ENOENT;
	if (len < 0)
		return err_set(err, (int)len, "read cgroup.controllers: %s", err_reason((int)-len));
	read_numbers(dir, (struct cg_text){ text, (size_t)len }, stats);
	code = read_io(dir, &stats->io);
	if (code == 0)
		code = read_rdma(dir, "rdma.current", &stats->rdma_current);
	if (code == 0)
		code = read_rdma(dir, "rdma.max", &stats->rdma_limit);
	if (code == 0)
		return 0;
	cg_stats_done(stats);
	return err_set(err, code, "read cgroup figures: %s", err_reason(-code));
}

void cg_stats_done(struct cg_stats *stats)
{
	free(stats->io.entry);
	free(stats->rdma_current.entry);
	free(stats->rdma_limit.entry);
	*stats = (struct cg_stats){ 0 };
}
