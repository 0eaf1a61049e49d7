// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Processes: when thread groups begin, run another program, and end. Process numbers are those of the initial pid
 * namespace; with the leader's start time they are the identity.
 */
#include "kernel.h"
#include "maps.h"
#include "process.h"

/* Where an exec's record is put together. Only fg_exec uses it, and it does not run again on a CPU before it is done. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct fg_process_record);
} exec_scratch SEC(".maps");

static __always_inline int fg_process_event(__u16 kind, struct task_struct *task, __s32 exit_code)
{
	struct fg_ring_process *r = bpf_ringbuf_reserve(&state_ring, sizeof *r, 0);

	if (!r) {
		fg_lost_state();
		return 0;
	}
	r->header.type = FG_FRAME_PROCESSES;
	r->header.length = sizeof r->process;
	fg_process_of(&r->process, task);
	r->process.kind = kind;
	r->process.exit_code = exit_code;
	bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
	return 0;
}

/* Runs when a task was created, before it runs: in the parent's context. 0.4 µs for a process, a comparison for a
 * thread. Since 2.6.28. */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(fg_fork, struct task_struct *parent, struct task_struct *child)
{
	if (child->pid != child->tgid)
		return 0;
	return fg_process_event(FG_PROCESS_FORKED, child, 0);
}

/* Runs when a task ends, before it leaves its address space: in its own context. The last thread's end is that of the
 * group; should two end at once, both may report it. 0.4 µs. Since 2.6.28, tells the last one since 6.16. */
SEC("tp_btf/sched_process_exit")
int fg_exit(__u64 *ctx)
{
	struct task_struct *task = (struct task_struct *)ctx[0];
	struct signal_struct *signal = task->signal;

	if (bpf_core_field_exists(struct trace_event_raw_sched_process_exit, group_dead)) {
		if (!(bool)ctx[1])
			return 0;
	} else if (signal->live.counter) {
		return 0;
	}
	return fg_process_event(FG_PROCESS_EXITED, task,
				signal->flags & SIGNAL_GROUP_EXIT ? signal->group_exit_code
								  : task->group_leader->exit_code);
}

/* Runs when an execve succeeded, in the new image: in its context. 1 to 3 µs, most for argv, whose pages execve has
 * just written. Since 3.4. */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(fg_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	__u32 zero = 0, used = 0, length;
	struct fg_process_record *r = bpf_map_lookup_elem(&exec_scratch, &zero);
	struct mm_struct *mm = task->mm;
	long read;

	if (!r)
		return 0;
	fg_process_of(&r->process, task);
	r->process.kind = FG_PROCESS_EXECED;

	/* What runs: the interpreter of a script, else the file itself. */
	read = bpf_probe_read_kernel_str(r->strings, FG_PATH_MAX, bprm->interp);
	if (read > 1 && read <= FG_PATH_MAX) {
		used = read - 1;
		if (read == FG_PATH_MAX)
			r->process.flags |= FG_PROCESS_EXE_CUT;
	}
	r->process.exe_length = used;
	read = bpf_probe_read_kernel_str(fg_process_string(r, used), FG_PATH_MAX, bprm->filename);
	if (read > 1 && read <= FG_PATH_MAX) {
		r->process.file_length = read - 1;
		used += read - 1;
	}
	if (cfg_args && mm) {
		__u64 start = mm->arg_start, end = mm->arg_end;

		length = end - start > FG_ARGS_MAX ? FG_ARGS_MAX : end - start;
		if (end - start > FG_ARGS_MAX)
			r->process.flags |= FG_PROCESS_ARGS_CUT;
		if (length && !bpf_probe_read_user(fg_process_string(r, used), fg_bounded(length, FG_ARGS_MAX),
						   (void *)start)) {
			r->process.args_length = length;
			used += length;
		}
	}
	if (bpf_ringbuf_output(&state_ring, r, fg_process_close(r, used), BPF_RB_NO_WAKEUP))
		fg_lost_state();
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
