/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Loads the kernel programs. A program whose hook this kernel lacks is left out; one that the kernel refuses is left
 * out and named, and the rest is loaded again without it. Only the two tc programs are indispensable.
 */
#include "helper.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "skeleton.h"

#ifndef CAP_PERFMON
#define CAP_PERFMON 38
#define CAP_BPF 39
#endif

#define ATTEMPTS 48
#define DEFAULT_TABLE_BYTES (64ULL << 20)
#define DEFAULT_PACKET_RING_BYTES (16ULL << 20)
#define DEFAULT_EVENT_RING_BYTES (8ULL << 20)
#define DEFAULT_STATE_RING_BYTES (16ULL << 20)
#define DEFAULT_INTERVAL_MS 100U
#define SLOTS_MIN 1024U
#define SLOTS_MAX (1U << 22)
#define CONVERSATION_BYTES 64U
#define TAG_BYTES 1U
#define RING_MIN (256ULL << 10)

/* Which feature a hook serves. */
static const struct {
	const char *section;
	uint32_t feature;
} hooks[] = {
	{ "xdp", FG_FEATURE_XDP },
	{ "tp_btf/inet_sock_set_state", FG_FEATURE_SOCKET_STATES },
	{ "cgroup/sock_create", FG_FEATURE_CGROUP_SOCK },
	{ "cgroup/sock_release", FG_FEATURE_CGROUP_SOCK },
	{ "tp_btf/sock_send_length", FG_FEATURE_SEND_RECV },
	{ "tp_btf/sock_recv_length", FG_FEATURE_SEND_RECV },
	{ "cgroup/sendmsg", FG_FEATURE_SEND_RECV },
	{ "cgroup/recvmsg", FG_FEATURE_SEND_RECV },
	{ "tp_btf/tcp_probe", FG_FEATURE_TCP_PROBE },
	{ "tp_btf/tcp_retransmit_s", FG_FEATURE_RETRANSMIT },
	{ "tp_btf/tcp_send_reset", FG_FEATURE_RESETS },
	{ "tp_btf/tcp_receive_reset", FG_FEATURE_RESETS },
	{ "tp_btf/kfree_skb", FG_FEATURE_DROPS },
	{ "tp_btf/sched_process_", FG_FEATURE_PROCESSES },
	{ "tp_btf/udp_fail_queue_rcv_skb", FG_FEATURE_UDP_FAIL },
	{ "tp_btf/inet_sk_error_report", FG_FEATURE_SOCKET_ERRORS },
	{ "tp_btf/sys_exit", FG_FEATURE_ACCEPT },
	{ "iter/task_file", FG_FEATURE_ITERATORS },
	{ "iter/tcp", FG_FEATURE_ITERATORS },
	{ "iter/udp", FG_FEATURE_ITERATORS },
	{ "iter/task", FG_FEATURE_EXE_PATH },
};

static const char *const feature_names[] = {
	"tcx", "xdp", "socket-states", "cgroup-sock", "send-recv", "tcp-probe", "retransmit", "resets", "drops",
	"processes", "iterators", "exe-path", "udp-fail", "socket-errors", "accept", "conntrack",
};

const char *load_feature_name(uint32_t bit)
{
	return bit < sizeof feature_names / sizeof *feature_names ? feature_names[bit] : NULL;
}

static bool starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static uint32_t feature_of(const char *section)
{
	for (size_t i = 0; i < sizeof hooks / sizeof *hooks; i++)
		if (starts_with(section, hooks[i].section))
			return hooks[i].feature;
	return 0;
}

/* ---- what libbpf says -------------------------------------------------------------------------------------- */

static struct {
	char program[64];
	char reason[200];
	char general[200]; /* the last warning that names no program */
	char text[65536];
} said;

static void copy_line(char *to, size_t size, const char *from, size_t length)
{
	if (length >= size)
		length = size - 1;
	memcpy(to, from, length);
	to[length] = 0;
	for (char *at = to; *at; at++)
		if ((unsigned char)*at < 0x20)
			*at = ' ';
}

/* The verifier's last sentence: the line before its statistics. */
static void take_verifier_log(const char *log)
{
	const char *end = strstr(log, "-- END PROG LOAD LOG --");
	const char *line = log;
	const char *best = NULL;
	size_t best_length = 0;

	if (!end)
		end = log + strlen(log);
	while (line < end) {
		const char *stop = memchr(line, '\n', (size_t)(end - line));
		size_t length = (size_t)((stop ? stop : end) - line);

		if (starts_with(line, "processed ") || starts_with(line, "verification time"))
			break;
		if (length) {
			best = line;
			best_length = length;
		}
		line += length + 1;
	}
	if (best)
		copy_line(said.reason, sizeof said.reason, best, best_length);
}

