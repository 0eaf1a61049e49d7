/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The read-out: what changed in the flow table since the last one, totals, and what the rings hold.
 *
 * Order on the wire. A slot of the table goes through generations: when another flow takes it, the kernel hands the
 * old one over through the state ring as its last record. The engine may rely on records of a slot arriving in order,
 * so changed slots are first copied to a staging area, then the state ring is read up to where it ended after the copy
 * (whatever preceded the staged generations is in there), and only then do the staged records leave. A staged slot
 * whose own last record turns up in between is struck out.
 */
#include "helper.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "skeleton.h"

#define GROUP_SLOTS ((size_t)FG_DIRTY_GROUP) /* slots for which one byte says that something changed */
#define STAGING_RECORDS 4096U
#define WORD_GROUPS 8U
#define ROUNDS_A_PUMP 32 /* then commands and timers get their turn */

static size_t map_bytes(const struct bpf_map *map)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t value = ((size_t)bpf_map__value_size(map) + 7) & ~(size_t)7;

	return (value * bpf_map__max_entries(map) + page - 1) & ~(page - 1);
}

static int map_in(const struct bpf_map *map, int protection, const void **at, size_t *bytes)
{
	void *mapping;

	*bytes = map_bytes(map);
	mapping = mmap(NULL, *bytes, protection, MAP_SHARED, bpf_map__fd(map), 0);
	if (mapping == MAP_FAILED)
		return -errno;
	*at = mapping;
	return 0;
}

static void *table(size_t bytes)
{
	void *mapping = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return mapping == MAP_FAILED ? NULL : mapping;
}

int drain_open(struct helper *helper)
{
	struct drain *drain = &helper->drain;
	struct flowglass *skeleton = helper->skeleton;
	const struct bpf_map *rings[FG_STREAMS] = { skeleton->maps.state_ring, skeleton->maps.event_ring,
						    skeleton->maps.packet_ring };
	const void *dirty = NULL, *slots = NULL, *totals = NULL;
	size_t slot_count = (size_t)helper->cpus * drain->slots_per_cpu;
	int error;

	for (int i = 0; i < FG_STREAMS; i++) {
		error = ring_open(&drain->rings[i], bpf_map__fd(rings[i]), bpf_map__max_entries(rings[i]));
		if (error)
			return error;
	}
	error = ring_open(&drain->peeks, bpf_map__fd(skeleton->maps.peek_ring),
			  bpf_map__max_entries(skeleton->maps.peek_ring));
	if (error)
		return error;
	if ((error = map_in(skeleton->maps.flow_table, PROT_READ, &slots, &drain->slot_bytes)) ||
	    (error = map_in(skeleton->maps.flow_dirty, PROT_READ | PROT_WRITE, &dirty, &drain->dirty_bytes)) ||
	    (error = map_in(skeleton->maps.totals, PROT_READ | PROT_WRITE, &totals, &drain->totals_bytes)) ||
	    (error = map_in(skeleton->maps.losses, PROT_READ, &drain->losses, &drain->losses_bytes)))
		return error;
	helper->kernel_bytes = drain->slot_bytes + drain->dirty_bytes + drain->totals_bytes + drain->losses_bytes;
	for (int i = 0; i < FG_STREAMS; i++)
		helper->kernel_bytes += drain->rings[i].bytes;
	helper->kernel_bytes += map_bytes(skeleton->maps.flow_tags) + map_bytes(skeleton->maps.conversations) +
				map_bytes(skeleton->maps.scratch) + map_bytes(skeleton->maps.peeks) + drain->peeks.bytes;
	drain->slots = slots;
	drain->dirty = (uint8_t *)(uintptr_t)dirty;
	drain->totals = (struct fg_totals *)(uintptr_t)totals;
	drain->group_count = slot_count / GROUP_SLOTS;
	drain->used = table(drain->group_count);
	drain->digest = table(slot_count * sizeof *drain->digest);
	drain->staged_at = table(slot_count * sizeof *drain->staged_at);
	drain->staging = table(STAGING_RECORDS * sizeof *drain->staging);
	if (!drain->used || !drain->digest || !drain->staged_at || !drain->staging)
		return -ENOMEM;
	drain->cursor = drain->group_count;
	return 0;
}

