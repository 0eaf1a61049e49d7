/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What existed before we attached: iterators over tasks (their paths, then their command lines), over the files of
 * tasks (sockets with their owners) and over TCP and UDP sockets without a file. First attach, then read, so that
 * nothing falls in between; the engine merges by cookie. The first also completes the path of programs that were
 * started since, as the exec tracepoint cannot resolve it.
 */
#include "helper.h"
#include "maps.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BUFFER_BYTES 65536U
#define EXE_PAUSE_NS 200000000ULL

int snapshot_open(struct helper *helper)
{
	struct snapshot *snapshot = &helper->snapshot;
	void *buffer = mmap(NULL, BUFFER_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (buffer == MAP_FAILED)
		return -errno;
	snapshot->buffer = buffer;
	snapshot->reading = -1;
	return 0;
}

void snapshot_close(struct helper *helper)
{
	if (helper->snapshot.reading >= 0)
		close(helper->snapshot.reading);
	helper->snapshot.reading = -1;
	helper->snapshot.active = false;
}

static void begin(struct helper *helper, bool only_exes)
{
	struct snapshot *snapshot = &helper->snapshot;

	snapshot->active = true;
	snapshot->only_exes = only_exes;
	snapshot->phase = 0;
	snapshot->length = 0;
}

void snapshot_start(struct helper *helper)
{
	if (helper->snapshot.active && !helper->snapshot.only_exes) {
		helper->snapshot.again = true;
		return;
	}
	snapshot_close(helper);
	begin(helper, false);
}

void snapshot_exec(struct helper *helper, const struct fg_process *process)
{
	struct snapshot *snapshot = &helper->snapshot;

	if (process->kind != FG_PROCESS_EXECED || process->flags & FG_PROCESS_EXE_RESOLVED)
		return;
	if (snapshot->pending_count == PENDING_EXEC_MAX) {
		snapshot->pending_overflow = true;
		return;
	}
	snapshot->pending[snapshot->pending_count++] =
		(struct pending_exec){ .start_ns = process->start_ns, .pid = process->pid };
}

void snapshot_tick(struct helper *helper)
{
	struct snapshot *snapshot = &helper->snapshot;
	uint64_t now;

	if (snapshot->active || snapshot->iterators[ITERATOR_TASKS] < 0 || (!snapshot->pending_count && !snapshot->pending_overflow))
		return;
	now = clock_boot_ns();
	if (now - snapshot->last_exe_ns < EXE_PAUSE_NS)
		return;
	snapshot->last_exe_ns = now;
	snapshot->asked_count = snapshot->pending_count;
	begin(helper, true);
}

static bool asked_for(const struct snapshot *snapshot, const struct fg_process *process)
{
	if (snapshot->pending_overflow)
		return true;
	for (uint32_t i = 0; i < snapshot->asked_count; i++)
		if (snapshot->pending[i].pid == process->pid && snapshot->pending[i].start_ns == process->start_ns)
			return true;
	return false;
}

static void finish(struct helper *helper)
{
	struct snapshot *snapshot = &helper->snapshot;

	snapshot->active = false;
	if (snapshot->only_exes) {
		/* Those that were not found have ended meanwhile. New ones may have come in since. */
		snapshot->pending_count -= snapshot->asked_count;
		memmove(snapshot->pending, snapshot->pending + snapshot->asked_count,
			snapshot->pending_count * sizeof *snapshot->pending);
		snapshot->asked_count = 0;
		snapshot->pending_overflow = false;
		return;
	}
	clock_read(helper);
	(void)channel_control(helper, FG_FRAME_RESYNCED, &helper->clock, sizeof helper->clock);
	if (snapshot->again) {
		snapshot->again = false;
		begin(helper, false);
	}
}

/* Whole records out of the buffer into the queue. */
static void take_records(struct helper *helper)
{
	struct snapshot *snapshot = &helper->snapshot;
	size_t at = 0;

	while (snapshot->length - at >= sizeof(struct fg_ring_header)) {
		struct fg_ring_header header;
		const uint8_t *record = snapshot->buffer + at + sizeof header;

		memcpy(&header, snapshot->buffer + at, sizeof header);
		if (header.length > STATE_RECORD_MAX) { /* out of step: our own program is at fault */
			log_say(helper, FG_LOG_WARNING, "an iterator gave a record of %u bytes, the rest of its answer is left out",
				header.length);
			at = snapshot->length;
			break;
		}
		if (snapshot->length - at - sizeof header < header.length)
			break;
		if (!snapshot->only_exes ||
		    (header.type == FG_FRAME_PROCESSES && header.length >= sizeof(struct fg_process) &&
		     asked_for(snapshot, (const struct fg_process *)(const void *)record)))
			(void)streams_state_record(helper, (uint16_t)header.type, record, header.length);
		at += sizeof header + header.length;
	}
	memmove(snapshot->buffer, snapshot->buffer + at, snapshot->length - at);
	snapshot->length -= at;
}

static void next_phase(struct helper *helper)
{
	struct snapshot *snapshot = &helper->snapshot;

	if (snapshot->reading >= 0)
		close(snapshot->reading);
	snapshot->reading = -1;
	snapshot->length = 0;
	snapshot->phase++;
	if (snapshot->phase >= ITERATORS || snapshot->only_exes)
		finish(helper);
}

bool snapshot_step(struct helper *helper)
{
	struct snapshot *snapshot = &helper->snapshot;
	ssize_t length;

	if (!streams_state_room(helper, 2UL * BUFFER_BYTES))
		return false;
	if (snapshot->reading < 0) {
		int link = snapshot->iterators[snapshot->phase];

		snapshot->reading = link < 0 ? -1 : bpf_iter_create(link);
		if (snapshot->reading < 0) {
			if (link >= 0)
				log_say(helper, FG_LOG_WARNING, "cannot read what already exists: %s", log_error(errno));
			next_phase(helper);
			return true;
		}
	}
	length = read(snapshot->reading, snapshot->buffer + snapshot->length, BUFFER_BYTES - snapshot->length);
	if (length > 0) {
		snapshot->length += (size_t)length;
		take_records(helper);
		return true;
	}
	if (length < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (length < 0)
		log_say(helper, FG_LOG_WARNING, "reading what already exists failed: %s", log_error(errno));
	next_phase(helper);
	return true;
}
