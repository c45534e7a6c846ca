/* SPDX-License-Identifier: Apache-2.0 */
#include "config/base/list.h"

#include "tests/unit/test.h"

struct letter {
	char name;
	struct list link;
};

static const char *spell(struct list *head)
{
	static char text[16];
	size_t used = 0;
	struct list *at;

	list_for_each (at, head)
		text[used++] = owner_of(at, struct letter, link)->name;
	text[used] = '\0';
	return text;
}

TEST(keeps_the_order_in_which_nodes_were_added)
{
	struct list head;
	struct letter a = { .name = 'a' };
	struct letter b = { .name = 'b' };
	struct letter c = { .name = 'c' };

	list_init(&head);
	CHECK(list_empty(&head));
	list_add_before(&head, &a.link);
	list_add_before(&head, &c.link);
	list_add_before(&c.link, &b.link);
	CHECK_TEXT(spell(&head), "abc");
	list_remove(&b.link);
	CHECK_TEXT(spell(&head), "ac");
	CHECK(list_empty(&b.link));
	list_remove(&b.link); /* harmless when not linked */
	CHECK_TEXT(spell(&head), "ac");
}

TEST(lets_the_current_node_go_while_walking)
{
	struct list head;
	struct letter letters[4] = {
		{ .name = 'a' }, { .name = 'b' }, { .name = 'c' }, { .name = 'd' }
	};
	struct list *at;
	struct list *after;

	list_init(&head);
	for (int i = 0; i < 4; i++)
		list_add_before(&head, &letters[i].link);
	list_for_each_safe (at, after, &head)
		if (owner_of(at, struct letter, link)->name % 2)
			list_remove(at);
	CHECK_TEXT(spell(&head), "bd");
}
