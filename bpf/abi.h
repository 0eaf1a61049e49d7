/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The one description of everything that crosses a boundary: kernel maps, ring buffers and the frames on the
 * helper's socket. The TypeScript offsets (core/abi) are generated from the BTF of a compiled object; no structure
 * is typed twice by hand.
 *
 * Rules: little-endian, fixed size, every member on its natural alignment, padding always spelled out (the build
 * refuses implicit padding), FG_ABI_VERSION raised with every change of layout (the build compares with
 * bpf/abi.layout).
 *
 * Units: times are nanoseconds of CLOCK_BOOTTIME unless a name says otherwise; ports are host byte order;
 * addresses are network byte order, an IPv4 address in the first four bytes with the rest zero; "packets" and
 * "bytes" are wire packets, "frames" are what the hook saw (docs/wire.md, Units).
 */
#ifndef FLOWGLASS_ABI_H
#define FLOWGLASS_ABI_H

#define FG_ABI_VERSION 1
#define FG_MAGIC 0x53474c46U /* "FLGS" */
#define FG_TOKEN_BYTES 32
#define FG_FRAME_HEADER_BYTES 8
#define FG_FRAME_WRITE_MAX 65536U   /* a frame as we write it, except one holding a single longer packet */
#define FG_FRAME_ACCEPT_MAX 1048576U /* a frame as we accept it */
#define FG_IFACE_MAX 256            /* interfaces one helper can watch at a time */
#define FG_RULES_MAX 64
#define FG_VERDICTS 4096 /* flows of which the kernel remembers that they are not wanted; a power of two */
#define FG_COMM_BYTES 16
#define FG_NAME_BYTES 16 /* IFNAMSIZ */
#define FG_ARGS_MAX 4096
#define FG_PATH_MAX 1024 /* bytes of an executable's path that are carried; longer ones are cut and marked */
#define FG_UNPARSED_REASONS 16
#define FG_STREAMS 3

/* ---- frames ------------------------------------------------------------------------------------------------ */

/* Precedes every frame in both directions; length counts the payload only. */
struct fg_frame_header {
	__u32 length;
	__u16 type;  /* enum fg_frame_type */
	__u16 flags; /* 0 */
};

enum fg_frame_type {
	/* helper to engine */
	FG_FRAME_HELLO = 1,      /* struct fg_hello, first frame */
	FG_FRAME_CLOCK = 2,      /* struct fg_clock */
	FG_FRAME_INTERFACE = 3,  /* struct fg_interface: attached, changed, detached, gone */
	FG_FRAME_FLOWS = 4,      /* array of struct fg_flow_record (stream: state) */
	FG_FRAME_TOTALS = 5,     /* array of struct fg_totals_record (stream: state) */
	FG_FRAME_SOCKETS = 6,    /* array of struct fg_socket_event (stream: state) */
	FG_FRAME_PROCESSES = 7,  /* struct fg_process + strings, each padded to 8 (stream: state) */
	FG_FRAME_EVENTS = 8,     /* array of struct fg_event (stream: events) */
	FG_FRAME_PEEK = 9,       /* struct fg_peek + bytes, each padded to 8: beginnings of payloads (of no stream) */
	FG_FRAME_PACKETS = 10,   /* struct fg_packet + bytes, each padded to 8 (stream: packets) */
	FG_FRAME_GAP = 11,       /* struct fg_gap: records of a stream were lost in this interval */
	FG_FRAME_STATS = 12,     /* struct fg_stats */
	FG_FRAME_LOG = 13,       /* struct fg_log + UTF-8 text */
	FG_FRAME_BYE = 14,       /* struct fg_stats, the last frame */
	FG_FRAME_NAMES = 15,     /* array of struct fg_name: drop reasons by the running kernel's own names */
	FG_FRAME_RESYNCED = 16,  /* struct fg_clock: everything a resync (or the first snapshot) had to say has been sent */
	FG_FRAME_TRANSLATIONS = 17, /* array of struct fg_translation: connections whose addresses this namespace changes (stream: state) */
	/* engine to helper */
	FG_COMMAND_HELLO = 128,   /* struct fg_command_hello, first frame */
	FG_COMMAND_ATTACH = 129,  /* struct fg_command_attach */
	FG_COMMAND_DETACH = 130,  /* struct fg_command_detach */
	FG_COMMAND_CAPTURE = 131, /* struct fg_command_capture */
	FG_COMMAND_FILTER = 132,  /* struct fg_command_filter */
	FG_COMMAND_CREDIT = 133,  /* struct fg_command_credit */
	FG_COMMAND_RESYNC = 134,  /* empty */
	FG_COMMAND_STOP = 135,    /* empty: detach, send what is left, BYE, exit */
	FG_COMMAND_VERDICT = 136, /* struct fg_command_verdict */
};

