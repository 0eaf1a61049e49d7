/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "queue.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

static size_t padded(size_t length)
{
	return (length + 7) & ~(size_t)7;
}

int queue_open(struct queue *queue, size_t capacity)
{
	void *base = mmap(NULL, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memset(queue, 0, sizeof *queue);
	if (base == MAP_FAILED)
		return -errno;
	queue->base = base;
	queue->capacity = capacity;
	return 0;
}

void queue_close(struct queue *queue)
{
	if (queue->base)
		munmap(queue->base, queue->capacity);
	memset(queue, 0, sizeof *queue);
}

static struct queue_entry *entry_at(const struct queue *queue, size_t offset)
{
	return (struct queue_entry *)(void *)(queue->base + offset);
}

/* Bytes in one piece at the tail; one byte stays free behind a wrap so that head == tail means empty only. */
static size_t at_tail(const struct queue *queue)
{
	return queue->wrapped ? queue->head - queue->tail - 1 : queue->capacity - queue->tail;
}

bool queue_room(const struct queue *queue, size_t length)
{
	size_t size = sizeof(struct queue_entry) + padded(length);

	return at_tail(queue) >= size || (!queue->wrapped && queue->head > size);
}

void *queue_reserve(struct queue *queue, uint16_t type, uint32_t length, uint32_t records)
{
	size_t size = sizeof(struct queue_entry) + padded(length);
	struct queue_entry *entry;

	if (queue->frames && !queue->closed && records) {
		entry = entry_at(queue, queue->last);
		if (entry->header.type == type && entry->header.length % 8 == 0 &&
		    entry->header.length + length + FG_FRAME_HEADER_BYTES <= FG_FRAME_WRITE_MAX &&
		    at_tail(queue) >= padded(length)) {
			void *room = (uint8_t *)(entry + 1) + entry->header.length;

			entry->header.length += length;
			entry->records += records;
			entry->size += (uint32_t)padded(length);
			queue->tail += padded(length);
			queue->records += records;
			return room;
		}
	}
	if (at_tail(queue) < size) {
		if (queue->wrapped || queue->head <= size)
			return NULL;
		queue->end = queue->tail;
		queue->tail = 0;
		queue->wrapped = true;
	}
	entry = entry_at(queue, queue->tail);
	entry->size = (uint32_t)size;
	entry->records = records;
	entry->header = (struct fg_frame_header){ .length = length, .type = type };
	queue->last = queue->tail;
	queue->closed = records == 0;
	queue->tail += size;
	queue->frames++;
	queue->records += records;
	return entry + 1;
}

int queue_push(struct queue *queue, uint16_t type, const void *record, uint32_t length, uint32_t records)
{
	void *room = queue_reserve(queue, type, length, records);

	if (!room)
		return -ENOBUFS;
	memcpy(room, record, length);
	return 0;
}

const struct queue_entry *queue_head(const struct queue *queue)
{
	return queue->frames ? entry_at(queue, queue->head) : NULL;
}

void queue_pop(struct queue *queue)
{
	const struct queue_entry *entry = entry_at(queue, queue->head);

	queue->records -= entry->records;
	queue->head += entry->size;
	if (--queue->frames == 0) {
		/* Start over: the pages just used are the ones still in the cache. */
		queue->head = queue->tail = 0;
		queue->wrapped = false;
	} else if (queue->wrapped && queue->head == queue->end) {
		queue->head = 0;
		queue->wrapped = false;
	}
}
