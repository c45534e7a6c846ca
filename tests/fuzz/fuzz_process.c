/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes are the process object of an Exec; what is written is accepted as it is. */
#include "tests/fuzz/fuzz.h"

#include "config/base/buf.h"
#include "config/base/err.h"
#include "shim/process_spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = (char *)fuzz_copy(data, size);
	struct buf once = { 0 };
	struct buf twice = { 0 };
	struct err err = { 0 };
	int code = process_spec_write(copy, size, true, &once, &err);

	FUZZ_CHECK(code == 0 || (code < 0 && err.code == code && err.msg[0]));
	if (code == 0) {
		code = process_spec_write((char *)once.data, once.len, true, &twice, &err);
		FUZZ_CHECK(code == 0);
		FUZZ_CHECK(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
	}
	buf_done(&once);
	buf_done(&twice);
	free(copy);
	return 0;
}