enum fg_stream {
	FG_STREAM_STATE = 0,
	FG_STREAM_EVENTS = 1,
	FG_STREAM_PACKETS = 2,
};

/* ---- packets and flows ------------------------------------------------------------------------------------- */

/* Both directions share one key: "lo" is the end whose (address, port) compares lower as bytes. For ICMP echo both
 * ports are the echo identifier; for other ICMP and for protocols without ports they are 0. An ICMP error belongs to
 * the flow it quotes. */
struct fg_key {
	__u8 lo_address[16];
	__u8 hi_address[16];
	__u16 lo_port;
	__u16 hi_port;
	__u16 iface;   /* the helper's number for (netns, ifindex) */
	__u8 protocol; /* IPPROTO_* */
	__u8 family;   /* 4 or 6 */
};

enum fg_direction {
	FG_LO_TO_HI = 0,
	FG_HI_TO_LO = 1,
};

struct fg_counters {
	__u64 packets;     /* wire packets */
	__u64 bytes;       /* wire bytes, with the link header where the device has one */
	__u64 payload;     /* transport payload bytes */
	__u64 frames;      /* as the hook saw them */
	__u64 frame_bytes;
};

enum fg_flow_flags {
	FG_FLOW_SYN_LO = 1,       /* a SYN without ACK was sent by lo: lo is the client */
	FG_FLOW_SYN_HI = 2,
	FG_FLOW_SYNACK_LO = 4,
	FG_FLOW_SYNACK_HI = 8,
	FG_FLOW_FIN_LO = 16,
	FG_FLOW_FIN_HI = 32,
	FG_FLOW_RST_LO = 64,
	FG_FLOW_RST_HI = 128,
	FG_FLOW_FIRST_HI = 256,   /* the first packet counted here went from hi to lo */
	FG_FLOW_FRAGMENTS = 512,  /* some packets were later fragments */
	FG_FLOW_EGRESS_LO = 1024, /* lo's packets were seen leaving through the egress hook (lo is this side) */
	FG_FLOW_EGRESS_HI = 2048,
	FG_FLOW_INGRESS_LO = 4096,
	FG_FLOW_INGRESS_HI = 8192,
	FG_FLOW_KERNEL_LO = 16384, /* lo's packets were made here by the kernel itself (a tunnel's outer ones): no socket */
	FG_FLOW_KERNEL_HI = 32768,
	FG_FLOW_ELSEWHERE_LO = 65536, /* lo's packets left from a socket of another network namespace (macvlan, a bridge) */
	FG_FLOW_ELSEWHERE_HI = 131072,
	FG_FLOW_PEEK_TURNS = 1 << 24, /* its protocol has requests and answers in the clear: the first bytes of each are peeked at */
	FG_FLOW_PEEK_ALL = 1 << 25,   /* each of its datagrams is (DNS) */
};

/* What one CPU knows of one flow. Counters only grow within one (cpu, slot, generation). */
struct fg_flow {
	struct fg_key key;
	__u32 epoch;  /* names the connection among those that reuse the key: TCP: ISN of its SYN, never 0;
	                 UDP: low half of the sending socket's cookie; 0 = not known */
	__u32 flags;  /* enum fg_flow_flags */
	__u64 cookie[2]; /* local socket that sent in this direction (egress hook); 0 = none seen */
	__u64 first_ns;
	__u64 last_ns; /* in the kernel table: CLOCK_MONOTONIC_COARSE; in a record: boot time */
	struct fg_counters direction[2];
	__u32 zero_windows[2]; /* segments that advertised a zero window, by sender */
};

/* A slot of the table shared with the helper by mmap. seq is odd while key or generation change. */
struct fg_slot {
	__u32 seq;
	__u32 generation; /* 0 = never used */
	struct fg_flow flow;
};

