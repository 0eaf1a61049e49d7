/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The helper's own read-out (helper/drain.c, as it is) of 100,000 flows in an mmapped table, against
 * bpf_map_lookup_batch on an LRU hash with as many.
 *
 *   readout      prints {"flows", "mmapNs", "batchNs", "fewNs"}: ns a flow; fewNs = a read-out in which 1 % changed
 */
#include "../../helper/drain.c"

#include <bpf/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define FLOWS 100000U
#define SLOTS 131072U
#define ROUNDS 7

static void die(const char *what)
{
	fprintf(stderr, "readout: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

static void *array(const char *name, uint32_t value, uint32_t entries)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, name, 4, value, entries, &options);
	void *at = fd < 0 ? MAP_FAILED
			  : mmap(NULL, (size_t)value * entries, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED)
		die(name);
	return at;
}

static struct helper helper;

static uint32_t read_all(void)
{
	struct drain *drain = &helper.drain;
	uint32_t records = 0;

	for (drain->cursor = 0; drain->cursor < drain->group_count;) {
		drain->staged = 0;
		scan(&helper);
		records += drain->staged;
	}
	return records;
}

int main(void)
{
	struct drain *drain = &helper.drain;
	struct fg_slot *slots = array("slots", sizeof(struct fg_slot), 2 * SLOTS);
	uint32_t *places = calloc(FLOWS, sizeof(*places)), few = FLOWS / 100;
	int ring = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "ring", 0, 0, 1 << 20, NULL);
	int lru = bpf_map_create(BPF_MAP_TYPE_LRU_HASH, "lru", sizeof(struct fg_key), sizeof(struct fg_flow), FLOWS * 2, NULL);
	double best[3] = { 1e18, 1e18, 1e18 };

	drain->dirty = array("dirty", sizeof(struct fg_dirty), fg_dirty_entries(2 * SLOTS));
	if (ring < 0 || lru < 0 || ring_open(&drain->rings[FG_STREAM_STATE], ring, 1 << 20))
		die("maps");
	drain->slots = slots;
	drain->slots_per_cpu = SLOTS;
	drain->group_count = 2 * SLOTS / GROUP_SLOTS;
	drain->used = table(drain->group_count);
	drain->digest = table(2 * SLOTS * sizeof(*drain->digest));
	drain->staged_at = table(2 * SLOTS * sizeof(*drain->staged_at));
	drain->staging = table(STAGING_RECORDS * sizeof(*drain->staging));
	for (uint32_t i = 0; i < FLOWS; i++) {
		uint32_t place = (i * 2654435761U) % (2 * SLOTS);

		while (slots[place].generation)
			place = (place + 1) % (2 * SLOTS);
		places[i] = place;
		slots[place].generation = 1;
		memcpy(slots[place].flow.key.lo_address, &i, sizeof(i));
		if (bpf_map_update_elem(lru, &slots[place].flow.key, &slots[place].flow, BPF_ANY) != 0)
			die("lru");
	}
	for (int round = 0; round < ROUNDS; round++) {
		static struct fg_key keys[4096];
		static struct fg_flow values[4096];
		uint32_t token, next, total = 0, count;
		void *in = NULL;

		for (int part = 0; part < 2; part++) { /* everything changed, then 1 % */
			uint32_t changed = part ? few : FLOWS;

			for (uint32_t i = 0; i < changed; i++) {
				uint32_t place = places[part ? i * 100 : i];

				slots[place].flow.direction[0].packets++;
				drain->dirty[place / GROUP_SLOTS] = 1;
			}
			uint64_t began = now_ns();
			uint32_t read = read_all();
			double each = (double)(now_ns() - began) / (part ? 1 : FLOWS);

			if (read != changed) {
				fprintf(stderr, "readout: %u records of %u changed flows\n", read, changed);
				return 1;
			}
			best[part * 2] = each < best[part * 2] ? each : best[part * 2];
		}
		uint64_t began = now_ns();

		for (int error = 0; !error; in = &token, token = next) {
			count = 4096;
			error = bpf_map_lookup_batch(lru, in, &next, keys, values, &count, NULL);
			total += count;
		}
		double each = (double)(now_ns() - began) / total;

		if (total < FLOWS * 9 / 10)
			die("batch");
		best[1] = each < best[1] ? each : best[1];
	}
	printf("{\"flows\":%u,\"mmapNs\":%.1f,\"batchNs\":%.1f,\"fewNs\":%.0f}\n", FLOWS, best[0], best[1], best[2]);
	return 0;
}
