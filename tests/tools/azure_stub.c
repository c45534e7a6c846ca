/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands in for what Azure serves over HTTP: the instance metadata service, the container
 * networking service (CNS) and WireServer.
 *
 *   azure_stub DIR KIND=ADDRESS:PORT...      KIND is imds, cns or wire; prints "ready"
 *   azure_stub DIR dhcp=LINK:67              offers an address to whoever asks behind a link
 *
 * In DIR:
 *   log            one line per request: KIND METHOD TARGET BODY
 *   imds.json      what /metadata/instance/network answers
 *   throttle       while it is there, IMDS refuses the sixth request of a second
 *   host           CNS: "GATEWAY ADDRESS SUBNET" of the node
 *   pool           CNS: one "ADDRESS PREFIX GATEWAY" per line, of both families
 *   nodhcp         while it is there, nothing is offered
 *   assigned/KEY   CNS: the addresses that a pod key has, a line of the pool each
 *   reply/NAME     instead of all that: NAME is the path without its first slash, the others
 *                  written as '_'; NAME.1, NAME.2, ... are for the first, the second, ... request
 *
 * A reply is lines of these, an empty one, and the body as it is:
 *   status CODE TEXT     header NAME: VALUE     delay MS     chunked     raw (the body is all)
 *   hang (no answer while the client waits)     close (none at all)     cut BYTES (of the body)
 *   drip MS (between two bytes)                 real (the delay, then as if there were no file)
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	LISTENERS_MAX = 8,
	REQUEST_MAX = 65536,
	REPLY_MAX = 1 << 20,
	POOL_MAX = 1024,
	NAME_ROOM = 256,
	IMDS_PER_SECOND = 5,
	CODE_NO_ADDRESS = 32,	/* FailedToAllocateIPConfig */
	CODE_NO_CONTEXT = 33,	/* EmptyOrchestratorContext */
	CODE_NO_INTERFACE = 34, /* UnsupportedOrchestratorContext */
	CODE_UNEXPECTED = 99,
};

struct request {
	const char *kind;
	char bytes[REQUEST_MAX + 1];
	size_t len;
	char method[16];
	char target[1024];
	char path[NAME_ROOM];
	const char *headers;
	const char *body;
};

struct reply {
	int status;
	char reason[64];
	char headers[1024];
	char *body;
	size_t len;
	long delay_ms, drip_ms, cut;
	bool chunked, raw, hang, close, real;
};

struct text {
	char bytes[REPLY_MAX];
	size_t len;
};

static int dir;
static struct request req;
static struct reply rep;
static struct text out;

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(out.bytes + out.len, sizeof(out.bytes) - out.len, format, args);
	va_end(args);
	if (n > 0 && out.len + (size_t)n < sizeof(out.bytes))
		out.len += (size_t)n;
	rep.body = out.bytes;
	rep.len = out.len;
}

static void status(int code, const char *reason)
{
	rep.status = code;
	(void)snprintf(rep.reason, sizeof(rep.reason), "%s", reason);
}

static void sleep_ms(long ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		;
}

/* The content of a file of DIR with a NUL behind, to be freed; NULL when there is none. */
static char *slurp(const char *name, size_t *len)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	char *text = fd < 0 ? NULL : calloc(1, REPLY_MAX);
	size_t used = 0;
	ssize_t n = 0;

	while (text && used < REPLY_MAX - 1 &&
	       (n = read(fd, text + used, REPLY_MAX - 1 - used)) > 0)
		used += (size_t)n;
	if (fd >= 0)
		(void)close(fd);
	if (len)
		*len = used;
	return text;
}

static int lock(void)
{
	int fd = openat(dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd >= 0)
		(void)flock(fd, LOCK_EX);
	return fd;
}

static void append(const char *name, const char *text)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		perror(name);
	if (fd >= 0)
		(void)close(fd);
}

/* How often this name was asked for, this time included. */
static int count(const char *name)
{
	char file[NAME_ROOM + 16];
	struct stat st;

	(void)mkdirat(dir, "count", 0700);
	(void)snprintf(file, sizeof(file), "count/%s", name);
	append(file, ".");
	return fstatat(dir, file, &st, 0) < 0 ? 1 : (int)st.st_size;
}

