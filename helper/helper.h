/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * flowglass-helper: the only privileged part. It loads and attaches the kernel programs of one network namespace,
 * reads their maps, and writes frames (bpf/abi.h) to the engine's Unix socket. Files by duty:
 *
 *   main.c       life cycle             load.c      kernel programs, which of them this kernel takes
 *   channel.c    socket and framing     attach.c    the ladder of hooks, interface by interface
 *   command.c    what the engine asks   clsact.c    the rung without links
 *   queue.c      frames waiting         interfaces.c, netlink.c   facts and news of interfaces
 *   drain.c      table, totals, losses  privilege.c, seccomp.c    what it may do, and gives up
 *   streams.c    what rings deliver     snapshot.c  what existed before
 *   ring.c       one ring buffer        clock.c, log.c, probe.c
 *
 * Every function that can fail returns 0 or -errno. Nothing is allocated once main.c has begun to serve.
 */
#ifndef FLOWGLASS_HELPER_H
#define FLOWGLASS_HELPER_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/types.h>
#include "abi.h"
#include "queue.h"
#include "ring.h"

#ifndef FLOWGLASS_VERSION
#define FLOWGLASS_VERSION "0.1.0"
#endif

struct flowglass; /* the skeleton */
struct bpf_link;

#define STATE_QUEUE_BYTES (16UL << 20)
#define EVENT_QUEUE_BYTES (8UL << 20)
#define PACKET_QUEUE_BYTES (16UL << 20)
#define PEEK_QUEUE_BYTES (4UL << 20)
/* Bytes the engine may leave unacknowledged; beyond it only state, STATS and CLOCK flow. */
#define CREDIT_BYTES (4UL << 20)
/* Kept free in the state queue for frames that are no records (INTERFACE, LOG, GAP, RESYNCED, NAMES). */
#define STATE_RESERVE_BYTES (256UL << 10)
/* The longest record of the state stream: a process with all its strings. */
#define STATE_RECORD_MAX 8192U
/* An engine that takes nothing for this long while we stop is gone. */
#define STOP_PATIENCE_NS 5000000000ULL
#define SECOND_NS 1000000000ULL

enum exit_code { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_PERMISSION = 3 };

struct stream {
	struct queue queue;
	uint64_t taken;      /* records read from ring or table */
	uint64_t delivered;  /* records in frames written completely */
	uint64_t lost_ring;
	uint64_t lost_queue;
	uint64_t lost_socket;
	uint64_t gap_told;   /* losses already reported by GAP frames */
	uint64_t gap_from_ns;
	uint64_t gap_sent_ns;
};

struct channel {
	int fd;
	uint8_t *out; /* the frame being written */
	size_t out_capacity;
	size_t out_length;
	size_t out_offset;
	uint32_t out_records;
	int out_stream; /* enum fg_stream, or -1 */
	uint64_t written;  /* bytes */
	uint64_t consumed; /* bytes, as acknowledged */
	uint64_t sequence; /* frames written */
	bool blocked;      /* the socket took no more */
	bool hello_due;
	bool clock_due;
	bool stats_due;
	bool bye_due;
	bool bye_sent;
	uint32_t end_reason; /* enum fg_end_reason, for BYE */
	size_t in_length;
	uint8_t in[4096];
};

enum link_slot { LINK_XDP, LINK_INGRESS, LINK_EGRESS, LINK_SLOTS };

/* Numbers are never used twice; the place of number n in `interfaces` and in the kernel's totals is n % FG_IFACE_MAX,
 * where it stays readable until another number needs the place. */
struct interface {
	bool used;     /* facts.iface is the number that has this place: totals are read */
	bool attached; /* hooks are in place */
	bool settled;  /* detached, and its totals have stopped growing */
	uint64_t detached_ns;
	struct fg_interface facts; /* as last sent */
	int links[LINK_SLOTS];     /* descriptors of bpf links, -1 = none */
	uint32_t clsact_program[2]; /* program ids of our clsact filters, ingress and egress; 0 = none */
	struct fg_totals_record totals; /* as last sent */
	uint64_t queue_lost_frames;
	uint64_t queue_lost_packets;
};

/* What was last said of an interface that is not attached, in a table that ifindexes share: said again when forgotten. */
struct present {
	uint32_t ifindex;
	uint32_t digest;
};

#define PRESENT_MAX 1024U

struct pending_exec {
	uint64_t start_ns;
	uint32_t pid;
};

#define PENDING_EXEC_MAX 1024U

/* In the order in which a snapshot reads them: processes before the sockets that name them. */
enum iterator { ITERATOR_TASKS, ITERATOR_ARGS, ITERATOR_FILES, ITERATOR_TCP, ITERATOR_UDP, ITERATORS };

