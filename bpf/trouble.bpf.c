// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What the stack itself knows of latency and trouble: its own round-trip samples, retransmissions, resets, drops.
 *
 * Tracepoints are taken as tp_btf (since 5.5). Arguments that later kernels appended are read only where the
 * tracepoint's record in BTF shows them, so that one object loads on all.
 */
#include "kernel.h"
#include "headers.h"
#include "maps.h"
#include "socket.h"

#define FG_RTT_INTERVAL_US 10000 /* between two samples of one socket */

/* ---- latency ----------------------------------------------------------------------------------------------- */

static __always_inline void fg_rtt_sample(struct sock *sk, const struct tcp_sock *tp)
{
	struct fg_event event = {};

	fg_event_of(&event, FG_EVENT_SOCKET_RTT, sk, IPPROTO_TCP, true);
	event.value = (__u64)tp->rack.rtt_us * 1000;
	event.a = tp->srtt_us >> 3;
	event.b = tp->mdev_us >> 2;
	fg_emit_event(&event);
}

/* DUPLICATE_ACK, by the definition of RFC 5681, 2: data is under way, none is in it, no flag, and it says what the last
 * acknowledgement said, window included. */
static __always_inline void fg_duplicate_ack(struct sock *sk, const struct tcp_sock *tp, const struct sk_buff *skb)
{
	struct fg_socket_state *state;
	struct fg_event event = {};
	struct tcphdr tcp;
	__u32 ack, window, before;

	if (bpf_probe_read_kernel(&tcp, TCP_HLEN, BPF_CORE_READ(skb, head) + BPF_CORE_READ(skb, transport_header)))
		return;
	ack = bpf_ntohl(tcp.ack_seq);
	if (ack != tp->snd_una || tcp.flags != TCPHDR_ACK || skb->len != (__u32)(tcp.doff >> 4 << 2))
		return;
	state = bpf_sk_storage_get(&sockets, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!state)
		return;
	window = (__u32)bpf_ntohs(tcp.window) << BPF_CORE_READ_BITFIELD_PROBED(tp, rx_opt.snd_wscale);
	before = state->window && state->acked == ack ? state->window : tp->snd_wnd; /* a smaller one does not become snd_wnd */
	state->acked = ack;
	state->window = window;
	if (window != before)
		return;
	fg_event_of(&event, FG_EVENT_DUPLICATE_ACK, sk, IPPROTO_TCP, false);
	fg_emit_event(&event);
}

