/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* SYNs that a full accept queue refuses: the kernel counts them (ListenOverflows) but frees them as consumed. */
#ifndef FLOWGLASS_LISTENER_H
#define FLOWGLASS_LISTENER_H

#include "emit.h"
#include "parse.h"

static __always_inline __u32 fg_overflow_reason(void)
{
	if (bpf_core_enum_value_exists(enum skb_drop_reason, SKB_DROP_REASON_TCP_LISTEN_OVERFLOW))
		return bpf_core_enum_value(enum skb_drop_reason, SKB_DROP_REASON_TCP_LISTEN_OVERFLOW);
	return FG_REASON_LISTEN_OVERFLOW;
}

/* A SYN came in: will the listener that it is for refuse it? Asks what tcp_conn_request will ask right after. About
 * 0.2 µs, once for each SYN that arrives. bpf_sk_lookup_tcp since 4.20. Global: verified once. */
__noinline int fg_syn_arrived(struct __sk_buff *skb, struct fg_parsed *p, __u32 epoch)
{
	struct fg_event event = {.kind = FG_EVENT_DROP, .b = 1, .epoch = epoch};
	struct bpf_sock_tuple tuple = {};
	struct bpf_sock *sk;
	struct tcp_sock *tp;
	__u64 size;

	if (!p)
		return 0;
	if (p->key.family == 4) {
		bool swap = p->direction == FG_HI_TO_LO;

		tuple.ipv4.saddr = *(__be32 *)(swap ? p->key.hi_address : p->key.lo_address);
		tuple.ipv4.daddr = *(__be32 *)(swap ? p->key.lo_address : p->key.hi_address);
		tuple.ipv4.sport = bpf_htons(p->source_port);
		tuple.ipv4.dport = bpf_htons(p->target_port);
		size = sizeof tuple.ipv4;
	} else {
		bool swap = p->direction == FG_HI_TO_LO;

		__builtin_memcpy(tuple.ipv6.saddr, swap ? p->key.hi_address : p->key.lo_address, 16);
		__builtin_memcpy(tuple.ipv6.daddr, swap ? p->key.lo_address : p->key.hi_address, 16);
		tuple.ipv6.sport = bpf_htons(p->source_port);
		tuple.ipv6.dport = bpf_htons(p->target_port);
		size = sizeof tuple.ipv6;
	}
	sk = bpf_sk_lookup_tcp(skb, &tuple, size, BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return 0;
	if (sk->state == TCP_LISTEN) {
		tp = bpf_skc_to_tcp_sock(sk);
		if (tp) {
			const struct sock *listener = (const struct sock *)tp;

			event.value = listener->sk_ack_backlog > listener->sk_max_ack_backlog;
		}
	}
	bpf_sk_release(sk);
	if (!event.value)
		return 0;
	event.value = 0;
	event.a = fg_overflow_reason();
	event.at_ns = bpf_ktime_get_boot_ns();
	event.flags = FG_EVENT_KEYED | (p->direction == FG_HI_TO_LO ? FG_EVENT_HI_TO_LO : 0);
	event.key = p->key;
	fg_emit_event(&event);
	return 0;
}

#endif
