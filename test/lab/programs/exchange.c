/* SPDX-License-Identifier: MIT */
/*
 * Both ends of an exchange that take their time, once with the data waiting in the kernel and once having read it.
 *
 *   lab-exchange server --port P --queue-ms Q --application-ms A
 *   lab-exchange client --to ADDRESS --port P --exchanges N --queue-ms Q --application-ms A
 *
 * Each end waits until there is something to read, leaves it there for Q, reads it, and answers after A. At the end, one line:
 * {"event":"exchanged","port":…,"queueNs":[…],"applicationNs":[least, most per answer…]}: how long the data lay there at
 * least; how long the application had it at least and at most, by what it saw of the clock before and after its calls.
 */
#include "common.h"

#define MAX 64

struct end {
	int fd;
	long queue_ms, application_ms;
	uint64_t queue[MAX], least[MAX], most[MAX], before_read, after_read;
	int reads, answers;
};

static bool take(struct end *end)
{
	struct pollfd poll_fd = { .fd = end->fd, .events = POLLIN };
	char bytes[1000];
	uint64_t arrived;

	if (poll(&poll_fd, 1, 20000) != 1)
		die("poll");
	arrived = now_ns();
	sleep_ms(end->queue_ms);
	end->before_read = now_ns();
	if (recv(end->fd, bytes, sizeof(bytes), 0) <= 0)
		return false;
	end->after_read = now_ns();
	end->queue[end->reads++] = end->before_read - arrived;
	return true;
}

static void give(struct end *end, bool answers)
{
	char bytes[300] = { 0 };
	uint64_t before = now_ns();

	if (send(end->fd, bytes, sizeof(bytes), MSG_NOSIGNAL) != (ssize_t)sizeof(bytes))
		die("send");
	if (!answers)
		return;
	end->least[end->answers] = before - end->after_read;
	end->most[end->answers++] = now_ns() - end->before_read;
}

static void tell(const struct end *end, int port)
{
	printf("{\"event\":\"exchanged\",\"port\":%d,\"queueNs\":[", port);
	for (int i = 0; i < end->reads; i++)
		printf("%s%llu", i ? "," : "", (unsigned long long)end->queue[i]);
	printf("],\"leastNs\":[");
	for (int i = 0; i < end->answers; i++)
		printf("%s%llu", i ? "," : "", (unsigned long long)end->least[i]);
	printf("],\"mostNs\":[");
	for (int i = 0; i < end->answers; i++)
		printf("%s%llu", i ? "," : "", (unsigned long long)end->most[i]);
	printf("]}\n");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct end end = { .queue_ms = number(argc, argv, "--queue-ms", 0), .application_ms = number(argc, argv, "--application-ms", 0) };
	long port = number(argc, argv, "--port", 80), exchanges = number(argc, argv, "--exchanges", 4);
	bool server = argc > 1 && strcmp(argv[1], "server") == 0;
	struct sockaddr_storage address;
	socklen_t length = parse_address(option(argc, argv, "--to", "::"), port, &address);
	int fd = socket(address.ss_family, SOCK_STREAM, 0);

	if (server) {
		int on = 1;

		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		if (bind(fd, (struct sockaddr *)&address, length) != 0 || listen(fd, 8) != 0)
			die("listen");
		printf("{\"event\":\"listening\"}\n");
		fflush(stdout);
		for (;;) {
			struct end each = end;

			each.fd = accept(fd, NULL, NULL);
			if (each.fd < 0)
				die("accept");
			while (take(&each)) {
				sleep_ms(each.application_ms);
				give(&each, true);
			}
			tell(&each, remote_port(each.fd));
			close(each.fd);
		}
	}
	end.fd = fd;
	if (connect(fd, (struct sockaddr *)&address, length) != 0)
		die("connect");
	for (long i = 0; i < exchanges && i < MAX; i++) {
		if (i)
			sleep_ms(end.application_ms);
		give(&end, i > 0);
		if (!take(&end))
			die("recv");
	}
	tell(&end, local_port(fd));
	close(fd);
	return 0;
}
