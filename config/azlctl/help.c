/* SPDX-License-Identifier: Apache-2.0 */
#include "config/azlctl/help.h"

#include <stddef.h>
#include <string.h>

#include "config/host.h"

static const char help_check[] =
	"usage: azlctl [--root DIR] check [--json]\n"
	"\n"
	"Is this host fit for azl? One line for each thing that was looked at:\n"
	"\n"
	"  ok    it is as it should be       warn  containers run, something will hurt\n"
	"  note  worth knowing               FAIL  mend this first\n"
	"\n"
	"Below a line that is not right stands what to do. The name in the second column\n"
	"(\"kernel.inotify\") stays the same from version to version: scripts may rely on it.\n"
	"check changes nothing and needs no root, but sees more with it.\n"
	"\n"
	"exit status: 0 fit, 3 warnings, 4 at least one FAIL\n"
	"\n"
	"  azlctl check\n"
	"  azlctl check --json | jq -r '.checks[] | select(.fix) | .id + \": \" + .fix'\n";

static const char help_apply[] =
	"usage: azlctl [--root DIR] apply [nic] [--dry-run] [--json]\n"
	"\n"
	"Brings the host to what /etc/azl/host.json says (azlctl help host.json; all defaults\n"
	"without it): kernel modules, sysctls, slices with protected memory and weights, rings\n"
	"and channels of the NIC, the node's list of CNI plugins, the handler azl of containerd.\n"
	"No service is restarted. A second apply has nothing to do. \"apply nic\" does the part\n"
	"of NICs alone, as udev has it done when one comes.\n"
	"\n"
	"What was there before is noted in /var/lib/azl/applied.json, on the disk before the\n"
	"first change: apply may be killed at any moment and run again, or reverted. Files that\n"
	"are not azlctl's, or that somebody changed since, are never written over.\n"
	"\n"
	"exit status: 0 done, 1 nothing was changed, 2 host.json is wrong,\n"
	"             3 --dry-run: there is something to do, 5 some steps failed,\n"
	"             6 none failed, some were left: they are somebody else's\n"
	"\n"
	"  azlctl apply --dry-run            what would change here?\n"
	"  azlctl apply && azlctl check\n"
	"  azlctl --root /mnt/image apply    into an image: files alone, for its first boot\n";

static const char help_revert[] =
	"usage: azlctl [--root DIR] revert [--dry-run] [--json]\n"
	"\n"
	"Undoes what apply did, the last change first: its files go, values of the kernel are\n"
	"what they were before. What somebody changed after apply stays, and is told.\n"
	"\n"
	"exit status: 0 done, 1 nothing was changed,\n"
	"             3 --dry-run: there is something to undo, 5 some steps failed,\n"
	"             6 none failed, some were left: somebody changed them since\n"
	"\n"
	"  azlctl revert --dry-run\n";

static const char help_density[] =
	"usage: azlctl [--root DIR] density [--json | --svg FILE] [--max-pods N]\n"
	"\n"
	"What each pod costs beside its containers, the dearest first:\n"
	"\n"
	"  SHIM PSS    its share of all its shim's pages     PAUSE    the pause container\n"
	"  DIRTY       of it, what the shim's end would free KERNEL   stacks, sockets, tables\n"
	"  CONTAINERS  memory of its containers, KERNEL and  TASKS    threads in its containers\n"
	"              PAUSE in it                           MOUNTS   of the host, kept for it\n"
	"  FILES, SOCKET   descriptors open in the shim      PRESSURE who waited, last 10 s\n"
	"\n"
	"and what the node is to keep for itself, for N pods (as kubelet was told, or 110):\n"
	"what was measured, the same with a margin, and what AKS takes.\n"
	"Needs root: other users' memory is counted.\n"
	"\n"
	"  azlctl density --max-pods 250\n"
	"  azlctl density --svg /tmp/node.svg\n";

static const char help_explain[] =
	"usage: azlctl [--root DIR] explain [--json] CONTAINER\n"
	"\n"
	"Each cgroup value of a running container and who set it:\n"
	"\n"
	"  user         the container's own configuration: ctr, nerdctl, an annotation\n"
	"  kubelet      the same, of a pod of Kubernetes\n"
	"  azl default  a default of /etc/azl/host.json, put in by the shim\n"
	"  host         systemd, or a slice above\n"
	"  an update    it is not what the configuration says: changed since\n"
	"  kernel       nobody said anything\n"
	"\n"
	"\"in force\" below a line: a cgroup above allows less, or the kernel gave something "
	"else.\n"
	"CONTAINER is an id, the beginning of one, NAMESPACE/POD/CONTAINER of Kubernetes, or\n"
	"the name that nerdctl knows it by.\n"
	"\n"
	"  azlctl explain 3f2a\n"
	"  azlctl explain kube-system/coredns-7d8f4/coredns\n";

static const char help_version[] = "usage: azlctl version [--json]\n"
				   "\n"
				   "Version, and the revision of the source it was built from.\n";

const char *help_text(const char *command)
{
	static const struct {
		const char *name;
		const char *text;
	} texts[] = {
		{ "check", help_check },     { "apply", help_apply },
		{ "revert", help_revert },   { "density", help_density },
		{ "explain", help_explain }, { "version", help_version },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (strcmp(texts[i].name, command) == 0)
			return texts[i].text;
	return NULL;
}

void help_keys(FILE *out)
{
	const char *section = "";

	(void)fputs(
		"/etc/azl/host.json: an object of sections, each an object of keys. A key that "
		"is not there\nhas its default; null leaves a value alone; a section \"x-...\" is "
		"for notes.\n\n"
		"  { \"system\": { \"memory.min\": \"1Gi\" }, \"apply\": { \"containerd\": false "
		"},\n"
		"    \"sysctl\": { \"vm.max_map_count\": 262144 }, \"fastPaths\": { \"exec\": "
		"false } }\n"
		"\n"
		"azlctl check says whether the file is right, and what is wrong.\n",
		out);
	for (size_t i = 0; i < host_keys_count; i++) {
		const struct host_key *key = &host_keys[i];

		if (strcmp(section, key->section) != 0)
			(void)fprintf(out, "\n%s\n", key->section);
		section = key->section;
		(void)fprintf(out, "  %s%s%s\n      %s\n      allowed: %s\n", key->name,
			      *key->name ? " = " : "default ", key->fallback, key->reason,
			      host_type_range(key->type));
		if (key->type == HOST_NAMES)
			(void)fputs("      names: " HOST_FAST_PATHS "\n", out);
	}
}
