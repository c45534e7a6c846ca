/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/azlctl/azlctl.h"
#include "config/azlctl/density.h"
#include "config/azlctl/out.h"
#include "config/base/err.h"
#include "config/base/num.h"

/* ---- what to keep ---- */

struct density_reserve density_reserve(const struct density *density)
{
	const uint64_t megabyte = 1000000;
	struct density_reserve reserve = { 0 };
	uint64_t in_containers = 0, beside = 0, served = 0;

	for (size_t i = 0; i < DENSITY_DAEMONS; i++)
		reserve.fixed += density->daemons[i].pss;
	for (size_t i = 0; i < density->n_pods; i++) {
		in_containers += density->pods[i].kept;
		if (!density->pods[i].shim)
			continue;
		served++;
		beside += density->pods[i].pss + density->pods[i].pause;
	}
	if (density->kernel > in_containers)
		reserve.fixed += density->kernel - in_containers;
	reserve.per_pod = served ? beside / served : 0;
	reserve.needed = reserve.fixed + reserve.per_pod * density->max_pods;
	reserve.advised = reserve.needed + reserve.needed / 4 + (64ULL << 20);
	reserve.aks = 20 * megabyte * density->max_pods + 50 * megabyte;
	if (density->total && reserve.aks > density->total / 4)
		reserve.aks = density->total / 4;
	return reserve;
}

uint64_t density_cost(const struct density_pod *pod)
{
	return pod->pss + pod->pause + pod->kernel - pod->pause_kernel;
}

struct density_sum density_sum(const struct density *density)
{
	struct density_sum sum = { 0 };

	for (size_t i = 0; i < density->n_pods; i++) {
		const struct density_pod *pod = &density->pods[i];

		sum.pss += pod->pss;
		sum.private += pod->private;
		sum.pause += pod->pause;
		sum.kernel += pod->kernel;
		sum.memory += pod->memory;
		sum.tasks += pod->processes + pod->threads;
		sum.files += pod->files;
		sum.sockets += pod->sockets;
		sum.mounts += pod->mounts;
	}
	return sum;
}

const char *density_short(const char *name, size_t width, char text[DENSITY_SHORT_ROOM])
{
	size_t len = strlen(name), tail = width / 2;

	if (len <= width)
		(void)snprintf(text, DENSITY_SHORT_ROOM, "%s", name);
	else
		(void)snprintf(text, DENSITY_SHORT_ROOM, "%.*s~%s", (int)(width - tail - 1), name,
			       name + len - tail);
	return text;
}

/* ---- for people ---- */

static void print_pod(const struct azlctl *ctl, const struct density_pod *pod)
{
	char pss[OUT_BYTES_ROOM], private[OUT_BYTES_ROOM], pause[OUT_BYTES_ROOM],
		kernel[OUT_BYTES_ROOM], memory[OUT_BYTES_ROOM], name[DENSITY_SHORT_ROOM];

	(void)fprintf(ctl->out,
		      "%-36s %-5s %4zu %10s %10s %10s %10s %10s %6" PRIu64 " %5" PRIu64 " %6" PRIu64
		      " %6" PRIu64 "  %4.0f %4.0f %4.0f\n",
		      density_short(pod->name, 36, name),
		      pod->is_azl ? "azl"
		      : pod->shim ? "other"
				  : "none",
		      pod->containers, out_bytes(pod->pss, pss), out_bytes(pod->private, private),
		      out_bytes(pod->pause, pause), out_bytes(pod->kernel, kernel),
		      out_bytes(pod->memory, memory), pod->processes, pod->files, pod->sockets,
		      pod->mounts, pod->pressure.cpu, pod->pressure.memory, pod->pressure.io);
}

static void print_total(const struct azlctl *ctl, const struct density *density)
{
	struct density_sum sum = density_sum(density);
	char a[OUT_BYTES_ROOM], b[OUT_BYTES_ROOM], c[OUT_BYTES_ROOM], d[OUT_BYTES_ROOM],
		e[OUT_BYTES_ROOM];

	(void)fprintf(ctl->out,
		      "\n%zu pods, %zu containers: shims %s, pause containers %s, containers %s "
		      "(kernel %s of it)\n",
		      density->n_pods, density->n_containers, out_bytes(sum.pss, a),
		      out_bytes(sum.pause, b), out_bytes(sum.memory, c), out_bytes(sum.kernel, d));
	(void)fprintf(ctl->out,
		      "%" PRIu64 " tasks, of the shims %" PRIu64 " files and %" PRIu64
		      " sockets, %" PRIu64 " mounts\n",
		      sum.tasks, sum.files, sum.sockets, sum.mounts);
	(void)fprintf(ctl->out,
		      "node: memory %s, available %s, kernel %s, pressure cpu %.0f %% memory %.0f "
		      "%% io %.0f %%\n",
		      out_bytes(density->total, a), out_bytes(density->available, b),
		      out_bytes(density->kernel, e), density->pressure.cpu,
		      density->pressure.memory, density->pressure.io);
	for (size_t i = 0; i < DENSITY_DAEMONS; i++)
		if (density->daemons[i].pss)
			(void)fprintf(ctl->out, "%s: %s\n", density->daemons[i].name,
				      out_bytes(density->daemons[i].pss, a));
}