static int on_libbpf(enum libbpf_print_level level, const char *format, va_list arguments)
{
	const char *text = said.text;
	const char *name, *end;
	bool same;

	if (level != LIBBPF_WARN)
		return 0;
	vsnprintf(said.text, sizeof said.text, format, arguments);
	if (starts_with(text, "libbpf: "))
		text += 8;
	if (!starts_with(text, "prog '") || !(end = strchr(text + 6, '\''))) {
		copy_line(said.general, sizeof said.general, text, strcspn(text, "\n"));
		return 0;
	}
	name = text + 6;
	same = strlen(said.program) == (size_t)(end - name) && !strncmp(said.program, name, (size_t)(end - name));
	if (!same) {
		copy_line(said.program, sizeof said.program, name, (size_t)(end - name));
		said.reason[0] = 0;
	}
	text = end + 1 + strspn(end + 1, ": ");
	if (starts_with(text, "-- BEGIN PROG LOAD LOG --"))
		take_verifier_log(strchr(text, '\n') ? strchr(text, '\n') + 1 : text);
	else if (!said.reason[0])
		copy_line(said.reason, sizeof said.reason, text, strcspn(text, "\n"));
	return 0;
}

/* ---- sizes ------------------------------------------------------------------------------------------------- */

static uint64_t power_of_two(uint64_t value)
{
	uint64_t power = 1;

	while (power < value)
		power <<= 1;
	return power;
}

static uint64_t clamp_ring(struct helper *helper, const char *what, uint64_t asked, uint64_t otherwise)
{
	uint64_t wanted = asked ? asked : otherwise;
	uint64_t given = wanted < RING_MIN ? RING_MIN : power_of_two(wanted); /* command.c has limited it */

	if (given != wanted)
		log_say(helper, FG_LOG_WARNING, "%s ring: %llu bytes asked for, %llu used (a power of two, at least 256 KiB)",
			what, (unsigned long long)wanted, (unsigned long long)given);
	return given;
}

void load_clamp(struct helper *helper)
{
	struct fg_command_hello *wanted = &helper->wanted;
	uint64_t budget = wanted->table_bytes ? wanted->table_bytes : DEFAULT_TABLE_BYTES;
	uint64_t slot_cost = (uint64_t)helper->cpus * (sizeof(struct fg_slot) + TAG_BYTES) + CONVERSATION_BYTES;
	uint64_t slots = SLOTS_MIN;

	while (slots < SLOTS_MAX && slots * 2 * slot_cost <= budget)
		slots *= 2;
	if (slots * slot_cost > budget || budget / slot_cost > 2ULL * SLOTS_MAX)
		log_say(helper, FG_LOG_WARNING, "flow table: %llu bytes asked for, %llu used (%u to %u slots on each of %u CPUs)",
			(unsigned long long)budget, (unsigned long long)(slots * slot_cost), SLOTS_MIN, SLOTS_MAX, helper->cpus);
	helper->drain.slots_per_cpu = (uint32_t)slots;
	wanted->packet_ring_bytes = clamp_ring(helper, "packet", wanted->packet_ring_bytes, DEFAULT_PACKET_RING_BYTES);
	wanted->event_ring_bytes = clamp_ring(helper, "event", wanted->event_ring_bytes, DEFAULT_EVENT_RING_BYTES);
	wanted->state_ring_bytes = clamp_ring(helper, "state", wanted->state_ring_bytes, DEFAULT_STATE_RING_BYTES);
	helper->interval_ms = wanted->interval_ms ? wanted->interval_ms : DEFAULT_INTERVAL_MS;
}

static int entries(struct bpf_map *map, uint64_t count)
{
	return bpf_map__set_max_entries(map, (uint32_t)count);
}

