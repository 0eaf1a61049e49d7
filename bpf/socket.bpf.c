// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Sockets: life, states, owners.
 *
 * The current task is trusted as a socket's owner only where the kernel runs the hook in the owner's own system call
 * (fg_owner's callers). Everywhere else it is whoever was interrupted.
 *
 * Tracepoints are taken as tp_btf (since 5.5).
 */
#include "kernel.h"
#include "maps.h"
#include "socket.h"

static __always_inline bool fg_is_tcp(const struct sock *sk)
{
	return sk->sk_protocol == IPPROTO_TCP;
}

/* ---- life and states --------------------------------------------------------------------------------------- */

/* Runs in socket(), before the caller can use the socket: process context, cgroup2 root and below. Not for accepted
 * children, not for kernel sockets. Once a socket, about 0.4 µs. Since 4.10, with socket storage since 5.8. */
SEC("cgroup/sock_create")
int fg_sock_create(struct bpf_sock *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct fg_socket_state *state;
	struct fg_ring_socket *record;

	if (!cfg_sockets || (ctx->family != AF_INET && ctx->family != AF_INET6) || !fg_current_serves(task))
		return 1;
	state = bpf_sk_storage_get(&sockets, ctx, 0, BPF_SK_STORAGE_GET_F_CREATE);
	record = fg_socket_record(FG_SOCKET_CREATED, bpf_ktime_get_boot_ns());
	if (!record)
		return 1;
	record->event.cookie = bpf_get_socket_cookie(ctx);
	record->event.created_ns = record->event.at_ns;
	record->event.protocol = ctx->protocol;
	record->event.new_state = TCP_CLOSE;
	record->event.uid = task->cred->uid.val;
	fg_owner(&record->event, task, FG_OWNER_CREATE);
	if (state) {
		state->created_ns = record->event.at_ns;
		fg_owner_changed(state, task);
	}
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	return 1;
}

/* Runs when the last descriptor of a socket is closed: in the closer's context. Not for kernel sockets. Once a socket,
 * about 0.3 µs. Since 5.9. The addresses cannot be read here; earlier events told them. */
SEC("cgroup/sock_release")
int fg_sock_release(struct bpf_sock *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct fg_socket_state *state = bpf_sk_storage_get(&sockets, ctx, 0, 0);
	struct fg_ring_socket *record;

	if (!state || task->flags & PF_KTHREAD) /* without state: of another namespace, or before our time */
		return 1;
	/* A TCP socket's end is told by its states; who closed it is news only when it is not the known owner. */
	if (ctx->protocol == IPPROTO_TCP && !fg_owner_changed(state, task))
		return 1;
	record = fg_socket_record(FG_SOCKET_RELEASED, bpf_ktime_get_boot_ns());
	if (!record)
		return 1;
	record->event.cookie = bpf_get_socket_cookie(ctx);
	record->event.created_ns = state->created_ns;
	record->event.protocol = ctx->protocol;
	fg_owner(&record->event, task, FG_OWNER_RELEASE);
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	return 1;
}

/* CONNECT: `elapsed` since the SYN. */
static __always_inline void fg_connected(struct sock *sk, __u64 elapsed)
{
	struct fg_event event = {};

	fg_event_of(&event, FG_EVENT_CONNECT, sk, sk->sk_protocol, true);
	event.value = elapsed;
	event.b = TCP_ESTABLISHED;
	fg_emit_event(&event);
}

/* Runs at every state change of a TCP, SCTP, DCCP or MPTCP socket: in the owner's context for connect and listen, in
 * softirq or anyone's for all others. About 0.3 µs each, five to eight a connection. Since 4.16. */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(fg_state, struct sock *sk, int old_state, int new_state)
{
	struct task_struct *task = bpf_get_current_task_btf();
	bool active = old_state == TCP_CLOSE && (new_state == TCP_SYN_SENT || new_state == TCP_LISTEN);
	struct fg_socket_state *state;
	struct fg_ring_socket *record;
	__u64 now;

	if (!cfg_sockets || !fg_serves(sk))
		return 0;
	/* A child is cloned from its listener and still has the listener's ports; inet_csk_clone_lock fills in its own
	 * and its cookie after this. SYN_RECV to ESTABLISHED follows. */
	if (old_state == TCP_LISTEN && new_state == TCP_SYN_RECV)
		return 0;
	now = bpf_ktime_get_boot_ns();
	state = bpf_sk_storage_get(&sockets, sk, 0, new_state == TCP_CLOSE ? 0 : BPF_SK_STORAGE_GET_F_CREATE);
	if (state) {
		if (old_state == TCP_SYN_RECV && !state->created_ns)
			state->created_ns = now;
		if (active && !(task->flags & PF_KTHREAD))
			fg_owner_changed(state, task);
		if (new_state == TCP_SYN_SENT)
			state->connect_ns = now;
		else if (old_state == TCP_SYN_SENT && new_state == TCP_ESTABLISHED && state->connect_ns && cfg_latency)
			fg_connected(sk, now - state->connect_ns);
	}
	record = fg_socket_record(FG_SOCKET_STATE, now);
	if (!record)
		return 0;
	fg_event_sock(&record->event, sk, state);
	record->event.old_state = old_state;
	record->event.new_state = new_state;
	if (active && task->flags & PF_KTHREAD)
		record->event.flags |= FG_SOCKET_KERNEL_THREAD;
	else if (active)
		fg_owner(&record->event, task, new_state == TCP_LISTEN ? FG_OWNER_LISTEN : FG_OWNER_CONNECT);
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	return 0;
}

/* ---- owners ------------------------------------------------------------------------------------------------ */

/* Reports who used the socket when it is another than the last known, and a datagram socket's addresses when they are
 * new. The usual case is one storage lookup and a comparison. What we know of the socket, NULL = nothing. */
static __always_inline struct fg_socket_state *fg_used(struct sock *sk, __u8 source)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct fg_socket_state *state;
	struct fg_ring_socket *record;
	bool changed;

	if (!cfg_sockets || !fg_serves(sk) || task->flags & PF_KTHREAD)
		return NULL;
	state = bpf_sk_storage_get(&sockets, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!state)
		return NULL;
	changed = fg_owner_changed(state, task);
	if (!fg_is_tcp(sk)) {
		__u32 ports = sk->__sk_common.skc_portpair;
		__u32 peer = sk->__sk_common.skc_family == AF_INET ? sk->__sk_common.skc_daddr
								  : sk->__sk_common.skc_v6_daddr.in6_u.u6_addr32[3];

		if (state->ports != ports || state->peer != peer) {
			state->ports = ports;
			state->peer = peer;
			changed = true;
		}
	}
	if (!changed)
		return state;
	record = fg_socket_record(FG_SOCKET_OWNER, bpf_ktime_get_boot_ns());
	if (!record) {
		state->tgid = 0; /* say it again next time */
		return state;
	}
	fg_event_sock(&record->event, sk, state);
	fg_owner(&record->event, task, source);
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	return state;
}

