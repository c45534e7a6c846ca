/* SPDX-License-Identifier: Apache-2.0 */
/* Which NIC of the host the document of IMDS is asked about. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "cni/address.h"
#include "cni/error.h"
#include "cni/ipam/imds.h"
#include "cni/result.h"
#include "config/base/fd.h"
#include "config/base/num.h"

enum {
	IMDS_FIELDS = 8, /* of /proc/net/route as far as the mask */
	IMDS_ROUTES_MAX_BYTES = 1 << 20,
};

/* The interface of the default route with the lowest metric. Returns 0 or -ENOENT. */
static int imds_default_interface(char *text, char name[CNI_NAME_ROOM])
{
	uint64_t best = UINT64_MAX;
	char *line;

	while ((line = strsep(&text, "\n"))) {
		char *field[IMDS_FIELDS] = { 0 };
		uint64_t metric;

		for (size_t i = 0; i < IMDS_FIELDS && (field[i] = strsep(&line, "\t")); i++)
			;
		if (!field[IMDS_FIELDS - 1] || strcmp(field[1], "00000000") != 0 ||
		    strncmp(field[7], "00000000", 8) != 0 ||
		    num_u64_parse(field[6], strlen(field[6]), &metric) != 0 || metric >= best)
			continue;
		best = metric;
		(void)snprintf(name, CNI_NAME_ROOM, "%.15s", field[0]);
	}
	return best == UINT64_MAX ? -ENOENT : 0;
}

int imds_mac(const char *master, struct mac *mac, struct err *err)
{
	char name[CNI_NAME_ROOM] = "";
	char path[64];
	char text[MAC_TEXT_ROOM + 2];

	if (master) {
		(void)snprintf(name, sizeof(name), "%.15s", master);
	} else {
		struct buf buf = { 0 };
		int code = fd_read_file(AT_FDCWD, "/proc/net/route", IMDS_ROUTES_MAX_BYTES, &buf);

		if (code == 0)
			code = imds_default_interface((char *)buf.data, name);
		buf_done(&buf);
		if (code < 0)
			return cni_err(err, CNI_TRY_AGAIN,
				       "the host has no default route yet: which NIC?");
	}
	(void)snprintf(path, sizeof(path), "/sys/class/net/%s/address", name);
	if (strchr(name, '/') || fd_read_text(AT_FDCWD, path, text, sizeof(text)) <= 0 ||
	    mac_parse(text, mac) != 0)
		return cni_err(err, CNI_TRY_AGAIN, "NIC %s has no MAC address", name);
	return 0;
}
