/* SPDX-License-Identifier: Apache-2.0 */
#include "cni/datapath/flowtable.h"

#include <errno.h>
#include <stddef.h>

#include "cni/nft.h"
#include "config/base/err.h"

#define FLOWTABLE_TABLE "azl"
#define FLOWTABLE_NAME	"pods"
#define FLOWTABLE_CHAIN "forward"

enum { FLOWTABLE_TRIES = 3 };

/* In a table that is there. */
static int flowtable_extend(const char *const *links, size_t n, struct err *err)
{
	struct nft_batch batch;

	nft_begin(&batch);
	nft_put_flowtable(&batch, FLOWTABLE_TABLE, FLOWTABLE_NAME, links, n);
	return nft_send(&batch, err);
}

/* With its table; -EEXIST: another was faster. */
static int flowtable_make(const char *const *links, size_t n, struct err *err)
{
	struct nft_batch batch;

	nft_begin(&batch);
	nft_put_table(&batch, FLOWTABLE_TABLE);
	nft_put_flowtable(&batch, FLOWTABLE_TABLE, FLOWTABLE_NAME, links, n);
	nft_put_forward(&batch, FLOWTABLE_TABLE, FLOWTABLE_CHAIN);
	nft_put_flow_rule(&batch, FLOWTABLE_TABLE, FLOWTABLE_CHAIN, FLOWTABLE_NAME);
	return nft_send(&batch, err);
}

int flowtable_add(const char *nic, const char *host_name, struct err *err)
{
	const char *const links[] = { host_name, nic };
	size_t n = nic ? 2 : 1;
	int rc = -EEXIST;

	/* Made by one, flushed by another, made again: not for ever. */
	for (int i = 0; i < FLOWTABLE_TRIES && rc == -EEXIST; i++) {
		rc = flowtable_extend(links, n, err);
		if (rc == -ENOENT)
			rc = flowtable_make(links, n, err);
	}
	if (rc == -ENOENT)
		return err_set(err, rc,
			       "this kernel has no flowtables (CONFIG_NF_FLOW_TABLE_INET)");
	return rc;
}

void flowtable_forget(const char *host_name)
{
	struct nft_batch batch;
	struct err ignored;

	nft_begin(&batch);
	nft_put_flowtable_forget(&batch, FLOWTABLE_TABLE, FLOWTABLE_NAME, host_name);
	(void)nft_send(&batch, &ignored);
}
