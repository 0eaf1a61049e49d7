/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What all CPUs share about a flow: which connection it is (the epoch), and the instants from which latency is
 * measured. Direct-mapped by the same hash bits as the flow table; a later flow at the same place takes it over, and
 * the earlier one then has "no information": its slots keep their epoch, its pending samples are forgotten.
 *
 * CPUs race for it without locks. That is harmless because every word stands alone: it carries who it belongs to (a
 * tag or a guard made of tag and epoch) and is read and written as one, or claimed by compare and exchange. A lost race
 * loses a sample; it never gives one to another flow.
 */
#ifndef FLOWGLASS_CONVERSATION_H
#define FLOWGLASS_CONVERSATION_H

#include "emit.h"
#include "parse.h"

struct fg_conversation {
	__u64 identity;        /* tag << 33 | direction that tells the epoch << 32 | epoch */
	__u64 turn;            /* last payload: an instant word */
	__u64 syn_ack;         /* SYN-ACK not yet answered: an instant word */
	__u64 stamp[2];        /* probe under way, by its direction: TSval or echo << 32 | egress << 16 | guard */
	__u64 stamp_at[2];     /* when it passed: an instant word */
	__u32 newest_tsval[2]; /* by direction, 0 = none seen */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct fg_conversation);
} conversations SEC(".maps");

#define FG_ECHOES 16 /* echo requests of one flow that may be under way; a power of two */

/* An instant word: guard << 48 | low 47 bits of the boot time << 1 | direction. 47 bits are 39 hours. */
#define FG_INSTANT_BITS 47
#define FG_INSTANT_MASK ((1ULL << FG_INSTANT_BITS) - 1)

static __always_inline __u64 fg_instant(__u64 now, __u8 direction, __u16 guard)
{
	return (__u64)guard << 48 | (now & FG_INSTANT_MASK) << 1 | direction;
}

static __always_inline __u64 fg_since(__u64 word, __u64 now)
{
	return (now - (word >> 1)) & FG_INSTANT_MASK;
}

static __always_inline __u32 fg_tag(__u64 hash)
{
	return (__u32)(hash >> 33) | 1;
}

/* Never 0, so that an empty word belongs to nobody. */
static __always_inline __u16 fg_guard(__u32 tag, __u32 epoch)
{
	return (__u16)(((__u64)(tag ^ epoch) * 0x9e3779b97f4a7c15ULL) >> 48) | 1;
}

#define FG_READ_ONCE(x) (*(volatile __typeof__(x) *)&(x))
#define FG_WRITE_ONCE(x, value) (*(volatile __typeof__(x) *)&(x) = (value))

static __always_inline __u64 fg_identity(__u32 tag, __u8 direction, __u32 epoch)
{
	return (__u64)tag << 33 | (__u64)direction << 32 | epoch;
}

/* Epoch of a TCP segment's connection, 0 = not known. A SYN names it by its sequence number, a SYN-ACK by what it
 * acknowledges; both are initial sequence numbers of the side that opened. */
static __always_inline __u32 fg_epoch_tcp(struct fg_conversation *c, __u32 tag, const struct fg_parsed *p)
{
	__u64 identity = FG_READ_ONCE(c->identity);
	bool ours = identity >> 33 == tag;
	__u32 epoch = ours ? (__u32)identity : 0, told = 0;

	if ((p->tcp_flags & (TCPHDR_SYN | TCPHDR_RST)) == TCPHDR_SYN) {
		told = p->tcp_flags & TCPHDR_ACK ? p->ack - 1 : p->seq;
		told = told ? told : 1;
	}
	if (ours && (!told || told == epoch))
		return epoch;
	c->newest_tsval[0] = c->newest_tsval[1] = 0;
	FG_WRITE_ONCE(c->identity, fg_identity(tag, p->direction, told));
	return told;
}

/* Low half of a socket cookie as an epoch. */
static __always_inline __u32 fg_epoch_of_cookie(__u64 cookie)
{
	return (__u32)cookie ? (__u32)cookie : 1;
}

/* Epoch of a datagram's socket, 0 = not known. `cookie` = of the local socket that sends it, 0 at ingress. When both
 * ends are local, the one that sent first names the epoch. `resident` = what this CPU's slot knows of the flow. */
