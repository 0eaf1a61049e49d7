/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What process hooks and snapshots share: struct fg_process of a thread group. */
#ifndef FLOWGLASS_PROCESS_H
#define FLOWGLASS_PROCESS_H

#include "emit.h"

#define FG_STRINGS_BYTES 8192 /* a power of two above 2 * FG_PATH_MAX + FG_ARGS_MAX */

/* Room for one record with its strings and padding. */
struct fg_process_record {
	struct fg_ring_header header;
	struct fg_process process;
	__u8 strings[FG_STRINGS_BYTES + FG_ARGS_MAX];
};

/* Everything but kind, strings and exit code. The identity is that of the thread group's leader. */
static __always_inline void fg_process_of(struct fg_process *p, struct task_struct *task)
{
	struct task_struct *leader = task->group_leader, *parent = leader->real_parent;

	p->flags = 0;
	p->record_length = sizeof *p;
	p->at_ns = bpf_ktime_get_boot_ns();
	p->start_ns = leader->start_boottime;
	p->parent_start_ns = parent->group_leader->start_boottime;
	p->cgroup_id = leader->cgroups->dfl_cgrp->kn->id;
	p->pid = leader->tgid;
	p->parent_pid = parent->tgid;
	p->uid = leader->cred->uid.val;
	p->netns = leader->nsproxy->net_ns->ns.inum; /* 0 once it has left its namespaces */
	p->exit_code = 0;
	p->exe_length = p->file_length = p->args_length = p->reserved = 0;
	p->reserved2 = 0;
	bpf_probe_read_kernel(p->comm, sizeof p->comm, leader->comm);
}

/* Where the next string goes. The mask changes nothing; it is for the verifier of 6.1, which follows paths on which the
 * bounds it knows contradict each other. */
static __always_inline __u8 *fg_process_string(struct fg_process_record *r, __u32 used)
{
	barrier_var(used);
	return r->strings + (used & (FG_STRINGS_BYTES - 1));
}

/* Closes a record whose strings end at `used`: padding and lengths. The whole length, at most the record's size. */
static __always_inline __u32 fg_process_close(struct fg_process_record *r, __u32 used)
{
	__u32 length;

	*(__u64 *)fg_process_string(r, used) = 0;
	barrier_var(used);
	length = ((used & (FG_STRINGS_BYTES - 1)) + 7) & ~7U;
	r->header.type = FG_FRAME_PROCESSES;
	r->header.length = r->process.record_length = sizeof r->process + length;
	return sizeof r->header + sizeof r->process + length;
}

#endif
