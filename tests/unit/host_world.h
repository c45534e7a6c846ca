/* SPDX-License-Identifier: Apache-2.0 */
/* A host.json that is a text. */
#pragma once

#include <errno.h>

#include "config/base/err.h"
#include "config/host.h"
#include "tests/unit/test.h"

static struct host_config config;
static struct err err;

static inline int read_text(const char *text)
{
	host_config_done(&config);
	err = (struct err){ 0 };
	return host_config_parse(text, strlen(text), &config, &err);
}

static inline const struct host_value *value(const char *section, const char *name)
{
	return host_config_get(&config, section, name);
}

/* Refused with these words; nothing of it may be kept. */
static inline void refuses(const char *text, const char *words)
{
	int code = read_text(text);

	CHECK(code == -EINVAL && err.code == code);
	CHECK_TEXT(err.msg, words);
	host_config_done(&config);
}
