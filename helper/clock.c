/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Kernel timestamps are boot time; "last seen" alone is coarse monotonic time, which differs by the time spent
 * suspended. Wall time is only ever sent in CLOCK frames.
 */
#include "helper.h"

#include <errno.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static uint64_t now(clockid_t id)
{
	struct timespec time;

	if (clock_gettime(id, &time))
		return 0;
	return (uint64_t)time.tv_sec * SECOND_NS + (uint64_t)time.tv_nsec;
}

uint64_t clock_boot_ns(void)
{
	return now(CLOCK_BOOTTIME);
}

#define SLEEP_LEAST_NS 5000000ULL /* less is how far two clocks are read apart */

/* The machine slept since the last reading: when exactly is known to some milliseconds, how long is known to the ns. */
static void note_sleep(struct helper *helper, uint64_t slept_ns)
{
	const struct fg_clock *clock = &helper->clock;
	struct fg_gap gap = { .stream = FG_GAP_SUSPENDED, .from_ns = clock->boot_ns - slept_ns, .to_ns = clock->boot_ns };

	if (helper->sleep_count == SLEEPS_MAX)
		memmove(helper->sleeps, helper->sleeps + 1, (--helper->sleep_count) * sizeof *helper->sleeps);
	helper->sleeps[helper->sleep_count++] = (struct sleep){ clock->monotonic_ns, helper->boot_offset_ns };
	(void)channel_control(helper, FG_FRAME_GAP, &gap, sizeof gap);
}

/* Boot time of a monotonic time that is not later than now. */
uint64_t clock_boot_of(const struct helper *helper, uint64_t monotonic_ns)
{
	uint64_t offset = helper->boot_offset_ns;

	for (uint32_t i = helper->sleep_count; i && monotonic_ns < helper->sleeps[i - 1].monotonic_ns; i--)
		offset = helper->sleeps[i - 1].offset_ns;
	return monotonic_ns + offset;
}

/* The best of five: boot time is read before and after the other two, and what lies between is the error. */
void clock_read(struct helper *helper)
{
	struct fg_clock best = { .error_ns = UINT64_MAX };
	uint64_t offset;
	bool known;

	for (int i = 0; i < 5; i++) {
		uint64_t before = now(CLOCK_BOOTTIME);
		uint64_t monotonic = now(CLOCK_MONOTONIC);
		uint64_t realtime = now(CLOCK_REALTIME);
		uint64_t after = now(CLOCK_BOOTTIME);

		if (after - before < best.error_ns)
			best = (struct fg_clock){ .boot_ns = before + (after - before) / 2,
						  .monotonic_ns = monotonic,
						  .realtime_ns = realtime,
						  .error_ns = after - before };
	}
	known = helper->clock.boot_ns != 0;
	helper->clock = best;
	offset = best.boot_ns - best.monotonic_ns;
	if (known && offset > helper->boot_offset_ns + SLEEP_LEAST_NS)
		note_sleep(helper, offset - helper->boot_offset_ns);
	helper->boot_offset_ns = offset;
}

void clock_arm_step_timer(int fd)
{
	struct itimerspec far = { .it_value = { .tv_sec = (time_t)(now(CLOCK_REALTIME) / SECOND_NS) + 10 * 365 * 86400L } };
	uint64_t expirations;

	while (read(fd, &expirations, sizeof expirations) < 0 && errno == ECANCELED) {
		if (timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &far, NULL))
			return;
	}
	(void)timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &far, NULL);
}

int clock_open_step_timer(void)
{
	int fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	clock_arm_step_timer(fd);
	return fd;
}

int clock_set_interval(int fd, uint32_t interval_ms)
{
	struct timespec every = { .tv_sec = interval_ms / 1000, .tv_nsec = (long)(interval_ms % 1000) * 1000000 };
	struct itimerspec timer = { .it_interval = every, .it_value = every };

	return timerfd_settime(fd, 0, &timer, NULL) ? -errno : 0;
}

int clock_open_interval_timer(uint32_t interval_ms)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	int error;

	if (fd < 0)
		return -errno;
	error = clock_set_interval(fd, interval_ms);
	return error ? error : fd;
}
