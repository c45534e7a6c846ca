/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/join_image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>

#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/base/fd.h"

/* linux/memfd.h, since 6.3 */
enum { JOIN_IMAGE_MFD_EXEC = 0x0010 };

/* shim/join/rules.mk says where it is; analysers need not know. */
#ifndef AZL_JOIN
#define AZL_JOIN "join"
#endif

__asm__(".pushsection .rodata.join_image, \"a\"\n"
	".globl join_image_begin\n"
	".hidden join_image_begin\n"
	".globl join_image_end\n"
	".hidden join_image_end\n"
	".balign 16\n"
	"join_image_begin:\n"
	".incbin \"" AZL_JOIN "\"\n"
	"join_image_end:\n"
	".byte 0\n"
	".popsection\n");

extern const char join_image_begin[] __attribute__((visibility("hidden")));
extern const char join_image_end[] __attribute__((visibility("hidden")));

size_t join_image_bytes(void)
{
	return (size_t)((uintptr_t)join_image_end - (uintptr_t)join_image_begin);
}

int join_image_open(struct err *err)
{
	const unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	own_fd int fd = memfd_create("azl-join", flags | JOIN_IMAGE_MFD_EXEC);
	char path[32];
	int readable;
	int code;

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("azl-join", flags);
	if (fd < 0)
		return err_errno(err, "memory file for the joiner");
	code = fd_write_all(fd, join_image_begin, join_image_bytes());
	if (code < 0)
		return err_set(err, code, "write the joiner: %s", err_reason(-code));
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
		return err_errno(err, "seal the joiner");
	/* a file that is open for writing, sealed or not, is not executed: ETXTBSY */
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	readable = open(path, O_RDONLY | O_CLOEXEC);
	if (readable < 0)
		return err_errno(err, "open the joiner");
	return readable;
}
