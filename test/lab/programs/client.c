/* SPDX-License-Identifier: MIT */
/*
 * TCP or UDP client of the laboratory; one JSON line for each connection, with what was really sent and what the
 * kernel's TCP_INFO says at its end. Ends by itself after --seconds-max (60).
 *
 *   lab-client tcp --to A --port P [--connections N] [--banner N] [--send N] [--receive N] [--exchanges K] [--pause-ms D]
 *              [--stream-seconds S] [--hold-ms D] [--wait] [--reset] [--local-port P] [--http]
 *              [--quiet]
 *   lab-client udp --to A --port P [--count N] [--send N] [--echo] [--unconnected] [--pause-ms D] [--local-port P] [--wait]
 *
 * --quiet: many connections as fast as possible, closed at once, one line at the end: {"event":"churn", "durationNs"}.
 * --wait: after connecting and one exchange prints {"event":"ready"} and goes on when a line arrives on standard input.
 * --http: each exchange is a GET; --receive is the length of the whole answer. --reset: ends with a RST.
 */
#include "common.h"

static char block[1 << 17];
static uint64_t sent, received;

/* Sends and receives at the same time, so that an echo of any size cannot lock up. Returns ns until the first answer byte. */
static int64_t exchange(int fd, const char *bytes, long to_send, long to_receive)
{
	static char buffer[1 << 18];
	uint64_t asked = now_ns();
	int64_t first = -1;
	long at = 0;

	while (to_send > 0 || to_receive > 0) {
		struct pollfd p = { .fd = fd, .events = (short)((to_send > 0 ? POLLOUT : 0) | (to_receive > 0 ? POLLIN : 0)) };

		if (poll(&p, 1, 30000) <= 0)
			return -1;
		if (p.revents & POLLIN || (p.revents & (POLLHUP | POLLERR) && to_receive > 0)) {
			ssize_t n = recv(fd, buffer, to_receive < (long)sizeof(buffer) ? (size_t)to_receive : sizeof(buffer), MSG_DONTWAIT);

			if (n == 0 || (n < 0 && errno != EAGAIN))
				return -1;
			if (n > 0) {
				if (first < 0)
					first = (int64_t)(now_ns() - asked);
				received += (uint64_t)n;
				to_receive -= n;
			}
		}
		if (to_send > 0 && p.revents & POLLOUT) {
			size_t part = to_send < (long)sizeof(block) ? (size_t)to_send : sizeof(block);
			ssize_t n = send(fd, bytes ? bytes + at : block, part, MSG_NOSIGNAL | MSG_DONTWAIT);

			if (n < 0 && errno != EAGAIN)
				return -1;
			if (n > 0) {
				sent += (uint64_t)n;
				to_send -= n;
				at += n;
			}
			asked = first < 0 ? now_ns() : asked;
		} else if (to_send > 0 && p.revents & (POLLHUP | POLLERR)) {
			return -1;
		}
	}
	return first < 0 ? 0 : first;
}

static void wait_for_word(int port)
{
	char word;

	printf("{\"event\":\"ready\",\"pid\":%d,\"localPort\":%d}\n", getpid(), port);
	fflush(stdout);
	while (read(0, &word, 1) == 1 && word != '\n')
		;
}

static int open_socket(int argc, char **argv, int type, struct sockaddr_storage *to, socklen_t *length)
{
	struct sockaddr_storage from;
	long port = number(argc, argv, "--local-port", 0);

	*length = parse_address(option(argc, argv, "--to", "127.0.0.1"), number(argc, argv, "--port", 0), to);
	int fd = socket(to->ss_family, type | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0)
		die("socket");
	/* connect() may give the same port to connections with different peers, and tests know a connection by its port:
	 * bind() to any free one gives each its own. */
	if (port > 0 || type == SOCK_STREAM) {
		socklen_t n = parse_address(to->ss_family == AF_INET ? "0.0.0.0" : "::", port, &from);

		if (port > 0)
			setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		if (bind(fd, (struct sockaddr *)&from, n) != 0)
			die("bind");
	}
	return fd;
}

