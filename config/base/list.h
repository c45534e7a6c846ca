/* SPDX-License-Identifier: Apache-2.0 */
/* Intrusive doubly linked list; an unlinked node points at itself. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *prev;
	struct list *next;
};

static inline void list_init(struct list *node)
{
	node->prev = node;
	node->next = node;
}

/* True for an empty head and for an unlinked node. */
static inline bool list_empty(const struct list *head)
{
	return head->next == head;
}

/* Link a node in front of `at`: with a head, at the end of the list. */
static inline void list_add_before(struct list *at, struct list *node)
{
	node->prev = at->prev;
	node->next = at;
	at->prev->next = node;
	at->prev = node;
}

/* Unlink; harmless when not linked. */
static inline void list_remove(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}

/* The struct that holds a member, from the member's address. */
#define owner_of(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#define list_for_each(node, head)                                                                  \
	for ((node) = (head)->next; (node) != (head); (node) = (node)->next)

/* As list_for_each; the current node may be removed. */
#define list_for_each_safe(node, after, head)                                                      \
	for ((node) = (head)->next, (after) = (node)->next; (node) != (head);                      \
	     (node) = (after), (after) = (node)->next)
