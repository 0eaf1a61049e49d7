/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The engine's socket. Frames are written whole and without blocking, one at a time, in this order: HELLO, CLOCK,
 * STATS, state, events, peeks, packets, BYE. CLOCK, STATS and BYE are composed at the moment they begin to leave, between two
 * frames, so that what STATS counts is true at the sequence number it names.
 */
#include "helper.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define PEEKS FG_STREAMS /* beside the streams: the queue of peeks */

int channel_connect(struct helper *helper, const char *path)
{
	struct channel *channel = &helper->channel;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct ucred peer = { 0 };
	socklen_t length = sizeof peer;
	int send_bytes = 1 << 20;
	size_t path_bytes = strlen(path);
	void *out;
	int fd;

	if (path_bytes == 0 || path_bytes >= sizeof address.sun_path)
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, path_bytes);
	channel->out_capacity = FG_FRAME_HEADER_BYTES + FG_FRAME_ACCEPT_MAX;
	out = mmap(NULL, channel->out_capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (out == MAP_FAILED)
		return -errno;
	channel->out = out;
	channel->out_stream = -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address, sizeof address)) {
		int error = -errno;

		close(fd);
		return error;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) || !privilege_peer_allowed((uint32_t)peer.uid)) {
		close(fd);
		return -EACCES;
	}
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &send_bytes, sizeof send_bytes))
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_bytes, sizeof send_bytes);
	channel->fd = fd;
	return 0;
}

int channel_control(struct helper *helper, uint16_t type, const void *payload, uint32_t length)
{
	return queue_push(&helper->streams[FG_STREAM_STATE].queue, type, payload, length, 0);
}

void channel_stats(struct helper *helper, struct fg_stats *stats)
{
	struct timespec used = { 0 };
	char text[128] = { 0 };
	unsigned long resident = 0, shared = 0;
	uint64_t lost_peeks;

	memset(stats, 0, sizeof *stats);
	drain_losses(helper);
	stats->sequence = helper->channel.sequence;
	stats->at_ns = clock_boot_ns();
	for (int i = 0; i < FG_STREAMS; i++) {
		const struct stream *stream = &helper->streams[i];

		stats->stream[i] = (struct fg_stream_stats){
			.generated = stream->taken + stream->lost_ring,
			.delivered = stream->delivered,
			.queued = stream->queue.records,
			.lost_ring = stream->lost_ring,
			.lost_queue = stream->lost_queue,
			.lost_socket = stream->lost_socket,
		};
	}
	if (!clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used))
		stats->cpu_ns = (uint64_t)used.tv_sec * SECOND_NS + (uint64_t)used.tv_nsec;
	if (pread(helper->statm_fd, text, sizeof text - 1, 0) > 0 && sscanf(text, "%*u %lu %lu", &resident, &shared) == 2)
		/* Mapped kernel tables appear there, rings even twice: own memory, and the tables once. */
		stats->resident_bytes = (resident - shared) * (unsigned long)sysconf(_SC_PAGESIZE) + helper->kernel_bytes;
	stats->displaced = helper->drain.displaced;
	stats->wakeups = helper->wakeups;
	stats->end_reason = helper->channel.end_reason;
	lost_peeks = helper->peeks_lost_ring + helper->peeks_lost_queue;
	stats->lost_peeks = lost_peeks < UINT32_MAX ? (uint32_t)lost_peeks : UINT32_MAX;
}

static void compose(struct channel *channel, uint16_t type, const void *payload, uint32_t length)
{
	struct fg_frame_header header = { .length = length, .type = type };

	memcpy(channel->out, &header, sizeof header);
	memcpy(channel->out + sizeof header, payload, length);
	channel->out_length = sizeof header + length;
	channel->out_records = 0;
	channel->out_stream = -1;
}

static void compose_from(struct helper *helper, int stream)
{
	struct channel *channel = &helper->channel;
	bool peeks = stream == PEEKS;
	struct queue *queue = peeks ? &helper->peeks : &helper->streams[stream].queue;
	const struct queue_entry *entry = queue_head(queue);

	channel->out_length = sizeof entry->header + entry->header.length;
	memcpy(channel->out, &entry->header, channel->out_length);
	channel->out_records = entry->records;
	channel->out_stream = peeks ? -1 : stream;
	queue_pop(queue);
}

static bool has_credit(const struct helper *helper)
{
	/* While stopping the socket's own buffer is limit enough: an engine may well have ceased to acknowledge. */
	return helper->stopping || helper->channel.written - helper->channel.consumed < CREDIT_BYTES;
}

/* Which stream (or PEEKS) may send now; -1 = none. */
static int next_stream(const struct helper *helper)
{
	if (helper->streams[FG_STREAM_STATE].queue.frames)
		return FG_STREAM_STATE;
	if (has_credit(helper)) {
		if (helper->streams[FG_STREAM_EVENTS].queue.frames)
			return FG_STREAM_EVENTS;
		if (helper->peeks.frames)
			return PEEKS;
		if (helper->streams[FG_STREAM_PACKETS].queue.frames)
			return FG_STREAM_PACKETS;
	}
	return -1;
}

