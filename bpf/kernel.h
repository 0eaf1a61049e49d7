/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel types that the programs use, cut by hand: libbpf moves every access to where the running kernel has the
 * member (CO-RE), so order and the members left out do not matter. Names are the kernel's. Contexts and packet
 * headers are fixed ABI and are not relocated. Members that moved or appeared between 6.1 and 6.18 have accessors at
 * the end, named after what they mean.
 */
#ifndef FLOWGLASS_KERNEL_H
#define FLOWGLASS_KERNEL_H

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef signed short __s16;
typedef signed int __s32;
typedef signed long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef _Bool bool;
#define true 1
#define false 0
#define NULL ((void *)0)

/* include/uapi/linux/bpf.h */
enum bpf_map_type {
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_SK_STORAGE = 24,
	BPF_MAP_TYPE_RINGBUF = 27,
};
enum { BPF_F_NO_PREALLOC = 1, BPF_F_MMAPABLE = 1024 };
enum { BPF_ANY = 0 };
enum { BPF_RB_NO_WAKEUP = 1 };
enum { BPF_SK_STORAGE_GET_F_CREATE = 1 };
#define BPF_F_CURRENT_NETNS (-1L)
enum xdp_action { XDP_PASS = 2 };
enum { TC_ACT_UNSPEC = -1 };

struct bpf_sock {
	__u32 bound_dev_if, family, type, protocol, mark, priority, src_ip4, src_ip6[4], src_port;
	__be16 dst_port;
	__u16 : 16;
	__u32 dst_ip4, dst_ip6[4], state;
	__s32 rx_queue_mapping;
};
struct bpf_sock_tuple {
	union {
		struct {
			__be32 saddr, daddr;
			__be16 sport, dport;
		} ipv4;
		struct {
			__be32 saddr[4], daddr[4];
			__be16 sport, dport;
		} ipv6;
	};
};
struct bpf_sock_addr {
	__u32 user_family, user_ip4, user_ip6[4], user_port, family, type, protocol, msg_src_ip4, msg_src_ip6[4];
	struct bpf_sock *sk __attribute__((aligned(8)));
};
struct xdp_md {
	__u32 data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex;
};
struct __sk_buff {
	__u32 len, pkt_type, mark, queue_mapping, protocol, vlan_present, vlan_tci, vlan_proto, priority, ingress_ifindex;
	__u32 ifindex, tc_index, cb[5], hash, tc_classid, data, data_end, napi_id, family, remote_ip4, local_ip4;
	__u32 remote_ip6[4], local_ip6[4], remote_port, local_port, data_meta;
	void *flow_keys __attribute__((aligned(8)));
	__u64 tstamp;
	__u32 wire_len, gso_segs;
	struct bpf_sock *sk __attribute__((aligned(8)));
	__u32 gso_size;
};

/* include/linux/socket.h, include/uapi/linux/in.h, if_ether.h, icmp.h, icmpv6.h, tcp.h, include/net/tcp_states.h */
enum { AF_INET = 2, AF_INET6 = 10 };
enum { SOCK_DGRAM = 2, SOCK_RAW = 3 };
enum { MSG_PEEK = 2 };
enum { TCP_CA_Loss = 4 };
enum {
	IPPROTO_HOPOPTS = 0,
	IPPROTO_ICMP = 1,
	IPPROTO_IPIP = 4,
	IPPROTO_TCP = 6,
	IPPROTO_UDP = 17,
	IPPROTO_DCCP = 33,
	IPPROTO_IPV6 = 41,
	IPPROTO_ROUTING = 43,
	IPPROTO_FRAGMENT = 44,
	IPPROTO_GRE = 47,
	IPPROTO_AH = 51,
	IPPROTO_ICMPV6 = 58,
	IPPROTO_NONE = 59,
	IPPROTO_DSTOPTS = 60,
	IPPROTO_SCTP = 132,
	IPPROTO_MH = 135,
	IPPROTO_UDPLITE = 136,
	IPPROTO_HIP = 139,
	IPPROTO_SHIM6 = 140,
};
enum {
	ETH_P_802_3_MIN = 0x0600,
	ETH_P_IP = 0x0800,
	ETH_P_ARP = 0x0806,
	ETH_P_TEB = 0x6558,
	ETH_P_8021Q = 0x8100,
	ETH_P_IPV6 = 0x86dd,
	ETH_P_8021AD = 0x88a8,
	ETH_P_QINQ1 = 0x9100,
};
enum {
	ICMP_ECHOREPLY = 0,
	ICMP_DEST_UNREACH = 3,
	ICMP_SOURCE_QUENCH = 4,
	ICMP_REDIRECT = 5,
	ICMP_ECHO = 8,
	ICMP_TIME_EXCEEDED = 11,
	ICMP_PARAMETERPROB = 12,
	ICMPV6_DEST_UNREACH = 1,
	ICMPV6_PARAMPROB = 4,
	ICMPV6_ECHO_REQUEST = 128,
	ICMPV6_ECHO_REPLY = 129,
};
enum { TCPHDR_FIN = 1, TCPHDR_SYN = 2, TCPHDR_RST = 4, TCPHDR_PSH = 8, TCPHDR_ACK = 16, TCPHDR_URG = 32 };
enum {
	TCP_ESTABLISHED = 1,
	TCP_SYN_SENT = 2,
	TCP_SYN_RECV = 3,
	TCP_TIME_WAIT = 6,
	TCP_CLOSE = 7,
	TCP_LISTEN = 10,
	TCP_NEW_SYN_RECV = 12,
};
enum { IP_MF = 0x2000, IP_OFFSET = 0x1fff, IP6_MF = 1, IP6_OFFSET = 0xfff8 };

