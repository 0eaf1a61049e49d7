/* SPDX-License-Identifier: MIT */
/*
 * TCP or UDP server of the laboratory. Ends by itself after --seconds (60).
 *
 *   lab-server tcp --port P [--address A] --mode echo|sink|respond|banner|source|http
 *              [--request N] [--response N] [--delay-ms D] [--fork accept|prefork] [--seconds S] [--quiet]
 *   lab-server udp --port P [--address A] --mode echo|sink [--delay-ms D] [--seconds S]
 *
 * respond: N response bytes after every --request bytes. banner: N bytes at once, then a sink. source: N bytes, then close.
 * http: a 200 with N bytes of body for each request head. --fork accept: the parent accepts, a child of its own serves;
 * prefork: one child, forked before, accepts and serves. Without an address it listens on ::, for IPv4 too.
 *
 * Prints {"event":"listening"}, and for each connection that ended {"event":"closed", "pid" who served, "acceptPid", …}.
 */
#include "common.h"
#include <linux/sockios.h>
#include <sys/ioctl.h>

#define CONNECTIONS 2048
#define ANSWERS 32 /* of each connection, reported */

struct connection {
	uint64_t received, sent;
	long pending; /* request bytes not answered yet */
	int head;     /* how much of CR LF CR LF matched */
	int peer, accept_pid;
	int answers;
	uint64_t answer_ns[ANSWERS]; /* from recv() having the request to send() having the answer */
};

static const char *mode, *fork_mode;
static long request, response, delay_ms;
static char block[1 << 17];

static bool send_all(int fd, const char *bytes, size_t length, struct connection *c)
{
	while (length > 0) {
		ssize_t n = send(fd, bytes, length, MSG_NOSIGNAL);

		if (n < 0)
			return false;
		bytes += n;
		length -= (size_t)n;
		c->sent += (uint64_t)n;
	}
	return true;
}

static bool send_filler(int fd, long length, struct connection *c)
{
	while (length > 0) {
		long part = length < (long)sizeof(block) ? length : (long)sizeof(block);

		if (!send_all(fd, block, (size_t)part, c))
			return false;
		length -= part;
	}
	return true;
}

static bool send_http(int fd, struct connection *c)
{
	char head[128];
	int length = snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %ld\r\n\r\n", response);

	return send_all(fd, head, (size_t)length, c) && send_filler(fd, response, c);
}

/* False when the connection is over. */
static bool serve_some(int fd, struct connection *c)
{
	static char buffer[1 << 18];
	ssize_t n = recv(fd, buffer, sizeof(buffer), 0);

	if (n <= 0)
		return false;
	uint64_t asked = now_ns();

	c->received += (uint64_t)n;
	if (strcmp(mode, "echo") == 0) {
		sleep_ms(delay_ms);
		return send_all(fd, buffer, (size_t)n, c);
	}
	if (strcmp(mode, "respond") == 0) {
		for (c->pending += n; c->pending >= request; c->pending -= request) {
			sleep_ms(delay_ms);
			if (!send_filler(fd, response, c))
				return false;
			if (c->answers < ANSWERS)
				c->answer_ns[c->answers++] = now_ns() - asked;
		}
	}
	if (strcmp(mode, "http") == 0) {
		for (ssize_t i = 0; i < n; i++) {
			c->head = buffer[i] == "\r\n\r\n"[c->head] ? c->head + 1 : buffer[i] == '\r';
			if (c->head < 4)
				continue;
			c->head = 0;
			sleep_ms(delay_ms);
			if (!send_http(fd, c))
				return false;
		}
	}
	return true;
}

static bool start(int fd, struct connection *c)
{
	memset(c, 0, sizeof(*c));
	c->peer = remote_port(fd);
	c->accept_pid = getpid();
	if (strcmp(mode, "banner") == 0)
		return send_filler(fd, response, c);
	if (strcmp(mode, "source") == 0) {
		int waiting = 1;

		/* Until everything and the FIN are acknowledged: TCP_INFO is complete then. */
		send_filler(fd, response, c);
		shutdown(fd, SHUT_WR);
		for (int i = 0; i < 10000 && ioctl(fd, SIOCOUTQ, &waiting) == 0 && waiting > 0; i++)
			sleep_ms(1);
		return false;
	}
	return true;
}

static bool quiet; /* --quiet: says nothing of connections that ended */

