/* SPDX-License-Identifier: Apache-2.0 */
#include "cni/ipam/pool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "cni/error.h"
#include "cni/ipam/store.h"
#include "cni/lease.h"
#include "config/base/clean.h"
#include "config/base/log.h"

/* One ADD under way. */
struct pool_act {
	const struct pool *pool;
	const char *key;
	struct address *refused; /* owned; may not be used */
	size_t n_refused;
	bool reclaimed; /* the dead have been looked for */
};

static unsigned int pool_sets(const struct pool *pool)
{
	unsigned int sets = 0;

	for (size_t i = 0; i < pool->n_ranges; i++) {
		if (pool->ranges[i].set >= sets)
			sets = pool->ranges[i].set + 1;
	}
	return sets;
}

static bool pool_is_listed(const struct address *list, size_t n, const struct address *address)
{
	for (size_t i = 0; i < n; i++) {
		if (address_equal(&list[i], address))
			return true;
	}
	return false;
}

static bool pool_range_has(const struct pool_range *range, const struct address *address)
{
	return range->first.family == address->family &&
	       address_compare(&range->first, address) <= 0 &&
	       address_compare(address, &range->last) <= 0;
}

/* The range of a set that an address may come from, or -1. */
static long pool_range_of(const struct pool *pool, unsigned int set, const struct address *address)
{
	if (pool_is_listed(pool->excluded, pool->n_excluded, address))
		return -1;
	for (size_t i = 0; i < pool->n_ranges; i++) {
		if (pool->ranges[i].set == set && pool_range_has(&pool->ranges[i], address))
			return (long)i;
	}
	return -1;
}

/* What may be wanted: from a set, and one of each; the same one twice is one. */
static int pool_check_wanted(const struct pool *pool, struct err *err)
{
	unsigned int sets = pool_sets(pool);
	unsigned int seen = 0;

	if (sets == 0 || sets > IPAM_IPS_MAX)
		return cni_err(err, CNI_CONFIG_INVALID, "ipam: %u sets of ranges, want 1 to %d",
			       sets, IPAM_IPS_MAX);
	for (size_t i = 0; i < pool->n_wanted; i++) {
		char text[ADDRESS_TEXT_ROOM];
		unsigned int set = 0;

		if (pool_is_listed(pool->wanted, i, &pool->wanted[i]))
			continue;
		address_format(&pool->wanted[i], false, text);
		while (set < sets && pool_range_of(pool, set, &pool->wanted[i]) < 0)
			set++;
		if (set == sets)
			return cni_err(err, CNI_CONFIG_INVALID,
				       "the address asked for, %s, is in no range, or reserved",
				       text);
		if (seen & 1U << set)
			return cni_err(err, CNI_CONFIG_INVALID,
				       "the address asked for, %s, is the second one of its set",
				       text);
		seen |= 1U << set;
	}
	return 0;
}

/* Never used: the lowest address of the range that has no entry. */
static bool pool_fresh(const struct pool_act *act, const struct store *store,
		       const struct pool_range *range, struct address *found)
{
	struct address at = range->first;
	size_t i = store_lower_bound(store, &at);

	for (;;) {
		if (i < store->n && address_equal(&store->entries[i].address, &at)) {
			i++;
		} else if (!pool_is_listed(act->pool->excluded, act->pool->n_excluded, &at) &&
			   !pool_is_listed(act->refused, act->n_refused, &at)) {
			*found = at;
			return true;
		}
		if (address_compare(&at, &range->last) >= 0 || !address_next(&at))
			return false;
	}
}

/* Given back first, of a set. */
static const struct store_entry *pool_coolest(const struct pool_act *act, const struct store *store,
					      unsigned int set)
{
	const struct store_entry *best = NULL;

	for (size_t i = 0; i < store->n; i++) {
		const struct store_entry *entry = &store->entries[i];

		if (!entry->held && (!best || entry->since_ms < best->since_ms) &&
		    pool_range_of(act->pool, set, &entry->address) >= 0 &&
		    !pool_is_listed(act->refused, act->n_refused, &entry->address))
			best = entry;
	}
	return best;
}

static int pool_exhausted(const struct pool_act *act, const struct store *store, unsigned int set,
			  struct err *err)
{
	uint8_t family = AF_INET;
	size_t held = 0;

	for (size_t i = 0; i < store->n; i++)
		held += store->entries[i].held &&
			pool_range_of(act->pool, set, &store->entries[i].address) >= 0;
	for (size_t i = 0; i < act->pool->n_ranges; i++)
		if (act->pool->ranges[i].set == set)
			family = act->pool->ranges[i].first.family;
	return cni_err(
		err, CNI_ADDRESS_EXHAUSTED,
		"no IPv%d address is left in set %u of the ranges: %zu held, %zu in use by others "
		"on this host, %zu reserved",
		family == AF_INET ? 4 : 6, set, held, act->n_refused, act->pool->n_excluded);
}