void drain_close(struct helper *helper)
{
	for (int i = 0; i < FG_STREAMS; i++)
		ring_close(&helper->drain.rings[i]);
	ring_close(&helper->drain.peeks);
	/* The other mappings end with the process. */
}

/* Every member takes part, each with its own odd factor: a slot that differs in anything differs here. */
static uint64_t digest(const struct fg_slot *slot)
{
	enum { WORDS = sizeof slot->flow / sizeof(uint64_t) };
	uint64_t words[WORDS];
	uint64_t sum = (uint64_t)slot->generation * 0x9e3779b97f4a7c15ULL;

	memcpy(words, &slot->flow, sizeof words);
	for (unsigned int i = 0; i < WORDS; i++)
		sum += words[i] * (0xbf58476d1ce4e5b9ULL + 2 * i * 0x94d049bb133111ebULL);
	return sum | 1; /* 0 = never sent */
}

/* A consistent copy of a slot; false when the writer was in the middle of changing its key all the time. */
static bool copy_slot(const struct fg_slot *slot, struct fg_slot *copy)
{
	for (int tries = 0; tries < 1000; tries++) {
		uint32_t before = __atomic_load_n(&slot->seq, __ATOMIC_ACQUIRE);

		if (before & 1)
			continue;
		memcpy(copy, slot, sizeof *copy);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (__atomic_load_n(&slot->seq, __ATOMIC_RELAXED) == before)
			return true;
	}
	return false;
}

/* Coarse time lags by up to a tick: a flow of one packet would otherwise end before it began. */
void drain_boot_time(const struct helper *helper, struct fg_flow *flow)
{
	flow->last_ns = clock_boot_of(helper, flow->last_ns);
	if (flow->last_ns < flow->first_ns)
		flow->last_ns = flow->first_ns;
}

static void stage(struct helper *helper, size_t index, const struct fg_slot *slot)
{
	struct drain *drain = &helper->drain;
	struct fg_flow_record *record = &drain->staging[drain->staged];

	*record = (struct fg_flow_record){
		.cpu = (uint16_t)(index / drain->slots_per_cpu),
		.record_flags = drain->final ? FG_RECORD_FINAL : 0,
		.slot = (uint32_t)(index % drain->slots_per_cpu),
		.generation = slot->generation,
		.flow = slot->flow,
	};
	drain_boot_time(helper, &record->flow);
	drain->staged_at[index] = ++drain->staged;
}

static void read_group(struct helper *helper, size_t group)
{
	struct drain *drain = &helper->drain;

	drain->used[group] = 1;
	for (size_t index = group * GROUP_SLOTS; index < (group + 1) * GROUP_SLOTS; index++) {
		const struct fg_slot *slot = &drain->slots[index];
		struct fg_slot copy;
		uint64_t now;

		if (!__atomic_load_n(&slot->generation, __ATOMIC_RELAXED))
			continue;
		if (!copy_slot(slot, &copy)) {
			__atomic_store_n(&drain->dirty[group], 1, __ATOMIC_RELEASE); /* next time */
			continue;
		}
		now = digest(&copy);
		if (now == drain->digest[index] && !drain->final)
			continue;
		drain->digest[index] = now;
		stage(helper, index, &copy);
	}
}

/* Copies changed groups to the staging area until it is full. */
static void scan(struct helper *helper)
{
	struct drain *drain = &helper->drain;

	while (drain->cursor < drain->group_count && drain->staged + GROUP_SLOTS <= STAGING_RECORDS) {
		size_t group = drain->cursor;

		if (!drain->final && group % WORD_GROUPS == 0) {
			const uint64_t *word = (const uint64_t *)(const void *)&drain->dirty[group];

			if (!__atomic_load_n(word, __ATOMIC_RELAXED)) {
				drain->cursor += WORD_GROUPS;
				continue;
			}
		}
		drain->cursor++;
		/* The byte is cleared before the slots are read: what is written meanwhile sets it again. */
		if ((__atomic_load_n(&drain->dirty[group], __ATOMIC_RELAXED) &&
		     __atomic_exchange_n(&drain->dirty[group], 0, __ATOMIC_SEQ_CST)) ||
		    (drain->final && drain->used[group]))
			read_group(helper, group);
	}
	drain->staged_next = 0;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	drain->staged_until = ring_end(&drain->rings[FG_STREAM_STATE]);
}