/* ---- requests ---- */

static const char *header(const char *name)
{
	size_t len = strlen(name);

	for (const char *line = req.headers; line; line = strstr(line, "\r\n")) {
		line += strncmp(line, "\r\n", 2) == 0 ? 2 : 0;
		if (strncasecmp(line, name, len) == 0 && line[len] == ':')
			return line + len + 1 + strspn(line + len + 1, " ");
	}
	return NULL;
}

/* The text that a key has; false when there is none or an empty one. */
static bool field(const char *key, char *value, size_t room)
{
	char quoted[64];
	const char *at;
	size_t len;

	(void)snprintf(quoted, sizeof(quoted), "\"%s\"", key);
	at = strstr(req.body, quoted);
	if (!at)
		return false;
	at += strlen(quoted);
	at += strspn(at, " :\n\t");
	if (*at != '"')
		return false;
	len = strcspn(at + 1, "\"");
	if (len == 0 || len >= room || strcspn(at + 1, "/") < len)
		return false;
	memcpy(value, at + 1, len);
	value[len] = '\0';
	return true;
}

/* Headers and as much body as they announce. */
static bool read_request(int fd)
{
	size_t wanted = 0;

	while (req.len < REQUEST_MAX) {
		const char *length;
		char *end;
		ssize_t n = read(fd, req.bytes + req.len, REQUEST_MAX - req.len);

		if (n <= 0)
			return false;
		req.len += (size_t)n;
		req.bytes[req.len] = '\0';
		end = strstr(req.bytes, "\r\n\r\n");
		if (!end)
			continue;
		req.body = end + 4;
		req.headers = strstr(req.bytes, "\r\n");
		length = header("Content-Length");
		wanted = length ? strtoul(length, NULL, 10) : 0;
		if (req.len - (size_t)(req.body - req.bytes) >= wanted)
			break;
	}
	return req.body && sscanf(req.bytes, "%15s %1023s", req.method, req.target) == 2;
}

/* ---- IMDS ---- */

static bool imds_is_throttled(void)
{
	char name[64];

	if (faccessat(dir, "throttle", F_OK, 0) < 0)
		return false;
	(void)snprintf(name, sizeof(name), "second.%lld", (long long)time(NULL));
	return count(name) > IMDS_PER_SECOND;
}

/* Source: Azure Instance Metadata Service, "Errors and debugging". */
static void imds(void)
{
	const char *metadata = header("Metadata");
	char *text;
	size_t len;

	(void)snprintf(
		rep.headers, sizeof(rep.headers),
		"Content-Type: application/json; charset=utf-8\r\nServer: IMDS/150.870.65\r\n");
	if (imds_is_throttled()) {
		status(429, "Too Many Requests");
		say("{\"error\":\"Too many requests\"}");
	} else if (!metadata || strncasecmp(metadata, "true", 4) != 0 ||
		   header("X-Forwarded-For")) {
		status(400, "Bad Request");
		say("{ \"error\": \"Bad request. Required metadata header not specified\" }");
	} else if (strcmp(req.method, "GET") != 0) {
		status(405, "Method Not Allowed");
	} else if (strcmp(req.path, "metadata_versions") == 0) {
		say("{\"apiVersions\":[\"2017-03-01\",\"2021-02-01\",\"2025-04-07\"]}");
	} else if (!strstr(req.target, "api-version=20")) {
		status(400, "Bad Request");
		say("{\"error\":\"Bad request. api-version was not specified in the request. For "
		    "more "
		    "information refer to aka.ms/azureimds\",\"newest-versions\":[\"2025-04-07\","
		    "\"2024-07-17\",\"2024-03-15\"]}");
	} else if (strcmp(req.path, "metadata_instance_network") == 0 &&
		   (text = slurp("imds.json", &len))) {
		rep.body = text;
		rep.len = len;
	} else {
		status(404, "Not Found");
		say("{\"error\":\"Not found\"}");
	}
}

/* ---- CNS ---- */

