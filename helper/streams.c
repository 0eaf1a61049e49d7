/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From the three ring buffers into the three queues.
 *
 * State: read only while the queue has room; without, it waits in the ring, and only when that is full does the kernel
 * lose (and count) a record. Events: always read, the oldest queued frame makes room. Packets: read while there is
 * room; without, they wait in the ring, which so gives as much again before the newest are lost (and counted) there.
 */
#include "helper.h"
#include "maps.h"

#include <errno.h>
#include <string.h>

/* Records read in one go before the socket gets its turn. */
#define STATE_BATCH 4096U
#define EVENT_BATCH 16384U
#define PACKET_BATCH 2048U

bool streams_state_room(const struct helper *helper, size_t length)
{
	return queue_room(&helper->streams[FG_STREAM_STATE].queue, length + STATE_RESERVE_BYTES);
}

static bool record_valid(uint16_t type, uint32_t length)
{
	switch (type) {
	case FG_FRAME_FLOWS:
		return length == sizeof(struct fg_flow_record);
	case FG_FRAME_SOCKETS:
		return length == sizeof(struct fg_socket_event);
	case FG_FRAME_PROCESSES:
		return length >= sizeof(struct fg_process) && length % 8 == 0 && length <= STATE_RECORD_MAX;
	default:
		return false;
	}
}

int streams_state_record(struct helper *helper, uint16_t type, const void *record, uint32_t length)
{
	struct stream *stream = &helper->streams[FG_STREAM_STATE];
	void *room;

	stream->taken++;
	if (!record_valid(type, length)) { /* our own kernel program is at fault: counted, never sent */
		stream->lost_queue++;
		return -EINVAL;
	}
	room = queue_reserve(&stream->queue, type, length, 1);
	if (!room) {
		stream->lost_queue++;
		return -ENOBUFS;
	}
	memcpy(room, record, length);
	if (type == FG_FRAME_FLOWS) {
		struct fg_flow_record *flow = room;

		helper->drain.displaced++;
		flow->record_flags |= FG_RECORD_FINAL;
		drain_boot_time(helper, &flow->flow);
		drain_displaced(helper, flow);
	} else if (type == FG_FRAME_PROCESSES) {
		snapshot_exec(helper, room);
	}
	return 0;
}

int streams_state(struct helper *helper, uint64_t until, bool *progress)
{
	struct ring *ring = &helper->drain.rings[FG_STREAM_STATE];

	for (uint32_t count = 0; ring->position < until && count < STATE_BATCH; count++) {
		struct fg_ring_header header;
		const void *record;
		uint32_t length;

		if (ring_peek(ring, &record, &length))
			return ring->position < until ? -EAGAIN : 0;
		if (!streams_state_room(helper, length))
			return -ENOBUFS;
		memset(&header, 0, sizeof header);
		if (length >= sizeof header)
			memcpy(&header, record, sizeof header);
		if (header.length > length - sizeof header)
			header.length = 0; /* refused as not valid */
		(void)streams_state_record(helper, (uint16_t)header.type, (const uint8_t *)record + sizeof header,
					   header.length);
		ring_take(ring, length);
		*progress = true;
	}
	return ring->position < until ? -EAGAIN : 0;
}

void streams_events(struct helper *helper, bool *progress)
{
	struct stream *stream = &helper->streams[FG_STREAM_EVENTS];
	struct ring *ring = &helper->drain.rings[FG_STREAM_EVENTS];
	const void *record;
	uint32_t length;

	for (uint32_t count = 0; count < EVENT_BATCH && !ring_peek(ring, &record, &length); count++) {
		stream->taken++;
		if (length != sizeof(struct fg_event)) {
			stream->lost_queue++;
		} else {
			while (queue_push(&stream->queue, FG_FRAME_EVENTS, record, length, 1) && stream->queue.frames) {
				stream->lost_queue += queue_head(&stream->queue)->records;
				queue_pop(&stream->queue);
			}
		}
		ring_take(ring, length);
		*progress = true;
	}
}

#define VLAN_TAG_BYTES 4U
#define MAC_BYTES 12U

/* Writes the packet behind its header, with the tag that the kernel keeps beside the packet back in its place, as
 * tcpdump does: after the two addresses, counted in both lengths, cut to the snaplen again. */
