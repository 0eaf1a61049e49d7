/* SPDX-License-Identifier: MIT */
/* Shared by the laboratory's small programs: options, clock, addresses, one JSON object a line on standard output. */
#ifndef LAB_COMMON_H
#define LAB_COMMON_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static inline uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

static inline void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

static inline void sleep_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000L };

	while (ms > 0 && nanosleep(&t, &t) != 0 && errno == EINTR)
		;
}

/* Value of "--name value", or the default. */
static inline const char *option(int argc, char **argv, const char *name, const char *otherwise)
{
	for (int i = 1; i + 1 < argc; i++)
		if (strcmp(argv[i], name) == 0)
			return argv[i + 1];
	return otherwise;
}

static inline long number(int argc, char **argv, const char *name, long otherwise)
{
	const char *text = option(argc, argv, name, NULL);

	return text ? strtol(text, NULL, 10) : otherwise;
}

static inline bool given(int argc, char **argv, const char *name)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], name) == 0)
			return true;
	return false;
}

/* --realtime: before everything that is not, so that a busy machine does not show in its latency. */
static inline void be_realtime(int argc, char **argv)
{
	struct sched_param priority = { .sched_priority = 5 };

	if (given(argc, argv, "--realtime") && sched_setscheduler(0, SCHED_FIFO, &priority) != 0)
		die("--realtime");
}

/* An IPv4 or IPv6 literal and a port; returns the length, exits on anything else. */
static inline socklen_t parse_address(const char *text, long port, struct sockaddr_storage *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		return sizeof(*v4);
	}
	if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)port);
		return sizeof(*v6);
	}
	fprintf(stderr, "not an address: %s\n", text);
	exit(2);
}

static inline int port_of(const struct sockaddr_storage *address)
{
	return ntohs(address->ss_family == AF_INET ? ((const struct sockaddr_in *)address)->sin_port
						   : ((const struct sockaddr_in6 *)address)->sin6_port);
}

static inline int local_port(int fd)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);

	return getsockname(fd, (struct sockaddr *)&address, &length) == 0 ? port_of(&address) : 0;
}

static inline int remote_port(int fd)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);

	return getpeername(fd, (struct sockaddr *)&address, &length) == 0 ? port_of(&address) : 0;
}

/* What the kernel itself counted on this connection, as JSON members. Segments count what a GSO skb stands for. */
static inline void print_tcp_info(int fd)
{
	struct tcp_info info;
	socklen_t length = sizeof(info);

	memset(&info, 0, sizeof(info));
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0)
		return;
	printf(",\"tcp\":{\"totalRetrans\":%u,\"rttUs\":%u,\"rttvarUs\":%u,\"minRttUs\":%u,\"segmentsOut\":%u,\"segmentsIn\":%u,"
	       "\"dataSegmentsOut\":%u,\"dataSegmentsIn\":%u,\"bytesAcked\":%llu,\"bytesReceived\":%llu,\"bytesRetrans\":%llu,\"mss\":%u,\"outOfOrder\":%u}",
	       info.tcpi_total_retrans, info.tcpi_rtt, info.tcpi_rttvar, info.tcpi_min_rtt, info.tcpi_segs_out,
	       info.tcpi_segs_in, info.tcpi_data_segs_out, info.tcpi_data_segs_in,
	       (unsigned long long)info.tcpi_bytes_acked, (unsigned long long)info.tcpi_bytes_received,
	       (unsigned long long)info.tcpi_bytes_retrans, info.tcpi_snd_mss, info.tcpi_rcv_ooopack);
}

#endif
