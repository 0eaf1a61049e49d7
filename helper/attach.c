/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The ladder of hooks. Ingress: XDP native on hardware whose driver is known to attach without dropping the link, then
 * tcx, clsact, XDP generic; on software devices tcx first (native XDP on veth takes GSO frames apart and cost 40 % of
 * TCP throughput where tcx cost 2 %). Egress: tcx, clsact. A rung that is forced is the only one tried. An XDP program
 * of someone else is never replaced: a link does not (EBUSY), and we step down.
 */
#include "helper.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "skeleton.h"

/* uapi/linux/bpf.h since 6.6; libbpf 1.1 has no call for them. */
#define ATTACH_TCX_INGRESS 46U
#define ATTACH_TCX_EGRESS 47U
#define ATTACH_BEFORE (1U << 3) /* BPF_F_BEFORE: ahead of programs that might accept a packet and hide it from us */

/* Drivers that attach XDP without taking the link down for a moment. */
static const char *const calm_drivers[] = { "virtio_net" };

int attach_link_create(int program_fd, uint32_t ifindex, uint32_t type, uint32_t flags)
{
	/* The members of bpf_attr for BPF_LINK_CREATE, with those that tcx adds (6.6). */
	struct {
		uint32_t prog_fd;
		uint32_t target_ifindex;
		uint32_t attach_type;
		uint32_t flags;
		uint32_t relative_fd;
		uint32_t reserved;
		uint64_t expected_revision;
		uint64_t rest[4];
	} attributes = { .prog_fd = (uint32_t)program_fd, .target_ifindex = ifindex, .attach_type = type, .flags = flags };
	long fd = syscall(SYS_bpf, BPF_LINK_CREATE, &attributes, sizeof attributes);

	return fd < 0 ? -errno : (int)fd;
}

static const char *rung_name(uint32_t rung)
{
	static const char *const names[] = { "nothing", "auto", "native XDP", "generic XDP", "tcx", "clsact" };

	return names[rung];
}

/* ---- the table by which the kernel programs know an interface ------------------------------------------------ */

static uint8_t link_kind(uint32_t link_type)
{
	return link_type == 1 ? FG_LINK_ETHERNET : link_type == 101 ? FG_LINK_RAW_IP : FG_LINK_UNKNOWN;
}

static int table_add(struct helper *helper, uint16_t number, const struct fg_interface *facts)
{
	struct fg_iface_slot *table = helper->skeleton->bss->ifaces;

	for (uint32_t probe = 0; probe < FG_IFACE_PROBES; probe++) {
		struct fg_iface_slot *slot = &table[(fg_iface_place(facts->ifindex) + probe) % FG_IFACE_SLOTS];

		if (slot->ifindex != 0 && slot->ifindex != FG_IFINDEX_REMOVED)
			continue;
		slot->iface = number;
		slot->kind = link_kind(facts->link_type);
		slot->flags = facts->arphrd == ARPHRD_LOOPBACK ? FG_LINK_INGRESS_ONLY : 0;
		__atomic_store_n(&slot->ifindex, facts->ifindex, __ATOMIC_RELEASE);
		return 0;
	}
	return -ENOSPC;
}

static void table_remove(struct helper *helper, uint32_t ifindex)
{
	struct fg_iface_slot *table = helper->skeleton->bss->ifaces;

	for (uint32_t probe = 0; probe < FG_IFACE_PROBES; probe++) {
		struct fg_iface_slot *slot = &table[(fg_iface_place(ifindex) + probe) % FG_IFACE_SLOTS];

		if (slot->ifindex == ifindex)
			__atomic_store_n(&slot->ifindex, FG_IFINDEX_REMOVED, __ATOMIC_RELEASE);
	}
}

/* ---- one rung ------------------------------------------------------------------------------------------------ */

static int attach_tcx(struct helper *helper, struct interface *interface, bool egress)
{
	struct bpf_program *program = egress ? helper->skeleton->progs.fg_egress : helper->skeleton->progs.fg_ingress;
	int fd;

	if (!helper->have_tcx)
		return -EOPNOTSUPP;
	fd = attach_link_create(bpf_program__fd(program), interface->facts.ifindex,
				egress ? ATTACH_TCX_EGRESS : ATTACH_TCX_INGRESS, ATTACH_BEFORE);
	if (fd < 0)
		return fd;
	interface->links[egress ? LINK_EGRESS : LINK_INGRESS] = fd;
	return 0;
}

static int attach_xdp(struct helper *helper, struct interface *interface, uint32_t flags)
{
	int program = bpf_program__fd(helper->skeleton->progs.fg_xdp);
	int fd;

	if (program < 0)
		return -EOPNOTSUPP;
	fd = attach_link_create(program, interface->facts.ifindex, BPF_XDP, flags);
	if (fd < 0)
		return fd;
	interface->links[LINK_XDP] = fd;
	return 0;
}