enum fg_flow_record_flags {
	FG_RECORD_FINAL = 1, /* displaced or read for the last time: this generation will not grow */
};

struct fg_flow_record {
	__u16 cpu;
	__u16 record_flags;
	__u32 slot;
	__u32 generation;
	__u32 reserved;
	struct fg_flow flow;
};

enum fg_unparsed_reason {
	FG_UNPARSED_ARP = 0,
	FG_UNPARSED_ETHERTYPE = 1,     /* neither IPv4, IPv6 nor ARP */
	FG_UNPARSED_TRUNCATED = 2,     /* shorter than its headers say */
	FG_UNPARSED_IP_HEADER = 3,     /* impossible version or header length */
	FG_UNPARSED_FRAGMENT = 4,      /* later fragment whose first was not seen */
	FG_UNPARSED_IPV6_EXTENSION = 5,/* more extension headers than we follow */
	FG_UNPARSED_LINK_TYPE = 6,     /* a device type we do not decode */
	FG_UNPARSED_LLC = 7,           /* 802.3 length instead of a type (STP, IS-IS) */
	FG_UNPARSED_VLAN = 8,          /* more than two tags */
};

/* Per CPU and interface, cumulative. Index 0 = ingress, 1 = egress. */
struct fg_totals {
	struct fg_counters direction[2]; /* payload is not kept here: 0 */
	__u64 unparsed[FG_UNPARSED_REASONS]; /* wire packets, enum fg_unparsed_reason; they are in direction[].packets */
	__u64 flow_lost_packets;   /* wire packets counted but in no flow: the displaced record could not be handed over */
	__u64 captured_frames;     /* packet records handed to the ring */
	__u64 captured_packets;    /* wire packets they stand for */
	__u64 lost_frames;         /* packet records that found the ring full */
	__u64 lost_packets;        /* wire packets they stand for */
	__u64 filtered_packets;    /* wire packets the filter kept out while capturing */
};

/* The sum over CPUs of fg_totals, cumulative, and what the helper's own packet queue lost. */
struct fg_totals_record {
	__u16 iface;
	__u16 reserved;
	__u32 reserved2;
	__u64 at_ns;
	struct fg_totals totals;
	__u64 queue_lost_frames;  /* dropped by the helper because its packet queue was full */
	__u64 queue_lost_packets; /* wire packets they stand for */
};

enum fg_packet_flags {
	FG_PACKET_OUTBOUND = 1,   /* else inbound */
	FG_PACKET_HI_TO_LO = 2,   /* direction within key; valid with FG_PACKET_KEYED */
	FG_PACKET_KEYED = 4,      /* key names a flow */
	FG_PACKET_VLAN_IN_SKB = 8,/* vlan_tci was in skb metadata; the helper puts the tag back into the bytes */
};

/* One stored packet; followed by captured bytes, padded to 8. */
struct fg_packet {
	__u64 at_ns;
	__u32 captured;  /* bytes that follow */
	__u32 original;  /* length of the frame as the hook saw it */
	__u32 wire_packets; /* wire packets this frame stands for */
	__u32 flags;        /* enum fg_packet_flags */
	__u32 epoch;        /* of the flow, 0 = not known */
	__u16 vlan_tci;
	__u16 vlan_protocol;
	__u64 sequence;     /* per interface and CPU, counts lost ones too */
	__u64 cookie;       /* sending local socket, 0 = none or inbound */
	struct fg_key key;
};

/* ---- peeks ------------------------------------------------------------------------------------------------- */

#define FG_PEEK_BYTES 4096        /* of each direction that are looked at, and the longest copy */
#define FG_PEEK_TURNS_UNTIL 16384 /* payload of a flow until which each turn is looked at whatever the protocol: a handshake */

enum fg_peek_flags {
	FG_PEEK_HI_TO_LO = 1, /* direction within key */
	FG_PEEK_TURN = 2,     /* the other side had sent last, or nobody yet */
	FG_PEEK_EGRESS = 4,   /* seen by the egress hook */
};

/* The beginning of one packet's payload; followed by captured bytes. */
struct fg_peek {
	__u64 at_ns;
	__u64 cookie;   /* sending local socket, 0 = none or inbound */
	__u32 sequence; /* TCP: of the first byte */
	__u32 payload;  /* transport payload of the frame */
	__u16 captured; /* bytes that follow */
	__u16 flags;    /* enum fg_peek_flags */
	__u32 epoch;    /* of the flow, 0 = not known */
	struct fg_key key;
};