/* OUT_OF_ORDER, when there are more than were told. */
static __always_inline void fg_out_of_order(struct sock *sk, const struct tcp_sock *tp)
{
	struct fg_socket_state *state = bpf_sk_storage_get(&sockets, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	struct fg_event event = {};
	__u32 count = tp->rcv_ooopack;

	if (!state || state->out_of_order == count)
		return;
	state->out_of_order = count;
	fg_event_of(&event, FG_EVENT_OUT_OF_ORDER, sk, IPPROTO_TCP, false);
	event.a = count;
	fg_emit_event(&event);
}

/* Runs for every segment that an established connection receives, before it is processed: softirq or the socket's user.
 * About 25 ns, as much more while data of its own is under way; a sample every 10 ms a socket 0.3 µs. Since 4.16. The
 * measurement of the segment acknowledged last, and what came out of order, is taken when the next arrives, or at the end
 * (fg_destroy_sock). */
SEC("tp_btf/tcp_probe")
int BPF_PROG(fg_tcp_probe, struct sock *sk, struct sk_buff *skb)
{
	struct fg_socket_state *state;
	struct tcp_sock *tp;
	__u64 mstamp;

	if (!cfg_latency || !fg_serves(sk))
		return 0;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return 0;
	if (tp->packets_out)
		fg_duplicate_ack(sk, tp, skb);
	if (tp->rcv_ooopack)
		fg_out_of_order(sk, tp);
	mstamp = tp->rack.mstamp;
	if (!mstamp || !tp->rack.rtt_us)
		return 0;
	state = bpf_sk_storage_get(&sockets, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!state || mstamp == state->rack_mstamp ||
	    (state->rack_mstamp && mstamp - state->rack_mstamp < FG_RTT_INTERVAL_US))
		return 0;
	state->rack_mstamp = mstamp;
	fg_rtt_sample(sk, tp);
	return 0;
}

/* Runs when a TCP socket is taken down: softirq or the closer's context. Once a connection, about 0.4 µs. Since 4.15. */
SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(fg_destroy_sock, struct sock *sk)
{
	struct fg_socket_state *state;
	struct fg_ring_socket *record;
	struct tcp_sock *tp;

	if (!fg_serves(sk))
		return 0;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return 0;
	state = bpf_sk_storage_get(&sockets, sk, 0, 0);
	if (cfg_latency && state && tp->rack.rtt_us && tp->rack.mstamp != state->rack_mstamp)
		fg_rtt_sample(sk, tp);
	if (cfg_latency && tp->rcv_ooopack)
		fg_out_of_order(sk, tp);
	if (!cfg_sockets)
		return 0;
	record = fg_socket_record(FG_SOCKET_DESTROYED, bpf_ktime_get_boot_ns());
	if (!record)
		return 0;
	fg_event_sock(&record->event, sk, state);
	fg_event_tcp(&record->event, tp);
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	return 0;
}

/* ---- trouble ----------------------------------------------------------------------------------------------- */

/* Was it the retransmission timer? It has entered the state of loss and runs: none is pending meanwhile
 * (tcp_write_timer_handler). What acknowledgements cause finds the timer set. */
static __always_inline bool fg_by_timer(struct sock *sk)
{
	struct inet_connection_sock *connection = (struct inet_connection_sock *)sk;

	return !BPF_CORE_READ(connection, icsk_pending) &&
	       (sk->__sk_common.skc_state != TCP_ESTABLISHED ||
		BPF_CORE_READ_BITFIELD_PROBED(connection, icsk_ca_state) == TCP_CA_Loss);
}

/* Runs after a segment was sent again (since 6.16 also when sending failed): softirq or the sender's context, 0.3 µs a
 * retransmission. Since 4.15. __tcp_retransmit_skb has added the segments to total_retrans before. */
SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(fg_retransmit, struct sock *sk)
{
	struct fg_event event = {};
	struct tcp_sock *tp;

	if (!cfg_latency || !fg_serves(sk))
		return 0;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return 0;
	fg_event_of(&event, FG_EVENT_RETRANSMIT, sk, IPPROTO_TCP, true);
	event.a = tp->total_retrans;
	event.b = sk->__sk_common.skc_state;
	if (fg_by_timer(sk))
		event.flags |= FG_EVENT_TIMEOUT;
	fg_emit_event(&event);
	return 0;
}

/* Runs after a SYN-ACK was sent again: timer softirq, 0.3 µs. Since 4.15. */
SEC("tp_btf/tcp_retransmit_synack")
int BPF_PROG(fg_retransmit_synack, struct sock *sk, struct request_sock *request)
{
	struct fg_event event = {.kind = FG_EVENT_SYNACK_RETRANSMIT, .flags = FG_EVENT_TIMEOUT};
	struct fg_ends ends;

	if (!cfg_latency || !fg_serves(sk))
		return 0;
	fg_ends_of(&request->__req_common, &ends);
	fg_event_key(&event, ends.local, ends.local_port, ends.remote, ends.remote_port, IPPROTO_TCP, ends.family);
	event.at_ns = bpf_ktime_get_boot_ns();
	event.cookie = bpf_get_socket_cookie(request);
	event.a = request->num_retrans;
	event.b = TCP_SYN_RECV;
	fg_emit_event(&event);
	return 0;
}

/* Addresses and ports from an skb's own headers, in its direction of travel or against it. False when it has none that
 * we know, or not yet. */
static __always_inline bool fg_event_skb(struct fg_event *event, const struct sk_buff *skb, bool reverse)
{
	const unsigned char *head = BPF_CORE_READ(skb, head);
	__u32 network = BPF_CORE_READ(skb, network_header), tail = BPF_CORE_READ(skb, tail), transport;
	__be16 type = BPF_CORE_READ(skb, protocol);
	__u64 from[2] = {}, to[2] = {};
	struct udphdr ports = {};
	__u8 protocol, family = 4;

	if (type == bpf_htons(ETH_P_IP)) {
		struct iphdr ip;

		if (network + sizeof ip > tail || bpf_probe_read_kernel(&ip, sizeof ip, head + network) ||
		    ip.version_ihl >> 4 != 4)
			return false;
		from[0] = ip.saddr;
		to[0] = ip.daddr;
		protocol = ip.protocol;
		transport = ip.frag_off & bpf_htons(IP_OFFSET) ? tail : network + (ip.version_ihl & 15) * 4;
	} else if (type == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr ip;

		if (network + sizeof ip > tail || bpf_probe_read_kernel(&ip, sizeof ip, head + network) ||
		    ip.version_class >> 4 != 6)
			return false;
		__builtin_memcpy(from, ip.saddr, sizeof from);
		__builtin_memcpy(to, ip.daddr, sizeof to);
		protocol = ip.nexthdr;
		transport = network + sizeof ip;
		family = 6;
	} else {
		return false;
	}
	if (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP) {
		if (transport + sizeof ports > tail || bpf_probe_read_kernel(&ports, sizeof ports, head + transport))
			return false;
	}
	if (reverse)
		fg_event_key(event, to, bpf_ntohs(ports.dest), from, bpf_ntohs(ports.source), protocol, family);
	else
		fg_event_key(event, from, bpf_ntohs(ports.source), to, bpf_ntohs(ports.dest), protocol, family);
	return true;
}

/* A socket that is one end of one conversation, so that its addresses are those of the packet. */
static __always_inline bool fg_has_peer(const struct sock *sk)
{
	return sk->__sk_common.skc_state != TCP_LISTEN && sk->__sk_common.skc_num && sk->__sk_common.skc_dport;
}

/* Runs when a RST is sent: softirq in answer to a segment, or the closer's context. 0.3 µs. Since 4.15; without a
 * socket (a SYN to a closed port) only since 6.10. The socket may be a TIME_WAIT or request socket. */
SEC("tp_btf/tcp_send_reset")
int BPF_PROG(fg_send_reset, struct sock *sk, struct sk_buff *skb)
{
	struct fg_event event = {};

	if (!cfg_latency)
		return 0;
	if (sk && fg_has_peer(sk)) {
		if (!fg_serves(sk))
			return 0;
		fg_event_of(&event, FG_EVENT_RESET_SENT, sk, IPPROTO_TCP, true);
		fg_emit_event(&event);
		return 0;
	}
	if (!skb || skb->dev->nd_net.net->ns.inum != cfg_netns || !fg_event_skb(&event, skb, true))
		return 0;
	event.kind = FG_EVENT_RESET_SENT;
	event.at_ns = bpf_ktime_get_boot_ns();
	fg_emit_event(&event);
	return 0;
}

/* Runs when a socket received a RST that it accepts: softirq. 0.3 µs. Since 4.15. */
SEC("tp_btf/tcp_receive_reset")
int BPF_PROG(fg_receive_reset, struct sock *sk)
{
	struct fg_event event = {};

	if (!cfg_latency || !fg_serves(sk))
		return 0;
	fg_event_of(&event, FG_EVENT_RESET_RECEIVED, sk, IPPROTO_TCP, false);
	event.b = sk->__sk_common.skc_state;
	fg_emit_event(&event);
	return 0;
}

/* False for reasons that are no loss or say nothing: freed normally, no reason given, or left in a queue when its
 * socket went (the FIN of every connection that the peer closed first). */
static __always_inline bool fg_is_drop(__u32 reason)
{
	return reason != SKB_NOT_DROPPED_YET && !FG_REASON_IS(reason, SKB_DROP_REASON_NOT_SPECIFIED) &&
	       !FG_REASON_IS(reason, SKB_CONSUMED) && !FG_REASON_IS(reason, SKB_DROP_REASON_QUEUE_PURGE);
}

/* Raw sockets take copies of ICMP; what is left over when no ping socket wants it is freed as NO_SOCKET. */
static __always_inline bool fg_is_left_over(__u32 reason, __u8 protocol)
{
	return (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6) &&
	       FG_REASON_IS(reason, SKB_DROP_REASON_NO_SOCKET);
}

/* Wire packets in an skb. */
static __always_inline __u32 fg_skb_packets(const struct sk_buff *skb)
{
	struct skb_shared_info *shared = (void *)(BPF_CORE_READ(skb, head) + BPF_CORE_READ(skb, end));
	__u32 segments = BPF_CORE_READ(shared, gso_segs);

	return segments ? segments : 1;
}

/* Runs for every skb that is freed other than as consumed: any context. 5 ns when the reason is none of ours, 0.4 µs
 * for a drop. Since 2.6.30, with reasons since 5.17, with the receiving socket (rx_sk) since 6.10. */
SEC("tp_btf/kfree_skb")
int fg_kfree_skb(__u64 *ctx)
{
	__u32 reason = ctx[2];
	struct fg_event event = {.kind = FG_EVENT_DROP};
	struct sock *sk = NULL, *sender;
	struct sk_buff *skb;

	if (!cfg_latency || !fg_is_drop(reason))
		return 0;
	skb = (struct sk_buff *)ctx[0];
	if (bpf_core_field_exists(struct trace_event_raw_kfree_skb, rx_sk))
		sk = (struct sock *)ctx[3];
	event.a = reason;
	event.b = fg_skb_packets(skb);
	event.at_ns = bpf_ktime_get_boot_ns();
	if (sk) {
		if (!fg_serves(sk))
			return 0;
		if (fg_has_peer(sk))
			event.cookie = bpf_get_socket_cookie(sk);
		if (!fg_event_skb(&event, skb, false)) {
			struct fg_ends ends;

			if (!fg_has_peer(sk))
				return 0;
			fg_ends_of(&sk->__sk_common, &ends);
			fg_event_key(&event, ends.remote, ends.remote_port, ends.local, ends.local_port, sk->sk_protocol,
				     ends.family);
		}
		fg_emit_event(&event);
		return 0;
	}
	/* Received, forwarded or sent: the device says whose it is. While it crosses a veth the sender's socket hangs on
	 * it, so that one counts only for an skb without a device. */
	sender = skb->sk;
	if (skb->dev) {
		if (skb->dev->nd_net.net->ns.inum != cfg_netns)
			return 0;
	} else if (!sender || !fg_serves(sender)) {
		return 0;
	}
	if (!fg_event_skb(&event, skb, false)) {
		struct fg_ends ends;

		if (!sender || !fg_serves(sender) || !fg_has_peer(sender))
			return 0;
		fg_ends_of(&sender->__sk_common, &ends);
		fg_event_key(&event, ends.local, ends.local_port, ends.remote, ends.remote_port, sender->sk_protocol,
			     ends.family);
	}
	if (!fg_is_left_over(reason, event.key.protocol))
		fg_emit_event(&event);
	return 0;
}

/* Runs when a datagram found its socket's receive buffer full: softirq. 0.3 µs. Since 3.1, with the skb since 6.10. */
SEC("tp_btf/udp_fail_queue_rcv_skb")
int fg_udp_fail(__u64 *ctx)
{
	int rc = (int)ctx[0];
	struct sock *sk = (struct sock *)ctx[1];
	struct fg_event event = {.kind = FG_EVENT_UDP_RECEIVE_FAIL, .a = -rc};

	if (!cfg_latency || !fg_serves(sk))
		return 0;
	event.at_ns = bpf_ktime_get_boot_ns();
	event.cookie = bpf_get_socket_cookie(sk);
	if (!bpf_core_field_exists(struct trace_event_raw_udp_fail_queue_rcv_skb, sport) ||
	    !fg_event_skb(&event, (struct sk_buff *)ctx[2], false)) {
		struct fg_ends ends;

		fg_ends_of(&sk->__sk_common, &ends);
		if (fg_has_peer(sk))
			fg_event_key(&event, ends.remote, ends.remote_port, ends.local, ends.local_port, IPPROTO_UDP,
				     ends.family);
	}
	fg_emit_event(&event);
	return 0;
}

/* Runs when a socket is told of an error (ICMP, timeout, reset): softirq or its user's context. 0.3 µs. Since 5.15. */
SEC("tp_btf/inet_sk_error_report")
int BPF_PROG(fg_error_report, struct sock *sk)
{
	struct fg_event event = {};

	if (!cfg_latency || !fg_serves(sk))
		return 0;
	fg_event_of(&event, FG_EVENT_SOCKET_ERROR, sk, sk->sk_protocol, false);
	event.a = sk->sk_err;
	fg_emit_event(&event);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