static const struct store_entry *pool_own(const struct pool_act *act, const struct store *store,
					  unsigned int set)
{
	for (size_t i = 0; i < store->n; i++) {
		const struct store_entry *entry = &store->entries[i];

		if (entry->held && strcmp(entry->key, act->key) == 0 &&
		    pool_range_of(act->pool, set, &entry->address) >= 0)
			return entry;
	}
	return NULL;
}

static const struct address *pool_wanted(const struct pool *pool, unsigned int set)
{
	for (size_t i = 0; i < pool->n_wanted; i++) {
		if (pool_range_of(pool, set, &pool->wanted[i]) >= 0)
			return &pool->wanted[i];
	}
	return NULL;
}

/* Choose for one set. Returns 0 or negative. */
static int pool_choose(const struct pool_act *act, const struct store *store, unsigned int set,
		       struct address *chosen, struct err *err)
{
	const struct address *wanted = pool_wanted(act->pool, set);
	const struct store_entry *own = pool_own(act, store, set);
	const struct store_entry *entry;
	char text[ADDRESS_TEXT_ROOM];

	if (wanted) {
		entry = store_find(store, wanted);
		address_format(wanted, false, text);
		if (own && !address_equal(&own->address, wanted))
			return cni_err(err, CNI_CONFIG_INVALID,
				       "%s is asked for, but another address is held", text);
		if (entry && entry->held && entry != own)
			return cni_err(err, CNI_ADDRESS_IN_USE,
				       "the address asked for, %s, is held by another container",
				       text);
		*chosen = *wanted;
		return 0;
	}
	if (own) {
		*chosen = own->address;
		return 0;
	}
	for (size_t i = 0; i < act->pool->n_ranges; i++) {
		if (act->pool->ranges[i].set == set &&
		    pool_fresh(act, store, &act->pool->ranges[i], chosen))
			return 0;
	}
	entry = pool_coolest(act, store, set);
	if (!entry)
		return pool_exhausted(act, store, set, err);
	*chosen = entry->address;
	return 0;
}

/* One locked turn: what may not be used goes back, each set gets its address. */
static int pool_turn(const struct pool_act *act, struct pool_given *given, struct err *err)
{
	const struct pool *pool = act->pool;
	unsigned int sets = pool_sets(pool);
	struct store store;
	int code = store_begin(pool->network_dir, pool->dir, pool->until_ms, &store, err);

	if (code < 0)
		return code;
	for (size_t i = 0; i < store.n; i++) {
		struct store_entry *entry = &store.entries[i];

		if (entry->held && strcmp(entry->key, act->key) == 0 &&
		    pool_is_listed(act->refused, act->n_refused, &entry->address))
			store_free_entry(entry);
	}
	for (unsigned int set = 0; code == 0 && set < sets; set++) {
		struct address chosen = { 0 };

		code = pool_choose(act, &store, set, &chosen, err);
		if (code == 0 && store_hold(&store, &chosen, act->key) != 0)
			code = err_set(err, -ENOMEM, "no memory for the ranges");
		chosen.prefix = address_bits(chosen.family);
		given[set] = (struct pool_given){
			.address = chosen,
			.range = (size_t)pool_range_of(pool, set, &chosen),
		};
	}
	if (code == 0)
		code = store_commit(&store, err);
	store_done(&store);
	return code;
}

/* Ask whether what was given may be used. Returns 0, 1 (no: choose again), or negative. */
static int pool_ask(struct pool_act *act, const struct pool_given *given, size_t n, struct err *err)
{
	const struct pool *pool = act->pool;
	int answer = 0;

	for (size_t i = 0; pool->may_use && i < n; i++) {
		char text[ADDRESS_TEXT_ROOM];

		if (pool->may_use(pool->may_use_owner, &given[i].address))
			continue;
		address_format(&given[i].address, false, text);
		if (pool_is_listed(pool->wanted, pool->n_wanted, &given[i].address))
			return cni_err(err, CNI_ADDRESS_IN_USE,
				       "the address asked for, %s, is in use on this host", text);
		if (act->n_refused == POOL_REFUSED_MAX)
			return cni_err(err, CNI_ADDRESS_EXHAUSTED,
				       "%d addresses of the ranges are in use on this host",
				       POOL_REFUSED_MAX);
		log_warn(NULL, "address %s is in use on this host: not handed out", text);
		act->refused[act->n_refused++] = given[i].address;
		answer = 1;
	}
	return answer;
}

/* Give back what the dead hold. The answer of is_alive takes time: asked without the lock. */
static int pool_reclaim(const struct pool *pool, struct err *err)
{
	if (!pool->is_alive)
		return 0;
	return pool_gc(pool, pool->is_alive, pool->is_alive_owner, err);
}

static int pool_take_turns(struct pool_act *act, struct pool_given *given, size_t n,
			   struct err *err)
{
	for (;;) {
		int code = pool_turn(act, given, err);

		if (code == -(CNI_ERR_BASE + CNI_ADDRESS_EXHAUSTED) && act->pool->is_alive &&
		    !act->reclaimed) {
			struct err ignored = { 0 };

			act->reclaimed = true;
			if (pool_reclaim(act->pool, &ignored) == 0)
				continue;
		}
		if (code == 0)
			code = pool_ask(act, given, n, err);
		if (code <= 0)
			return code;
	}
}

