/* SPDX-License-Identifier: Apache-2.0 */
#include "config/host_value.h"

#include <errno.h>
#include <string.h>

#include "config/base/num.h"

static bool text_is(const char *text, size_t len, const char *want)
{
	return strlen(want) == len && memcmp(text, want, len) == 0;
}

/* "12", "0.95", "2.5": thousandths of it; more than three decimals are refused. */
static int parse_thousandths(const char *text, size_t len, uint64_t *value)
{
	const char *point = memchr(text, '.', len);
	size_t whole_len = point ? (size_t)(point - text) : len;
	size_t decimals = point ? len - whole_len - 1 : 0;
	uint64_t whole;
	uint64_t part = 0;

	if (num_u64_parse(text, whole_len, &whole) < 0 || whole > HOST_WHOLE ||
	    (point &&
	     (decimals == 0 || decimals > 3 || num_u64_parse(point + 1, decimals, &part) < 0)))
		return -EINVAL;
	for (; decimals < 3; decimals++)
		part *= 10;
	*value = whole * HOST_WHOLE + part;
	return 0;
}

/* "95%": thousandths of all there is. */
static int parse_percent(const char *text, size_t len, struct host_value *value)
{
	uint64_t number;

	if (parse_thousandths(text, len - 1, &number) < 0 || number % 100 != 0 ||
	    number / 100 > HOST_WHOLE)
		return -EINVAL;
	value->is_percent = true;
	value->number = number / 100;
	return 0;
}