static int attach_rung(struct helper *helper, struct interface *interface, uint32_t rung, bool egress)
{
	switch (rung) {
	case FG_RUNG_XDP_NATIVE:
		return attach_xdp(helper, interface, XDP_FLAGS_DRV_MODE);
	case FG_RUNG_XDP_GENERIC:
		return attach_xdp(helper, interface, XDP_FLAGS_SKB_MODE);
	case FG_RUNG_TCX:
		return attach_tcx(helper, interface, egress);
	case FG_RUNG_CLSACT:
		return clsact_attach(helper, interface->facts.ifindex, egress, &interface->clsact_program[egress]);
	default:
		return -EINVAL;
	}
}

static const char *rung_error(uint32_t rung, int error)
{
	bool xdp = rung == FG_RUNG_XDP_NATIVE || rung == FG_RUNG_XDP_GENERIC;

	switch (-error) {
	case EOPNOTSUPP:
		return rung == FG_RUNG_TCX ? "this kernel has none (6.6 or later)"
		       : xdp	       ? "the driver or its settings do not allow it"
					   : "not supported";
	case EBUSY:
	case EEXIST:
		return xdp ? "another XDP program is there" : "another filter is there";
	case EPERM:
		return rung == FG_RUNG_CLSACT ? "CAP_NET_ADMIN is missing or was given up" : "not permitted";
	case EINVAL:
		return rung == FG_RUNG_CLSACT ? "another kind of filter has our priority" : "not valid for this interface";
	default:
		return log_error(error);
	}
}

/* ---- the ladder ---------------------------------------------------------------------------------------------- */

static bool calm_driver(const struct fg_interface *facts)
{
	for (size_t i = 0; i < sizeof calm_drivers / sizeof *calm_drivers; i++)
		if (!strcmp((const char *)facts->driver, calm_drivers[i]))
			return true;
	return false;
}

static size_t ladder(const struct fg_interface *facts, uint32_t asked, bool egress, uint32_t *rungs)
{
	size_t count = 0;

	if (asked == FG_RUNG_NONE)
		return 0;
	if (asked != FG_RUNG_AUTO) {
		rungs[count++] = asked;
		return count;
	}
	if (!egress && calm_driver(facts))
		rungs[count++] = FG_RUNG_XDP_NATIVE;
	rungs[count++] = FG_RUNG_TCX;
	rungs[count++] = FG_RUNG_CLSACT;
	if (!egress)
		rungs[count++] = FG_RUNG_XDP_GENERIC;
	return count;
}

/* A buffer for one sentence, which is cut when it is full. */
struct sentence {
	char *text;
	size_t size;
	size_t length;
};

static void __attribute__((format(printf, 2, 3))) add(struct sentence *sentence, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(sentence->text + sentence->length, sentence->size - sentence->length, format, arguments);
	va_end(arguments);
	if (length > 0)
		sentence->length += (size_t)length < sentence->size - sentence->length ? (size_t)length
										      : sentence->size - sentence->length - 1;
}

static const char *why(const struct fg_interface *facts, uint32_t asked, uint32_t rung, bool egress)
{
	if (asked != FG_RUNG_AUTO)
		return " as asked";
	if (rung == FG_RUNG_XDP_NATIVE)
		return ", which this driver attaches without dropping the link";
	if (rung == FG_RUNG_TCX && !egress && !calm_driver(facts))
		return ", as XDP is for drivers known to keep the link";
	return "";
}

static int climb(struct helper *helper, struct interface *interface, uint32_t asked, bool egress, uint32_t *used,
		 struct sentence *reason)
{
	uint32_t rungs[4];
	size_t count = ladder(&interface->facts, asked, egress, rungs);
	int error = 0;

	*used = FG_RUNG_NONE;
	add(reason, "%s: ", egress ? "; egress" : "ingress");
	if (!count)
		add(reason, "not asked for");
	for (size_t i = 0; i < count; i++) {
		error = attach_rung(helper, interface, rungs[i], egress);
		if (!error) {
			*used = rungs[i];
			add(reason, "%s%s", rung_name(rungs[i]), why(&interface->facts, asked, rungs[i], egress));
			return 0;
		}
		add(reason, "no %s (%s)%s", rung_name(rungs[i]), rung_error(rungs[i], error), i + 1 < count ? ", " : "");
	}
	return error;
}

static int release_hooks(struct helper *helper, struct interface *interface)
{
	int error = 0;

	for (int i = 0; i < LINK_SLOTS; i++) {
		if (interface->links[i] >= 0)
			close(interface->links[i]);
		interface->links[i] = -1;
	}
	for (int egress = 0; egress < 2; egress++) {
		if (interface->clsact_program[egress]) {
			int result = clsact_detach(helper, interface->facts.ifindex, egress, interface->clsact_program[egress]);

			if (result)
				error = result;
		}
		interface->clsact_program[egress] = 0;
	}
	return error;
}