static int configure(struct helper *helper)
{
	struct flowglass *skeleton = helper->skeleton;
	uint32_t slots = helper->drain.slots_per_cpu;
	uint64_t all = (uint64_t)slots * helper->cpus;
	struct utsname system;
	int error;

	if ((error = entries(skeleton->maps.flow_table, all)) ||
	    (error = entries(skeleton->maps.flow_dirty, fg_dirty_entries((uint32_t)all))) ||
	    (error = entries(skeleton->maps.flow_tags, all / FG_WAYS)) ||
	    (error = entries(skeleton->maps.conversations, slots)) ||
	    (error = entries(skeleton->maps.totals, (uint64_t)helper->cpus * FG_IFACE_MAX)) ||
	    (error = entries(skeleton->maps.losses, helper->cpus)) ||
	    (error = entries(skeleton->maps.scratch, helper->cpus)) ||
	    (error = entries(skeleton->maps.peeks, helper->cpus)) ||
	    (error = entries(skeleton->maps.state_ring, helper->wanted.state_ring_bytes)) ||
	    (error = entries(skeleton->maps.event_ring, helper->wanted.event_ring_bytes)) ||
	    (error = entries(skeleton->maps.packet_ring, helper->wanted.packet_ring_bytes)))
		return error;
	skeleton->rodata->cfg_netns = helper->hello.netns;
	skeleton->rodata->cfg_slots_per_cpu = slots;
	skeleton->rodata->cfg_slots_mask = slots - 1;
	skeleton->rodata->cfg_atomics = uname(&system) == 0 && strstr(system.version, "PREEMPT_RT") != NULL;
	skeleton->rodata->cfg_latency = !(helper->wanted.flags & FG_WANT_NO_LATENCY);
	skeleton->rodata->cfg_sockets = !(helper->wanted.flags & FG_WANT_NO_SOCKETS);
	skeleton->rodata->cfg_peeks = !(helper->wanted.flags & FG_WANT_NO_PEEKS);
	skeleton->rodata->cfg_args = !(helper->wanted.flags & FG_WANT_NO_ARGS);
	return 0;
}

/* ---- which programs ---------------------------------------------------------------------------------------- */

static bool is_packet_program(const char *section)
{
	return starts_with(section, "tc") || starts_with(section, "xdp") || starts_with(section, "classifier");
}

/* The one program that must be allowed to sleep. Kernels that refuse it (before 6.1 or so) leave one thing unknown, the
 * command line of what ran before us: no feature, and no warning. */
static bool is_args_iterator(const char *section)
{
	return starts_with(section, "iter.s/");
}

static bool have_tracepoint(const struct btf *kernel, const char *name)
{
	char type[128];

	snprintf(type, sizeof type, "btf_trace_%s", name);
	return btf__find_by_name_kind(kernel, type, BTF_KIND_TYPEDEF) > 0;
}

/* Whether this kernel has the hook and anyone wants it. */
static bool wanted(const struct helper *helper, const struct btf *kernel, const char *section, bool *absent)
{
	*absent = false;
	if (is_packet_program(section))
		return true;
	if (helper->wanted.flags & FG_WANT_NO_SOCKETS)
		return false;
	if (is_args_iterator(section))
		return !(helper->wanted.flags & FG_WANT_NO_ARGS);
	if (starts_with(section, "tp_btf/sys_exit"))
		return helper->wanted.flags & FG_WANT_ACCEPT_TRACING;
	if (starts_with(section, "tp_btf/")) {
		*absent = !have_tracepoint(kernel, section + strlen("tp_btf/"));
		return !*absent;
	}
	if (starts_with(section, "cgroup/sendmsg") || starts_with(section, "cgroup/recvmsg"))
		return !have_tracepoint(kernel, "sock_send_length");
	return true;
}

static bool refused(const struct load_report *report, const char *program)
{
	for (uint32_t i = 0; i < report->refused_count; i++)
		if (!strcmp(report->refused[i].program, program))
			return true;
	return false;
}

static void note_refused(struct load_report *report, const char *program, const char *reason)
{
	if (report->refused_count == sizeof report->refused / sizeof *report->refused)
		return;
	copy_line(report->refused[report->refused_count].program, sizeof report->refused[0].program, program,
		  strlen(program));
	copy_line(report->refused[report->refused_count].reason, sizeof report->refused[0].reason, reason, strlen(reason));
	report->refused_count++;
}

static void choose(struct helper *helper, const struct btf *kernel, struct load_report *report)
{
	struct bpf_program *program;

	report->absent_count = 0;
	bpf_object__for_each_program(program, helper->skeleton->obj) {
		const char *section = bpf_program__section_name(program);
		const char *name = bpf_program__name(program);
		bool absent;
		bool take = wanted(helper, kernel, section, &absent);

		if (absent && report->absent_count < sizeof report->absent / sizeof *report->absent)
			copy_line(report->absent[report->absent_count++], sizeof report->absent[0], section, strlen(section));
		bpf_program__set_autoload(program, take && !refused(report, name));
	}
}

