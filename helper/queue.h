/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A queue of whole frames in one preallocated buffer. Records of the same type are gathered into the newest frame
 * until it has FG_FRAME_WRITE_MAX bytes; every frame lies in one piece, so that it leaves with one copy.
 */
#ifndef FLOWGLASS_QUEUE_H
#define FLOWGLASS_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/types.h>
#include "abi.h"

/* Stands before each frame in the buffer; 8-byte aligned. */
struct queue_entry {
	uint32_t size;    /* of entry, payload and padding */
	uint32_t records; /* counted in STATS; 0 for frames that are no records */
	struct fg_frame_header header;
};

struct queue {
	uint8_t *base;
	size_t capacity;
	size_t head;
	size_t tail;
	size_t end;  /* where the entries before the wrap end; valid while wrapped */
	size_t last; /* offset of the newest entry; valid while frames > 0 */
	uint64_t frames;
	uint64_t records;
	bool wrapped;
	bool closed; /* the newest entry takes no further record */
};

/* Maps the buffer. Returns 0 or -errno. */
int queue_open(struct queue *queue, size_t capacity);
void queue_close(struct queue *queue);

/* True when a record of this many bytes fits, whether or not it shares a frame. */
bool queue_room(const struct queue *queue, size_t length);

/* Room for a record of `length` bytes in a frame of `type`, to be filled by the caller; NULL when there is none.
 * `records` is what it counts for in STATS; 0 = a frame of its own that is no record. */
void *queue_reserve(struct queue *queue, uint16_t type, uint32_t length, uint32_t records);

/* Copies a record in. Returns 0 or -ENOBUFS. */
int queue_push(struct queue *queue, uint16_t type, const void *record, uint32_t length, uint32_t records);

/* The oldest frame, NULL when empty. */
const struct queue_entry *queue_head(const struct queue *queue);
void queue_pop(struct queue *queue);

#endif
