/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the socket hooks and the snapshots share: whose socket, which addresses, which process, the records. */
#ifndef FLOWGLASS_SOCKET_H
#define FLOWGLASS_SOCKET_H

#include "emit.h"

/* ---- whose ------------------------------------------------------------------------------------------------- */

/* Is this a socket of the network namespace that we serve? Needs struct sock_common only: also request and
 * TIME_WAIT sockets. */
static __always_inline bool fg_serves(const struct sock *sk)
{
	__u16 family = sk->__sk_common.skc_family;

	return (family == AF_INET || family == AF_INET6) && sk->__sk_common.skc_net.net->ns.inum == cfg_netns;
}

static __always_inline bool fg_current_serves(struct task_struct *task)
{
	return task->nsproxy->net_ns->ns.inum == cfg_netns;
}

/* ---- addresses --------------------------------------------------------------------------------------------- */

/* The two ends of a socket. IPv4 in the first four bytes, v4-mapped given as IPv4. */
struct fg_ends {
	__u64 local[2];
	__u64 remote[2];
	__u16 local_port;
	__u16 remote_port;
	__u8 family; /* 4 or 6 */
};

static __always_inline bool fg_v4_mapped(const __u64 *address)
{
	return !address[0] && (__u32)address[1] == bpf_htonl(0xffff);
}

static __always_inline void fg_unmap(__u64 *address)
{
	address[0] = address[1] >> 32; /* of the unspecified address: 0 */
	address[1] = 0;
}

static __always_inline void fg_ends_of(const struct sock_common *sk, struct fg_ends *e)
{
	e->local_port = sk->skc_num;
	e->remote_port = bpf_ntohs(sk->skc_dport);
	e->family = 4;
	e->local[0] = e->local[1] = e->remote[0] = e->remote[1] = 0;
	if (sk->skc_family == AF_INET) {
		e->local[0] = sk->skc_rcv_saddr;
		e->remote[0] = sk->skc_daddr;
	} else {
		bpf_probe_read_kernel(e->local, sizeof e->local, &sk->skc_v6_rcv_saddr);
		bpf_probe_read_kernel(e->remote, sizeof e->remote, &sk->skc_v6_daddr);
		if (fg_v4_mapped(e->local) || fg_v4_mapped(e->remote)) {
			fg_unmap(e->local);
			fg_unmap(e->remote);
		} else {
			e->family = 6;
		}
	}
}

/* The same of a full socket. When it is closed its port is given back, but the copy that goes into headers stays. */
static __always_inline void fg_ends_of_sock(struct sock *sk, struct fg_ends *e)
{
	fg_ends_of(&sk->__sk_common, e);
	if (!e->local_port)
		e->local_port = bpf_ntohs(BPF_CORE_READ((struct inet_sock *)sk, inet_sport));
}

/* Fills an event's key for what travels between two ends, and the flag of its direction. */
static __always_inline void fg_event_key(struct fg_event *event, const __u64 *from, __u16 from_port, const __u64 *to,
					 __u16 to_port, __u8 protocol, __u8 family)
{
	__u64 a0 = bpf_be64_to_cpu(from[0]), b0 = bpf_be64_to_cpu(to[0]);
	__u64 a1 = bpf_be64_to_cpu(from[1]), b1 = bpf_be64_to_cpu(to[1]);
	bool swap = a0 != b0 ? a0 > b0 : a1 != b1 ? a1 > b1 : from_port > to_port;

	__builtin_memcpy(event->key.lo_address, swap ? to : from, 16);
	__builtin_memcpy(event->key.hi_address, swap ? from : to, 16);
	event->key.lo_port = swap ? to_port : from_port;
	event->key.hi_port = swap ? from_port : to_port;
	event->key.iface = FG_IFACE_NONE;
	event->epoch = cfg_netns; /* whose interfaces it may be */
	event->key.protocol = protocol;
	event->key.family = family;
	event->flags |= FG_EVENT_KEYED | (swap ? FG_EVENT_HI_TO_LO : 0);
}

/* ---- processes --------------------------------------------------------------------------------------------- */

