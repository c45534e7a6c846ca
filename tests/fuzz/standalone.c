/* SPDX-License-Identifier: Apache-2.0 */
/* Runs one fuzz target over the files given as arguments: what was once found stays found. */
#include "tests/fuzz/fuzz.h"

#include <errno.h>

#include "config/base/buf.h"
#include "config/base/fd.h"

enum { INPUT_MAX_BYTES = 8 << 20 };

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		struct buf input = { 0 };
		int code = fd_read_file(AT_FDCWD, argv[i], INPUT_MAX_BYTES, &input);
		uint8_t *bytes;

		if (code < 0) {
			(void)fprintf(stderr, "%s: %s\n", argv[i], strerror(-code));
			return 1;
		}
		(void)fprintf(stderr, "# %s\n", argv[i]);
		bytes = fuzz_copy(input.data, input.len);
		(void)LLVMFuzzerTestOneInput(bytes, input.len);
		free(bytes);
		buf_done(&input);
	}
	return 0;
}