static void print_reserve(const struct azlctl *ctl, const struct density *density)
{
	struct density_reserve reserve = density_reserve(density);
	char fixed[OUT_BYTES_ROOM], pod[OUT_BYTES_ROOM], needed[OUT_BYTES_ROOM],
		advised[OUT_BYTES_ROOM], aks[OUT_BYTES_ROOM];

	(void)fprintf(ctl->out,
		      "\nto reserve for %" PRIu64 " pods%s\n"
		      "  measured  %s for the host + %s a pod = %s%s\n"
		      "  advised   %s%s%s (a quarter more, and 64 MiB)\n"
		      "  AKS takes %s (min(20 MB x pods + 50 MB, 25 %% of the memory))\n",
		      density->max_pods,
		      density->is_told ? "" : " (no kubelet says how many: --max-pods N)",
		      out_bytes(reserve.fixed, fixed), out_bytes(reserve.per_pod, pod),
		      out_bytes(reserve.needed, needed),
		      density->n_pods ? "" : " (no pod runs: none was measured)",
		      out_colour(ctl->colour, OUT_BOLD), out_bytes(reserve.advised, advised),
		      out_colour(ctl->colour, OUT_PLAIN), out_bytes(reserve.aks, aks));
}

static void print_text(const struct azlctl *ctl, const struct density *density)
{
	(void)fprintf(ctl->out, "%s%-36s %-5s %4s %10s %10s %10s %10s %10s %6s %5s %6s %6s  %s%s\n",
		      out_colour(ctl->colour, OUT_BOLD), "POD", "SHIM", "CONT", "SHIM PSS", "DIRTY",
		      "PAUSE", "KERNEL", "CONTAINERS", "TASKS", "FILES", "SOCKET", "MOUNTS",
		      "PRESSURE % cpu mem io", out_colour(ctl->colour, OUT_PLAIN));
	for (size_t i = 0; i < density->n_pods; i++)
		print_pod(ctl, &density->pods[i]);
	print_total(ctl, density);
	print_reserve(ctl, density);
}

/* ---- for machines ---- */

static void json_pressure(struct out_json *json, const struct density_pressure *pressure)
{
	out_json_object(json, "pressure_some_avg10");
	out_json_real(json, "cpu", pressure->cpu);
	out_json_real(json, "memory", pressure->memory);
	out_json_real(json, "io", pressure->io);
	out_json_end_object(json);
}

static void json_container(struct out_json *json, const struct density_container *container)
{
	out_json_object(json, NULL);
	out_json_string(json, "namespace", container->ns);
	out_json_string(json, "id", container->id);
	out_json_number(json, "pid", (uint64_t)container->pid);
	out_json_bool(json, "pause", container->is_pause);
	out_json_number(json, "memory_bytes", container->memory);
	out_json_number(json, "kernel_bytes", container->kernel);
	out_json_number(json, "tasks", container->processes);
	out_json_number(json, "mounts", container->mounts);
	json_pressure(json, &container->pressure);
	out_json_end_object(json);
}

static void json_shim(struct out_json *json, const struct density_pod *pod)
{
	if (!pod->shim) {
		out_json_null(json, "shim");
		return;
	}
	out_json_object(json, "shim");
	out_json_number(json, "pid", (uint64_t)pod->shim);
	out_json_bool(json, "azl", pod->is_azl);
	out_json_number(json, "pss_bytes", pod->pss);
	out_json_number(json, "private_dirty_bytes", pod->private);
	out_json_number(json, "threads", pod->threads);
	out_json_number(json, "files", pod->files);
	out_json_number(json, "sockets", pod->sockets);
	out_json_end_object(json);
}

static bool is_in(const struct density_pod *pod, const struct density_container *container)
{
	return container->shim == pod->shim && (pod->shim || container->pid == pod->pid);
}

