/* SPDX-License-Identifier: Apache-2.0 */
#include "cni/datapath/dhcp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cni/error.h"
#include "cni/netns.h"
#include "config/base/clean.h"

enum {
	IP_BYTES = 20,
	UDP_BYTES = 8,
	BOOTP_AT = IP_BYTES + UDP_BYTES,
	BOOTP_BYTES = DHCP_PACKET_BYTES - BOOTP_AT,
	/* inside BOOTP: RFC 2131, section 2 */
	OP_AT = 0,
	XID_AT = 4,
	FLAGS_AT = 10,
	CHADDR_AT = 28,
	COOKIE_AT = 236,
	OPTIONS_AT = 240,
	OP_REQUEST = 1,
	OP_REPLY = 2,
	FLAG_BROADCAST = 0x80, /* of the first byte */
	OPTION_PAD = 0,
	OPTION_TYPE = 53,
	OPTION_PARAMETERS = 55,
	OPTION_END = 255,
	TYPE_DISCOVER = 1,
	TYPE_OFFER = 2,
	PORT_SERVER = 67,
	PORT_CLIENT = 68,
	DHCP_PAUSE_MS = 50, /* between two asks; doubled each time */
	DHCP_PAUSE_MAX_MS = 1000,
	DHCP_REPLY_ROOM = 2048,
};

static const uint8_t cookie[] = { 99, 130, 83, 99 };

