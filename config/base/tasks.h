/* SPDX-License-Identifier: Apache-2.0 */
/* How many tasks the kernel allows. */
#pragma once

#include <stdint.h>

/*
 * The smaller of kernel.pid_max and kernel.threads-max (proc_sys_kernel(5)); the latter follows the
 * memory, 7854 for each GiB on 64-bit machines: kernel/fork.c, set_max_threads(). UINT64_MAX: not
 * known.
 */
uint64_t tasks_max(void);