static void cns_code(int code, const char *message, bool singular)
{
	out.len = 0;
	if (singular)
		say("{\"PodIpInfo\":{},\"Response\":{\"ReturnCode\":%d,\"Message\":\"%s\"}}\n",
		    code, message);
	else
		say("{\"podIPInfo\":null,\"response\":{\"ReturnCode\":%d,\"Message\":\"%s\"}}\n",
		    code, message);
}

static void cns_pod_ip(const char *address, const char *prefix, const char *gateway)
{
	char *host = slurp("host", NULL);
	char via[64] = "10.1.0.1", primary[64] = "10.1.0.4", subnet[64] = "10.1.0.0/24";
	bool six = strchr(address, ':');

	if (host)
		(void)sscanf(host, "%63s %63s %63s", via, primary, subnet);
	free(host);
	say("{\"PodIPConfig\":{\"IPAddress\":\"%s\",\"PrefixLength\":%s},"
	    "\"NetworkContainerPrimaryIPConfig\":{\"IPSubnet\":{\"IPAddress\":\"%s\","
	    "\"PrefixLength\":%s},\"IPSubnetV6\":{\"IPAddress\":\"\",\"PrefixLength\":0},"
	    "\"DNSServers\":[\"168.63.129.16\"],\"GatewayIPAddress\":\"%s\","
	    "\"GatewayIPv6Address\":\"%s\"},\"NetworkContainerIPv6Config\":{},"
	    "\"HostPrimaryIPInfo\":{\"Gateway\":\"%s\",\"PrimaryIP\":\"%s\",\"Subnet\":\"%s\"},"
	    "\"NICType\":\"InfraNIC\",\"InterfaceName\":\"\",\"MacAddress\":\"\",\"sharedNic\":"
	    "false,"
	    "\"SkipDefaultRoutes\":false,\"Routes\":null,\"PnPID\":\"\",\"EndpointPolicies\":null,"
	    "\"AllowHostToNCCommunication\":false,\"AllowNCToHostCommunication\":false,"
	    "\"NetworkContainerID\":\"a47ac10b-58cc-0372-8567-0e02b2c3d479\"}",
	    address, prefix, address, prefix, six ? "" : gateway, six ? gateway : "", via, primary,
	    subnet);
}

/* Is the address somebody's? Each is on a line of its own, behind '='. */
static bool cns_is_taken(const char *address)
{
	char *list = slurp("taken", NULL);
	char line[NAME_ROOM];
	bool found;

	(void)snprintf(line, sizeof(line), "=%s\n", address);
	found = list && strstr(list, line);
	free(list);
	return found;
}

/* One address of each family that the pool has. Returns false when one is short. */
static bool cns_assign(const char *file)
{
	char *pool = slurp("pool", NULL);
	char got[2][NAME_ROOM] = { "", "" };
	bool has[2] = { false, false };
	char *rest = NULL;

	for (char *line = pool ? strtok_r(pool, "\n", &rest) : NULL; line;
	     line = strtok_r(NULL, "\n", &rest)) {
		char address[64] = "";
		int family = strchr(line, ':') ? 1 : 0;

		if (sscanf(line, "%63s", address) != 1)
			continue;
		has[family] = true;
		if (got[family][0] || cns_is_taken(address))
			continue;
		(void)snprintf(got[family], sizeof(got[family]), "%s\n", line);
	}
	free(pool);
	if ((!has[0] && !has[1]) || (has[0] && !got[0][0]) || (has[1] && !got[1][0]))
		return false;
	for (int i = 0; i < 2; i++) {
		char address[64], line[NAME_ROOM];

		if (sscanf(got[i], "%63s", address) != 1)
			continue;
		append(file, got[i]);
		(void)snprintf(line, sizeof(line), "=%s\n", address);
		append("taken", line);
	}
	return true;
}

