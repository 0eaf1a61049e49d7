// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Stands before a program under test in the bench: makes each run of the same packet another one, then tail-calls. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} next SEC(".maps");

__u32 flows = 1;    /* source addresses to spread over */
__u32 count = 0;
__u32 timestamps = 0; /* 1: each packet carries a newer TCP timestamp */

SEC("xdp.frags")
int spread(struct xdp_md *ctx)
{
	unsigned char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 i = count++;

	if (data + 66 > end)
		return XDP_DROP;
	if (flows > 1)
		*(__u32 *)(data + 26) = 0x0a | ((i * 2654435761U) % flows) << 8; /* 10.x.y.z, as it lies in memory */
	if (timestamps)
		*(__u32 *)(data + 58) = __builtin_bswap32(i);
	bpf_tail_call(ctx, &next, 0);
	return XDP_ABORTED;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