static __always_inline __u32 fg_epoch_udp(struct fg_conversation *c, __u32 tag, const struct fg_parsed *p, __u64 cookie,
					  const struct fg_flow *resident)
{
	__u64 identity = FG_READ_ONCE(c->identity);
	bool ours = identity >> 33 == tag;
	__u32 epoch = ours ? (__u32)identity : 0, told;
	__u8 direction = p->direction, other = !direction;

	if (!cookie)
		return epoch;
	told = fg_epoch_of_cookie(cookie);
	if (epoch) {
		if (epoch == told || (identity >> 32 & 1) != direction)
			return epoch;
		FG_WRITE_ONCE(c->turn, 0); /* another socket: no exchange goes on across the change */
	} else if (resident && resident->epoch && resident->cookie[other & 1] &&
		   resident->epoch == fg_epoch_of_cookie(resident->cookie[other & 1])) {
		told = resident->epoch; /* we were taken over; the other end still names it */
		direction = other;
	}
	FG_WRITE_ONCE(c->identity, fg_identity(tag, direction, told));
	return told;
}

/* ---- latency ----------------------------------------------------------------------------------------------- */

/* Everything a sample needs to be reported. */
struct fg_moment {
	const struct fg_parsed *p;
	__u64 now;
	__u32 epoch;
	__u16 guard;
	bool egress;
};

static __always_inline void fg_sample(const struct fg_moment *m, __u16 kind, __u8 direction, __u32 a, __u32 b, __u64 value)
{
	struct fg_event event = {
		.kind = kind,
		.flags = FG_EVENT_KEYED | (direction == FG_HI_TO_LO ? FG_EVENT_HI_TO_LO : 0) |
			 (m->egress ? FG_EVENT_EGRESS : 0),
		.a = a,
		.at_ns = m->now,
		.value = value,
		.b = b,
		.epoch = m->epoch,
		.key = m->p->key,
	};

	fg_emit_event(&event);
}

/* RESPONSE: the direction of payload turned; true when it did. */
static __always_inline bool fg_turn(struct fg_conversation *c, const struct fg_moment *m)
{
	__u64 word = fg_instant(m->now, m->p->direction, m->guard), before = FG_READ_ONCE(c->turn);

	if (((before ^ word) & (0xffffULL << 48 | 1)) == 0) { /* the same side goes on */
		FG_WRITE_ONCE(c->turn, word);
		return false;
	}
	before = __sync_lock_test_and_set(&c->turn, word);
	if (before >> 48 == m->guard && (before & 1) != m->p->direction)
		fg_sample(m, FG_EVENT_RESPONSE, m->p->direction, 0, 0, fg_since(before, m->now));
	return true;
}

/* Does this segment, which leaves, answer (or close) after payload that came in? */
static __always_inline bool fg_turns(struct fg_conversation *c, const struct fg_parsed *p)
{
	return (p->payload || p->tcp_flags & TCPHDR_FIN) && ((FG_READ_ONCE(c->turn) ^ p->direction) & 1);
}

/* READ_DELAY: the answer leaves. Between the arrival of what it answers and now lies the read: before it our kernel had the
 * data, after it the application. `read` = when the socket's user last received something. */
static __always_inline void fg_read_before(struct fg_conversation *c, const struct fg_moment *m, __u64 read)
{
	__u64 turn = FG_READ_ONCE(c->turn), queued = fg_since(turn, read), thought = m->p->payload ? m->now - read : 0;

	/* Not when the last thing that came in is another connection's, or was not read yet (then `queued` wraps). */
	if (turn >> 48 == m->guard && queued <= FG_INSTANT_MASK >> 1)
		fg_sample(m, FG_EVENT_READ_DELAY, m->p->direction, (__u32)thought, thought >> 32, queued);
}

static __always_inline __u64 fg_stamp(__u32 value, bool egress, __u16 guard)
{
	return (__u64)value << 32 | (__u64)egress << 16 | guard;
}

/* PACKET_RTT: the answer to the probe of `direction` came back. */
static __always_inline void fg_echoed(struct fg_conversation *c, const struct fg_moment *m, __u8 direction, __u64 stamp)
{
	__u64 at = FG_READ_ONCE(c->stamp_at[direction & 1]);

	if (__sync_val_compare_and_swap(&c->stamp[direction & 1], stamp, 0) == stamp && at >> 48 == m->guard)
		fg_sample(m, FG_EVENT_PACKET_RTT, direction, stamp >> 16 & 1, 0, fg_since(at, m->now));
}

static __always_inline void fg_stamp_now(struct fg_conversation *c, const struct fg_moment *m, __u32 value)
{
	__u8 direction = m->p->direction & 1;

	FG_WRITE_ONCE(c->stamp_at[direction], fg_instant(m->now, direction, m->guard));
	barrier();
	FG_WRITE_ONCE(c->stamp[direction], fg_stamp(value, m->egress, m->guard));
}

/* What a TCP segment means for latency. Reads the clock only for a segment that starts or ends a measurement; the
 * reading, or 0. Global, so that it is verified once and not on each path that leads here. */