/* Takes the addresses of a file out of "taken". */
static void cns_forget(const char *file)
{
	char *lines = slurp(file, NULL), *rest = NULL;
	char *taken = slurp("taken", NULL);

	for (char *line = lines ? strtok_r(lines, "\n", &rest) : NULL; line && taken;
	     line = strtok_r(NULL, "\n", &rest)) {
		char address[64], mine[NAME_ROOM];
		char *at;

		if (sscanf(line, "%63s", address) != 1)
			continue;
		(void)snprintf(mine, sizeof(mine), "=%s\n", address);
		at = strstr(taken, mine);
		if (at)
			memmove(at, at + strlen(mine), strlen(at + strlen(mine)) + 1);
	}
	(void)unlinkat(dir, file, 0);
	(void)unlinkat(dir, "taken", 0);
	if (taken)
		append("taken", taken);
	free(taken);
	free(lines);
}

static void cns_request(const char *file, bool singular)
{
	char *lines, *rest = NULL;
	bool first = true;

	if (faccessat(dir, file, F_OK, 0) < 0 && !cns_assign(file)) {
		cns_code(CODE_NO_ADDRESS,
			 "AllocateIPConfig failed: not enough IPs available for "
			 "a47ac10b-58cc-0372-8567-0e02b2c3d479, waiting on Azure CNS to allocate "
			 "more "
			 "with NC Status: Available",
			 singular);
		return;
	}
	lines = slurp(file, NULL);
	say(singular ? "{\"PodIpInfo\":" : "{\"podIPInfo\":[");
	for (char *line = lines ? strtok_r(lines, "\n", &rest) : NULL; line;
	     line = strtok_r(NULL, "\n", &rest)) {
		char address[64], prefix[8], gateway[64] = "";

		if (sscanf(line, "%63s %7s %63s", address, prefix, gateway) < 2)
			continue;
		if (!first)
			say(",");
		first = false;
		cns_pod_ip(address, prefix, gateway);
	}
	say(singular ? ",\"Response\":" : "],\"response\":");
	say("{\"ReturnCode\":0,\"Message\":\"\"}}\n");
	free(lines);
}

/* Source: Azure Container Networking, cns/restserver/ipam.go, cns/api.go. */
static void cns(void)
{
	char key[NAME_ROOM], file[NAME_ROOM + 16];
	bool singular = strcmp(req.path, "network_requestipconfig") == 0 ||
			strcmp(req.path, "network_releaseipconfig") == 0;
	bool request = strncmp(req.path, "network_requestipconfig", 23) == 0;

	(void)snprintf(rep.headers, sizeof(rep.headers),
		       "Content-Type: application/json; charset=UTF-8\r\n");
	if (strncmp(req.path, "network_endpoints", 17) == 0) {
		say("{\"ReturnCode\":%d,\"Message\":\"[Azure CNS] endpoint state is not "
		    "managed\"}\n",
		    CODE_UNEXPECTED);
		return;
	}
	if (!request && strncmp(req.path, "network_releaseipconfig", 23) != 0) {
		status(404, "Not Found");
		(void)snprintf(rep.headers, sizeof(rep.headers),
			       "Content-Type: text/plain; charset=utf-8\r\n");
		say("404 page not found\n");
		return;
	}
	if (*req.body != '{' || !strrchr(req.body, '}')) {
		status(400, "Bad Request");
		say("invalid character looking for beginning of value\n");
		return;
	}
	if (!field(singular ? "PodInterfaceID" : "podInterfaceID", key, sizeof(key))) {
		cns_code(CODE_NO_INTERFACE, "need podInterfaceID", singular);
		return;
	}
	if (!strstr(req.body, singular ? "\"OrchestratorContext\"" : "\"orchestratorContext\"")) {
		cns_code(CODE_NO_CONTEXT, "need orchestratorContext", singular);
		return;
	}
	(void)mkdirat(dir, "assigned", 0700);
	(void)snprintf(file, sizeof(file), "assigned/%s", key);
	if (request) {
		cns_request(file, singular);
	} else {
		cns_forget(file);
		cns_code(0, "", singular);
	}
}

/* ---- replies ---- */