static void put16(uint8_t *at, unsigned int value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static unsigned int get16(const uint8_t *at)
{
	return (unsigned int)at[0] << 8 | at[1];
}

/* RFC 1071, of an even number of bytes, on top of another sum. */
static unsigned int sum16(const uint8_t *bytes, size_t len, unsigned int sum)
{
	for (size_t i = 0; i + 1 < len; i += 2)
		sum += get16(bytes + i);
	return sum;
}

static unsigned int fold16(unsigned int sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

static void put_bootp(uint8_t *bootp, const struct mac *mac, uint32_t xid)
{
	const uint8_t options[] = { OPTION_TYPE, 1, TYPE_DISCOVER, OPTION_PARAMETERS, 3, 1,
				    3,		 6, OPTION_END };

	bootp[OP_AT] = OP_REQUEST;
	bootp[1] = 1; /* Ethernet */
	bootp[2] = MAC_BYTES;
	xid = htonl(xid);
	memcpy(bootp + XID_AT, &xid, sizeof(xid));
	bootp[FLAGS_AT] = FLAG_BROADCAST;
	memcpy(bootp + CHADDR_AT, mac->bytes, MAC_BYTES);
	memcpy(bootp + COOKIE_AT, cookie, sizeof(cookie));
	memcpy(bootp + OPTIONS_AT, options, sizeof(options));
}

void dhcp_discover(const struct mac *mac, uint32_t xid, uint8_t packet[DHCP_PACKET_BYTES])
{
	uint8_t *udp = packet + IP_BYTES;
	unsigned int sum;

	memset(packet, 0, DHCP_PACKET_BYTES);
	packet[0] = 0x45;
	put16(packet + 2, DHCP_PACKET_BYTES);
	packet[8] = 64; /* hops */
	packet[9] = IPPROTO_UDP;
	memset(packet + 16, 0xff, 4); /* from 0.0.0.0 to all */
	put16(packet + 10, fold16(sum16(packet, IP_BYTES, 0)));
	put16(udp, PORT_CLIENT);
	put16(udp + 2, PORT_SERVER);
	put16(udp + 4, DHCP_PACKET_BYTES - IP_BYTES);
	put_bootp(packet + BOOTP_AT, mac, xid);
	sum = sum16(packet + 12, 8, IPPROTO_UDP + DHCP_PACKET_BYTES - IP_BYTES);
	sum = fold16(sum16(udp, DHCP_PACKET_BYTES - IP_BYTES, sum));
	put16(udp + 6, sum ? sum : 0xffff); /* 0 would be: none */
}

/* The value of option 53, or 0. */
static uint8_t type_of(const uint8_t *options, size_t len)
{
	for (size_t i = 0; i < len && options[i] != OPTION_END;) {
		if (options[i] == OPTION_PAD) {
			i++;
			continue;
		}
		if (i + 1 >= len || i + 2 + options[i + 1] > len)
			return 0;
		if (options[i] == OPTION_TYPE && options[i + 1] == 1)
			return options[i + 2];
		i += 2U + options[i + 1];
	}
	return 0;
}

bool dhcp_is_offer(const uint8_t *packet, size_t len, const struct mac *mac, uint32_t xid)
{
	size_t head = len > 0 ? (packet[0] & 15U) * 4 : 0;
	const uint8_t *bootp;

	xid = htonl(xid);
	if (len < BOOTP_AT || packet[0] >> 4 != 4 || head < IP_BYTES ||
	    len < head + UDP_BYTES + OPTIONS_AT || packet[9] != IPPROTO_UDP ||
	    get16(packet + head) != PORT_SERVER || get16(packet + head + 2) != PORT_CLIENT)
		return false;
	bootp = packet + head + UDP_BYTES;
	return bootp[OP_AT] == OP_REPLY && memcmp(bootp + XID_AT, &xid, sizeof(xid)) == 0 &&
	       memcmp(bootp + CHADDR_AT, mac->bytes, MAC_BYTES) == 0 &&
	       memcmp(bootp + COOKIE_AT, cookie, sizeof(cookie)) == 0 &&
	       type_of(bootp + OPTIONS_AT, len - head - UDP_BYTES - OPTIONS_AT) == TYPE_OFFER;
}

static int open_inside(void *owner, struct err *err)
{
	int *fd = owner;

	*fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return *fd < 0 ? err_errno(err, "open a socket for DHCP") : 0;
}

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Read what came until then. Returns whether an offer was among it. */
static bool await_offer(int fd, int64_t until, const struct mac *mac, uint32_t xid)
{
	uint8_t packet[DHCP_REPLY_ROOM];

	for (;;) {
		int64_t left = until - now_ms();
		struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
		ssize_t len;

		if (left <= 0 || poll(&poll_fd, 1, (int)left) == 0)
			return false;
		len = recv(fd, packet, sizeof(packet), 0);
		if (len > 0 && dhcp_is_offer(packet, (size_t)len, mac, xid))
			return true;
	}
}

int dhcp_ask(int netns, int index, const struct mac *mac, int wait_ms, struct err *err)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(ETH_P_IP),
				  .sll_ifindex = index,
				  .sll_halen = MAC_BYTES };
	int64_t until = now_ms() + wait_ms;
	uint8_t packet[DHCP_PACKET_BYTES];
	char text[MAC_TEXT_ROOM];
	uint32_t xid = 0;
	own_fd int fd = -1;
	int rc = netns_run(netns, open_inside, &fd, err);

	if (rc < 0)
		return rc;
	memset(to.sll_addr, 0xff, MAC_BYTES);
	if (getrandom(&xid, sizeof(xid), 0) != (ssize_t)sizeof(xid) ||
	    bind(fd, (const struct sockaddr *)&to, sizeof(to)) < 0)
		return err_errno(err, "prepare a socket for DHCP");
	dhcp_discover(mac, xid, packet);
	for (int64_t pause = DHCP_PAUSE_MS; now_ms() < until; pause *= 2) {
		int64_t next = now_ms() + (pause < DHCP_PAUSE_MAX_MS ? pause : DHCP_PAUSE_MAX_MS);

		/* a NIC that is still coming up loses it, or says so: asked again */
		(void)sendto(fd, packet, sizeof(packet), 0, (const struct sockaddr *)&to,
			     sizeof(to));
		if (await_offer(fd, next < until ? next : until, mac, xid))
			return 0;
	}
	mac_format(mac, text);
	return cni_err(err, CNI_TRY_AGAIN,
		       "network is not ready - nobody answers DHCP for the NIC %s within %d ms",
		       text, wait_ms);
}