/* include/linux/sched.h, include/linux/sched/signal.h */
enum { PF_KTHREAD = 0x00200000 };
enum { SIGNAL_GROUP_EXIT = 4 };

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	int counter;
} atomic_t;
typedef struct {
	__s64 counter;
} atomic64_t;
typedef struct {
	__u32 val;
} kuid_t;

/* ---- namespaces, tasks ---- */

struct ns_common {
	unsigned int inum;
};
struct net {
	struct ns_common ns;
};
typedef struct {
	struct net *net;
} possible_net_t;
struct nsproxy {
	struct net *net_ns;
};
struct cred {
	kuid_t uid;
};
struct kernfs_node {
	__u64 id;
};
struct cgroup {
	struct kernfs_node *kn;
};
struct css_set {
	struct cgroup *dfl_cgrp;
};
struct signal_struct {
	atomic_t live;
	int group_exit_code;
	unsigned int flags;
};
struct path {
	void *mnt;
	void *dentry; /* a real member: clang 19 crashes on &file->f_path of an empty struct */
};
struct file {
	void *private_data;
	struct path f_path;
};
struct mm_struct {
	unsigned long arg_start;
	unsigned long arg_end;
	struct file *exe_file;
};
struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};
struct files_struct {
	struct fdtable *fdt;
};
struct task_struct {
	unsigned int flags;
	int pid;
	int tgid;
	int exit_code;
	__u64 start_boottime;
	__u64 self_exec_id;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	struct mm_struct *mm;
	const struct cred *cred;
	struct nsproxy *nsproxy;
	struct signal_struct *signal;
	struct css_set *cgroups;
	struct files_struct *files;
	char comm[16];
};
struct linux_binprm {
	const char *filename;
	const char *interp;
};
struct pt_regs {
	unsigned long orig_ax;
};

/* ---- sockets ---- */

struct in6_addr {
	union {
		__u8 u6_addr8[16];
		__be32 u6_addr32[4];
	} in6_u;
};
struct sock_common {
	union {
		struct {
			__be32 skc_daddr;
			__be32 skc_rcv_saddr;
		};
	};
	union {
		__u32 skc_portpair;
		struct {
			__be16 skc_dport;
			__u16 skc_num;
		};
	};
	unsigned short skc_family;
	volatile unsigned char skc_state;
	int skc_bound_dev_if;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	atomic64_t skc_cookie;
};
struct socket;
struct sock {
	struct sock_common __sk_common;
	__u32 sk_ack_backlog;
	__u32 sk_max_ack_backlog;
	int sk_err;
	kuid_t sk_uid;
	__u16 sk_protocol;
	__u16 sk_type;
	struct socket *sk_socket;
};
struct socket {
	struct file *file;
	struct sock *sk;
};
struct inet_sock {
	__be16 inet_sport;
};
struct request_sock {
	struct sock_common __req_common;
	__u8 num_retrans;
};
struct inet_timewait_sock {
	struct sock_common __tw_common;
};
struct tcp_rack {
	__u64 mstamp;
	__u32 rtt_us;
};
struct tcp_options_received {
	__u16 snd_wscale : 4;
};
struct inet_connection_sock {
	__u8 icsk_ca_state : 5;
	__u8 icsk_pending;
};
struct tcp_sock {
	struct tcp_rack rack;
	struct tcp_options_received rx_opt;
	__u32 snd_una;
	__u32 snd_wnd;
	__u32 packets_out;
	__u32 rcv_ooopack;
	__u32 srtt_us;
	__u32 mdev_us;
	__u32 total_retrans;
	__u64 bytes_acked;
	__u64 bytes_received;
};

/* ---- skb ---- */

struct net_device {
	int ifindex;
	possible_net_t nd_net;
};
struct sk_buff {
	unsigned int len;
	struct net_device *dev;
	struct sock *sk;
	__be16 protocol;
	__u16 network_header;
	__u16 transport_header;
	unsigned int end;
	unsigned int tail;
	unsigned char *head;
};
struct skb_shared_info {
	unsigned short gso_segs;
};
enum skb_drop_reason {
	SKB_NOT_DROPPED_YET = 0,
	SKB_CONSUMED,
	SKB_DROP_REASON_NOT_SPECIFIED,
	SKB_DROP_REASON_NO_SOCKET,
	SKB_DROP_REASON_QUEUE_PURGE,
	SKB_DROP_REASON_TCP_LISTEN_OVERFLOW,
};

/* ---- tracepoints whose argument list grew: the record's members tell which list this kernel has ---- */

struct trace_event_raw_kfree_skb {
	void *rx_sk; /* 6.10, commit c53795d48ee8 */
};
struct trace_event_raw_sched_process_exit {
	bool group_dead; /* 6.16 */
};
struct trace_event_raw_udp_fail_queue_rcv_skb {
	__u16 sport; /* 6.10, with the skb */
};

/* ---- iterators ---- */

struct seq_file {
	void *private;
};
struct bpf_iter_meta {
	struct seq_file *seq;
};
struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};
struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
};
struct bpf_iter__tcp {
	struct bpf_iter_meta *meta;
	struct sock_common *sk_common;
	__u32 uid;
};
struct udp_sock {
	struct inet_sock inet;
};
struct bpf_iter__udp {
	struct bpf_iter_meta *meta;
	struct udp_sock *udp_sk;
	__u32 uid;
};

#pragma clang attribute pop

/* BPF_PROG gives every program a ctx that few use. */
#pragma clang diagnostic ignored "-Wunused-parameter"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#endif
