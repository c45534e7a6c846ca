/* SPDX-License-Identifier: Apache-2.0 */
/* What an update of resources becomes. */
#include "tests/unit/defaults_world.h"

TEST(adds_to_an_update_what_is_in_force)
{
	world_begin("{\"containers\":{\"memory.high\":0.5}}");
	(void)apply(CONFIG(""));
	CHECK_TEXT(update("{\"cpu\":{\"quota\":5},\"pids\":{\"limit\":9}}"),
		   "{\"unified\":{" OURS "},\"cpu\":{\"quota\":5},\"pids\":{\"limit\":9}}");
	CHECK_TEXT(update("{\"memory\":{\"limit\":1000}}"),
		   "{\"unified\":{" OURS_OF_MEMORY ",\"memory.high\":\"500\"," OUR_WEIGHT
		   "},\"memory\":{\"limit\":1000}}");
	CHECK_TEXT(update("{\"memory\":{\"limit\":-1},\"unified\":{}}"),
		   "{\"memory\":{\"limit\":-1},\"unified\":{" OURS_OF_MEMORY
		   ",\"memory.high\":\"max\"," OUR_WEIGHT "}}");
	CHECK_TEXT(update("{}"), "{\"unified\":{" OURS "}}");
	CHECK_TEXT(update("{\"cpu\":{\"shares\":2}}"),
		   "{\"unified\":{" OURS_OF_MEMORY "},\"cpu\":{\"shares\":2}}");
	CHECK_TEXT(update("{}"), "{\"unified\":{" OURS_OF_MEMORY "}}");
	CHECK_TEXT(update("{"), "{");
	CHECK_TEXT(update("[]"), "[]");
	CHECK_TEXT(update("{\"unified\":null}"), "{\"unified\":null}");
	world_end();
}

TEST(leaves_to_the_user_what_an_update_decided)
{
	world_begin("{\"containers\":{\"memory.high\":0.5,\"cpu.weight\":null}}");
	(void)apply(CONFIG(""));
	CHECK_TEXT(update("{\"memory\":{\"limit\":1000,\"swap\":2000}}"),
		   "{\"unified\":{\"memory.oom.group\":\"1\",\"memory.high\":\"500\"},"
		   "\"memory\":{\"limit\":1000,\"swap\":2000}}");
	CHECK_TEXT(update("{\"unified\":{\"memory.high\":\"max\",\"memory.oom.group\":\"0\"}}"),
		   "{\"unified\":{\"memory.high\":\"max\",\"memory.oom.group\":\"0\"}}");
	CHECK_TEXT(update("{\"memory\":{\"limit\":3000}}"), "{\"memory\":{\"limit\":3000}}");
	world_end();
}

/* A limit that comes later: memory.high had nothing to be a part of before. */
TEST(applies_memory_high_to_a_limit_that_an_update_brings)
{
	world_begin("{\"containers\":{\"pids.max\":null,\"memory.swap.max\":null,"
		    "\"memory.oom.group\":null,\"cpu.weight\":null,\"memory.high\":0.5}}");
	CHECK_TEXT(apply(CONFIG("")), CONFIG(""));
	CHECK_TEXT(update("{}"), "{}");
	CHECK_TEXT(update("{\"memory\":{\"limit\":1000}}"),
		   "{\"unified\":{\"memory.high\":\"500\"},\"memory\":{\"limit\":1000}}");
	world_end();
}

TEST(adds_nothing_to_an_update_of_a_container_without_defaults)
{
	static const char config[] = CONFIG("\"resources\":{\"memory\":{\"swap\":5},\"unified\":{"
					    "\"memory.oom.group\":\"0\",\"cpu.weight\":\"5\"}}");

	world_begin(NULL);
	(void)apply(CONFIG(""));
	CHECK_TEXT(update("{\"memory\":{\"limit\":1000}}"), "{\"memory\":{\"limit\":1000}}");
	world_end();
	world_begin("{}");
	(void)apply(config);
	CHECK_TEXT(update("{\"memory\":{\"limit\":1000}}"), "{\"memory\":{\"limit\":1000}}");
	(void)apply("{\"annotations\":{\"io.azl.defaults\":\"none\"},\"linux\":{}}");
	CHECK_TEXT(update("{\"memory\":{\"limit\":1000}}"), "{\"memory\":{\"limit\":1000}}");
	world_end();
}