static void json_pod(struct out_json *json, const struct density *density,
		     const struct density_pod *pod)
{
	out_json_object(json, NULL);
	out_json_string(json, "name", pod->name);
	json_shim(json, pod);
	out_json_number(json, "pause_bytes", pod->pause);
	out_json_number(json, "kernel_bytes", pod->kernel);
	out_json_number(json, "containers_bytes", pod->memory);
	out_json_number(json, "cost_bytes", density_cost(pod));
	out_json_number(json, "tasks", pod->processes);
	out_json_number(json, "mounts", pod->mounts);
	json_pressure(json, &pod->pressure);
	out_json_array(json, "containers");
	for (size_t i = 0; i < density->n_containers; i++)
		if (is_in(pod, &density->containers[i]))
			json_container(json, &density->containers[i]);
	out_json_end_array(json);
	out_json_end_object(json);
}

static void json_totals(struct out_json *json, const struct density *density)
{
	struct density_sum sum = density_sum(density);

	out_json_object(json, "totals");
	out_json_number(json, "pods", density->n_pods);
	out_json_number(json, "containers", density->n_containers);
	out_json_number(json, "shim_pss_bytes", sum.pss);
	out_json_number(json, "shim_private_dirty_bytes", sum.private);
	out_json_number(json, "pause_bytes", sum.pause);
	out_json_number(json, "kernel_bytes", sum.kernel);
	out_json_number(json, "containers_bytes", sum.memory);
	out_json_number(json, "tasks", sum.tasks);
	out_json_number(json, "files", sum.files);
	out_json_number(json, "sockets", sum.sockets);
	out_json_number(json, "mounts", sum.mounts);
	out_json_end_object(json);
}

static void print_json(const struct azlctl *ctl, const struct density *density)
{
	struct density_reserve reserve = density_reserve(density);
	struct out_json json;

	out_json_begin(&json, ctl->out);
	out_json_object(&json, NULL);
	out_json_array(&json, "pods");
	for (size_t i = 0; i < density->n_pods; i++)
		json_pod(&json, density, &density->pods[i]);
	out_json_end_array(&json);
	json_totals(&json, density);
	out_json_object(&json, "node");
	out_json_number(&json, "memory_bytes", density->total);
	out_json_number(&json, "available_bytes", density->available);
	out_json_number(&json, "kernel_bytes", density->kernel);
	for (size_t i = 0; i < DENSITY_DAEMONS; i++)
		out_json_number(&json, density->daemons[i].name, density->daemons[i].pss);
	json_pressure(&json, &density->pressure);
	out_json_end_object(&json);
	out_json_object(&json, "reserve");
	out_json_number(&json, "max_pods", density->max_pods);
	out_json_number(&json, "fixed_bytes", reserve.fixed);
	out_json_number(&json, "per_pod_bytes", reserve.per_pod);
	out_json_number(&json, "needed_bytes", reserve.needed);
	out_json_number(&json, "advised_bytes", reserve.advised);
	out_json_number(&json, "aks_bytes", reserve.aks);
	out_json_end_object(&json);
	out_json_end_object(&json);
	out_json_finish(&json);
}

/* ---- the command ---- */

static int draw(const struct density *density, const char *path)
{
	FILE *out = fopen(path, "we");
	int code;

	if (!out)
		return azlctl_fail("density", "--svg %s: %s", path, err_reason(errno));
	code = density_svg(density, out);
	if (fclose(out) != 0 || code < 0)
		return azlctl_fail("density", "--svg %s: cannot be written", path);
	return AZLCTL_OK;
}

/* Returns 0 or negative. */
static int take_arguments(int argc, char **argv, const char **svg, uint64_t *max_pods)
{
	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--svg") == 0 && i + 1 < argc)
			*svg = argv[++i];
		else if (strcmp(argv[i], "--max-pods") != 0 || i + 1 == argc ||
			 num_u64_parse(argv[i + 1], strlen(argv[i + 1]), max_pods) < 0 ||
			 *max_pods == 0 || *max_pods > 100000)
			return -EINVAL;
		else
			i++;
	}
	return 0;
}

int cmd_density(const struct azlctl *ctl, int argc, char **argv)
{
	struct density density = { 0 };
	struct err err = { 0 };
	const char *svg = NULL;
	int code;

	if (take_arguments(argc, argv, &svg, &density.max_pods) < 0 || (svg && ctl->json)) {
		(void)azlctl_fail("density",
				  "usage: azlctl density [--json | --svg FILE] [--max-pods N]");
		return AZLCTL_USAGE;
	}
	if (density_gather(ctl, &density, &err) < 0) {
		density_done(&density);
		return azlctl_fail("density", "%s", err.msg);
	}
	if (svg)
		code = draw(&density, svg);
	else
		code = AZLCTL_OK;
	if (!svg && ctl->json)
		print_json(ctl, &density);
	else if (!svg)
		print_text(ctl, &density);
	density_done(&density);
	return code;
}