int pool_take(const struct pool *pool, const char *key, struct pool_given given[IPAM_IPS_MAX],
	      size_t *n, struct err *err)
{
	own_mem struct address *refused = calloc(POOL_REFUSED_MAX, sizeof(*refused));
	struct pool_act act = { .pool = pool, .key = key, .refused = refused };
	struct pool_given got[IPAM_IPS_MAX] = { 0 };
	struct err ignored = { 0 };
	int code;

	if (!refused)
		return err_set(err, -ENOMEM, "no memory for the ranges");
	code = pool_check_wanted(pool, err);
	if (code < 0)
		return code;
	code = pool_take_turns(&act, got, pool_sets(pool), err);
	if (code < 0) {
		(void)pool_give_back(pool, key, &ignored);
		return code;
	}
	*n = pool_sets(pool);
	memcpy(given, got, *n * sizeof(*given));
	return 0;
}

/* Free what fn chooses; write only what changed. */
static size_t pool_free_key(struct store *store, const char *key)
{
	size_t freed = 0;

	for (size_t i = 0; i < store->n; i++) {
		struct store_entry *entry = &store->entries[i];

		if (entry->held && strcmp(entry->key, key) == 0) {
			store_free_entry(entry);
			freed++;
		}
	}
	return freed;
}

int pool_give_back(const struct pool *pool, const char *key, struct err *err)
{
	struct store store;
	int code = store_begin(pool->network_dir, pool->dir, pool->until_ms, &store, err);

	if (code < 0)
		return code;
	if (pool_free_key(&store, key) > 0) {
		code = store_commit(&store, err);
		if (code < 0 && store_mark_free(&store, key) == 0)
			code = 0;
	}
	store_done(&store);
	return code;
}

/* Entries held by keys that is_alive denies. Owned by the caller. */
static int pool_dead(const struct pool *pool, bool (*is_alive)(void *owner, const char *key),
		     void *owner, struct store_entry **dead, size_t *n, struct err *err)
{
	own_mem struct store_entry *entries = NULL;
	struct store store;
	size_t count = 0;
	int code = store_look(pool->network_dir, pool->dir, &store, err);

	if (code < 0)
		return code;
	entries = calloc(store.n + 1, sizeof(*entries));
	if (!entries)
		code = err_set(err, -ENOMEM, "no memory for the ranges");
	for (size_t i = 0; entries && i < store.n; i++) {
		if (store.entries[i].held && !is_alive(owner, store.entries[i].key))
			entries[count++] = store.entries[i];
	}
	store_done(&store);
	if (code == 0) {
		*n = count;
		*dead = mem_take(&entries);
	}
	return code;
}

/* Free what is still held as it was: who came back under the same key has taken it anew, and is
 * marked in the list as not held. */
static size_t pool_free_dead(struct store *store, struct store_entry *dead, size_t n)
{
	size_t freed = 0;

	for (size_t i = 0; i < n; i++) {
		struct store_entry *entry = store_find(store, &dead[i].address);

		dead[i].held = entry && entry->held && strcmp(entry->key, dead[i].key) == 0 &&
			       entry->since_ms == dead[i].since_ms;
		if (!dead[i].held)
			continue;
		store_free_entry(entry);
		freed++;
	}
	return freed;
}

/* On a full disk. Returns 0 or a negative errno value. */
static int pool_mark_dead(const struct store *store, const struct store_entry *dead, size_t n)
{
	int code = 0;

	for (size_t i = 0; code == 0 && i < n; i++) {
		if (dead[i].held)
			code = store_mark_free(store, dead[i].key);
	}
	return code;
}

int pool_gc(const struct pool *pool, bool (*is_alive)(void *owner, const char *key), void *owner,
	    struct err *err)
{
	own_mem struct store_entry *dead = NULL;
	struct store store;
	size_t n = 0;
	int code = pool_dead(pool, is_alive, owner, &dead, &n, err);

	if (code < 0 || n == 0)
		return code;
	code = store_begin(pool->network_dir, pool->dir, pool->until_ms, &store, err);
	if (code < 0)
		return code;
	if (pool_free_dead(&store, dead, n) > 0)
		code = store_commit(&store, err);
	if (code < 0 && pool_mark_dead(&store, dead, n) == 0)
		code = 0;
	store_done(&store);
	return code;
}

int pool_check(const struct pool *pool, const char *key, const struct cni_ip *ips, size_t n_ips,
	       struct err *err)
{
	struct store store;
	int code = store_look(pool->network_dir, pool->dir, &store, err);

	if (code < 0)
		return code;
	for (size_t i = 0; code == 0 && i < n_ips; i++) {
		const struct store_entry *entry = store_find(&store, &ips[i].address);
		char text[ADDRESS_TEXT_ROOM];

		address_format(&ips[i].address, false, text);
		if (!entry || !entry->held || strcmp(entry->key, key) != 0)
			code = cni_err(err, CNI_CHECK_FAILED,
				       "address %s is not held for this container", text);
	}
	store_done(&store);
	return code;
}