/* A line of a prepared reply. */
static void directive(char *line)
{
	size_t used = strlen(rep.headers);

	if (strncmp(line, "status ", 7) == 0) {
		status((int)strtol(line + 7, NULL, 10), "");
		(void)snprintf(rep.reason, sizeof(rep.reason), "%s",
			       line + 7 + strcspn(line + 7, " "));
	} else if (strncmp(line, "header ", 7) == 0) {
		(void)snprintf(rep.headers + used, sizeof(rep.headers) - used, "%s\r\n", line + 7);
	} else if (strncmp(line, "delay ", 6) == 0) {
		rep.delay_ms = strtol(line + 6, NULL, 10);
	} else if (strncmp(line, "drip ", 5) == 0) {
		rep.drip_ms = strtol(line + 5, NULL, 10);
	} else if (strncmp(line, "cut ", 4) == 0) {
		rep.cut = strtol(line + 4, NULL, 10);
	} else {
		rep.chunked |= strcmp(line, "chunked") == 0;
		rep.raw |= strcmp(line, "raw") == 0;
		rep.hang |= strcmp(line, "hang") == 0;
		rep.close |= strcmp(line, "close") == 0;
		rep.real |= strcmp(line, "real") == 0;
	}
}

/* Is there one for this request? */
static bool prepared(int number)
{
	char name[NAME_ROOM + 32];
	size_t len;
	char *text, *line;

	(void)snprintf(name, sizeof(name), "reply/%s.%d", req.path, number);
	text = slurp(name, &len);
	if (!text) {
		(void)snprintf(name, sizeof(name), "reply/%s", req.path);
		text = slurp(name, &len);
	}
	if (!text)
		return false;
	for (line = text; *line && *line != '\n';) {
		char *end = strchr(line, '\n');

		if (end)
			*end = '\0';
		directive(line);
		line = end ? end + 1 : line + strlen(line);
	}
	rep.body = *line == '\n' ? line + 1 : line;
	rep.len = len - (size_t)(rep.body - text);
	return true;
}

static void send_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, bytes, rep.drip_ms ? 1 : len, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		bytes += n;
		len -= (size_t)n;
		if (rep.drip_ms)
			sleep_ms(rep.drip_ms);
	}
}

static void send_reply(int fd)
{
	size_t len = rep.cut > 0 && (size_t)rep.cut < rep.len ? (size_t)rep.cut : rep.len;
	char head[2048];
	int n;

	if (!rep.raw) {
		n = snprintf(head, sizeof(head), "HTTP/1.1 %d %s\r\n%s", rep.status,
			     rep.reason + strspn(rep.reason, " "), rep.headers);
		send_all(fd, head, (size_t)n);
		n = rep.chunked
			    ? snprintf(head, sizeof(head),
				       "Transfer-Encoding: chunked\r\n\r\n%zx\r\n", rep.len)
			    : snprintf(head, sizeof(head), "Content-Length: %zu\r\n\r\n", rep.len);
		send_all(fd, head, (size_t)n);
	}
	send_all(fd, rep.body, len);
	if (rep.chunked && !rep.raw && len == rep.len)
		send_all(fd, "\r\n0\r\n\r\n", 7);
}

static void built_in(void)
{
	rep.body = out.bytes;
	rep.len = 0;
	if (strcmp(req.kind, "imds") == 0)
		imds();
	else if (strcmp(req.kind, "cns") == 0)
		cns();
	else
		say("wireserver\n");
}

/* ---- DHCP ---- */

/* Every DISCOVER is answered with an OFFER to all. Source: RFC 2131, sections 2 and 3. */
static void dhcp(int fd)
{
	static const unsigned char options[] = { 53, 1, 2, 54, 4, 168, 63, 129, 16, 255 };
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(68),
				  .sin_addr.s_addr = htonl(INADDR_BROADCAST) };
	unsigned char packet[1500] = { 0 };
	char line[64];
	ssize_t n = recv(fd, packet, sizeof(packet), 0);

	if (n < 300 || packet[0] != 1 ||
	    memcmp(packet + 236, "\143\202\123\143\065\001\001", 7) != 0)
		return;
	(void)snprintf(line, sizeof(line), "dhcp DISCOVER %02x:%02x:%02x:%02x:%02x:%02x\n",
		       packet[28], packet[29], packet[30], packet[31], packet[32], packet[33]);
	append("log", line);
	if (faccessat(dir, "nodhcp", F_OK, 0) == 0)
		return;
	packet[0] = 2;
	memcpy(packet + 16, "\012\001\000\143", 4);
	memcpy(packet + 240, options, sizeof(options));
	if (sendto(fd, packet, 300, 0, (const struct sockaddr *)&to, sizeof(to)) < 0)
		perror("dhcp");
}