static void finish(int fd, const struct connection *c)
{
	if (quiet) {
		close(fd);
		return;
	}
	printf("{\"event\":\"closed\",\"pid\":%d,\"acceptPid\":%d,\"peerPort\":%d,\"received\":%llu,\"sent\":%llu", getpid(),
	       c->accept_pid, c->peer, (unsigned long long)c->received, (unsigned long long)c->sent);
	print_tcp_info(fd);
	printf(",\"answersNs\":[");
	for (int i = 0; i < c->answers; i++)
		printf("%s%llu", i ? "," : "", (unsigned long long)c->answer_ns[i]);
	printf("]}\n");
	fflush(stdout);
	close(fd);
}

static void serve_alone(int fd, int accept_pid)
{
	struct connection c;
	bool open = start(fd, &c);

	c.accept_pid = accept_pid;
	while (open && serve_some(fd, &c))
		;
	finish(fd, &c);
}

static void serve_tcp(int listener)
{
	static struct pollfd polls[CONNECTIONS + 1];
	static struct connection connections[CONNECTIONS + 1];
	int count = 1;

	if (fork_mode && strcmp(fork_mode, "prefork") == 0 && fork() != 0) {
		close(listener);
		while (wait(NULL) < 0 && errno == EINTR)
			;
		exit(0);
	}
	polls[0] = (struct pollfd){ .fd = listener, .events = POLLIN };
	for (;;) {
		if (poll(polls, (nfds_t)count, -1) < 0 && errno != EINTR)
			die("poll");
		for (int i = count - 1; i > 0; i--) {
			if (!polls[i].revents || serve_some(polls[i].fd, &connections[i]))
				continue;
			finish(polls[i].fd, &connections[i]);
			polls[i] = polls[--count];
			connections[i] = connections[count];
		}
		if (!(polls[0].revents & POLLIN) || count > CONNECTIONS)
			continue;
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			continue;
		if (fork_mode && strcmp(fork_mode, "accept") == 0) {
			int parent = getpid();

			if (fork() == 0) {
				close(listener);
				serve_alone(fd, parent);
				exit(0);
			}
			close(fd);
			continue;
		}
		if (start(fd, &connections[count])) {
			polls[count++] = (struct pollfd){ .fd = fd, .events = POLLIN };
		} else {
			finish(fd, &connections[count]);
		}
	}
}

static void serve_udp(int fd)
{
	struct sockaddr_storage from;

	for (;;) {
		socklen_t length = sizeof(from);
		ssize_t n = recvfrom(fd, block, sizeof(block), 0, (struct sockaddr *)&from, &length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			die("recvfrom");
		if (strcmp(mode, "echo") != 0)
			continue;
		sleep_ms(delay_ms);
		if (sendto(fd, block, (size_t)n, 0, (struct sockaddr *)&from, length) < 0)
			die("sendto");
	}
}

int main(int argc, char **argv)
{
	bool tcp = argc > 1 && strcmp(argv[1], "tcp") == 0;
	struct sockaddr_storage address;
	socklen_t length = parse_address(option(argc, argv, "--address", "::"), number(argc, argv, "--port", 0), &address);
	int fd = socket(address.ss_family, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0), one = 1, zero = 0;

	be_realtime(argc, argv);
	alarm((unsigned)number(argc, argv, "--seconds", 60));
	signal(SIGCHLD, given(argc, argv, "--fork") && strcmp(option(argc, argv, "--fork", ""), "accept") == 0 ? SIG_IGN : SIG_DFL);
	quiet = given(argc, argv, "--quiet");
	mode = option(argc, argv, "--mode", "echo");
	fork_mode = option(argc, argv, "--fork", NULL);
	request = number(argc, argv, "--request", 1);
	response = number(argc, argv, "--response", 0);
	delay_ms = number(argc, argv, "--delay-ms", 0);
	memset(block, 'x', sizeof(block));
	if (fd < 0)
		die("socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (address.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
	if (bind(fd, (struct sockaddr *)&address, length) != 0)
		die("bind");
	if (tcp && listen(fd, 1024) != 0)
		die("listen");
	printf("{\"event\":\"listening\",\"pid\":%d,\"port\":%d}\n", getpid(), local_port(fd));
	fflush(stdout);
	if (tcp)
		serve_tcp(fd);
	serve_udp(fd);
}
