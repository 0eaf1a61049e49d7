// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "kernel.h"
#include "maps.h"

SEC("iter/task_file")
int fg_iter_files(struct bpf_iter__task_file *ctx)
{
	(void)ctx;
	return 0;
}

SEC("iter/tcp")
int fg_iter_tcp(struct bpf_iter__tcp *ctx)
{
	(void)ctx;
	return 0;
}

SEC("iter/task")
int fg_iter_tasks(struct bpf_iter__task *ctx)
{
	(void)ctx;
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