static bool packet_program_named(const struct helper *helper, const char *name)
{
	return !strcmp(name, bpf_program__name(helper->skeleton->progs.fg_ingress)) ||
	       !strcmp(name, bpf_program__name(helper->skeleton->progs.fg_egress));
}

/* How loudly to say that a program is left out. */
static enum fg_log_level loudness(const struct helper *helper, const char *name)
{
	return strcmp(name, bpf_program__name(helper->skeleton->progs.fg_iter_args)) ? FG_LOG_WARNING : FG_LOG_DEBUG;
}

static int missing_permission(char *failure, size_t failure_size)
{
	bool admin = privilege_has(CAP_SYS_ADMIN);
	const char *missing = !privilege_has(CAP_NET_ADMIN)	  ? "CAP_NET_ADMIN"
			      : !admin && !privilege_has(CAP_BPF) ? "CAP_BPF"
			      : !admin && !privilege_has(CAP_PERFMON) ? "CAP_PERFMON"
								      : NULL;

	if (!missing)
		return 0;
	snprintf(failure, failure_size,
		 "loading the kernel programs: %s is missing, run as root or install the helper with its file capabilities",
		 missing);
	return -EPERM;
}

int load_programs(struct helper *helper, struct load_report *report, char *failure, size_t failure_size)
{
	struct btf *kernel;
	int error = missing_permission(failure, failure_size);

	if (error)
		return error;
	libbpf_set_print(on_libbpf);
	kernel = btf__load_vmlinux_btf();
	report->btf = kernel != NULL;
	if (!kernel) {
		snprintf(failure, failure_size,
			 "kernel types: %s has no BTF, use a kernel built with CONFIG_DEBUG_INFO_BTF (5.15 or later)",
			 "/sys/kernel/btf/vmlinux");
		return -ENOTSUP;
	}
	for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
		said.program[0] = said.reason[0] = said.general[0] = 0;
		helper->skeleton = flowglass__open();
		if (!helper->skeleton) {
			error = -errno;
			snprintf(failure, failure_size, "reading the kernel programs: %s", said.general);
			break;
		}
		choose(helper, kernel, report);
		error = configure(helper);
		if (!error)
			error = flowglass__load(helper->skeleton);
		if (!error)
			break;
		if (!said.program[0] || packet_program_named(helper, said.program) || refused(report, said.program)) {
			snprintf(failure, failure_size, "loading the kernel programs%s%s: %s (%s)", said.program[0] ? ", " : "",
				 said.program, said.reason[0] ? said.reason : said.general, log_error(error));
			break;
		}
		note_refused(report, said.program, said.reason);
		log_say(helper, loudness(helper, said.program), "kernel program %s was refused and is left out: %s", said.program,
			said.reason);
		flowglass__destroy(helper->skeleton);
		helper->skeleton = NULL;
		error = -ENOTSUP;
		snprintf(failure, failure_size, "loading the kernel programs: too many were refused, the last was %s", said.program);
	}
	if (error && explain_old_kernel(kernel, failure, failure_size))
		error = -ENOTSUP;
	btf__free(kernel);
	return error;
}

/* ---- hooks that belong to no interface --------------------------------------------------------------------- */

/* The cgroup2 root as this process sees it: in a container that is its own subtree. */
static int open_cgroup_root(void)
{
	char line[1024], path[512], type[64];
	FILE *mounts = fopen("/proc/self/mounts", "re");
	int fd = -ENOENT;

	if (!mounts)
		return -errno;
	while (fd < 0 && fgets(line, sizeof line, mounts)) {
		if (sscanf(line, "%*s %511s %63s", path, type) != 2 || strcmp(type, "cgroup2"))
			continue;
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			fd = -errno;
	}
	fclose(mounts);
	return fd;
}

static enum iterator iterator_of(const char *section)
{
	if (is_args_iterator(section))
		return ITERATOR_ARGS;
	if (starts_with(section, "iter/task_file"))
		return ITERATOR_FILES;
	if (starts_with(section, "iter/tcp"))
		return ITERATOR_TCP;
	if (starts_with(section, "iter/udp"))
		return ITERATOR_UDP;
	return ITERATOR_TASKS;
}

static struct bpf_link *attach_one(struct helper *helper, struct bpf_program *program, const char *section)
{
	if (starts_with(section, "cgroup/")) {
		if (helper->cgroup_fd < 0) {
			errno = ENOENT;
			return NULL;
		}
		return bpf_program__attach_cgroup(program, helper->cgroup_fd);
	}
	return bpf_program__attach(program);
}

