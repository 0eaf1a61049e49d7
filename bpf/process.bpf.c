// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "kernel.h"
#include "maps.h"

SEC("tp_btf/sched_process_fork")
int fg_fork(__u64 *ctx)
{
	(void)ctx;
	return 0;
}

SEC("tp_btf/sched_process_exec")
int fg_exec(__u64 *ctx)
{
	(void)ctx;
	return 0;
}

SEC("tp_btf/sched_process_exit")
int fg_exit(__u64 *ctx)
{
	(void)ctx;
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
