/* SPDX-License-Identifier: MIT */
/*
 * Servers that do not do what they should. Each prints {"event":"listening","pid"} when it is ready and ends after 60 s.
 *
 *   lab-trouble stall --port P --ms D --rcvbuf N   accepts one connection, reads nothing for D ms, then to its end
 *   lab-trouble deaf --port P [--backlog N]  listens and never accepts
 *   lab-trouble slam --port P             accepts and closes with the request unread: the kernel sends a RST
 *   lab-trouble udp --port P --rcvbuf N   reads nothing until a line arrives on standard input, then what is there:
 *                                         {"event":"drained","datagrams"}
 */
#include "common.h"

static char buffer[1 << 16];

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	bool datagrams = !strcmp(what, "udp");
	struct sockaddr_storage address;
	socklen_t length = parse_address("::", number(argc, argv, "--port", 0), &address);
	int fd = socket(AF_INET6, datagrams ? SOCK_DGRAM : SOCK_STREAM, 0), one = 1;
	int size = (int)number(argc, argv, "--rcvbuf", 4096);
	long count = 0;

	alarm(60);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (datagrams || !strcmp(what, "stall"))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (bind(fd, (struct sockaddr *)&address, length) != 0)
		die("bind");
	if (!datagrams && listen(fd, (int)number(argc, argv, "--backlog", 16)) != 0)
		die("listen");
	printf("{\"event\":\"listening\",\"pid\":%d}\n", getpid());
	fflush(stdout);
	if (datagrams) {
		while (read(0, buffer, 1) == 1 && buffer[0] != '\n')
			;
		while (recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT) >= 0)
			count++;
		printf("{\"event\":\"drained\",\"datagrams\":%ld}\n", count);
		fflush(stdout);
	} else if (!strcmp(what, "stall")) {
		int connection = accept(fd, NULL, NULL);

		sleep_ms(number(argc, argv, "--ms", 1000));
		for (ssize_t n; (n = recv(connection, buffer, sizeof(buffer), 0)) > 0;)
			count += n;
		printf("{\"event\":\"closed\",\"received\":%ld}\n", count);
		fflush(stdout);
		close(connection);
	} else if (!strcmp(what, "slam")) {
		for (;;) {
			int connection = accept(fd, NULL, NULL);
			struct pollfd p = { .fd = connection, .events = POLLIN };

			poll(&p, 1, 5000);
			close(connection);
		}
	}
	sleep_ms(60000);
	return 0;
}
