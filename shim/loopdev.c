/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/loopdev.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <time.h>

#include "config/base/clean.h"
#include "config/base/err.h"

static const char control_path[] = "/dev/loop-control";

enum {
	RETRIES_MAX = 99, /* containerd's number */
	PAUSE_STEP_MS = 10,
};

/* Somewhere between nothing and 10 ms times the tries so far, so that rivals part. */
static void pause_random(unsigned int tries)
{
	struct timespec pause = { 0 };
	unsigned int random = 0;

	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
		random = (unsigned int)getpid();
	pause.tv_nsec = (long)(random % (tries * PAUSE_STEP_MS)) * 1000000L;
	(void)nanosleep(&pause, NULL);
}

/* Returns the descriptor, -EBUSY: somebody was faster, or another negative value. */
static int device_configure(int back, const char *file, int flags, const char *name,
			    struct err *err)
{
	struct loop_config config = { .fd = (__u32)back };
	own_fd int device =
		open(name, O_CLOEXEC | (flags & LO_FLAGS_READ_ONLY ? O_RDONLY : O_RDWR));

	if (device < 0)
		return err_errno(err, "open loop device %s", name);
	config.info.lo_flags = (__u32)flags;
	/* The name is for losetup(8) only; longer ones are cut, the NUL stays. */
	(void)snprintf((char *)config.info.lo_file_name, sizeof(config.info.lo_file_name), "%s",
		       file);
	if (ioctl(device, LOOP_CONFIGURE, &config) < 0)
		return err_errno(err, "put %s on loop device %s", file, name);
	return fd_take(&device);
}

int loopdev_open(const char *file, bool read_only, bool direct_io, char *name, struct err *err)
{
	own_fd int back = open(file, O_CLOEXEC | (read_only ? O_RDONLY : O_RDWR));
	own_fd int control = -1;
	int flags = LO_FLAGS_AUTOCLEAR | (read_only ? LO_FLAGS_READ_ONLY : 0) |
		    (direct_io ? LO_FLAGS_DIRECT_IO : 0);

	if (back < 0)
		return err_errno(err, "open backing file %s", file);
	control = open(control_path, O_RDWR | O_CLOEXEC);
	if (control < 0)
		return err_errno(err, "open %s (is the loop module loaded?)", control_path);
	for (unsigned int tries = 1; tries <= RETRIES_MAX; tries++) {
		int number = ioctl(control, LOOP_CTL_GET_FREE);
		int device;

		if (number < 0)
			return err_errno(err, "find a free loop device");
		(void)snprintf(name, LOOPDEV_NAME_MAX, "/dev/loop%d", number);
		device = device_configure(back, file, flags, name, err);
		if (device != -EBUSY)
			return device;
		pause_random(tries);
	}
	return err_set(err, -EBUSY, "no loop device for %s: others took each of %d first", file,
		       RETRIES_MAX);
}
