/* SPDX-License-Identifier: MIT */
/*
 * What the demo session's programs are: one program under many names. Each copy is a real executable that talks over
 * real sockets; only its name says what it stands for.
 *
 *   service serve --port P [--base-us U] [--slow-us U]
 *       HTTP/1.1 on :: and IPv4. A request says how much it wants back ("X-Reply: N"). Each answer takes about --base-us,
 *       log-normally spread; after SIGUSR1 it takes --slow-us more (over three seconds it gets there), until SIGUSR2.
 *   service call --port P (--to A | --host NAME --dns A) [--path /p] [--reply N] [--upload N] [--every-ms E]
 *                [--each N] [--threads T] [--from A]
 *       A request about every E ms on T connections, a new connection after N requests (0 = never). With --host the
 *       name is asked for before each connection. What fails is tried again at the next turn.
 *   service dns --port P NAME=ADDRESS...          answers questions for A and AAAA records
 *   service emit --to A --port P --every-ms E     a datagram of about 90 bytes, no answer expected
 *
 * Ends by SIGTERM, or by itself after --seconds (120).
 */
#include "../lab/programs/common.h"
#include <math.h>
#include <pthread.h>

#define HEAD 1024
#define RAMP_NS 3000000000.0

static int arg_count;
static char **args;
static volatile sig_atomic_t slow_now;
static uint64_t slow_since;
static char filler[1 << 16];

static const char *text(const char *name, const char *otherwise)
{
	return option(arg_count, args, name, otherwise);
}

static long value(const char *name, long otherwise)
{
	return number(arg_count, args, name, otherwise);
}

/* Uniform in (0, 1), one state for each thread. */
static double chance(unsigned *state)
{
	return ((double)rand_r(state) + 1) / ((double)RAND_MAX + 2);
}

static void sleep_us(double us)
{
	struct timespec t = { (time_t)(us / 1e6), (long)(fmod(us, 1e6) * 1000) };

	while (us > 0 && nanosleep(&t, &t) != 0 && errno == EINTR)
		;
}

static bool send_all(int fd, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t n = send(fd, bytes, length, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		bytes += n;
		length -= (size_t)n;
	}
	return true;
}

static bool send_filler(int fd, long length)
{
	for (; length > 0; length -= (long)sizeof(filler))
		if (!send_all(fd, filler, length < (long)sizeof(filler) ? (size_t)length : sizeof(filler)))
			return false;
	return true;
}

/* Reads a head up to its empty line, and drops what of the body came with it; the body's bytes that came, or -1. */
static long receive_head(int fd, char *head)
{
	size_t have = 0;

	while (have < HEAD - 1) {
		ssize_t n = recv(fd, head + have, HEAD - 1 - have, 0);

		if (n <= 0)
			return -1;
		have += (size_t)n;
		head[have] = 0;
		char *end = strstr(head, "\r\n\r\n");

		if (end)
			return (long)(have - (size_t)(end + 4 - head));
	}
	return -1;
}

static bool skip(int fd, long length)
{
	char buffer[1 << 14];

	while (length > 0) {
		ssize_t n = recv(fd, buffer, length < (long)sizeof(buffer) ? (size_t)length : sizeof(buffer), 0);

		if (n <= 0)
			return false;
		length -= n;
	}
	return true;
}

static long header(const char *head, const char *name)
{
	const char *at = strstr(head, name);

	return at ? strtol(at + strlen(name), NULL, 10) : 0;
}

/* ---- serve ---- */

static void turn_slow(int signal_number)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	slow_since = (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
	slow_now = signal_number == SIGUSR1;
}

static void think(unsigned *state)
{
	double normal = sqrt(-2 * log(chance(state))) * cos(2 * M_PI * chance(state));
	double us = (double)value("--base-us", 500) * exp(0.35 * normal);

	if (slow_now) {
		double ramp = (double)(now_ns() - slow_since) / RAMP_NS;

		us += (double)value("--slow-us", 0) * (ramp < 1 ? ramp : 1) * (0.6 + 0.8 * chance(state));
	}
	sleep_us(us);
}

static void *serve_one(void *argument)
{
	int fd = (int)(intptr_t)argument;
	unsigned state = (unsigned)fd * 7919u + (unsigned)now_ns();
	char head[HEAD], answer[160];

	for (long came; (came = receive_head(fd, head)) >= 0;) {
		long reply = header(head, "X-Reply: ");

		if (!skip(fd, header(head, "Content-Length: ") - came))
			break;
		think(&state);
		int length = snprintf(answer, sizeof(answer), "HTTP/1.1 200 OK\r\nContent-Length: %ld\r\n\r\n", reply);

		if (!send_all(fd, answer, (size_t)length) || !send_filler(fd, reply))
			break;
	}
	close(fd);
	return NULL;
}

