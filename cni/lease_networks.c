/* SPDX-License-Identifier: Apache-2.0 */
/* The leases of all networks. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cni/lease.h"
#include "config/base/clean.h"
#include "config/base/err.h"

/* A name that is no network, or one that goes: other reasons say nothing of who is there. */
static bool is_no_network(int reason)
{
	return reason == ENOENT || reason == ENOTDIR || reason == ELOOP;
}

/* As fn, of one entry. */
static int one_network(int root, const char *name, lease_network_fn *fn, void *owner,
		       struct err *err)
{
	own_fd int leases = -1;
	own_fd int dir = openat(root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (dir >= 0)
		leases = openat(dir, "leases", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (leases < 0)
		return is_no_network(errno) ? 0 : err_errno(err, "open %s", name);
	return fn(owner, name, dir, err);
}

int lease_each_network(const char *root, lease_network_fn *fn, void *owner, struct err *err)
{
	DIR *list = opendir(root);
	int first = 0; /* failure */
	int code = 0;

	if (!list)
		return errno == ENOENT ? 0 : err_errno(err, "open %s", root);
	for (struct dirent *entry = readdir(list); entry && code <= 0; entry = readdir(list)) {
		struct err said = { 0 };

		if (entry->d_name[0] == '.')
			continue;
		code = one_network(dirfd(list), entry->d_name, fn, owner, &said);
		if (code >= 0 || first < 0)
			continue;
		first = code;
		*err = said;
	}
	(void)closedir(list);
	return code > 0 ? code : first;
}

struct search {
	const char *without;
	const char *key;
};

static int search_network(void *owner, const char *network, int dir, struct err *err)
{
	const struct search *search = owner;

	(void)err;
	return (!search->without || strcmp(network, search->without) != 0) &&
	       lease_exists(dir, search->key);
}

bool lease_exists_anywhere(const char *root, const char *without, const char key[LEASE_KEY_ROOM])
{
	struct search search = { without, key };
	struct err ignored;

	return lease_each_network(root, search_network, &search, &ignored) != 0;
}
