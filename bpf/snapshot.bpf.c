// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What existed before we attached. The helper attaches first and then reads these, so that nothing falls between; the
 * reader merges by cookie, and by pid and start. Each read() runs the program for as many objects as fit, in the
 * reader's context; records are those of state_ring (struct fg_ring_header and what it names). An object whose record
 * does not fit is shown again in the next read.
 */
#include "kernel.h"
#include "maps.h"
#include "process.h"
#include "socket.h"

/* Runs for every open file of every process: sends the sockets of our namespace with their owner, and fills their
 * storage, so that the owner is known when they are used next. A socket in several processes is sent with each; storage
 * keeps the first. 20 ns a file, 0.5 µs a socket. Since 5.8, bpf_sock_from_file since 5.11. */
SEC("iter/task_file")
int fg_iter_files(struct bpf_iter__task_file *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct fg_ring_socket record = {
		.header = {.type = FG_FRAME_SOCKETS, .length = sizeof record.event},
		.event = {.kind = FG_SOCKET_SNAPSHOT},
	};
	struct fg_socket_state *state;
	struct socket *socket;
	struct tcp_sock *tp;
	struct sock *sk;

	if (!task || !file)
		return 0;
	socket = bpf_sock_from_file(file);
	if (!socket)
		return 0;
	sk = socket->sk;
	if (!sk || !fg_serves(sk))
		return 0;
	state = bpf_sk_storage_get(&sockets, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	record.event.at_ns = bpf_ktime_get_boot_ns();
	record.event.netns = cfg_netns;
	fg_event_sock(&record.event, sk, state);
	if (sk->sk_protocol == IPPROTO_TCP) {
		tp = bpf_skc_to_tcp_sock(sk);
		if (tp)
			fg_event_tcp(&record.event, tp);
	}
	if (task->flags & PF_KTHREAD) {
		record.event.flags |= FG_SOCKET_KERNEL_THREAD;
	} else {
		fg_owner(&record.event, task, FG_OWNER_SNAPSHOT);
		if (state && !state->tgid)
			fg_owner_changed(state, task);
	}
	bpf_seq_write(seq, &record, sizeof record);
	return 0;
}

/* A socket that has no file though it is one that programs use: the kernel's own (NFS, tunnels). */
static __always_inline bool fg_kernels_own(struct socket *socket)
{
	return socket && !BPF_CORE_READ(socket, file);
}

/* Runs for every TCP socket of the reader's namespace: sends those that no file leads to, which are requests
 * (SYN_RECV), TIME_WAIT, orphans (closed by their process, or not accepted yet), and the kernel's own. 0.3 µs each.
 * Since 5.9. */
SEC("iter/tcp")
int fg_iter_tcp(struct bpf_iter__tcp *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct sock_common *common = ctx->sk_common;
	struct fg_ring_socket record = {
		.header = {.type = FG_FRAME_SOCKETS, .length = sizeof record.event},
		.event = {.kind = FG_SOCKET_SNAPSHOT, .protocol = IPPROTO_TCP},
	};
	struct socket *socket;
	struct fg_ends ends;
	struct tcp_sock *tp;

	if (!common)
		return 0;
	record.event.new_state = common->skc_state;
	if (common->skc_state == TCP_TIME_WAIT) {
		record.event.flags = FG_SOCKET_TIME_WAIT;
	} else if (common->skc_state == TCP_NEW_SYN_RECV) {
		record.event.flags = FG_SOCKET_REQUEST;
		record.event.new_state = TCP_SYN_RECV;
	} else {
		tp = bpf_skc_to_tcp_sock(common);
		if (!tp)
			return 0;
		socket = BPF_CORE_READ((struct sock *)tp, sk_socket);
		if (fg_kernels_own(socket))
			record.event.flags = FG_SOCKET_KERNEL_THREAD;
		else if (socket)
			return 0;
		fg_event_tcp(&record.event, tp);
	}
	fg_ends_of(common, &ends);
	fg_event_ends(&record.event, &ends);
	record.event.at_ns = bpf_ktime_get_boot_ns();
	record.event.netns = cfg_netns;
	record.event.cookie = bpf_get_socket_cookie(common);
	record.event.uid = ctx->uid;
	record.event.bound_ifindex = common->skc_bound_dev_if;
	bpf_seq_write(seq, &record, sizeof record);
	return 0;
}

/* Runs for every UDP socket of the reader's namespace: sends the kernel's own, such as a tunnel's. 50 ns each. Since 5.9. */
SEC("iter/udp")
int fg_iter_udp(struct bpf_iter__udp *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct sock *sk = (struct sock *)ctx->udp_sk;
	struct fg_ring_socket record = {
		.header = {.type = FG_FRAME_SOCKETS, .length = sizeof record.event},
		.event = {.kind = FG_SOCKET_SNAPSHOT, .flags = FG_SOCKET_KERNEL_THREAD},
	};

	if (!sk || !fg_kernels_own(BPF_CORE_READ(sk, sk_socket)))
		return 0;
	record.event.at_ns = bpf_ktime_get_boot_ns();
	record.event.netns = cfg_netns;
	fg_event_sock(&record.event, sk, NULL);
	bpf_seq_write(seq, &record, sizeof record);
	return 0;
}

/* Where a process's record is put together; one reader at a time. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct fg_process_record);
} snapshot_scratch SEC(".maps");

/* The record for a thread group of user space, without strings yet. NULL for threads and kernel threads. */
static __always_inline struct fg_process_record *fg_snapshot(struct task_struct *task)
{
	__u32 zero = 0;
	struct fg_process_record *r;

	if (task->pid != task->tgid || !task->mm)
		return NULL;
	r = bpf_map_lookup_elem(&snapshot_scratch, &zero);
	if (!r)
		return NULL;
	fg_process_of(&r->process, task);
	r->process.kind = FG_PROCESS_SNAPSHOT;
	return r;
}

static __always_inline void fg_snapshot_write(struct seq_file *seq, struct fg_process_record *r, __u32 used)
{
	bpf_seq_write(seq, r, fg_process_close(r, used));
}

/* Runs for every task: sends each thread group with the kernel's own path of its executable. Also read after execs, to
 * complete their exe. 1 µs a process. Since 5.8, bpf_d_path since 5.10. */
SEC("iter/task")
int fg_iter_tasks(struct bpf_iter__task *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct task_struct *task = ctx->task;
	struct fg_process_record *r;
	struct mm_struct *mm;
	struct file *exe;
	__u32 used = 0;
	long read;

	if (!task)
		return 0;
	r = fg_snapshot(task);
	if (!r)
		return 0;
	mm = task->mm;
	if (!mm)
		return 0;
	exe = mm->exe_file;
	if (exe) {
		read = bpf_d_path(&exe->f_path, (char *)r->strings, FG_PATH_MAX);
		if (read > 1 && read <= FG_PATH_MAX) {
			used = read - 1;
			r->process.exe_length = used;
			r->process.flags |= FG_PROCESS_EXE_RESOLVED;
		} else if (read < 0) { /* -ENAMETOOLONG */
			r->process.flags |= FG_PROCESS_EXE_CUT;
		}
	}
	fg_snapshot_write(seq, r, used);
	return 0;
}

/* Runs for every task: sends argv of each thread group, without exe. A program of its own because it must be allowed
 * to sleep for the pages of argv, and one that may sleep is refused bpf_d_path of another task's file. 1 to 3 µs a
 * process. Since 5.18 (bpf_copy_from_user_task). */
SEC("iter.s/task")
int fg_iter_args(struct bpf_iter__task *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct task_struct *task = ctx->task;
	struct fg_process_record *r;
	__u64 start, length;

	if (!task || !cfg_args)
		return 0;
	r = fg_snapshot(task);
	if (!r)
		return 0;
	start = task->mm->arg_start;
	length = task->mm->arg_end - start;
	if (length > FG_ARGS_MAX) {
		length = FG_ARGS_MAX;
		r->process.flags |= FG_PROCESS_ARGS_CUT;
	}
	if (!length || bpf_copy_from_user_task(r->strings, fg_bounded(length, FG_ARGS_MAX), (void *)start, task, 0))
		return 0;
	length = fg_bounded(length, FG_ARGS_MAX);
	r->process.args_length = length;
	fg_snapshot_write(seq, r, length);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
