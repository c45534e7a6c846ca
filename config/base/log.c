/* SPDX-License-Identifier: Apache-2.0 */
#include "config/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LOG_LINE_MAX = 1536 };

static int log_fd = -1;
static bool log_debug_on;

void log_init(int fd, bool debug)
{
	log_fd = fd;
	log_debug_on = debug;
}

bool log_debug_wanted(void)
{
	return log_debug_on && log_fd >= 0;
}

/* Append text as a quoted value: what would break the line apart is escaped. */
static size_t log_quote(char *line, size_t used, const char *text)
{
	for (; *text && used < LOG_LINE_MAX - 4; text++) {
		char c = *text;

		if (c == '"' || c == '\\')
			line[used++] = '\\';
		if (c == '\n') {
			line[used++] = '\\';
			c = 'n';
		}
		line[used++] = (unsigned char)c < ' ' ? ' ' : c;
	}
	return used;
}

void log_line(enum log_level level, const char *id, const char *fmt, ...)
{
	static const char *const names[] = {
		[LOG_LEVEL_DEBUG] = "debug",
		[LOG_LEVEL_INFO] = "info",
		[LOG_LEVEL_WARN] = "warning",
		[LOG_LEVEL_ERROR] = "error",
	};
	char line[LOG_LINE_MAX + 128];
	char text[LOG_LINE_MAX / 2];
	struct timespec now;
	struct tm parts;
	size_t used;
	va_list args;

	if (log_fd < 0 || (level == LOG_LEVEL_DEBUG && !log_debug_on))
		return;
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)gmtime_r(&now.tv_sec, &parts);
	used = strftime(line, sizeof(line), "time=\"%Y-%m-%dT%H:%M:%S", &parts);
	used += (size_t)snprintf(line + used, sizeof(line) - used, ".%09ldZ\" level=%s msg=\"",
				 now.tv_nsec, names[level]);
	used = log_quote(line, used, text);
	line[used++] = '"';
	if (id)
		used += (size_t)snprintf(line + used, sizeof(line) - used, " id=%.100s", id);
	line[used++] = '\n';
	(void)!write(log_fd, line, used);
}