struct snapshot {
	int iterators[ITERATORS]; /* descriptors of iterator links; -1 = absent */
	int reading;      /* iterator being read, or -1 */
	int phase;        /* index into iterators; ITERATORS = done */
	bool active;
	bool again;       /* a resync was asked for while one runs */
	bool only_exes;   /* completing the paths of new programs, not a snapshot */
	uint8_t *buffer;
	size_t length;
	uint64_t last_exe_ns;
	struct pending_exec pending[PENDING_EXEC_MAX];
	uint32_t pending_count;
	bool pending_overflow;
	uint32_t asked_count; /* pending[0..asked_count) are being looked for */
};

struct drain {
	const struct fg_slot *slots;
	uint8_t *dirty;
	uint8_t *used;      /* groups that were ever dirty */
	uint64_t *digest;   /* of each slot as last sent */
	uint32_t *staged_at; /* slot -> index + 1 in staging */
	struct fg_flow_record *staging;
	uint32_t staged;
	uint32_t staged_next;
	uint64_t staged_until; /* the state ring must be read up to here before staging may leave */
	uint32_t slots_per_cpu;
	size_t group_count;
	size_t cursor;
	bool scanning;
	bool final;
	bool totals_due;
	struct fg_totals *totals;
	const void *losses;
	size_t slot_bytes, dirty_bytes, totals_bytes, losses_bytes; /* of the mappings */
	struct ring rings[FG_STREAMS];
	struct ring peeks;
	uint64_t displaced;
};

/* Monotonic time stands still while the machine sleeps: before `monotonic_ns` boot time was ahead by that much. */
struct sleep {
	uint64_t monotonic_ns;
	uint64_t offset_ns;
};

#define SLEEPS_MAX 16U

struct helper {
	struct flowglass *skeleton;
	struct channel channel;
	struct stream streams[FG_STREAMS];
	struct queue peeks;   /* of no stream: newest dropped, counted */
	uint64_t peeks_lost_ring;
	uint64_t peeks_lost_queue;
	struct drain drain;
	struct snapshot snapshot;
	struct interface interfaces[FG_IFACE_MAX];
	uint32_t interface_top; /* one past the highest place in use */
	struct present present[PRESENT_MAX];
	bool present_lost; /* there was no room to say what appeared */
	struct fg_hello hello;
	struct fg_command_hello wanted;
	struct fg_clock clock;
	uint64_t boot_offset_ns; /* boot time - monotonic */
	struct sleep sleeps[SLEEPS_MAX]; /* the newest ones, oldest first */
	uint32_t sleep_count;
	uint32_t cpus;
	uint32_t features;
	uint32_t interval_ms;
	uint32_t snaplen;
	int news_fd;   /* netlink, RTMGRP_LINK */
	int route_fd;  /* netlink, requests */
	int conntrack_fd;     /* netlink, translations that come up; -1 = not known here */
	int conntrack_ask_fd; /* netlink, requests for them */
	bool conntrack_lost;  /* some were not told: the table is to be read again */
	uint64_t conntrack_looked_ns;
	int ethtool_fd;
	int lock_fd;   /* abstract socket that says that our clsact handle is in use */
	uint32_t clsact_handle;
	int statm_fd;
	uint64_t kernel_bytes; /* of the maps, counted once */
	int cgroup_fd;
	bool have_tcx;
	bool capabilities_dropped; /* down to what attaching needs */
	bool snapshot_taken;
	bool stopping;
	uint64_t wakeups;
	uint64_t stats_ns; /* of the last STATS */
	struct fg_name *names;
	uint32_t name_count;
	struct bpf_link *links[64]; /* tracepoints and cgroup hooks */
	uint32_t link_count;
};