static int dhcp_at(const char *where)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(67) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, where, (socklen_t)strcspn(where, ":")) <
		    0 ||
	    setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &(int){ 1 }, sizeof(int)) < 0 ||
	    bind(fd, (const struct sockaddr *)&to, sizeof(to)) < 0) {
		perror(where);
		return -1;
	}
	return fd;
}

/* One connection, one request. */
static void serve(int fd)
{
	char *line = NULL;
	int held, number;
	bool own;

	status(200, "OK");
	if (!read_request(fd))
		return;
	(void)snprintf(req.path, sizeof(req.path), "%.*s", (int)strcspn(req.target + 1, "?"),
		       req.target + 1);
	for (char *c = req.path; *c; c++)
		*c = *c == '/' ? '_' : *c;
	held = lock();
	if (asprintf(&line, "%s %s %s %s\n", req.kind, req.method, req.target, req.body) >= 0)
		append("log", line);
	free(line);
	number = count(req.path);
	own = prepared(number);
	if (!own)
		built_in();
	if (held >= 0)
		(void)close(held);
	sleep_ms(rep.delay_ms);
	if (rep.real) {
		held = lock();
		built_in();
		(void)close(held);
	}
	if (rep.hang) {
		struct pollfd p = { .fd = fd, .events = POLLRDHUP };

		(void)poll(&p, 1, -1);
	} else if (!rep.close) {
		/* as every server: who speaks HTTP/1.0 knows no chunks */
		rep.chunked = rep.chunked && strstr(req.bytes, " HTTP/1.1\r\n");
		send_reply(fd);
	}
	(void)shutdown(fd, SHUT_RDWR);
}

static int listen_at(const char *where)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	const char *colon = strrchr(where, ':');
	char address[64];
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || !colon)
		return -1;
	(void)snprintf(address, sizeof(address), "%.*s", (int)(colon - where), where);
	to.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
	if (inet_pton(AF_INET, address, &to.sin_addr) != 1 ||
	    bind(fd, (const struct sockaddr *)&to, sizeof(to)) < 0 || listen(fd, 512) < 0) {
		perror(where);
		return -1;
	}
	return fd;
}

int main(int argc, char **argv)
{
	struct pollfd fds[LISTENERS_MAX];
	nfds_t n = 0;

	if (argc < 3 || argc - 2 > LISTENERS_MAX)
		return 2;
	(void)signal(SIGCHLD, SIG_IGN);
	dir = open(argv[1], O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0) {
		perror(argv[1]);
		return 1;
	}
	for (int i = 2; i < argc; i++) {
		char *where = strchr(argv[i], '=');

		if (!where)
			return 2;
		*where = '\0';
		fds[n].fd =
			strcmp(argv[i], "dhcp") == 0 ? dhcp_at(where + 1) : listen_at(where + 1);
		fds[n].events = POLLIN;
		if (fds[n++].fd < 0)
			return 1;
	}
	(void)puts("ready");
	(void)fflush(stdout);
	while (poll(fds, n, -1) > 0 || errno == EINTR) {
		for (nfds_t i = 0; i < n; i++) {
			int fd;

			if (fds[i].revents && strcmp(argv[i + 2], "dhcp") == 0) {
				dhcp(fds[i].fd);
				continue;
			}
			fd = fds[i].revents ? accept4(fds[i].fd, NULL, NULL, SOCK_CLOEXEC) : -1;
			if (fd < 0)
				continue;
			if (fork() == 0) {
				for (nfds_t j = 0; j < n; j++)
					(void)close(fds[j].fd); /* to listen is the parent's */
				req.kind = argv[i + 2];
				serve(fd);
				_exit(0);
			}
			(void)close(fd);
		}
	}
	return 1;
}
