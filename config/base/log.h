/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines: time, level, message, then fields. One write per line; a line that cannot go is
 * dropped. */
#pragma once

#include <stdbool.h>

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

/* Choose the descriptor (borrowed; -1 = silence) and whether debug lines are wanted. */
void log_init(int fd, bool debug);

bool log_debug_wanted(void);

/* Write one line. `id` is the container it is about, or NULL. Never blocks on a non-blocking
 * descriptor. */
void log_line(enum log_level level, const char *id, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#define log_error(id, ...) log_line(LOG_LEVEL_ERROR, id, __VA_ARGS__)
#define log_warn(id, ...)  log_line(LOG_LEVEL_WARN, id, __VA_ARGS__)
#define log_info(id, ...)  log_line(LOG_LEVEL_INFO, id, __VA_ARGS__)
#define log_debug(id, ...)                                                                         \
	do {                                                                                       \
		if (log_debug_wanted())                                                            \
			log_line(LOG_LEVEL_DEBUG, id, __VA_ARGS__);                                \
	} while (0)