static void tcp(int argc, char **argv)
{
	static int64_t answers[4096];
	long to_send = number(argc, argv, "--send", 0), to_receive = number(argc, argv, "--receive", 0);
	long exchanges = number(argc, argv, "--exchanges", 1), banner = number(argc, argv, "--banner", 0);
	double stream = atof(option(argc, argv, "--stream-seconds", "0"));
	struct sockaddr_storage to;
	socklen_t length;
	int fd = open_socket(argc, argv, SOCK_STREAM, &to, &length), failed = 0;
	char head[256];
	const char *bytes = NULL;
	uint64_t began = now_ns();
	int64_t connected = -1;
	long done = 0, kept = 0;

	sent = received = 0;
	if (given(argc, argv, "--http")) {
		to_send = snprintf(head, sizeof(head), "GET /lab HTTP/1.1\r\nHost: lab.example\r\nUser-Agent: lab-client\r\n\r\n");
		bytes = head;
	}
	if (connect(fd, (struct sockaddr *)&to, length) != 0) {
		failed = errno;
	} else {
		connected = (int64_t)(now_ns() - began);
		if (banner > 0 && exchange(fd, NULL, 0, banner) < 0)
			failed = EPIPE;
		for (; !failed && done < exchanges; done++) {
			int64_t answer = exchange(fd, bytes, to_send, to_receive);

			if (answer < 0)
				failed = EPIPE;
			else if (kept < 4096 && to_receive > 0)
				answers[kept++] = answer;
			if (done == 0 && given(argc, argv, "--wait"))
				wait_for_word(local_port(fd));
			sleep_ms(number(argc, argv, "--pause-ms", 0));
		}
		for (uint64_t until = now_ns() + (uint64_t)(stream * 1e9); stream > 0 && !failed && now_ns() < until;) {
			ssize_t n = send(fd, block, sizeof(block), MSG_NOSIGNAL);

			if (n < 0)
				failed = errno;
			else
				sent += (uint64_t)n;
		}
		sleep_ms(number(argc, argv, "--hold-ms", 0));
	}
	int port = local_port(fd);

	if (given(argc, argv, "--quiet")) { /* one line at the end, by main() */
		if (failed)
			exit(1);
		close(fd);
		return;
	}
	if (given(argc, argv, "--reset")) {
		struct linger now = { 1, 0 };

		setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	} else if (!failed) {
		shutdown(fd, SHUT_WR);
		for (ssize_t n; (n = recv(fd, block, sizeof(block), 0)) > 0;)
			received += (uint64_t)n;
	}
	printf("{\"event\":\"closed\",\"pid\":%d,\"localPort\":%d,\"sent\":%llu,\"received\":%llu,\"exchanges\":%ld,\"errno\":%d,"
	       "\"connectNs\":%lld,\"durationNs\":%llu",
	       getpid(), port, (unsigned long long)sent, (unsigned long long)received, done, failed, (long long)connected,
	       (unsigned long long)(now_ns() - began));
	print_tcp_info(fd);
	printf(",\"answersNs\":[");
	for (long i = 0; i < kept; i++)
		printf("%s%lld", i ? "," : "", (long long)answers[i]);
	printf("]}\n");
	fflush(stdout);
	close(fd);
	memset(block, 'y', sizeof(block));
}

static void udp(int argc, char **argv)
{
	long count = number(argc, argv, "--count", 1), size = number(argc, argv, "--send", 64);
	bool echo = given(argc, argv, "--echo"), unconnected = given(argc, argv, "--unconnected");
	struct sockaddr_storage to;
	socklen_t length;
	int fd = open_socket(argc, argv, SOCK_DGRAM, &to, &length), failed = 0;
	struct timeval patience = { 5, 0 };

	sent = received = 0;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (!unconnected && connect(fd, (struct sockaddr *)&to, length) != 0)
		die("connect");
	for (long i = 0; i < count && !failed; i++) {
		ssize_t n = unconnected ? sendto(fd, block, (size_t)size, 0, (struct sockaddr *)&to, length)
					: send(fd, block, (size_t)size, 0);

		if (n < 0) {
			failed = errno;
			break;
		}
		sent += (uint64_t)n;
		if (echo) {
			n = recv(fd, block, sizeof(block), 0);
			if (n < 0)
				failed = errno;
			else
				received += (uint64_t)n;
		}
		if (i == 0 && given(argc, argv, "--wait"))
			wait_for_word(local_port(fd));
		sleep_ms(number(argc, argv, "--pause-ms", 0));
	}
	printf("{\"event\":\"closed\",\"pid\":%d,\"localPort\":%d,\"sent\":%llu,\"received\":%llu,\"errno\":%d}\n", getpid(),
	       local_port(fd), (unsigned long long)sent, (unsigned long long)received, failed);
	fflush(stdout);
	close(fd);
}

int main(int argc, char **argv)
{
	long connections = number(argc, argv, "--connections", 1);
	uint64_t began;

	be_realtime(argc, argv);
	alarm((unsigned)number(argc, argv, "--seconds-max", 60));
	memset(block, 'y', sizeof(block));
	began = now_ns();
	for (long i = 0; i < connections; i++) {
		if (argc > 1 && strcmp(argv[1], "udp") == 0)
			udp(argc, argv);
		else
			tcp(argc, argv);
	}
	if (given(argc, argv, "--quiet"))
		printf("{\"event\":\"churn\",\"connections\":%ld,\"durationNs\":%llu}\n", connections,
		       (unsigned long long)(now_ns() - began));
	return 0;
}