static _Noreturn void serve(void)
{
	struct sockaddr_storage address;
	socklen_t length = parse_address("::", value("--port", 0), &address);
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1, zero = 0;
	struct sigaction slow = { .sa_handler = turn_slow, .sa_flags = SA_RESTART };

	sigaction(SIGUSR1, &slow, NULL);
	sigaction(SIGUSR2, &slow, NULL);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
	if (bind(fd, (struct sockaddr *)&address, length) != 0 || listen(fd, 128) != 0)
		die("listen");
	printf("{\"event\":\"listening\"}\n");
	fflush(stdout);
	for (;;) {
		pthread_t thread;
		int connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

		if (connection < 0)
			continue;
		setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		if (pthread_create(&thread, NULL, serve_one, (void *)(intptr_t)connection) == 0)
			pthread_detach(thread);
		else
			close(connection);
	}
}

/* ---- dns ---- */

/* Name in labels (RFC 1035, 3.1) to dotted text; where the question goes on, or 0. */
static size_t read_name(const unsigned char *m, size_t length, char *name)
{
	size_t at = 12, out = 0;

	while (at < length && m[at] != 0 && m[at] < 64 && at + 1 + m[at] < length && out + m[at] + 2 < 256) {
		if (out > 0)
			name[out++] = '.';
		memcpy(name + out, m + at + 1, m[at]);
		out += m[at];
		at += 1u + m[at];
	}
	name[out] = 0;
	return at + 5 <= length && m[at] == 0 ? at + 1 : 0;
}

static size_t add_answer(unsigned char *m, size_t at, const char *address)
{
	struct sockaddr_storage parsed;

	parse_address(address, 0, &parsed);
	bool v4 = parsed.ss_family == AF_INET;
	const unsigned char record[12] = { 0xc0, 12, 0, v4 ? 1 : 28, 0, 1, 0, 0, 0, 30, 0, v4 ? 4 : 16 };

	memcpy(m + at, record, sizeof(record));
	memcpy(m + at + 12, v4 ? (void *)&((struct sockaddr_in *)&parsed)->sin_addr : (void *)&((struct sockaddr_in6 *)&parsed)->sin6_addr, v4 ? 4 : 16);
	m[7]++;
	return at + 12 + (v4 ? 4 : 16);
}

static _Noreturn void dns(void)
{
	struct sockaddr_storage address, from;
	socklen_t length = parse_address("0.0.0.0", value("--port", 53), &address);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	unsigned char m[1024];
	char name[256];

	if (bind(fd, (struct sockaddr *)&address, length) != 0)
		die("bind");
	printf("{\"event\":\"listening\"}\n");
	fflush(stdout);
	for (;;) {
		socklen_t from_length = sizeof(from);
		ssize_t n = recvfrom(fd, m, 512, 0, (struct sockaddr *)&from, &from_length);
		size_t at = n < 17 ? 0 : read_name(m, (size_t)n, name);
		bool known = false;

		if (at == 0)
			continue;
		int type = m[at] << 8 | m[at + 1];

		at += 4;
		m[2] = 0x81; /* answer, recursion desired */
		m[3] = 0x80; /* recursion available */
		memset(m + 6, 0, 6);
		for (int i = 2; i < arg_count; i++) {
			size_t part = strlen(name);

			if (strncmp(args[i], name, part) != 0 || args[i][part] != '=')
				continue;
			known = true;
			if ((strchr(args[i] + part, ':') != NULL) == (type == 28))
				at = add_answer(m, at, args[i] + part + 1);
		}
		if (!known)
			m[3] |= 3; /* NXDOMAIN */
		sleep_us(400);
		sendto(fd, m, at, 0, (struct sockaddr *)&from, from_length);
	}
}