/* Puts the next frame into channel->out. False when there is none to send. */
static bool next_frame(struct helper *helper)
{
	struct channel *channel = &helper->channel;
	struct fg_stats stats;
	int stream;

	if (channel->hello_due) {
		channel->hello_due = false;
		compose(channel, FG_FRAME_HELLO, &helper->hello, sizeof helper->hello);
	} else if (channel->clock_due) {
		channel->clock_due = false;
		compose(channel, FG_FRAME_CLOCK, &helper->clock, sizeof helper->clock);
	} else if (channel->stats_due) {
		channel->stats_due = false;
		channel_stats(helper, &stats);
		compose(channel, FG_FRAME_STATS, &stats, sizeof stats);
	} else if ((stream = next_stream(helper)) >= 0) {
		compose_from(helper, stream);
	} else if (channel->bye_due) {
		channel->bye_due = false;
		channel->bye_sent = true;
		channel_stats(helper, &stats);
		compose(channel, FG_FRAME_BYE, &stats, sizeof stats);
	} else {
		return false;
	}
	return true;
}

bool channel_wants_to_write(const struct helper *helper)
{
	const struct channel *channel = &helper->channel;

	return channel->out_length || channel->hello_due || channel->clock_due || channel->stats_due ||
	       next_stream(helper) >= 0;
}

bool channel_idle(const struct helper *helper)
{
	for (int i = 0; i < FG_STREAMS; i++)
		if (helper->streams[i].queue.frames)
			return false;
	return helper->peeks.frames == 0 && helper->channel.out_length == 0;
}

int channel_flush(struct helper *helper)
{
	struct channel *channel = &helper->channel;

	channel->blocked = false;
	for (;;) {
		ssize_t sent;

		if (!channel->out_length && !next_frame(helper))
			return 0;
		sent = send(channel->fd, channel->out + channel->out_offset, channel->out_length - channel->out_offset,
			    MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent < 0) {
			if (errno == EINTR)
				continue;
			if (errno == EAGAIN || errno == ENOBUFS) {
				channel->blocked = true;
				return 0;
			}
			return -EPIPE;
		}
		channel->written += (uint64_t)sent;
		channel->out_offset += (size_t)sent;
		if (channel->out_offset < channel->out_length)
			continue;
		if (channel->out_stream >= 0)
			helper->streams[channel->out_stream].delivered += channel->out_records;
		channel->sequence++;
		channel->out_length = channel->out_offset = 0;
		channel->out_stream = -1;
	}
}

void channel_drop(struct helper *helper)
{
	for (int i = 0; i < FG_STREAMS; i++) {
		struct stream *stream = &helper->streams[i];

		stream->lost_queue += stream->queue.records;
		while (stream->queue.frames)
			queue_pop(&stream->queue);
	}
	helper->peeks_lost_queue += helper->peeks.records;
	while (helper->peeks.frames)
		queue_pop(&helper->peeks);
}

/* Takes the whole frames out of the buffer. */
static int run_frames(struct helper *helper)
{
	struct channel *channel = &helper->channel;
	const char *reason = NULL;
	size_t at = 0;
	int error = 0;

	while (!error && channel->in_length - at >= FG_FRAME_HEADER_BYTES) {
		struct fg_frame_header header;
		/* Commands are copied out: the buffer gives them no alignment. */
		uint64_t payload[(sizeof channel->in) / 8];

		memcpy(&header, channel->in + at, sizeof header);
		if (header.length > sizeof(struct fg_command_filter)) {
			reason = "a frame longer than any command";
			error = -EPROTO;
			break;
		}
		if (channel->in_length - at - sizeof header < header.length)
			break;
		memcpy(payload, channel->in + at + sizeof header, header.length);
		at += sizeof header + header.length;
		error = command_run(helper, &header, payload, &reason);
	}
	if (error == -EPROTO)
		log_say(helper, FG_LOG_ERROR, "the engine sent %s, ending the session", reason);
	memmove(channel->in, channel->in + at, channel->in_length - at);
	channel->in_length -= at;
	return error;
}

int channel_read(struct helper *helper)
{
	struct channel *channel = &helper->channel;

	for (;;) {
		ssize_t length = recv(channel->fd, channel->in + channel->in_length, sizeof channel->in - channel->in_length,
				      MSG_DONTWAIT);
		int error;

		if (length < 0)
			return errno == EAGAIN ? 0 : errno == EINTR ? 0 : -EPIPE;
		if (length == 0)
			return -EPIPE;
		channel->in_length += (size_t)length;
		error = run_frames(helper);
		if (error)
			return error;
	}
}
