/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <time.h>

#include "config/base/clean.h"
#include "tests/tools/oracle/world.h"

enum { SOURCES_MAX = 1024 };

void source_add(struct world *world, struct source *source, int fd, short events,
		void (*ready)(struct world *, struct source *, short))
{
	source->fd = fd;
	source->events = events;
	source->ready = ready;
	list_add_before(&world->sources, &source->node);
	world->sources_changed = true;
}

void source_close(struct world *world, struct source *source)
{
	if (!source->ready)
		return;
	list_remove(&source->node);
	source->fd = fd_close(source->fd);
	source->ready = NULL;
	world->sources_changed = true;
}

int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void world_step(struct world *world, int timeout_ms)
{
	struct pollfd fds[SOURCES_MAX];
	struct source *sources[SOURCES_MAX];
	struct list *node;
	nfds_t count = 0;
	int ready;

	list_for_each (node, &world->sources) {
		struct source *source = owner_of(node, struct source, node);

		if (count == SOURCES_MAX)
			fail(world, "too many descriptors");
		if (source->events == 0)
			continue;
		sources[count] = source;
		fds[count++] = (struct pollfd){ .fd = source->fd, .events = source->events };
	}
	ready = poll(fds, count, timeout_ms);
	if (ready < 0 && errno != EINTR)
		fail(world, "poll: errno %d", errno);
	world->sources_changed = false;
	for (nfds_t i = 0; ready > 0 && i < count && !world->sources_changed; i++) {
		if (fds[i].revents)
			sources[i]->ready(world, sources[i], fds[i].revents);
	}
}

bool world_until(struct world *world, bool (*done)(struct world *, void *), void *arg, int limit_ms)
{
	int64_t end = now_ms() + limit_ms;

	while (!done(world, arg)) {
		int64_t left = end - now_ms();

		if (left <= 0)
			return false;
		world_step(world, left < 1000 ? (int)left : 1000);
	}
	return true;
}