static void fail(struct helper *helper, struct interface *interface, int error)
{
	interface->facts.error = -error;
	interface->facts.ingress = interface->facts.egress = FG_RUNG_NONE;
	interfaces_send(helper, interface, FG_INTERFACE_FAILED);
}

/* tcx and XDP links take no capability, clsact takes CAP_NET_ADMIN, also to leave again. */
static void drop_capabilities(struct helper *helper, const struct interface *interface)
{
	bool clsact = interface->clsact_program[0] || interface->clsact_program[1];
	int error;

	if (helper->capabilities_dropped)
		return;
	helper->capabilities_dropped = true;
	error = privilege_keep(clsact ? 1ULL << CAP_NET_ADMIN : 0);
	if (error)
		log_say(helper, FG_LOG_WARNING, "capabilities could not be given up: %s", log_error(error));
}

static bool same_interface_watched(const struct helper *helper, uint32_t ifindex)
{
	for (uint32_t i = 0; i < helper->interface_top; i++)
		if (helper->interfaces[i].attached && helper->interfaces[i].facts.ifindex == ifindex)
			return true;
	return false;
}

static int refuse(struct helper *helper, const struct fg_command_attach *command, int error, const char *reason)
{
	struct interface answer = { .facts = { .iface = command->iface, .ifindex = command->ifindex } };

	snprintf((char *)answer.facts.reason, sizeof answer.facts.reason, "%s", reason);
	fail(helper, &answer, error);
	return error;
}

int attach_interface(struct helper *helper, const struct fg_command_attach *command)
{
	struct interface *interface = &helper->interfaces[command->iface % FG_IFACE_MAX];
	struct fg_interface facts = { .iface = command->iface };
	struct sentence reason = { (char *)facts.reason, sizeof facts.reason, 0 };
	uint32_t ingress, egress;
	int error;

	if (interface->attached || (interface->used && interface->facts.iface >= command->iface))
		return refuse(helper, command, -EEXIST, "this interface number is or was in use, take another");
	if (same_interface_watched(helper, command->ifindex))
		return refuse(helper, command, -EEXIST, "this interface is watched already");
	error = interfaces_facts(helper, command->ifindex, &facts);
	if (error)
		return refuse(helper, command, error, error == -ENODEV ? "there is no such interface" : log_error(error));
	if (interface->used && drain_retire(helper, interface))
		return refuse(helper, command, -EAGAIN, "the engine does not read");
	*interface = (struct interface){ .facts = facts, .links = { -1, -1, -1 } };
	error = table_add(helper, command->iface, &facts);
	if (error)
		return refuse(helper, command, error, "too many interfaces are watched");
	reason.text = (char *)interface->facts.reason;
	error = climb(helper, interface, command->ingress, false, &ingress, &reason);
	if (!error)
		error = climb(helper, interface, command->egress, true, &egress, &reason);
	if (error) {
		release_hooks(helper, interface);
		table_remove(helper, facts.ifindex);
		fail(helper, interface, error);
		return error;
	}
	interface->facts.ingress = ingress;
	interface->facts.egress = egress;
	interface->used = interface->attached = true;
	interface->totals.iface = command->iface;
	if (helper->interface_top <= command->iface % FG_IFACE_MAX)
		helper->interface_top = command->iface % FG_IFACE_MAX + 1U;
	interfaces_send(helper, interface, FG_INTERFACE_ATTACHED);
	drop_capabilities(helper, interface);
	if (!helper->snapshot_taken) {
		helper->snapshot_taken = true;
		snapshot_start(helper);
	}
	return 0;
}

void attach_detach(struct helper *helper, struct interface *interface, uint16_t state)
{
	int error = release_hooks(helper, interface);

	table_remove(helper, interface->facts.ifindex);
	interface->attached = false;
	interface->detached_ns = clock_boot_ns();
	/* The device's own counters as they stand at the end, for whoever compares. */
	if (state == FG_INTERFACE_DETACHED)
		(void)interfaces_facts(helper, interface->facts.ifindex, &interface->facts);
	else
		interface->facts.up = 0;
	interface->facts.error = error == -ENODEV ? 0 : -error;
	if (interface->facts.error)
		log_say(helper, FG_LOG_WARNING, "%s: the clsact filter could not be taken away: %s", interface->facts.name,
			log_error(error));
	interfaces_send(helper, interface, state);
}

void attach_detach_all(struct helper *helper)
{
	for (uint32_t i = 0; i < helper->interface_top; i++)
		if (helper->interfaces[i].attached)
			attach_detach(helper, &helper->interfaces[i], FG_INTERFACE_DETACHED);
}
