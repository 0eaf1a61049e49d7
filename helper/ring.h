/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reader of a BPF ring buffer. libbpf's own calls a function for every record until the ring is empty; we need to
 * look at a record before taking it (is there room for it?) and to know how far we have read.
 */
#ifndef FLOWGLASS_RING_H
#define FLOWGLASS_RING_H

#include <stddef.h>
#include <stdint.h>

struct ring {
	uint64_t *consumer;       /* shared with the kernel: what we have read */
	const uint64_t *producer; /* shared with the kernel: what has been reserved */
	const uint8_t *data;      /* mapped twice in a row, so that every record is in one piece */
	size_t bytes;             /* a power of two */
	uint64_t position;        /* our copy of *consumer */
};

/* Maps the ring of a BPF_MAP_TYPE_RINGBUF map with max_entries bytes. Returns 0 or -errno. */
int ring_open(struct ring *ring, int map_fd, size_t bytes);
void ring_close(struct ring *ring);

/* End of what has been reserved at this moment. */
uint64_t ring_end(const struct ring *ring);

/* The next record in *record and its length; -EAGAIN when there is none, or the next is still being written. */
int ring_peek(struct ring *ring, const void **record, uint32_t *length);
/* Takes the record that ring_peek has shown. */
void ring_take(struct ring *ring, uint32_t length);

#endif