/* The state ring has just delivered the last record of a slot's generation. */
void drain_displaced(struct helper *helper, const struct fg_flow_record *record)
{
	struct drain *drain = &helper->drain;
	size_t index = (size_t)record->cpu * drain->slots_per_cpu + record->slot;

	if (record->cpu >= helper->cpus || record->slot >= drain->slots_per_cpu || !drain->staged_at[index])
		return;
	if (drain->staging[drain->staged_at[index] - 1].generation == record->generation)
		drain->staging[drain->staged_at[index] - 1].generation = 0;
}

/* Staged records into the state queue; true when all have left. */
static bool unstage(struct helper *helper, bool *progress)
{
	struct drain *drain = &helper->drain;
	struct stream *stream = &helper->streams[FG_STREAM_STATE];

	while (drain->staged_next < drain->staged) {
		struct fg_flow_record *record = &drain->staging[drain->staged_next];

		if (record->generation) {
			if (!streams_state_room(helper, sizeof *record) ||
			    queue_push(&stream->queue, FG_FRAME_FLOWS, record, sizeof *record, 1))
				return false;
			stream->taken++;
		}
		drain->staged_at[(size_t)record->cpu * drain->slots_per_cpu + record->slot] = 0;
		drain->staged_next++;
		*progress = true;
	}
	drain->staged = drain->staged_next = 0;
	return true;
}

static void read_flows(struct helper *helper, bool *progress)
{
	struct drain *drain = &helper->drain;
	uint64_t until = drain->staged ? drain->staged_until : ring_end(&drain->rings[FG_STREAM_STATE]);

	if (streams_state(helper, until, progress) && drain->staged)
		return;
	if (drain->staged && !unstage(helper, progress))
		return;
	if (drain->scanning) {
		scan(helper);
		if (drain->staged)
			*progress = true;
		else if (drain->cursor >= drain->group_count)
			drain->scanning = false;
	}
}

/* The sum over CPUs; each counter only grows, so a sum of values read one after the other is one that was true. */
static void sum_totals(const struct helper *helper, uint32_t place, struct fg_totals *sum)
{
	enum { WORDS = sizeof *sum / sizeof(uint64_t) };
	uint64_t *to = (uint64_t *)(void *)sum;

	memset(sum, 0, sizeof *sum);
	for (uint32_t cpu = 0; cpu < helper->cpus; cpu++) {
		const uint64_t *from =
			(const uint64_t *)(const void *)&helper->drain.totals[(size_t)cpu * FG_IFACE_MAX + place];

		for (unsigned int i = 0; i < WORDS; i++)
			to[i] += __atomic_load_n(&from[i], __ATOMIC_RELAXED);
	}
}

/* Totals of one interface, when they changed. 1 = sent, 0 = nothing new, -EAGAIN without room. */
static int read_interface(struct helper *helper, struct interface *interface)
{
	struct stream *stream = &helper->streams[FG_STREAM_STATE];
	struct fg_totals_record record = { .iface = interface->facts.iface };

	sum_totals(helper, (uint32_t)(interface - helper->interfaces), &record.totals);
	record.queue_lost_frames = interface->queue_lost_frames;
	record.queue_lost_packets = interface->queue_lost_packets;
	record.at_ns = interface->totals.at_ns;
	if (!memcmp(&record, &interface->totals, sizeof record))
		return 0;
	record.at_ns = clock_boot_ns();
	if (!streams_state_room(helper, sizeof record) ||
	    queue_push(&stream->queue, FG_FRAME_TOTALS, &record, sizeof record, 1))
		return -EAGAIN;
	stream->taken++;
	interface->totals = record;
	return 1;
}

static void read_totals(struct helper *helper, bool *progress)
{
	for (uint32_t i = 0; i < helper->interface_top; i++) {
		struct interface *interface = &helper->interfaces[i];
		int sent;

		if (!interface->used || interface->settled)
			continue;
		sent = read_interface(helper, interface);
		if (sent < 0)
			return; /* stays due */
		if (sent)
			*progress = true;
		else if (!interface->attached)
			interface->settled = clock_boot_ns() - interface->detached_ns > SECOND_NS;
	}
	helper->drain.totals_due = false;
}