/* ---- events and samples (stream: events) ------------------------------------------------------------------- */

enum fg_event_kind {
	FG_EVENT_TCP_FLAGS = 1,     /* a segment with SYN, FIN or RST; a = TCP flags, b = sequence number, value = acknowledgement << 32 | window << 16 | payload bytes (capped at 65535) */
	FG_EVENT_HANDSHAKE_ACK = 2, /* first segment from the client after SYN-ACK; value = ns since the SYN-ACK, b = epoch */
	FG_EVENT_RESPONSE = 3,      /* direction turned: value = ns from the last payload segment of the other side to this first one; direction = of the answer */
	FG_EVENT_PACKET_RTT = 4,    /* passive: TCP timestamps or ICMP echo; direction = of the probe; value = ns; a = 1 stamped at egress, 0 at ingress */
	FG_EVENT_SOCKET_RTT = 5,    /* the local sender's own sample (RACK); value = ns, a = srtt µs, b = rttvar (mdev) µs */
	FG_EVENT_RETRANSMIT = 6,    /* local socket retransmitted; a = the socket's total_retrans after it, b = TCP state */
	FG_EVENT_SYNACK_RETRANSMIT = 7, /* a = num_retrans of the request */
	FG_EVENT_RESET_SENT = 8,
	FG_EVENT_RESET_RECEIVED = 9,
	FG_EVENT_DROP = 10,         /* kfree_skb; a = reason number (FG_FRAME_NAMES), b = wire packets */
	FG_EVENT_ICMP_ERROR = 11,   /* a = type, b = code; direction = of the quoted packet */
	FG_EVENT_UDP_RECEIVE_FAIL = 12, /* receive buffer full; a = -errno */
	FG_EVENT_SOCKET_ERROR = 13, /* inet_sk_error_report; a = errno */
	FG_EVENT_CONNECT = 14,      /* local connect finished; value = ns from SYN_SENT to ESTABLISHED */
	FG_EVENT_READ_DELAY = 15,   /* an exchange at a local TCP socket: value = ns from the last payload segment that came in to
	                               the read that returned it; direction = of the answer; a | b << 32 = ns from that read to
	                               the answer's first segment, 0 = the connection was closed instead */
	FG_EVENT_DUPLICATE_ACK = 16,/* a local, established socket received one that says nothing new while data is under way (RFC 5681) */
	FG_EVENT_OUT_OF_ORDER = 17, /* a local socket received segments beyond a hole; a = all of them so far (tcpi_rcv_ooopack) */
};

enum fg_event_flags {
	FG_EVENT_HI_TO_LO = 1, /* direction within key */
	FG_EVENT_KEYED = 2,    /* key is filled in (iface may be FG_IFACE_NONE for socket events) */
	FG_EVENT_EGRESS = 4,   /* seen by the egress hook */
	FG_EVENT_TIMEOUT = 8,  /* RETRANSMIT: by the timer, nothing was heard of the peer; always so for SYNACK_RETRANSMIT */
};

#define FG_IFACE_NONE 0xffff
#define FG_REASON_LISTEN_OVERFLOW 250 /* TCP_LISTEN_OVERFLOW on kernels that have no number for it */

struct fg_event {
	__u16 kind;
	__u16 flags;
	__u32 a;
	__u64 at_ns;
	__u64 cookie; /* 0 = from packets only */
	__u64 value;
	__u32 b;
	__u32 epoch; /* of the flow; where key.iface is FG_IFACE_NONE: inode of the network namespace, 0 = not known */
	struct fg_key key;
};

/* ---- sockets and processes (stream: state) ----------------------------------------------------------------- */

enum fg_socket_kind {
	FG_SOCKET_CREATED = 1,  /* cgroup sock_create: owner trusted */
	FG_SOCKET_STATE = 2,    /* inet_sock_set_state; owner filled only where the current task can be trusted */
	FG_SOCKET_OWNER = 3,    /* another process than the last known one sent or received */
	FG_SOCKET_RELEASED = 4, /* cgroup sock_release; owner = who closed */
	FG_SOCKET_DESTROYED = 5,/* tcp_destroy_sock: last counters */
	FG_SOCKET_SNAPSHOT = 6, /* existed before we attached (iterators) */
};

