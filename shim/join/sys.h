/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel, without a library: the joiner has none.
 *
 * Calls return what the kernel does: negative errno values. Types and constants come from the
 * system's headers; no function of theirs is ever called.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

#if defined(__x86_64__)

static inline __attribute__((always_inline)) long sys6(long number, long a, long b, long c, long d,
						       long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

#else /* arm64; the assembler of any other machine refuses */

static inline __attribute__((always_inline)) long sys6(long number, long a, long b, long c, long d,
						       long e, long f)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory", "cc");
	return x0;
}

#endif

static inline long sys5(long number, long a, long b, long c, long d, long e)
{
	return sys6(number, a, b, c, d, e, 0);
}

static inline long sys4(long number, long a, long b, long c, long d)
{
	return sys6(number, a, b, c, d, 0, 0);
}

static inline long sys3(long number, long a, long b, long c)
{
	return sys6(number, a, b, c, 0, 0, 0);
}

static inline long sys2(long number, long a, long b)
{
	return sys6(number, a, b, 0, 0, 0, 0);
}

static inline long sys1(long number, long a)
{
	return sys6(number, a, 0, 0, 0, 0, 0);
}

/* Addresses are numbers to the kernel. */
static inline long sys_at(const void *address)
{
	return (long)(uintptr_t)address;
}

static inline long sys_open(int folder, const char *path, int flags)
{
	return sys4(SYS_openat, folder, sys_at(path), flags, 0);
}

static inline long sys_close(int fd)
{
	return sys1(SYS_close, fd);
}

/* All of [first, last]. */
static inline long sys_close_range(unsigned int first, unsigned int last)
{
	return sys3(SYS_close_range, (long)first, (long)last, 0);
}

static inline long sys_read(int fd, void *bytes, size_t room)
{
	return sys3(SYS_read, fd, sys_at(bytes), (long)room);
}

static inline long sys_write(int fd, const void *bytes, size_t len)
{
	return sys3(SYS_write, fd, sys_at(bytes), (long)len);
}

static inline long sys_ioctl(int fd, unsigned long request, long argument)
{
	return sys3(SYS_ioctl, fd, (long)request, argument);
}

static inline long sys_prctl(int option, long value)
{
	return sys5(SYS_prctl, option, value, 0, 0, 0);
}

static inline void __attribute__((noreturn)) sys_exit(int status)
{
	for (;;)
		(void)sys1(SYS_exit_group, status);
}