static int parse_bytes(const char *text, size_t len, struct host_value *value)
{
	static const char units[][3] = { "Ki", "Mi", "Gi", "Ti" };
	unsigned int shift = 0;

	for (unsigned int i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (len > 2 && memcmp(text + len - 2, units[i], 2) == 0)
			shift = 10 * (i + 1);
	if (num_u64_parse(text, shift ? len - 2 : len, &value->number) < 0 ||
	    value->number > (uint64_t)INT64_MAX >> shift)
		return -EINVAL;
	value->number <<= shift;
	return 0;
}

static int parse_range(const char *text, size_t len, uint64_t max, struct host_value *value)
{
	if (num_u64_parse(text, len, &value->number) < 0 || value->number < 1 ||
	    value->number > max)
		return -EINVAL;
	return 0;
}

static int parse_score(const char *text, size_t len, struct host_value *value)
{
	int64_t score;

	if (num_i64_parse(text, len, &score) < 0 || score < -HOST_SCORE_MAX ||
	    score > HOST_SCORE_MAX)
		return -EINVAL;
	value->number = (uint64_t)score;
	return 0;
}

const char host_conflists[HOST_CONFLISTS][8] = { "aks", "vm", "local" };

static int parse_conflist(const char *text, size_t len, struct host_value *value)
{
	for (unsigned int i = 0; i < HOST_CONFLISTS; i++) {
		if (text_is(text, len, host_conflists[i])) {
			value->number = i;
			return 0;
		}
	}
	return -EINVAL;
}

static int parse_bool(const char *text, size_t len, struct host_value *value)
{
	if (!text_is(text, len, "true") && !text_is(text, len, "false"))
		return -EINVAL;
	value->number = text[0] == 't';
	return 0;
}

/* quoted: a JSON text, which may have a unit; otherwise a JSON number. */
static int parse_any_amount(enum host_type type, bool quoted, const char *text, size_t len,
			    struct host_value *value)
{
	if (quoted && text_is(text, len, "max")) {
		value->number = UINT64_MAX;
		return 0;
	}
	if (quoted && type != HOST_COUNT && len > 1 && text[len - 1] == '%')
		return parse_percent(text, len, value) < 0 ||
				       (type == HOST_TASKS && value->number == 0)
			       ? -EINVAL
			       : 0;
	if (type == HOST_COUNT || type == HOST_TASKS)
		return quoted ? -EINVAL : parse_range(text, len, HOST_TASKS_MAX, value);
	if (quoted)
		return parse_bytes(text, len, value);
	return num_u64_parse(text, len, &value->number) < 0 || value->number > INT64_MAX ? -EINVAL
											 : 0;
}

static int parse_amount(enum host_type type, bool quoted, const char *text, size_t len,
			struct host_value *value)
{
	if (parse_any_amount(type, quoted, text, len, value) < 0)
		return -EINVAL;
	return type == HOST_LIMIT && value->number < (value->is_percent ? 1 : HOST_LIMIT_MIN)
		       ? -EINVAL
		       : 0;
}

/* Rings and channels of a NIC. */
static int parse_queue(enum host_type type, bool quoted, const char *text, size_t len,
		       struct host_value *value)
{
	if (quoted && text_is(text, len, "max")) {
		value->number = UINT64_MAX;
		return 0;
	}
	if (quoted)
		return -EINVAL;
	if (type == HOST_CHANNELS)
		return parse_range(text, len, HOST_CHANNELS_MAX, value);
	if (parse_range(text, len, HOST_RING_MAX, value) < 0 || value->number < HOST_RING_MIN ||
	    (value->number & (value->number - 1)) != 0)
		return -EINVAL;
	return 0;
}

static int parse_ratio(const char *text, size_t len, struct host_value *value)
{
	if (parse_thousandths(text, len, &value->number) < 0 || value->number < 1 ||
	    value->number > HOST_WHOLE)
		return -EINVAL;
	return 0;
}

static int parse_set(enum host_type type, enum json_type json, const char *text, size_t len,
		     struct host_value *value)
{
	bool is_number = json == JSON_NUMBER;

	switch (type) {
	case HOST_BOOL:
		return json == JSON_BOOL ? parse_bool(text, len, value) : -EINVAL;
	case HOST_COUNT:
	case HOST_TASKS:
	case HOST_BYTES:
	case HOST_LIMIT:
		return is_number || json == JSON_STRING
			       ? parse_amount(type, !is_number, text, len, value)
			       : -EINVAL;
	case HOST_WEIGHT:
		return is_number ? parse_range(text, len, HOST_WEIGHT_MAX, value) : -EINVAL;
	case HOST_RATIO:
		return is_number ? parse_ratio(text, len, value) : -EINVAL;
	case HOST_SCORE:
		return is_number ? parse_score(text, len, value) : -EINVAL;
	case HOST_RING:
	case HOST_CHANNELS:
		return is_number || json == JSON_STRING
			       ? parse_queue(type, !is_number, text, len, value)
			       : -EINVAL;
	case HOST_CONFLIST:
		return json == JSON_STRING ? parse_conflist(text, len, value) : -EINVAL;
	case HOST_NAMES:
	case HOST_SYSCTL:
		break;
	}
	return -EINVAL;
}

int host_value_parse(enum host_type type, enum json_type json, const char *text, size_t len,
		     struct host_value *value)
{
	struct host_value found = { .is_given = value->is_given };

	if (json != JSON_NULL) {
		found.is_set = true;
		if (parse_set(type, json, text, len, &found) < 0)
			return -EINVAL;
	}
	*value = found;
	return 0;
}

int host_value_parse_text(enum host_type type, const char *text, size_t len,
			  struct host_value *value)
{
	if (type == HOST_BOOL)
		return host_value_parse(type, JSON_BOOL, text, len, value);
	if (host_value_parse(type, JSON_NUMBER, text, len, value) == 0)
		return 0;
	return host_value_parse(type, JSON_STRING, text, len, value);
}

const char *host_type_range(enum host_type type)
{
	switch (type) {
	case HOST_BOOL:
		return "true, false, or null";
	case HOST_COUNT:
		return "1 to 4194304, \"max\", or null";
	case HOST_TASKS:
		return "1 to 4194304, \"N%\" of what the kernel allows, \"max\", or null";
	case HOST_BYTES:
		return "bytes, a text like \"512Mi\" or \"2.5%\" of the host's memory, \"max\", or "
		       "null";
	case HOST_LIMIT:
		return "bytes from 1 MiB on, a text like \"512Mi\" or \"2.5%\" of the host's "
		       "memory, "
		       "\"max\", or null";
	case HOST_WEIGHT:
		return "1 to 10000, or null";
	case HOST_RATIO:
		return "above 0 and at most 1, with up to three decimals, or null";
	case HOST_SCORE:
		return "-1000 to 1000, or null";
	case HOST_RING:
		return "a power of two from 64 to 32768, \"max\", or null";
	case HOST_CHANNELS:
		return "1 to 1024, \"max\", or null";
	case HOST_CONFLIST:
		return "\"aks\", \"vm\", \"local\", or null";
	case HOST_NAMES:
		return "true, false, or an object of names with true or false";
	case HOST_SYSCTL:
		return "a text, a whole number, or null";
	}
	return "";
}

uint64_t host_value_number(const struct host_value *value, uint64_t total)
{
	if (!value->is_percent)
		return value->number;
	return total / HOST_WHOLE * value->number + total % HOST_WHOLE * value->number / HOST_WHOLE;
}