enum fg_owner_source {
	FG_OWNER_NONE = 0,
	FG_OWNER_CREATE = 1,
	FG_OWNER_CONNECT = 2,
	FG_OWNER_LISTEN = 3,
	FG_OWNER_SEND = 4,
	FG_OWNER_RECEIVE = 5,
	FG_OWNER_RELEASE = 6,
	FG_OWNER_SNAPSHOT = 7,
	FG_OWNER_ACCEPT = 8,
};

enum fg_socket_flags {
	FG_SOCKET_KERNEL_THREAD = 1, /* acted on by a PF_KTHREAD task: no owner */
	FG_SOCKET_TIME_WAIT = 2,
	FG_SOCKET_REQUEST = 4,       /* SYN_RECV request socket */
};

struct fg_socket_event {
	__u8 kind;      /* enum fg_socket_kind */
	__u8 family;    /* 4 or 6 (v4-mapped is given as 4), 0 = not bound to addresses yet */
	__u8 protocol;
	__u8 source;    /* enum fg_owner_source; 0 = pid is not filled in */
	__u8 old_state; /* TCP_* of the kernel */
	__u8 new_state; /* the state now, also outside FG_SOCKET_STATE */
	__u16 flags;    /* enum fg_socket_flags */
	__u64 at_ns;
	__u64 cookie;
	__u64 created_ns;       /* 0 = not known */
	__u64 process_start_ns; /* start_boottime of the thread group leader: pid and start are the identity */
	__u32 pid;              /* thread group id in the initial pid namespace */
	__u32 tid;
	__u32 uid;              /* of the socket */
	__u32 netns;            /* inode */
	__u32 srtt_us;          /* smoothed, 0 = none */
	__u32 total_retrans;
	__u64 bytes_acked;
	__u64 bytes_received;
	__u8 local_address[16];
	__u8 remote_address[16];
	__u16 local_port;
	__u16 remote_port;
	__u32 bound_ifindex;
	__u8 comm[FG_COMM_BYTES]; /* of the thread group leader, where pid is filled in */
};

enum fg_process_kind {
	FG_PROCESS_FORKED = 1,
	FG_PROCESS_EXECED = 2,
	FG_PROCESS_EXITED = 3,
	FG_PROCESS_SNAPSHOT = 4, /* iter/task: also sent to complete the exe of running ones */
};

enum fg_process_flags {
	FG_PROCESS_ARGS_CUT = 1,
	FG_PROCESS_EXE_CUT = 2,
	FG_PROCESS_EXE_RESOLVED = 4, /* exe is the kernel's path (bpf_d_path), else what was given to execve */
};

/* Followed by exe (exe_length), file name given to execve (file_length) and argv (args_length, NUL between
 * arguments); the whole record is padded to 8. Thread group leaders only. */
struct fg_process {
	__u16 kind;
	__u16 flags;
	__u32 record_length; /* of this structure, strings and padding */
	__u64 at_ns;
	__u64 start_ns; /* start_boottime */
	__u64 parent_start_ns;
	__u64 cgroup_id;
	__u32 pid;
	__u32 parent_pid;
	__u32 uid;
	__u32 netns;
	__s32 exit_code; /* wait(2) status, for FG_PROCESS_EXITED */
	__u16 exe_length;
	__u16 file_length;
	__u16 args_length;
	__u16 reserved;
	__u32 reserved2;
	__u8 comm[FG_COMM_BYTES];
};

/* ---- the rest of what the helper says ---------------------------------------------------------------------- */

enum fg_features {
	FG_FEATURE_TCX = 1,
	FG_FEATURE_XDP = 2,
	FG_FEATURE_SOCKET_STATES = 4,
	FG_FEATURE_CGROUP_SOCK = 8,   /* sock_create, sock_release */
	FG_FEATURE_SEND_RECV = 16,    /* sock_send_length, sock_recv_length, or the cgroup message hooks */
	FG_FEATURE_TCP_PROBE = 32,
	FG_FEATURE_RETRANSMIT = 64,
	FG_FEATURE_RESETS = 128,
	FG_FEATURE_DROPS = 256,
	FG_FEATURE_PROCESSES = 512,
	FG_FEATURE_ITERATORS = 1024,
	FG_FEATURE_EXE_PATH = 2048,
	FG_FEATURE_UDP_FAIL = 4096,
	FG_FEATURE_SOCKET_ERRORS = 8192,
	FG_FEATURE_ACCEPT = 16384,
	FG_FEATURE_CONNTRACK = 32768, /* translations of addresses are told */
};