/* log.c: a LOG frame (at once, or after HELLO); an error also goes to standard error as one line. */
void log_say(struct helper *helper, enum fg_log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* errno in words that need no locale and no allocation. */
const char *log_error(int error);

/* clock.c */
void clock_read(struct helper *helper);          /* into helper->clock and boot_offset_ns; a GAP after a sleep */
uint64_t clock_boot_of(const struct helper *helper, uint64_t monotonic_ns);
uint64_t clock_boot_ns(void);
int clock_open_step_timer(void);                 /* readable when the wall clock is set; fd or -errno */
void clock_arm_step_timer(int fd);
int clock_open_interval_timer(uint32_t interval_ms);
int clock_set_interval(int fd, uint32_t interval_ms);

/* channel.c */
int channel_connect(struct helper *helper, const char *path); /* -EACCES: the peer is not who started us */
int channel_control(struct helper *helper, uint16_t type, const void *payload, uint32_t length);
/* Writes as much as socket, credit and queues allow. 0, or -EPIPE when the engine is gone. */
int channel_flush(struct helper *helper);
bool channel_wants_to_write(const struct helper *helper);
bool channel_idle(const struct helper *helper); /* nothing is queued or half written */
/* Reads and carries out commands. 0, -EPIPE at the end, -EPROTO after a frame that is not valid (LOG has been sent). */
int channel_read(struct helper *helper);
void channel_stats(struct helper *helper, struct fg_stats *stats);
void channel_drop(struct helper *helper); /* counts all that is queued as lost */

/* command.c: one whole frame. 0, -ESHUTDOWN for STOP, -EPROTO with *reason set. */
int command_hello(const struct fg_frame_header *header, const void *payload, struct fg_command_hello *hello,
		  const char **reason);
int command_run(struct helper *helper, const struct fg_frame_header *header, const void *payload,
		const char **reason);

/* load.c */
struct load_report {
	uint32_t refused_count;
	struct {
		char program[64];
		char reason[200];
	} refused[48];
	uint32_t absent_count;
	char absent[48][64];
	bool btf;
};
int load_programs(struct helper *helper, struct load_report *report, char *failure, size_t failure_size);
/* older.c: the sentence for a kernel that is too old, after it refused the programs; false where it is not */
struct btf;
bool explain_old_kernel(const struct btf *kernel, char *failure, size_t size);
int load_attach(struct helper *helper, struct load_report *report); /* tracepoints, cgroup hooks, iterators */
void load_detach(struct helper *helper);
void load_close(struct helper *helper);
void load_names(struct helper *helper); /* drop reasons from the kernel's BTF */
void load_clamp(struct helper *helper); /* sizes that were asked for, within limits; says what it changed */
const char *load_feature_name(uint32_t bit);

/* attach.c */
int attach_interface(struct helper *helper, const struct fg_command_attach *command);
void attach_detach(struct helper *helper, struct interface *interface, uint16_t state);
void attach_detach_all(struct helper *helper);
int attach_link_create(int program_fd, uint32_t ifindex, uint32_t type, uint32_t flags); /* fd or -errno */

/* clsact.c */
int clsact_open(struct helper *helper); /* takes a handle, removes filters that dead helpers left behind */
int clsact_attach(struct helper *helper, uint32_t ifindex, bool egress, uint32_t *program_id);
int clsact_detach(struct helper *helper, uint32_t ifindex, bool egress, uint32_t program_id);

/* interfaces.c */
/* Facts of one interface; on an error (-ENODEV: it is gone) `facts` stays as it was. */
int interfaces_facts(struct helper *helper, uint32_t ifindex, struct fg_interface *facts);
int interfaces_news(struct helper *helper); /* reads what the kernel says about links */
void conntrack_open(struct helper *helper);
void conntrack_look(struct helper *helper); /* at all translations: at the start, and when news were lost */
void conntrack_news(struct helper *helper);
void interfaces_look(struct helper *helper); /* at all of them: at the start, and when news were lost */
struct interface *interface_numbered(struct helper *helper, uint16_t iface); /* that has or had the number, or NULL */
uint32_t interfaces_link_type(uint32_t arphrd);
int interfaces_each(struct helper *helper, void (*visit)(struct helper *helper, uint32_t ifindex));
void interfaces_send(struct helper *helper, struct interface *interface, uint16_t state);

/* streams.c */
/* Takes state records up to `until` while there is room. 0, -ENOBUFS without room, -EAGAIN when not all were ready. */
int streams_state(struct helper *helper, uint64_t until, bool *progress);
void streams_events(struct helper *helper, bool *progress);
void streams_packets(struct helper *helper, bool *progress);
void streams_peeks(struct helper *helper, bool *progress);
/* One record of the state stream, from ring or iterator. */
int streams_state_record(struct helper *helper, uint16_t type, const void *record, uint32_t length);
bool streams_state_room(const struct helper *helper, size_t length);

/* drain.c */
int drain_open(struct helper *helper);
void drain_close(struct helper *helper);
void drain_start(struct helper *helper, bool final); /* begins a read-out */
/* Moves what can be moved between kernel, queues and socket. 0, 1 when there is more at once, or -EPIPE. */
int drain_pump(struct helper *helper);
bool drain_done(const struct helper *helper);
void drain_losses(struct helper *helper);
/* Hands over the last totals of the number that has a place, and clears the place. 0, or -EAGAIN without room. */
int drain_retire(struct helper *helper, struct interface *interface);
void drain_gaps(struct helper *helper, bool all);
void drain_boot_time(const struct helper *helper, struct fg_flow *flow); /* last_ns: monotonic to boot time */
void drain_displaced(struct helper *helper, const struct fg_flow_record *record);

/* snapshot.c */
int snapshot_open(struct helper *helper);
void snapshot_close(struct helper *helper);
void snapshot_start(struct helper *helper);
void snapshot_exec(struct helper *helper, const struct fg_process *process); /* its path is to be looked up */
void snapshot_tick(struct helper *helper);
bool snapshot_step(struct helper *helper); /* one read; true when something moved */

/* privilege.c */
int privilege_raise(void); /* everything permitted becomes effective */
bool privilege_has(unsigned int capability);
int privilege_keep(uint64_t capabilities); /* only these remain permitted and effective */
int privilege_no_new(void);
int privilege_enter_netns(const char *path, char *failure, size_t failure_size);
bool privilege_peer_allowed(uint32_t uid);

/* seccomp.c */
int seccomp_loading(void);
int seccomp_serving(void);

/* probe.c */
int probe_run(struct helper *helper);

#endif