int drain_retire(struct helper *helper, struct interface *interface)
{
	size_t place = (size_t)(interface - helper->interfaces);

	if (read_interface(helper, interface) < 0)
		return -EAGAIN;
	for (uint32_t cpu = 0; cpu < helper->cpus; cpu++)
		memset(&helper->drain.totals[(size_t)cpu * FG_IFACE_MAX + place], 0, sizeof *helper->drain.totals);
	*interface = (struct interface){ .links = { -1, -1, -1 } };
	return 0;
}

void drain_losses(struct helper *helper)
{
	const struct fg_ring_losses *losses = helper->drain.losses;
	struct fg_ring_losses sum = { 0 };

	for (uint32_t cpu = 0; losses && cpu < helper->cpus; cpu++) {
		sum.state += __atomic_load_n(&losses[cpu].state, __ATOMIC_RELAXED);
		sum.events += __atomic_load_n(&losses[cpu].events, __ATOMIC_RELAXED);
		sum.packets += __atomic_load_n(&losses[cpu].packets, __ATOMIC_RELAXED);
		sum.peeks += __atomic_load_n(&losses[cpu].peeks, __ATOMIC_RELAXED);
	}
	helper->streams[FG_STREAM_STATE].lost_ring = sum.state;
	helper->streams[FG_STREAM_EVENTS].lost_ring = sum.events;
	helper->streams[FG_STREAM_PACKETS].lost_ring = sum.packets;
	helper->peeks_lost_ring = sum.peeks;
}

/* A GAP for each stream that lost records since the last one, at most one a second. */
void drain_gaps(struct helper *helper, bool all)
{
	uint64_t now = clock_boot_ns();

	drain_losses(helper);
	for (uint32_t i = 0; i < FG_STREAMS; i++) {
		struct stream *stream = &helper->streams[i];
		uint64_t lost = stream->lost_ring + stream->lost_queue + stream->lost_socket;
		struct fg_gap gap = { .stream = i, .from_ns = stream->gap_from_ns, .to_ns = now };

		if (lost == stream->gap_told) {
			stream->gap_from_ns = now;
			continue;
		}
		if (!all && now - stream->gap_sent_ns < SECOND_NS)
			continue;
		gap.records = lost - stream->gap_told;
		if (channel_control(helper, FG_FRAME_GAP, &gap, sizeof gap))
			continue;
		stream->gap_told = lost;
		stream->gap_from_ns = stream->gap_sent_ns = now;
	}
}

void drain_start(struct helper *helper, bool final)
{
	struct drain *drain = &helper->drain;

	drain->totals_due = true;
	if (drain->scanning && !final)
		return; /* the last one still waits for the socket */
	drain->scanning = true;
	drain->final = final;
	drain->cursor = 0;
}

static bool rings_empty(const struct helper *helper)
{
	for (int i = 0; i < FG_STREAMS; i++)
		if (helper->drain.rings[i].position < ring_end(&helper->drain.rings[i]))
			return false;
	return helper->drain.peeks.position >= ring_end(&helper->drain.peeks);
}

bool drain_done(const struct helper *helper)
{
	const struct drain *drain = &helper->drain;

	return !drain->scanning && !drain->staged && !drain->totals_due && rings_empty(helper);
}

int drain_pump(struct helper *helper)
{
	bool progress = true;

	for (int rounds = 0; progress; rounds++) {
		uint64_t written = helper->channel.written;
		int error;

		if (rounds == ROUNDS_A_PUMP)
			return 1;
		progress = false;
		read_flows(helper, &progress);
		if (helper->drain.totals_due)
			read_totals(helper, &progress);
		if (helper->snapshot.active && snapshot_step(helper))
			progress = true;
		streams_events(helper, &progress);
		streams_peeks(helper, &progress);
		streams_packets(helper, &progress);
		error = channel_flush(helper);
		if (error)
			return error;
		if (helper->channel.written != written && (helper->drain.scanning || helper->drain.staged))
			progress = true;
	}
	return 0;
}
