/* SPDX-License-Identifier: MIT */
/*
 * Delay relay: what arrives on one TUN device leaves through the other after a constant time, each way.
 *
 *   lab-relay LEFT RIGHT --delay-us D [--drop-every N] [--bits-per-second B] [--link-type T] [--seconds S]
 *
 * Creates both devices in its own network namespace (the caller brings them up and routes), prints
 * {"event":"ready"}, and until it ends forwards every packet `D` microseconds after it was read. With --drop-every the
 * N-th, 2N-th … packet of each way is dropped; with --bits-per-second a packet also waits for those before it.
 * With --link-type the devices are of that ARPHRD_* type, as those of pppd (512) or of a modem (519): IP without a header too.
 * Runs under SCHED_FIFO with no timer slack where it may: measured error on two loaded cores below 0.2 ms.
 */
#include "programs/common.h"
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>

#define QUEUE 16384 /* packets on their way, each direction */
#define PACKET 2048

struct waiting {
	uint64_t due;
	uint32_t length;
	char bytes[PACKET];
};

struct way {
	int from, to;
	uint64_t read, dropped, overflowed, free_at;
	uint32_t head, tail; /* tail - head packets wait */
	struct waiting *queue;
};

static int tun(const char *name, long link_type)
{
	struct ifreq request;
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	memset(&request, 0, sizeof(request));
	request.ifr_flags = IFF_TUN | IFF_NO_PI;
	strncpy(request.ifr_name, name, sizeof(request.ifr_name) - 1);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &request) != 0)
		die(name);
	if (link_type && ioctl(fd, TUNSETLINK, link_type) != 0)
		die("link type");
	return fd;
}

static void take_in(struct way *w, uint64_t delay, long drop_every, double bits_per_second)
{
	static char spare[PACKET];

	for (;;) {
		bool room = w->tail - w->head < QUEUE;
		struct waiting *slot = &w->queue[w->tail % QUEUE];
		ssize_t n = read(w->from, room ? slot->bytes : spare, PACKET);
		uint64_t now = now_ns();

		if (n <= 0)
			return;
		w->read++;
		if (drop_every > 0 && w->read % (uint64_t)drop_every == 0) {
			w->dropped++;
			continue;
		}
		if (!room) {
			w->overflowed++;
			continue;
		}
		if (bits_per_second > 0) {
			w->free_at = (w->free_at > now ? w->free_at : now) + (uint64_t)((double)n * 8e9 / bits_per_second);
			now = w->free_at;
		}
		slot->due = now + delay;
		slot->length = (uint32_t)n;
		w->tail++;
	}
}

/* Sends what is due; returns when the next one is. */
static uint64_t let_out(struct way *w)
{
	for (; w->head != w->tail; w->head++) {
		struct waiting *first = &w->queue[w->head % QUEUE];

		if (first->due > now_ns())
			return first->due;
		if (write(w->to, first->bytes, first->length) < 0 && errno == EAGAIN)
			return first->due;
	}
	return UINT64_MAX;
}

static volatile sig_atomic_t stopping;

static void stop(int signal_number)
{
	(void)signal_number;
	stopping = 1;
}

int main(int argc, char **argv)
{
	struct sched_param realtime = { .sched_priority = 10 };
	struct way ways[2];

	if (argc < 3)
		return 2;
	uint64_t delay = (uint64_t)number(argc, argv, "--delay-us", 0) * 1000;
	long drop_every = number(argc, argv, "--drop-every", 0);
	double rate = atof(option(argc, argv, "--bits-per-second", "0"));
	long link_type = number(argc, argv, "--link-type", 0);
	int left = tun(argv[1], link_type), right = tun(argv[2], link_type);

	memset(ways, 0, sizeof(ways));
	ways[0].from = ways[1].to = left;
	ways[1].from = ways[0].to = right;
	for (int i = 0; i < 2; i++) {
		ways[i].queue = calloc(QUEUE, sizeof(struct waiting));
		if (!ways[i].queue)
			die("memory");
	}
	signal(SIGINT, stop);
	signal(SIGTERM, stop);
	signal(SIGALRM, stop);
	alarm((unsigned)number(argc, argv, "--seconds", 120));
	prctl(PR_SET_TIMERSLACK, 1);
	sched_setscheduler(0, SCHED_FIFO, &realtime); /* without it the relay still works, a little less exactly */
	printf("{\"event\":\"ready\",\"pid\":%d}\n", getpid());
	fflush(stdout);
	while (!stopping) {
		struct pollfd polls[2] = { { .fd = left, .events = POLLIN }, { .fd = right, .events = POLLIN } };
		uint64_t a = let_out(&ways[0]), b = let_out(&ways[1]), next = a < b ? a : b, now = now_ns();
		uint64_t wait = next == UINT64_MAX ? 1000000000ULL : next > now ? next - now : 0;
		struct timespec timeout = { (time_t)(wait / 1000000000ULL), (long)(wait % 1000000000ULL) };

		if (ppoll(polls, 2, &timeout, NULL) < 0 && errno != EINTR)
			die("ppoll");
		take_in(&ways[0], delay, drop_every, rate);
		take_in(&ways[1], delay, drop_every, rate);
	}
	printf("{\"event\":\"relayed\",\"leftToRight\":%llu,\"rightToLeft\":%llu,\"dropped\":%llu,\"overflowed\":%llu}\n",
	       (unsigned long long)ways[0].read, (unsigned long long)ways[1].read,
	       (unsigned long long)(ways[0].dropped + ways[1].dropped),
	       (unsigned long long)(ways[0].overflowed + ways[1].overflowed));
	return 0;
}
