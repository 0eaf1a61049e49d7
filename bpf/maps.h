/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Everything the kernel programs share with each other and with the helper: configuration, maps, and the layout of
 * what lies in the maps but never crosses the helper's socket (that is abi.h).
 *
 * Included by the kernel programs, and by the helper before the skeleton (it then sees the structures only).
 * One object defines the maps (packet.bpf.c, by FG_DEFINE_MAPS), the others refer to them: `bpftool gen object` links.
 * It must be the first of them, as it is by name: bpftool 7.1 cannot relocate to a map that it has not seen yet.
 *
 * To be set by the helper before loading, for `cpus` possible CPUs and `slots` (a power of two, at least 1,024) each:
 *   flow_table     max_entries = cpus * slots                  index = cpu * slots + (hash & (slots - FG_WAYS)) + way
 *   flow_tags      max_entries = cpus * slots / FG_WAYS        one byte for a slot, see table.h
 *   flow_dirty     max_entries = fg_dirty_entries(cpus * slots) one byte for 64 slots, see fg_dirty
 *   conversations  max_entries = slots                         shared by all CPUs
 *   totals         max_entries = cpus * FG_IFACE_MAX           index = cpu * FG_IFACE_MAX + iface
 *   losses         max_entries = cpus
 *   scratch        max_entries = cpus
 *   peeks          max_entries = cpus
 *   state_ring, event_ring, packet_ring   max_entries = bytes, a power of two and whole pages
 */
#ifndef FLOWGLASS_MAPS_H
#define FLOWGLASS_MAPS_H

#include "abi.h"

#define FG_IFACE_SLOTS 1024  /* a power of two, four times FG_IFACE_MAX */
#define FG_IFACE_PROBES 8    /* places that are looked at for one ifindex */
#define FG_SCRATCH_BYTES 131072
#define FG_WAYS 8            /* slots among which a flow may choose; a word has a byte for each */
#define FG_DIRTY_GROUP 64    /* slots that share a byte of flow_dirty */
#define FG_DIRTY_BYTES 64    /* bytes in one element of flow_dirty */

/* Records of one stream that were lost because its ring was full. Cumulative, one element a CPU. */
struct fg_ring_losses {
	__u64 state;
	__u64 events;
	__u64 packets; /* packet records, the sum of fg_totals.lost_frames of this CPU */
	__u64 peeks;
};

/* One element of flow_dirty. Slot i of flow_table belongs to byte (i / 64) % 64 of element i / 4096. The writer sets
 * the byte to 1 after the counters; the reader exchanges it with 0 before it reads the 64 slots. */
struct fg_dirty {
	__u8 group[FG_DIRTY_BYTES];
};

static inline __u32 fg_dirty_entries(__u32 slots)
{
	return (slots + FG_DIRTY_GROUP * FG_DIRTY_BYTES - 1) / (FG_DIRTY_GROUP * FG_DIRTY_BYTES);
}

/* Precedes every record of state_ring, and every record that an iterator writes. */
struct fg_ring_header {
	__u32 type;   /* FG_FRAME_FLOWS, FG_FRAME_SOCKETS or FG_FRAME_PROCESSES */
	__u32 length; /* of what follows, without this header; a multiple of 8 */
};

enum fg_link_kind {
	FG_LINK_UNKNOWN = 0,  /* counted as FG_UNPARSED_LINK_TYPE */
	FG_LINK_ETHERNET = 1, /* ARPHRD_ETHER, ARPHRD_LOOPBACK */
	FG_LINK_RAW_IP = 2,   /* ARPHRD_NONE (tun, wireguard), ARPHRD_TUNNEL, ARPHRD_PPP, ARPHRD_RAWIP, … */
};

enum fg_link_flags {
	FG_LINK_INGRESS_ONLY = 1, /* loopback: count and copy at ingress, where each packet passes once and unsplit */
};

/* Interface table: open addressing by ifindex. The helper writes iface, kind and flags first and ifindex last; it
 * takes a link away by writing FG_IFINDEX_REMOVED, so that later entries of the same chain stay reachable. */
struct fg_iface_slot {
	__u32 ifindex; /* 0 = never used */
	__u16 iface;   /* the helper's number, < FG_IFACE_MAX */
	__u8 kind;     /* enum fg_link_kind */
	__u8 flags;    /* enum fg_link_flags */
};

/* Flows that are not copied: the newest of those that fall on one place. The helper clears `unwanted` first and sets it
 * last; a flow that is not found is copied. */
