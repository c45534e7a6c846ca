/* SPDX-License-Identifier: Apache-2.0 */
#include "config/base/err.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *err_reason(int value)
{
	static char text[96];

	(void)snprintf(text, sizeof(text), "%s", strerror(value));
	if (islower((unsigned char)text[1]))
		text[0] = (char)tolower((unsigned char)text[0]);
	return text;
}

int err_set(struct err *err, int code, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(err->msg, sizeof(err->msg), fmt, args);
	va_end(args);
	err->code = code;
	return code;
}

int err_errno(struct err *err, const char *fmt, ...)
{
	int code = -errno;
	size_t used;
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(err->msg, sizeof(err->msg), fmt, args);
	va_end(args);
	used = strlen(err->msg);
	(void)snprintf(err->msg + used, sizeof(err->msg) - used, ": %s", err_reason(-code));
	err->code = code;
	return code;
}

int err_wrap(struct err *err, const char *fmt, ...)
{
	char inner[ERR_MSG_MAX];
	size_t used;
	va_list args;

	memcpy(inner, err->msg, sizeof(inner));
	va_start(args, fmt);
	(void)vsnprintf(err->msg, sizeof(err->msg), fmt, args);
	va_end(args);
	used = strlen(err->msg);
	(void)snprintf(err->msg + used, sizeof(err->msg) - used, ": %s", inner);
	return err->code;
}
