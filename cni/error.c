/* SPDX-License-Identifier: Apache-2.0 */
#include "cni/error.h"

#include <errno.h>

enum cni_code cni_code_of(const struct err *err)
{
	if (err->code <= -CNI_ERR_BASE)
		return (enum cni_code)(-err->code - CNI_ERR_BASE);
	switch (-err->code) {
	case EAGAIN:
	case ETIMEDOUT:
	case ECONNREFUSED:
	case ENOBUFS:
		return CNI_TRY_AGAIN;
	case EBADMSG:
		return CNI_DECODE;
	default:
		return CNI_IO;
	}
}
