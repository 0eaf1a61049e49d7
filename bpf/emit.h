/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Writing to the rings: never waking the reader (it drains by timer), every loss counted. */
#ifndef FLOWGLASS_EMIT_H
#define FLOWGLASS_EMIT_H

#include "kernel.h"
#include "maps.h"

/* A record of state_ring. */
struct fg_ring_flow {
	struct fg_ring_header header;
	struct fg_flow_record record;
};
struct fg_ring_socket {
	struct fg_ring_header header;
	struct fg_socket_event event;
};
struct fg_ring_process {
	struct fg_ring_header header;
	struct fg_process process;
};

/* A length from 1 to `most`, a power of two, which it is already: said so that every verifier sees both bounds. That of
 * 6.1 learns nothing from a comparison with 0. */
static __always_inline __u32 fg_bounded(__u32 length, __u32 most)
{
	barrier_var(length);
	return ((length - 1) & (most - 1)) + 1;
}

static __always_inline struct fg_ring_losses *fg_losses(void)
{
	__u32 cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&losses, &cpu);
}

/* Is `reason` this one? Numbers differ between kernels, and not every kernel has every reason. */
#define FG_REASON_IS(reason, name)                                                                                     \
	(bpf_core_enum_value_exists(enum skb_drop_reason, name) &&                                                     \
	 (reason) == bpf_core_enum_value(enum skb_drop_reason, name))

/* Atomic, for a softirq may interrupt a process at this very place. */
static __always_inline void fg_lost_event(void)
{
	struct fg_ring_losses *l = fg_losses();

	if (l)
		__sync_fetch_and_add(&l->events, 1);
}

static __always_inline void fg_lost_state(void)
{
	struct fg_ring_losses *l = fg_losses();

	if (l)
		__sync_fetch_and_add(&l->state, 1);
}

/* Global, so that it is verified once a program; weak, for two objects have it. */
__weak __noinline int fg_emit_event(struct fg_event *event)
{
	if (event && bpf_ringbuf_output(&event_ring, event, sizeof *event, BPF_RB_NO_WAKEUP))
		fg_lost_event();
	return 0;
}

#endif
