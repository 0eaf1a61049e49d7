// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "kernel.h"
#include "maps.h"

SEC("tp_btf/inet_sock_set_state")
int fg_state(__u64 *ctx)
{
	(void)ctx;
	return 0;
}

SEC("tp_btf/sock_send_length")
int fg_send_length(__u64 *ctx)
{
	(void)ctx;
	return 0;
}

SEC("tp_btf/sock_recv_length")
int fg_recv_length(__u64 *ctx)
{
	(void)ctx;
	return 0;
}

SEC("tp_btf/tcp_probe")
int fg_tcp_probe(__u64 *ctx)
{
	(void)ctx;
	return 0;
}

SEC("tp_btf/tcp_destroy_sock")
int fg_destroy_sock(__u64 *ctx)
{
	(void)ctx;
	return 0;
}

SEC("tp_btf/tcp_retransmit_skb")
int fg_retransmit(__u64 *ctx)
{
	(void)ctx;
	return 0;
}

SEC("tp_btf/tcp_retransmit_synack")
int fg_retransmit_synack(__u64 *ctx)
{
	(void)ctx;
	return 0;
}

SEC("tp_btf/tcp_send_reset")
int fg_send_reset(__u64 *ctx)
{
	(void)ctx;
	return 0;
}

SEC("tp_btf/tcp_receive_reset")
int fg_receive_reset(__u64 *ctx)
{
	(void)ctx;
	return 0;
}

SEC("tp_btf/kfree_skb")
int fg_kfree_skb(__u64 *ctx)
{
	(void)ctx;
	return 0;
}

SEC("tp_btf/udp_fail_queue_rcv_skb")
int fg_udp_fail(__u64 *ctx)
{
	(void)ctx;
	return 0;
}

SEC("tp_btf/inet_sk_error_report")
int fg_error_report(__u64 *ctx)
{
	(void)ctx;
	return 0;
}

SEC("tp_btf/sys_exit")
int fg_accept(__u64 *ctx)
{
	(void)ctx;
	return 0;
}

SEC("cgroup/sock_create")
int fg_sock_create(struct bpf_sock *ctx)
{
	(void)ctx;
	return 1;
}

SEC("cgroup/sock_release")
int fg_sock_release(struct bpf_sock *ctx)
{
	(void)ctx;
	return 1;
}

SEC("cgroup/sendmsg4")
int fg_sendmsg4(struct bpf_sock_addr *ctx)
{
	(void)ctx;
	return 1;
}

SEC("cgroup/sendmsg6")
int fg_sendmsg6(struct bpf_sock_addr *ctx)
{
	(void)ctx;
	return 1;
}

SEC("cgroup/recvmsg4")
int fg_recvmsg4(struct bpf_sock_addr *ctx)
{
	(void)ctx;
	return 1;
}

SEC("cgroup/recvmsg6")
int fg_recvmsg6(struct bpf_sock_addr *ctx)
{
	(void)ctx;
	return 1;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