/* Asks for the A record; false when there is no answer in a second, or none with an address. */
static bool ask(const char *server, const char *name, char *address, size_t room, unsigned *state)
{
	struct sockaddr_storage to;
	socklen_t length = parse_address(server, 53, &to);
	unsigned char m[512] = { (unsigned char)rand_r(state), (unsigned char)rand_r(state), 1, 0, 0, 1 };
	struct timeval patience = { 1, 0 };
	size_t at = 12;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	for (const char *part = name; part;) {
		const char *dot = strchr(part, '.');
		size_t size = dot ? (size_t)(dot - part) : strlen(part);

		m[at++] = (unsigned char)size;
		memcpy(m + at, part, size);
		at += size;
		part = dot ? dot + 1 : NULL;
	}
	at += 1;
	m[at + 1] = 1;
	m[at + 3] = 1;
	at += 4;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	bool ok = connect(fd, (struct sockaddr *)&to, length) == 0 && send(fd, m, at, 0) > 0;
	ssize_t n = ok ? recv(fd, m, sizeof(m), 0) : -1;

	close(fd);
	if (n < (ssize_t)at + 16 || m[7] == 0)
		return false;
	return inet_ntop(AF_INET, m + at + 12, address, (socklen_t)room) != NULL;
}

/* ---- call ---- */

static int connect_to(const char *address, long port)
{
	struct sockaddr_storage to;
	socklen_t length = parse_address(address, port, &to);
	int fd = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	struct timeval patience = { 8, 0 };

	if (text("--from", NULL)) {
		struct sockaddr_storage from;
		socklen_t from_length = parse_address(text("--from", NULL), 0, &from);

		if (bind(fd, (struct sockaddr *)&from, from_length) != 0)
			die("bind");
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&to, length) == 0)
		return fd;
	close(fd);
	return -1;
}

static bool request(int fd, unsigned *state)
{
	char head[HEAD];
	long upload = value("--upload", 0);
	int length = snprintf(head, sizeof(head), "%s %s/%d HTTP/1.1\r\nHost: %s\r\nX-Reply: %ld\r\n", upload > 0 ? "PUT" : "GET",
			      text("--path", "/"), rand_r(state) % 900 + 100, text("--host", text("--to", "")), value("--reply", 200));

	if (upload > 0)
		length += snprintf(head + length, sizeof(head) - (size_t)length, "Content-Length: %ld\r\n", upload);
	length += snprintf(head + length, sizeof(head) - (size_t)length, "\r\n");
	if (!send_all(fd, head, (size_t)length) || !send_filler(fd, upload))
		return false;
	long came = receive_head(fd, head);

	return came >= 0 && skip(fd, header(head, "Content-Length: ") - came);
}

static void *call_one(void *argument)
{
	unsigned state = (unsigned)(intptr_t)argument * 104729u + (unsigned)getpid();
	long each = value("--each", 0), done = 0;
	const char *host = text("--host", NULL);
	char address[64];
	int fd = -1;

	snprintf(address, sizeof(address), "%s", text("--to", ""));
	for (;;) {
		sleep_us((double)value("--every-ms", 100) * 1000 * (0.3 - 0.7 * log(chance(&state))));
		if (fd < 0) {
			if (host && !ask(text("--dns", ""), host, address, sizeof(address), &state))
				continue;
			fd = connect_to(address, value("--port", 80));
			done = 0;
		}
		if (fd >= 0 && (!request(fd, &state) || ++done == each)) {
			close(fd);
			fd = -1;
		}
	}
	return NULL;
}

static _Noreturn void call(void)
{
	long threads = value("--threads", 1);

	for (long i = 1; i < threads; i++) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, call_one, (void *)(intptr_t)i) == 0)
			pthread_detach(thread);
	}
	call_one(NULL);
	_exit(1);
}

static _Noreturn void emit(void)
{
	struct sockaddr_storage to;
	socklen_t length = parse_address(text("--to", ""), value("--port", 0), &to);
	int fd = socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	unsigned state = (unsigned)getpid();
	char line[128];

	if (connect(fd, (struct sockaddr *)&to, length) != 0)
		die("connect");
	for (;;) {
		int size = snprintf(line, sizeof(line), "shop.orders:%d|c\nshop.carts.open:%d|g\nshop.api.latency:%d|ms\n",
				    rand_r(&state) % 9, rand_r(&state) % 400, rand_r(&state) % 90);

		send(fd, line, (size_t)size, 0);
		sleep_us((double)value("--every-ms", 1000) * 1000);
	}
}

int main(int argc, char **argv)
{
	arg_count = argc;
	args = argv;
	memset(filler, 'x', sizeof(filler));
	alarm((unsigned)value("--seconds", 120));
	if (argc > 1 && strcmp(argv[1], "serve") == 0)
		serve();
	if (argc > 1 && strcmp(argv[1], "call") == 0)
		call();
	if (argc > 1 && strcmp(argv[1], "dns") == 0)
		dns();
	if (argc > 1 && strcmp(argv[1], "emit") == 0)
		emit();
	return 2;
}
