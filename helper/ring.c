/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "ring.h"

#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* kernel/bpf/ringbuf.c: one page for the consumer's position, one for the producer's, then the data twice. */
int ring_open(struct ring *ring, int map_fd, size_t bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *map;

	memset(ring, 0, sizeof *ring);
	ring->consumer = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
	if (ring->consumer == MAP_FAILED) {
		ring->consumer = NULL;
		return -errno;
	}
	map = mmap(NULL, page + 2 * bytes, PROT_READ, MAP_SHARED, map_fd, (off_t)page);
	if (map == MAP_FAILED) {
		int error = -errno;

		munmap(ring->consumer, page);
		ring->consumer = NULL;
		return error;
	}
	ring->producer = (const uint64_t *)(const void *)map;
	ring->data = map + page;
	ring->bytes = bytes;
	ring->position = __atomic_load_n(ring->consumer, __ATOMIC_ACQUIRE);
	return 0;
}

void ring_close(struct ring *ring)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (ring->consumer) {
		munmap(ring->consumer, page);
		munmap((void *)(uintptr_t)ring->producer, page + 2 * ring->bytes);
	}
	memset(ring, 0, sizeof *ring);
}

uint64_t ring_end(const struct ring *ring)
{
	return __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE);
}

static uint64_t step(uint32_t length)
{
	return ((uint64_t)length + BPF_RINGBUF_HDR_SZ + 7) & ~7ULL;
}

int ring_peek(struct ring *ring, const void **record, uint32_t *length)
{
	while (ring->position < ring_end(ring)) {
		const uint32_t *header = (const uint32_t *)(const void *)(ring->data + (ring->position & (ring->bytes - 1)));
		uint32_t word = __atomic_load_n(header, __ATOMIC_ACQUIRE);

		if (word & BPF_RINGBUF_BUSY_BIT)
			return -EAGAIN;
		*length = word & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
		if (!(word & BPF_RINGBUF_DISCARD_BIT)) {
			*record = (const uint8_t *)header + BPF_RINGBUF_HDR_SZ;
			return 0;
		}
		ring_take(ring, *length);
	}
	return -EAGAIN;
}

void ring_take(struct ring *ring, uint32_t length)
{
	ring->position += step(length);
	__atomic_store_n(ring->consumer, ring->position, __ATOMIC_RELEASE);
}
