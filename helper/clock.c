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

/* The best of five: boot time is read before and after the other two, and what lies between is the error. */
void clock_read(struct helper *helper)
{
	struct fg_clock best = { .error_ns = UINT64_MAX };

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
	helper->clock = best;
	helper->boot_offset_ns = best.boot_ns - best.monotonic_ns;
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
