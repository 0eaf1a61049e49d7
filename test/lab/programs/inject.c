/* SPDX-License-Identifier: MIT */
/*
 * Sends frames as they are through a packet socket: VLAN tags, fragments, tunnels, whatever a device can carry.
 *
 *   lab-inject --device NAME [--cpus N] [--times N]
 *
 * Reads the frames from standard input, each after its length (two bytes, big-endian), and sends all of them `times` times.
 * With --cpus it moves to the next of that many CPUs after every 64 frames. At the end {"event":"injected","frames":N}.
 */
#include "common.h"

#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>

#define INPUT_MAX (96 << 20)

static void move_to(long cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) != 0)
		die("sched_setaffinity");
}

int main(int argc, char **argv)
{
	const char *device = option(argc, argv, "--device", "veth0");
	long cpus = number(argc, argv, "--cpus", 0), times = number(argc, argv, "--times", 1), sent = 0;
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_halen = 6 };
	unsigned char *input = malloc(INPUT_MAX);
	int fd = socket(AF_PACKET, SOCK_RAW, 0);
	size_t size = 0;
	ssize_t got;

	to.sll_ifindex = (int)if_nametoindex(device);
	if (fd < 0 || input == NULL || to.sll_ifindex == 0)
		die(device);
	while ((got = read(0, input + size, INPUT_MAX - size)) > 0)
		size += (size_t)got;
	for (long round = 0; round < times; round++) {
		for (size_t at = 0; at + 2 <= size;) {
			size_t length = (size_t)input[at] << 8 | input[at + 1];

			if (cpus > 0 && sent % 64 == 0)
				move_to(sent / 64 % cpus);
			while (sendto(fd, input + at + 2, length, 0, (struct sockaddr *)&to, sizeof(to)) < 0) {
				if (errno != ENOBUFS && errno != EAGAIN)
					die("sendto");
				sleep_ms(1);
			}
			sent++;
			at += 2 + length;
		}
	}
	printf("{\"event\":\"injected\",\"frames\":%ld}\n", sent);
	return 0;
}
