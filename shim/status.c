/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/status.h"

#include <errno.h>

enum status_code status_of(int code)
{
	static const struct {
		int code;
		enum status_code status;
	} table[] = {
		{ 0, STATUS_OK },
		{ STATUS_E_CANCELLED, STATUS_CANCELLED },
		{ STATUS_E_INVALID, STATUS_INVALID_ARGUMENT },
		{ STATUS_E_DEADLINE, STATUS_DEADLINE_EXCEEDED },
		{ STATUS_E_NOT_FOUND, STATUS_NOT_FOUND },
		{ STATUS_E_NO_FILE, STATUS_NOT_FOUND },
		{ STATUS_E_EXISTS, STATUS_ALREADY_EXISTS },
		{ STATUS_E_EXHAUSTED, STATUS_RESOURCE_EXHAUSTED },
		{ STATUS_E_PRECONDITION, STATUS_FAILED_PRECONDITION },
		{ STATUS_E_UNIMPLEMENTED, STATUS_UNIMPLEMENTED },
		{ STATUS_E_INTERNAL, STATUS_INTERNAL },
		{ -ENOMEM, STATUS_RESOURCE_EXHAUSTED },
		{ -EMFILE, STATUS_RESOURCE_EXHAUSTED },
	};

	for (unsigned int i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].code == code)
			return table[i].status;
	return STATUS_UNKNOWN;
}

const char *status_suffix(int code)
{
	switch (code) {
	case STATUS_E_NOT_FOUND:
		return ": not found";
	case STATUS_E_EXISTS:
		return ": already exists";
	case STATUS_E_PRECONDITION:
		return ": failed precondition";
	case STATUS_E_INVALID:
		return ": invalid argument";
	default:
		return "";
	}
}