static inline __u32 fg_verdict_place(__u32 epoch, __u32 iface)
{
	return (epoch + iface) * 0x9e3779b1U >> 20;
}

_Static_assert(FG_VERDICTS == 1 << 12, "fg_verdict_place gives 12 bits");

#define FG_IFINDEX_REMOVED 0xffffffffU

/* First place in `ifaces` for an interface; the next ones follow, modulo FG_IFACE_SLOTS. */
static inline __u32 fg_iface_place(__u32 ifindex)
{
	return ifindex & (FG_IFACE_SLOTS - 1);
}

/* What the packet programs copy. The helper writes snaplen and rules first, enabled last. */
struct fg_capture {
	__u32 enabled;
	__u32 snaplen;    /* 0 = whole packets */
	__u32 rule_count; /* rules in use; 0 = every packet */
	__u32 verdicts;   /* there are any */
};

#ifdef __bpf__

#ifdef FG_DEFINE_MAPS
#define FG_SHARED
#define FG_VALUE(value) = value
#else
#define FG_SHARED extern
#define FG_VALUE(value)
#endif

/* ---- configuration, constant once loaded ------------------------------------------------------------------- */

FG_SHARED const volatile __u32 cfg_netns FG_VALUE(0);            /* inode of the network namespace we serve */
FG_SHARED const volatile __u32 cfg_slots_mask FG_VALUE(1023);    /* slots a CPU - 1 */
FG_SHARED const volatile __u32 cfg_slots_per_cpu FG_VALUE(1024);
FG_SHARED const volatile __u32 cfg_atomics FG_VALUE(0);          /* PREEMPT_RT: hooks of one CPU may interleave */
FG_SHARED const volatile __u32 cfg_latency FG_VALUE(1);          /* events and samples from packets and sockets */
FG_SHARED const volatile __u32 cfg_sockets FG_VALUE(1);          /* socket events */
FG_SHARED const volatile __u32 cfg_args FG_VALUE(1);             /* argv at exec */
FG_SHARED const volatile __u32 cfg_peeks FG_VALUE(1);            /* first payload bytes */

/* ---- control, written by the helper while running ---------------------------------------------------------- */

FG_SHARED struct fg_iface_slot ifaces[FG_IFACE_SLOTS];
FG_SHARED struct fg_capture capture;
FG_SHARED struct fg_rule rules[FG_RULES_MAX];
FG_SHARED struct fg_command_verdict verdicts[FG_VERDICTS];

/* ---- maps -------------------------------------------------------------------------------------------------- */

FG_SHARED struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct fg_slot);
} flow_table SEC(".maps");

FG_SHARED struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct fg_dirty);
} flow_dirty SEC(".maps");

FG_SHARED struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, FG_IFACE_MAX);
	__type(key, __u32);
	__type(value, struct fg_totals);
} totals SEC(".maps");

FG_SHARED struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct fg_ring_losses);
} losses SEC(".maps");

/* struct fg_ring_header and fg_flow_record (displaced), fg_socket_event or fg_process. */
FG_SHARED struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 16 * 1024 * 1024);
} state_ring SEC(".maps");

/* struct fg_event. */
FG_SHARED struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 * 1024 * 1024);
} event_ring SEC(".maps");

/* struct fg_packet and the bytes. */
FG_SHARED struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 16 * 1024 * 1024);
} packet_ring SEC(".maps");

/* struct fg_peek and the bytes. */
FG_SHARED struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 * 1024 * 1024);
} peek_ring SEC(".maps");

/* What we know of a socket beyond what the kernel keeps. Created with the socket, or when first met. */
struct fg_socket_state {
	__u64 created_ns;       /* 0 = it existed before us, or was met late */
	__u64 connect_ns;       /* when it entered SYN_SENT */
	__u64 read_ns;          /* when its user last received something; 0 = not since that was reported */
	__u64 process_start_ns; /* last known owner: start and thread group; 0 = none */
	__u32 tgid;
	__u32 exec_id;          /* of its program: a process that became another one is news */
	__u64 rack_mstamp;      /* transmission time in µs of the segment it belongs to */
	__u32 out_of_order;     /* rcv_ooopack as last told */
	__u32 acked;            /* the last acknowledgement that said nothing new, and the window that it gave */
	__u32 window;
	__u32 reserved;
	__u32 ports;            /* skc_portpair and the end of the peer's address as last reported: a UDP socket */
	__u32 peer;             /* changes them without any state change */
};

FG_SHARED struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct fg_socket_state);
} sockets SEC(".maps");

#endif /* __bpf__ */
#endif