/* Runs when a send on a socket of any family returns, also write and sendfile: in the sender's context. About 25 ns.
 * Since 6.3. */
SEC("tp_btf/sock_send_length")
int BPF_PROG(fg_send_length, struct sock *sk)
{
	fg_used(sk, FG_OWNER_SEND);
	return 0;
}

/* Runs when a receive on a socket of any family returns, also with an error, 0, or MSG_PEEK: in the receiver's
 * context. Not for splice. About 25 ns, and as much again on a TCP socket for the clock: when it last read is where the
 * time in our kernel ends and that in the application begins (fg_turned). Since 6.3. */
SEC("tp_btf/sock_recv_length")
int BPF_PROG(fg_recv_length, struct sock *sk, int ret, int flags)
{
	struct fg_socket_state *state = fg_used(sk, FG_OWNER_RECEIVE);

	if (state && cfg_latency && ret > 0 && !(flags & MSG_PEEK) && fg_is_tcp(sk))
		state->read_ns = bpf_ktime_get_boot_ns();
	return 0;
}

/* The same from the cgroup hooks of datagrams with an address, for kernels without the two tracepoints. */
static __always_inline int fg_message(struct bpf_sock_addr *ctx, __u8 source)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct bpf_sock *sk = ctx->sk;
	struct fg_socket_state *state;
	struct fg_ring_socket *record;
	struct fg_ends ends = {.family = 4};
	__u32 ports;
	bool changed;

	if (!cfg_sockets || !sk || task->flags & PF_KTHREAD || !fg_current_serves(task))
		return 1;
	state = bpf_sk_storage_get(&sockets, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!state)
		return 1;
	ends.local_port = sk->src_port;
	ends.remote_port = bpf_ntohs(sk->dst_port);
	ports = (__u32)ends.local_port << 16 | ends.remote_port;
	changed = fg_owner_changed(state, task);
	if (!changed && state->ports == ports)
		return 1;
	state->ports = ports;
	record = fg_socket_record(FG_SOCKET_OWNER, bpf_ktime_get_boot_ns());
	if (!record) {
		state->tgid = 0;
		return 1;
	}
	if (sk->family == AF_INET) {
		ends.local[0] = sk->src_ip4;
		ends.remote[0] = sk->dst_ip4;
	} else {
		ends.local[0] = (__u64)sk->src_ip6[1] << 32 | sk->src_ip6[0];
		ends.local[1] = (__u64)sk->src_ip6[3] << 32 | sk->src_ip6[2];
		ends.remote[0] = (__u64)sk->dst_ip6[1] << 32 | sk->dst_ip6[0];
		ends.remote[1] = (__u64)sk->dst_ip6[3] << 32 | sk->dst_ip6[2];
		if (fg_v4_mapped(ends.local) || fg_v4_mapped(ends.remote)) {
			fg_unmap(ends.local);
			fg_unmap(ends.remote);
		} else {
			ends.family = 6;
		}
	}
	fg_event_ends(&record->event, &ends);
	record->event.protocol = sk->protocol;
	record->event.new_state = sk->state;
	record->event.cookie = bpf_get_socket_cookie(ctx);
	record->event.created_ns = state->created_ns;
	record->event.uid = task->cred->uid.val;
	fg_owner(&record->event, task, source);
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	return 1;
}