struct fg_hello {
	__u32 magic;
	__u32 abi_version;
	__u8 token[FG_TOKEN_BYTES];
	__u32 features; /* enum fg_features: what loaded and attached */
	__u32 cpus;
	__u32 slots_per_cpu;
	__u32 netns;    /* inode of the namespace it serves */
	__u8 boot_id[16];
	__u8 kernel[64];   /* uname -r, NUL padded */
	__u8 machine[16];  /* uname -m */
	__u8 hostname[64];
	__u32 pid;
	__u32 reserved;
};

struct fg_clock {
	__u64 boot_ns;
	__u64 monotonic_ns;
	__u64 realtime_ns;
	__u64 error_ns; /* the three were read within this much */
};

enum fg_rung {
	FG_RUNG_NONE = 0,
	FG_RUNG_AUTO = 1,
	FG_RUNG_XDP_NATIVE = 2,
	FG_RUNG_XDP_GENERIC = 3,
	FG_RUNG_TCX = 4,
	FG_RUNG_CLSACT = 5,
};

enum fg_interface_state {
	FG_INTERFACE_ATTACHED = 1,
	FG_INTERFACE_DETACHED = 2,
	FG_INTERFACE_GONE = 3,
	FG_INTERFACE_FAILED = 4, /* see reason */
	FG_INTERFACE_LINK = 5,   /* of an attached one: up, mtu, name, master or link changed */
	FG_INTERFACE_PRESENT = 6,/* not attached (iface = FG_IFACE_NONE): it is there, it appeared, or was renamed */
	FG_INTERFACE_WAITING = 7,/* said by the engine, in files only: it waits for this one to return or to go up */
};

/* Answer to FG_COMMAND_ATTACH and news of an interface later. */
struct fg_interface {
	__u16 iface;
	__u16 state;      /* enum fg_interface_state */
	__u32 ifindex;
	__u32 arphrd;     /* ARPHRD_* */
	__u32 link_type;  /* LINKTYPE_* for pcapng */
	__u32 ingress;    /* enum fg_rung in use */
	__u32 egress;
	__u32 mtu;
	__u32 up;
	__u64 at_ns;
	__u64 speed_bps;  /* 0 = not known */
	__u64 rx_packets; /* the device's own counters at this moment */
	__u64 rx_bytes;
	__u64 tx_packets;
	__u64 tx_bytes;
	__u8 name[FG_NAME_BYTES];
	__u8 driver[32];
	__u8 mac[8];
	__s32 error;      /* errno when state is FAILED */
	__u32 netns;      /* inode of its network namespace */
	__u8 reason[160]; /* one sentence: why this rung, or why it failed */
	__u32 master;     /* ifindex of the bridge or bond it is a port of; 0 = none */
	__u32 link;       /* ifindex of the device below it (VLAN, macvlan) or of its veth peer, in this namespace; 0 = none */
};

struct fg_stream_stats {
	__u64 generated; /* = delivered + queued + lost_ring + lost_queue + lost_socket, at one instant */
	__u64 delivered; /* written to the socket in frames up to sequence */
	__u64 queued;    /* waiting in the helper; 0 in BYE */
	__u64 lost_ring;
	__u64 lost_queue;
	__u64 lost_socket;
};

struct fg_stats {
	__u64 sequence; /* number of frames written before this one */
	__u64 at_ns;
	struct fg_stream_stats stream[FG_STREAMS]; /* enum fg_stream; counts records */
	__u64 cpu_ns;       /* helper, user + system */
	__u64 resident_bytes;
	__u64 displaced;    /* flow records handed over by the kernel */
	__u64 wakeups;
	__u32 end_reason;   /* BYE: enum fg_end_reason */
	__u32 lost_peeks;   /* peeks that found their ring or queue full */
};

enum fg_end_reason {
	FG_END_NONE = 0,
	FG_END_STOPPED = 1,      /* asked to */
	FG_END_DISCONNECTED = 2, /* engine went away */
	FG_END_PROTOCOL = 3,     /* a command was not valid; the LOG frame before says which */
	FG_END_FAILED = 4,
};