static __always_inline void fg_owner(struct fg_socket_event *event, struct task_struct *task, __u8 source)
{
	struct task_struct *leader = task->group_leader;

	event->source = source;
	event->pid = task->tgid;
	event->tid = task->pid;
	event->process_start_ns = leader->start_boottime;
	bpf_probe_read_kernel(event->comm, sizeof event->comm, leader->comm);
}

/* Remembers an owner. False when it was the known one already, running the same program. */
static __always_inline bool fg_owner_changed(struct fg_socket_state *state, struct task_struct *task)
{
	__u32 tgid = task->tgid, exec_id = task->self_exec_id;
	__u64 start = task->group_leader->start_boottime;

	if (state->tgid == tgid && state->process_start_ns == start && state->exec_id == exec_id)
		return false;
	state->tgid = tgid;
	state->exec_id = exec_id;
	state->process_start_ns = start;
	return true;
}

/* ---- records ----------------------------------------------------------------------------------------------- */

/* A record of state_ring, zero but for what every socket event has; NULL (and counted) when the ring is full. */
static __always_inline struct fg_ring_socket *fg_socket_record(__u8 kind, __u64 now)
{
	struct fg_ring_socket *record = bpf_ringbuf_reserve(&state_ring, sizeof *record, 0);

	if (!record) {
		fg_lost_state();
		return NULL;
	}
	__builtin_memset(record, 0, sizeof *record);
	record->header.type = FG_FRAME_SOCKETS;
	record->header.length = sizeof record->event;
	record->event.kind = kind;
	record->event.at_ns = now;
	record->event.netns = cfg_netns;
	return record;
}

static __always_inline void fg_event_ends(struct fg_socket_event *event, const struct fg_ends *e)
{
	__builtin_memcpy(event->local_address, e->local, 16);
	__builtin_memcpy(event->remote_address, e->remote, 16);
	event->local_port = e->local_port;
	event->remote_port = e->remote_port;
	event->family = e->family;
}

static __always_inline void fg_event_tcp(struct fg_socket_event *event, const struct tcp_sock *tp)
{
	event->srtt_us = tp->srtt_us >> 3;
	event->total_retrans = tp->total_retrans;
	event->bytes_acked = tp->bytes_acked;
	event->bytes_received = tp->bytes_received;
}

/* What a full socket says of itself. */
static __always_inline void fg_event_sock(struct fg_socket_event *event, struct sock *sk,
					  const struct fg_socket_state *state)
{
	struct fg_ends ends;

	fg_ends_of_sock(sk, &ends);
	event->protocol = sk->sk_protocol;
	if (sk->sk_type == SOCK_RAW)
		ends.local_port = 0; /* skc_num is the protocol */
	fg_event_ends(event, &ends);
	event->new_state = sk->__sk_common.skc_state;
	event->cookie = bpf_get_socket_cookie(sk);
	event->uid = sk->sk_uid.val;
	event->bound_ifindex = sk->__sk_common.skc_bound_dev_if;
	if (state)
		event->created_ns = state->created_ns;
}

/* ---- events of event_ring ---------------------------------------------------------------------------------- */

/* An event of event_ring about a socket: its cookie, key (from local to remote, or back) and time. */
static __always_inline void fg_event_of(struct fg_event *event, __u16 kind, struct sock *sk, __u8 protocol, bool outgoing)
{
	struct fg_ends ends;

	event->kind = kind;
	event->at_ns = bpf_ktime_get_boot_ns();
	event->cookie = bpf_get_socket_cookie(sk);
	if (sk->__sk_common.skc_state == TCP_TIME_WAIT || sk->__sk_common.skc_state == TCP_NEW_SYN_RECV)
		fg_ends_of(&sk->__sk_common, &ends);
	else
		fg_ends_of_sock(sk, &ends);
	if (outgoing)
		fg_event_key(event, ends.local, ends.local_port, ends.remote, ends.remote_port, protocol, ends.family);
	else
		fg_event_key(event, ends.remote, ends.remote_port, ends.local, ends.local_port, protocol, ends.family);
}

#endif