/* Runs in sendmsg and sendto of an IPv4 datagram with an address, before it is sent: in the sender's context. About
 * 50 ns. Since 4.18. Attached only where sock_send_length is missing. */
SEC("cgroup/sendmsg4")
int fg_sendmsg4(struct bpf_sock_addr *ctx)
{
	return fg_message(ctx, FG_OWNER_SEND);
}

/* The same for IPv6. Since 4.18. */
SEC("cgroup/sendmsg6")
int fg_sendmsg6(struct bpf_sock_addr *ctx)
{
	return fg_message(ctx, FG_OWNER_SEND);
}

/* Runs in recvmsg and recvfrom of an IPv4 datagram that asks for the address, after it was received: in the receiver's
 * context. About 50 ns. Since 5.2. Attached only where sock_recv_length is missing. */
SEC("cgroup/recvmsg4")
int fg_recvmsg4(struct bpf_sock_addr *ctx)
{
	return fg_message(ctx, FG_OWNER_RECEIVE);
}

/* The same for IPv6. Since 5.2. */
SEC("cgroup/recvmsg6")
int fg_recvmsg6(struct bpf_sock_addr *ctx)
{
	return fg_message(ctx, FG_OWNER_RECEIVE);
}

#ifdef __TARGET_ARCH_x86
enum { NR_accept = 43, NR_accept4 = 288 };
#endif

/* Runs when any system call of the machine returns: in the caller's context. Costs a null system call about 15 %, so
 * it is attached only on request (accept tracing). Since 5.5. Sockets are found through the descriptor table by plain
 * reads, for which there is no trusted pointer and no cookie helper; the raw cookie is 0 until someone asked for it,
 * as the egress hook did for the SYN-ACK. A socket without one is left to its first send or receive. */
SEC("tp_btf/sys_exit")
int BPF_PROG(fg_accept, struct pt_regs *regs, long ret)
{
#ifdef __TARGET_ARCH_x86
	struct task_struct *task = bpf_get_current_task_btf();
	struct fg_ring_socket *record;
	unsigned long number = regs->orig_ax;
	struct file **table, *file;
	struct fg_ends ends;
	struct socket *socket;
	struct sock *sk;
	__u64 cookie;

	if ((number != NR_accept && number != NR_accept4) || ret < 0 || !fg_current_serves(task))
		return 0;
	table = BPF_CORE_READ(task, files, fdt, fd);
	if ((__u64)ret >= BPF_CORE_READ(task, files, fdt, max_fds) ||
	    bpf_probe_read_kernel(&file, sizeof file, table + ret) || !file)
		return 0;
	socket = BPF_CORE_READ(file, private_data);
	if (BPF_CORE_READ(socket, file) != file) /* not a socket after all */
		return 0;
	sk = BPF_CORE_READ(socket, sk);
	cookie = BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
	if (!cookie || BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum) != cfg_netns)
		return 0;
	record = fg_socket_record(FG_SOCKET_OWNER, bpf_ktime_get_boot_ns());
	if (!record)
		return 0;
	__builtin_memset(&ends, 0, sizeof ends);
	ends.family = 4;
	ends.local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
	ends.remote_port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
	if (BPF_CORE_READ(sk, __sk_common.skc_family) == AF_INET) {
		ends.local[0] = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);
		ends.remote[0] = BPF_CORE_READ(sk, __sk_common.skc_daddr);
	} else {
		BPF_CORE_READ_INTO((struct in6_addr *)ends.local, sk, __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO((struct in6_addr *)ends.remote, sk, __sk_common.skc_v6_daddr);
		if (fg_v4_mapped(ends.local)) {
			fg_unmap(ends.local);
			fg_unmap(ends.remote);
		} else {
			ends.family = 6;
		}
	}
	fg_event_ends(&record->event, &ends);
	record->event.protocol = BPF_CORE_READ(sk, sk_protocol);
	record->event.new_state = BPF_CORE_READ(sk, __sk_common.skc_state);
	record->event.cookie = cookie;
	record->event.uid = BPF_CORE_READ(sk, sk_uid.val);
	fg_owner(&record->event, task, FG_OWNER_ACCEPT);
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
#endif
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