__noinline __u64 fg_latency_tcp(struct fg_conversation *c, struct fg_parsed *p, __u32 tag, __u32 epoch, bool egress)
{
	const __u8 ends = TCPHDR_SYN | TCPHDR_FIN | TCPHDR_RST;
	__u64 syn_ack, answered = 0;
	struct fg_moment m;
	__u8 direction, other;
	bool mark = false, stamp = false;

	if (!c || !p)
		return 0;
	m = (struct fg_moment){p, 0, epoch, fg_guard(tag, epoch), egress};
	direction = p->direction & 1;
	other = !direction;
	syn_ack = FG_READ_ONCE(c->syn_ack);
	if (p->flags & FG_PARSED_TIMESTAMP) {
		__u64 waiting = FG_READ_ONCE(c->stamp[other & 1]), mine;
		__u32 newest = c->newest_tsval[direction];

		if (waiting && p->tcp_flags & TCPHDR_ACK && (__u16)waiting == m.guard) {
			if ((__u32)(waiting >> 32) == p->tsecr)
				answered = waiting;
			else if ((__s32)(p->tsecr - (__u32)(waiting >> 32)) > 0)
				FG_WRITE_ONCE(c->stamp[other & 1], 0); /* passed by: its echo was lost */
		}
		/* Only the first segment with a new TSval may be timed, and only when it asks for an answer: the echo of
		 * a value that an acknowledgement already carried says nothing about this segment. */
		if (!newest || (__s32)(p->tsval - newest) > 0) {
			c->newest_tsval[direction] = p->tsval;
			mine = FG_READ_ONCE(c->stamp[direction]);
			stamp = (p->payload || p->tcp_flags & (TCPHDR_SYN | TCPHDR_FIN)) &&
				(newest || p->tcp_flags & TCPHDR_SYN) && !(p->tcp_flags & TCPHDR_RST) &&
				(!mine || (__u16)mine != m.guard);
		}
	}
	if (syn_ack && !(p->tcp_flags & TCPHDR_SYN))
		mark = syn_ack >> 48 == m.guard && (syn_ack & 1) != direction;
	if (!(p->tcp_flags & ends) && !p->payload && !answered && !stamp && !mark)
		return 0;
	m.now = bpf_ktime_get_boot_ns();
	if (p->tcp_flags & ends) {
		__u32 payload = p->payload < 65535 ? p->payload : 65535;

		fg_sample(&m, FG_EVENT_TCP_FLAGS, direction, p->tcp_flags, p->seq,
			  (__u64)p->ack << 32 | (__u64)p->window << 16 | payload);
		if ((p->tcp_flags & ends) == TCPHDR_SYN && p->tcp_flags & TCPHDR_ACK)
			FG_WRITE_ONCE(c->syn_ack, fg_instant(m.now, direction, m.guard));
	}
	if (mark && __sync_val_compare_and_swap(&c->syn_ack, syn_ack, 0) == syn_ack && !(p->tcp_flags & TCPHDR_RST))
		fg_sample(&m, FG_EVENT_HANDSHAKE_ACK, direction, 0, epoch, fg_since(syn_ack, m.now));
	if (answered)
		fg_echoed(c, &m, other, answered);
	if (stamp)
		fg_stamp_now(c, &m, p->tsval);
	if (p->payload && fg_turn(c, &m))
		p->flags |= FG_PARSED_TURNED;
	return m.now;
}

/* The same for a datagram. */
static __always_inline __u64 fg_latency_udp(struct fg_conversation *c, struct fg_parsed *p, __u32 tag, __u32 epoch,
					    bool egress)
{
	/* The guard leaves the epoch out: a local socket's answer may be the first that tells it. */
	struct fg_moment m = {p, 0, epoch, fg_guard(tag, 0), egress};

	if (!p->payload)
		return 0;
	m.now = bpf_ktime_get_boot_ns();
	if (fg_turn(c, &m))
		p->flags |= FG_PARSED_TURNED;
	return m.now;
}

/* An echo's conversation is chosen by its sequence number as well, so that several may be under way. */
static __always_inline __u64 fg_latency_echo(struct fg_conversation *c, const struct fg_parsed *p, __u32 tag, bool egress)
{
	struct fg_moment m = {p, bpf_ktime_get_boot_ns(), 0, fg_guard(tag, 0), egress};
	__u32 value = (__u32)p->source_port << 16 | (__u16)p->seq;
	__u8 other = !p->direction;
	__u64 waiting;

	if (p->flags & FG_PARSED_ECHO_REQUEST) {
		fg_stamp_now(c, &m, value);
		return m.now;
	}
	waiting = FG_READ_ONCE(c->stamp[other & 1]);
	if ((__u16)waiting == m.guard && (__u32)(waiting >> 32) == value)
		fg_echoed(c, &m, other, waiting);
	return m.now;
}

#endif
