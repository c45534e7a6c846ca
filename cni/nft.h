/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As much of nf_tables as a flowtable needs, by nfnetlink: messages of a batch that takes effect as
 * a whole or not at all. No program "nft" is needed. Families are inet throughout.
 *
 * Source: include/uapi/linux/netfilter/nf_tables.h; net/netfilter/nf_tables_api.c, nfnetlink.c.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct err;
struct nlmsghdr;

enum {
	NFT_BATCH_BYTES = 4096,
	NFT_MESSAGES_MAX = 8,
	NFT_LIMIT_MS = 2000, /* for all answers */
};

struct nft_batch {
	size_t n; /* messages, with the one that begins the batch */
	struct nlmsghdr *messages[NFT_MESSAGES_MAX];
	const char *whats[NFT_MESSAGES_MAX]; /* for the text of errors */
	uint8_t bytes[NFT_BATCH_BYTES] __attribute__((aligned(8)));
};

void nft_begin(struct nft_batch *batch);

/* A table that must not be there yet (EEXIST): who makes it makes all that is in it. */
void nft_put_table(struct nft_batch *batch, const char *table);

/*
 * A flowtable on links; one that is there gets those links besides its own, and one link twice is
 * no error. The links must be there (ENOENT).
 */
void nft_put_flowtable(struct nft_batch *batch, const char *table, const char *flowtable,
		       const char *const *links, size_t n);

/* Take a link out of a flowtable; ENOENT when it is not in it. */
void nft_put_flowtable_forget(struct nft_batch *batch, const char *table, const char *flowtable,
			      const char *link);

/* A chain at the hook forward, of priority filter, which accepts. */
void nft_put_forward(struct nft_batch *batch, const char *table, const char *chain);

/* "ct state established flow add @FLOWTABLE", at the end of a chain. */
void nft_put_flow_rule(struct nft_batch *batch, const char *table, const char *chain,
		       const char *flowtable);

/*
 * Send a batch in the caller's network namespace.
 *
 * Returns 0, or the first error: -EPERM (not permitted on this host), -EPROTONOSUPPORT or
 * -EOPNOTSUPP (no nf_tables), ...; nothing of the batch is then in force.
 */
int nft_send(struct nft_batch *batch, struct err *err);