static void put_packet(const struct helper *helper, uint8_t *room, const struct fg_packet *packet, const uint8_t *bytes)
{
	struct fg_packet header = *packet;

	if (packet->flags & FG_PACKET_VLAN_IN_SKB) {
		uint8_t frame_start[MAC_BYTES + VLAN_TAG_BYTES];
		uint32_t rest = packet->captured - MAC_BYTES;

		memcpy(frame_start, bytes, MAC_BYTES);
		frame_start[12] = (uint8_t)(packet->vlan_protocol >> 8);
		frame_start[13] = (uint8_t)packet->vlan_protocol;
		frame_start[14] = (uint8_t)(packet->vlan_tci >> 8);
		frame_start[15] = (uint8_t)packet->vlan_tci;
		header.captured += VLAN_TAG_BYTES;
		header.original += VLAN_TAG_BYTES;
		if (helper->snaplen && header.captured > helper->snaplen)
			header.captured = helper->snaplen;
		header.flags &= ~(uint32_t)FG_PACKET_VLAN_IN_SKB;
		uint32_t start = header.captured < sizeof frame_start ? header.captured : (uint32_t)sizeof frame_start;
		if (rest > header.captured - start)
			rest = header.captured - start;
		memcpy(room + sizeof header, frame_start, start);
		memcpy(room + sizeof header + start, bytes + MAC_BYTES, rest);
	} else {
		memcpy(room + sizeof header, bytes, packet->captured);
	}
	memset(room + sizeof header + header.captured, 0, (8 - header.captured % 8) % 8);
	memcpy(room, &header, sizeof header);
}

static bool has_tag(struct helper *helper, const struct fg_packet *packet)
{
	const struct interface *interface = interface_numbered(helper, packet->key.iface);

	return packet->flags & FG_PACKET_VLAN_IN_SKB && packet->captured >= MAC_BYTES && interface &&
	       interface->facts.link_type == 1;
}

/* Bytes that the packet will take in a frame. */
static uint32_t packet_size(const struct helper *helper, const struct fg_packet *packet)
{
	uint32_t captured = packet->captured;

	if (packet->flags & FG_PACKET_VLAN_IN_SKB) {
		captured += VLAN_TAG_BYTES;
		if (helper->snaplen && captured > helper->snaplen)
			captured = helper->snaplen;
	}
	return (uint32_t)sizeof *packet + ((captured + 7) & ~7U);
}

static void lose_packet(struct helper *helper, const struct fg_packet *packet)
{
	struct interface *interface = interface_numbered(helper, packet->key.iface);

	helper->streams[FG_STREAM_PACKETS].lost_queue++;
	if (interface) {
		interface->queue_lost_frames++;
		interface->queue_lost_packets += packet->wire_packets;
		interface->settled = false;
	}
}

void streams_packets(struct helper *helper, bool *progress)
{
	struct stream *stream = &helper->streams[FG_STREAM_PACKETS];
	struct ring *ring = &helper->drain.rings[FG_STREAM_PACKETS];
	const void *record;
	uint32_t length;

	for (uint32_t count = 0; count < PACKET_BATCH && !ring_peek(ring, &record, &length); count++) {
		struct fg_packet packet;
		const uint8_t *bytes = (const uint8_t *)record + sizeof packet;
		uint32_t size;

		memset(&packet, 0, sizeof packet);
		if (length >= sizeof packet)
			memcpy(&packet, record, sizeof packet);
		if (length < sizeof packet || packet.captured > length - sizeof packet) {
			stream->taken++;
			stream->lost_queue++;
			ring_take(ring, length);
			continue;
		}
		if (packet.flags & FG_PACKET_VLAN_IN_SKB && !has_tag(helper, &packet))
			packet.flags &= ~(uint32_t)FG_PACKET_VLAN_IN_SKB;
		if (packet.captured > FG_FRAME_ACCEPT_MAX - sizeof packet - 16) /* longer than a reader accepts: cut */
			packet.captured = FG_FRAME_ACCEPT_MAX - (uint32_t)sizeof packet - 16;
		size = packet_size(helper, &packet);
		if (!queue_room(&stream->queue, size))
			return;
		uint8_t *room = queue_reserve(&stream->queue, FG_FRAME_PACKETS, size, 1);

		stream->taken++;
		if (room)
			put_packet(helper, room, &packet, bytes);
		else
			lose_packet(helper, &packet);
		ring_take(ring, length);
		*progress = true;
	}
}

/* The newest are dropped: what is recognised late is worth less than what began earlier and waits for its end. */
void streams_peeks(struct helper *helper, bool *progress)
{
	struct ring *ring = &helper->drain.peeks;
	const void *record;
	uint32_t length;

	for (uint32_t count = 0; count < PACKET_BATCH && !ring_peek(ring, &record, &length); count++) {
		struct fg_peek peek;
		uint8_t *room = NULL;
		uint32_t size;

		memset(&peek, 0, sizeof peek);
		if (length >= sizeof peek)
			memcpy(&peek, record, sizeof peek);
		size = (uint32_t)sizeof peek + ((peek.captured + 7U) & ~7U);
		if (length >= sizeof peek && peek.captured <= length - sizeof peek && queue_room(&helper->peeks, size))
			room = queue_reserve(&helper->peeks, FG_FRAME_PEEK, size, 1);
		if (room) {
			memcpy(room, record, sizeof peek + peek.captured);
			memset(room + sizeof peek + peek.captured, 0, size - sizeof peek - peek.captured);
		} else {
			helper->peeks_lost_queue++;
		}
		ring_take(ring, length);
		*progress = true;
	}
}