enum fg_gap_kind {
	FG_GAP_SUSPENDED = 16, /* in the place of a stream: the machine slept. Nothing was lost, nothing could be seen */
};

struct fg_gap {
	__u32 stream;   /* enum fg_stream or fg_gap_kind */
	__u32 reserved;
	__u64 from_ns;
	__u64 to_ns;
	__u64 records; /* lost */
};

enum fg_log_level {
	FG_LOG_ERROR = 1,
	FG_LOG_WARNING = 2,
	FG_LOG_INFO = 3,
	FG_LOG_DEBUG = 4,
};

struct fg_log {
	__u32 level;
	__u32 length; /* of the text that follows */
};

struct fg_name {
	__u32 number;
	__u32 reserved;
	__u8 name[56]; /* without SKB_DROP_REASON_, NUL padded */
};

/* One connection that netfilter translates (NAT): how its first packet came, and how it goes on. */
struct fg_translation {
	__u64 at_ns; /* boot time at which it was read */
	__u8 source[16];
	__u8 target[16];
	__u8 new_source[16];
	__u8 new_target[16];
	__u16 source_port;
	__u16 target_port;
	__u16 new_source_port;
	__u16 new_target_port;
	__u8 protocol; /* IPPROTO_TCP, _UDP, _SCTP */
	__u8 family;   /* 4 (the rest of addresses is zero) or 6 */
	__u8 reserved[6];
};

/* ---- commands ---------------------------------------------------------------------------------------------- */

enum fg_hello_flags {
	FG_WANT_ACCEPT_TRACING = 1,
	FG_WANT_NO_LATENCY = 2,   /* counting only: no clock read on payload */
	FG_WANT_NO_SOCKETS = 4,
	FG_WANT_NO_ARGS = 8,      /* no argv */
	FG_WANT_NO_PEEKS = 16,    /* payload is not looked at */
};

struct fg_command_hello {
	__u32 magic;
	__u32 abi_version;
	__u32 flags;            /* enum fg_hello_flags */
	__u32 interval_ms;      /* read-out and drain interval, 10 to 5000; 0 = 100 */
	__u64 table_bytes;      /* flow table budget over all CPUs; 0 = 64 MiB */
	__u64 packet_ring_bytes;/* 0 = 16 MiB */
	__u64 event_ring_bytes; /* 0 = 8 MiB */
	__u64 state_ring_bytes; /* 0 = 16 MiB */
};

struct fg_command_attach {
	__u32 ifindex;
	__u16 iface;   /* number to use, never used before; no two attached ones are equal modulo FG_IFACE_MAX */
	__u16 reserved;
	__u32 ingress; /* enum fg_rung wanted; AUTO = the ladder */
	__u32 egress;
};

struct fg_command_detach {
	__u16 iface;
	__u16 reserved;
	__u32 reserved2;
};

struct fg_command_capture {
	__u32 enabled;
	__u32 snaplen;     /* 0 = whole packets */
	__u32 interval_ms; /* 0 = leave as it is */
	__u32 reserved;
};

enum fg_rule_fields {
	FG_RULE_PROTOCOL = 2,
	FG_RULE_FAMILY = 4,
	FG_RULE_ADDRESS = 8, /* either end within address/prefix */
	FG_RULE_PORT = 16,   /* either end within port_from..port_to */
	FG_RULE_IFACE = 32,
};

/* A packet is copied when any rule matches; within a rule every named field must match. */
struct fg_rule {
	__u32 fields;
	__u16 iface;
	__u8 protocol;
	__u8 family;
	__u16 port_from;
	__u16 port_to;
	__u8 prefix_length;
	__u8 reserved[3];
	__u8 address[16];
};

struct fg_command_filter {
	__u32 count; /* 0 = everything */
	__u32 reserved;
	struct fg_rule rules[FG_RULES_MAX];
};

/* A flow whose packets the filter cannot let through, now that its owner is known: it is copied no longer, whatever the
 * rules say. unwanted = 0 takes it back. */
struct fg_command_verdict {
	struct fg_key key;
	__u32 epoch; /* not 0 */
	__u32 unwanted;
};

struct fg_command_credit {
	__u64 consumed; /* bytes of frames consumed since the start */
};

#endif