/* A feature is there when every hook that serves it and exists on this kernel has been attached. */
int load_attach(struct helper *helper, struct load_report *report)
{
	uint32_t have = 0, lack = 0;
	struct bpf_program *program;

	for (int i = 0; i < ITERATORS; i++)
		helper->snapshot.iterators[i] = -1;
	helper->cgroup_fd = open_cgroup_root();
	if (helper->cgroup_fd < 0 && !(helper->wanted.flags & FG_WANT_NO_SOCKETS))
		log_say(helper, FG_LOG_WARNING, "no cgroup2 file system is mounted: who made and closed a socket is not known");
	/* A tcx link to an interface that cannot exist: kernels without tcx do not know the attach type. */
	helper->have_tcx = attach_link_create(bpf_program__fd(helper->skeleton->progs.fg_ingress), INT32_MAX, 46, 0) == -ENODEV;
	if (helper->have_tcx)
		have |= FG_FEATURE_TCX;
	bpf_object__for_each_program(program, helper->skeleton->obj) {
		const char *section = bpf_program__section_name(program);
		uint32_t feature = feature_of(section);
		struct bpf_link *link;

		if (bpf_program__fd(program) < 0) {
			if (refused(report, bpf_program__name(program)))
				lack |= feature;
			continue;
		}
		if (is_packet_program(section)) {
			have |= feature;
			continue;
		}
		link = attach_one(helper, program, section);
		if (!link || helper->link_count == sizeof helper->links / sizeof *helper->links) {
			bool no_root = starts_with(section, "cgroup/") && helper->cgroup_fd < 0;
			char reason[120];

			snprintf(reason, sizeof reason, "attaching %s: %s", section,
				 no_root ? "no cgroup2 file system is mounted" : log_error(errno));
			note_refused(report, bpf_program__name(program), reason);
			if (!no_root)
				log_say(helper, loudness(helper, bpf_program__name(program)), "kernel program %s is left out, %s",
					bpf_program__name(program), reason);
			lack |= feature;
			bpf_link__destroy(link);
			continue;
		}
		helper->links[helper->link_count++] = link;
		if (starts_with(section, "iter/") || is_args_iterator(section))
			helper->snapshot.iterators[iterator_of(section)] = bpf_link__fd(link);
		have |= feature;
	}
	helper->features = have & ~lack;
	return 0;
}

void load_detach(struct helper *helper)
{
	for (uint32_t i = 0; i < helper->link_count; i++)
		bpf_link__destroy(helper->links[i]);
	helper->link_count = 0;
	for (int i = 0; i < ITERATORS; i++)
		helper->snapshot.iterators[i] = -1;
}

void load_close(struct helper *helper)
{
	load_detach(helper);
	flowglass__destroy(helper->skeleton);
	helper->skeleton = NULL;
}

/* ---- drop reasons ------------------------------------------------------------------------------------------ */

static const char reason_prefix[] = "SKB_DROP_REASON_";

void load_names(struct helper *helper)
{
	struct btf *kernel = btf__load_vmlinux_btf();
	int id = kernel ? btf__find_by_name_kind(kernel, "skb_drop_reason", BTF_KIND_ENUM) : -ENOENT;
	const struct btf_type *type = id > 0 ? btf__type_by_id(kernel, (uint32_t)id) : NULL;
	uint32_t count = type ? btf_vlen(type) : 0;
	bool named = false;

	helper->names = count ? calloc(count + 1, sizeof *helper->names) : NULL;
	for (uint32_t i = 0; helper->names && i < count; i++) {
		const struct btf_enum *value = &btf_enum(type)[i];
		const char *name = btf__name_by_offset(kernel, value->name_off);
		struct fg_name *entry = &helper->names[helper->name_count];

		if (!name || value->val < 0)
			continue;
		if (starts_with(name, reason_prefix))
			name += sizeof reason_prefix - 1;
		entry->number = (uint32_t)value->val;
		strncpy((char *)entry->name, name, sizeof entry->name - 1);
		named |= !strcmp(name, "TCP_LISTEN_OVERFLOW");
		helper->name_count++;
	}
	if (helper->names && !named) {
		helper->names[helper->name_count].number = FG_REASON_LISTEN_OVERFLOW;
		strcpy((char *)helper->names[helper->name_count++].name, "TCP_LISTEN_OVERFLOW");
	}
	btf__free(kernel);
}
