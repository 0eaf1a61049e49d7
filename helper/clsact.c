/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The rung for kernels without tcx: cls_bpf filters on a clsact qdisc. No link holds them, so they outlive a helper
 * that is killed. What is ours is told only by what the kernel itself shows: our priority, a handle that no living
 * helper holds, our program's name, and a tag that this build (or an earlier one, below) has. Anything else is left
 * alone, and the qdisc always.
 *
 * A living helper holds its handle by an abstract Unix socket of the network namespace, which ends with the process.
 */
#include "helper.h"
#include "netlink.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "skeleton.h"

#define TAG_BYTES 8
/* Before what tc numbers by itself (49152 and down): an earlier filter that accepts a packet would hide it. */
#define OUR_PRIORITY 9U
#define OUR_HANDLE 0xf1090001U
#define HANDLES 16U

/* Tags of released builds, so that an update cleans up behind its predecessor. A tag also depends on the kernel that
 * the program was relocated for. None has been released yet; ends with zeros. */
static const uint8_t released_tags[][TAG_BYTES] = { { 0 } };

struct filter {
	bool found;
	bool named; /* by our program's name */
	uint32_t handle;
	uint32_t program_id;
	uint8_t tag[TAG_BYTES];
	const char *name; /* wanted */
};

static struct tcmsg *begin(struct netlink_request *request, uint16_t type, uint16_t flags, uint32_t ifindex, bool egress)
{
	struct tcmsg *message = netlink_begin(request, type, flags, sizeof *message);

	message->tcm_family = AF_UNSPEC;
	message->tcm_ifindex = (int)ifindex;
	message->tcm_parent = TC_H_MAKE(TC_H_CLSACT, egress ? TC_H_MIN_EGRESS : TC_H_MIN_INGRESS);
	message->tcm_info = TC_H_MAKE(OUR_PRIORITY << 16, htons(ETH_P_ALL));
	return message;
}

static const char *program_name(bool egress)
{
	return egress ? "fg_egress" : "fg_ingress";
}

static int program_fd(const struct helper *helper, bool egress)
{
	return bpf_program__fd(egress ? helper->skeleton->progs.fg_egress : helper->skeleton->progs.fg_ingress);
}

static void on_filter(void *context, const struct nlmsghdr *message)
{
	struct filter *filter = context;
	const struct tcmsg *tc = NLMSG_DATA(message);
	const struct rtattr *attributes[TCA_MAX + 1];
	const struct rtattr *options[TCA_BPF_MAX + 1];

	if (message->nlmsg_type != RTM_NEWTFILTER || message->nlmsg_len < NLMSG_LENGTH(sizeof *tc) ||
	    tc->tcm_handle != filter->handle || TC_H_MAJ(tc->tcm_info) >> 16 != OUR_PRIORITY)
		return;
	netlink_attributes(attributes, TCA_MAX, TCA_RTA(tc), TCA_PAYLOAD(message));
	filter->found = true;
	if (!attributes[TCA_KIND] || strcmp(RTA_DATA(attributes[TCA_KIND]), "bpf") || !attributes[TCA_OPTIONS])
		return;
	netlink_attributes(options, TCA_BPF_MAX, RTA_DATA(attributes[TCA_OPTIONS]), RTA_PAYLOAD(attributes[TCA_OPTIONS]));
	filter->program_id = netlink_u32(options[TCA_BPF_ID]);
	if (options[TCA_BPF_TAG] && RTA_PAYLOAD(options[TCA_BPF_TAG]) == TAG_BYTES)
		memcpy(filter->tag, RTA_DATA(options[TCA_BPF_TAG]), TAG_BYTES);
	filter->named = options[TCA_BPF_NAME] && !strcmp(RTA_DATA(options[TCA_BPF_NAME]), filter->name);
}

/* What stands at our priority and this handle. A kernel without the qdisc answers with an error: nothing there. */
static struct filter look(struct helper *helper, uint32_t ifindex, bool egress, uint32_t handle)
{
	struct filter filter = { .handle = handle, .name = program_name(egress) };
	struct netlink_request request;

	begin(&request, RTM_GETTFILTER, 0, ifindex, egress)->tcm_handle = handle;
	netlink_put(&request, TCA_KIND, "bpf", 4);
	(void)netlink_ask(helper->route_fd, &request, on_filter, &filter);
	return filter;
}

static int delete(struct helper *helper, uint32_t ifindex, bool egress, uint32_t handle)
{
	struct netlink_request request;

	begin(&request, RTM_DELTFILTER, 0, ifindex, egress)->tcm_handle = handle;
	netlink_put(&request, TCA_KIND, "bpf", 4);
	return netlink_ask(helper->route_fd, &request, NULL, NULL);
}

static bool known_tag(const struct helper *helper, bool egress, const uint8_t *tag)
{
	static const uint8_t none[TAG_BYTES];
	struct bpf_prog_info info = { 0 };
	uint32_t length = sizeof info;

	if (!memcmp(tag, none, TAG_BYTES))
		return false;
	if (!bpf_obj_get_info_by_fd(program_fd(helper, egress), &info, &length) && !memcmp(info.tag, tag, TAG_BYTES))
		return true;
	for (size_t i = 0; i < sizeof released_tags / TAG_BYTES; i++)
		if (!memcmp(released_tags[i], tag, TAG_BYTES))
			return true;
	return false;
}

/* Abstract sockets of the handles that nobody holds, while the clean-up runs; -1 = held by a living helper. */
static int locks[HANDLES];

static int lock(uint32_t number)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int length = snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "flowglass-clsact-%u", number);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length))) {
		int error = -errno;

		close(fd);
		return error;
	}
	return fd;
}

static void clean(struct helper *helper, uint32_t ifindex)
{
	for (uint32_t i = 0; i < 2 * HANDLES; i++) {
		bool egress = i >= HANDLES;
		uint32_t number = i % HANDLES;
		struct filter filter;

		if (locks[number] < 0)
			continue;
		filter = look(helper, ifindex, egress, OUR_HANDLE + number);
		if (!filter.found || !filter.named || !known_tag(helper, egress, filter.tag))
			continue;
		if (delete(helper, ifindex, egress, OUR_HANDLE + number) == 0)
			log_say(helper, FG_LOG_INFO, "interface index %u: removed the %s filter that a killed helper left behind",
				ifindex, program_name(egress));
	}
}

/* Whether the interface has any filter at our priority: one question instead of one for each handle. */
static void on_any(void *context, const struct nlmsghdr *message)
{
	if (message->nlmsg_type == RTM_NEWTFILTER)
		*(bool *)context = true;
}

static void clean_if_any(struct helper *helper, uint32_t ifindex)
{
	bool any = false;

	for (int egress = 0; egress < 2; egress++) {
		struct netlink_request request;

		begin(&request, RTM_GETTFILTER, NLM_F_DUMP, ifindex, egress);
		(void)netlink_ask(helper->route_fd, &request, on_any, &any);
	}
	if (any)
		clean(helper, ifindex);
}

int clsact_open(struct helper *helper)
{
	int error;

	helper->lock_fd = -1;
	for (uint32_t i = 0; i < HANDLES; i++)
		locks[i] = lock(i);
	error = interfaces_each(helper, clean_if_any);
	for (uint32_t i = 0; i < HANDLES; i++) {
		if (locks[i] < 0)
			continue;
		if (helper->lock_fd < 0) {
			helper->lock_fd = locks[i];
			helper->clsact_handle = OUR_HANDLE + i;
		} else {
			close(locks[i]);
		}
	}
	return error;
}

int clsact_attach(struct helper *helper, uint32_t ifindex, bool egress, uint32_t *program_id)
{
	struct netlink_request request;
	struct tcmsg *message;
	struct rtattr *options;
	struct filter filter;
	uint32_t fd = (uint32_t)program_fd(helper, egress);
	uint32_t flags = TCA_BPF_FLAG_ACT_DIRECT;
	int error;

	if (helper->lock_fd < 0)
		return -EUSERS;
	message = begin(&request, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, ifindex, egress);
	message->tcm_parent = TC_H_CLSACT;
	message->tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
	message->tcm_info = 0;
	netlink_put(&request, TCA_KIND, "clsact", 7);
	error = netlink_ask(helper->route_fd, &request, NULL, NULL);
	if (error && error != -EEXIST)
		return error;
	begin(&request, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, ifindex, egress)->tcm_handle = helper->clsact_handle;
	netlink_put(&request, TCA_KIND, "bpf", 4);
	options = netlink_nest(&request, TCA_OPTIONS);
	netlink_put(&request, TCA_BPF_FD, &fd, sizeof fd);
	netlink_put(&request, TCA_BPF_NAME, program_name(egress), strlen(program_name(egress)) + 1);
	netlink_put(&request, TCA_BPF_FLAGS, &flags, sizeof flags);
	netlink_nest_end(&request, options);
	error = netlink_ask(helper->route_fd, &request, NULL, NULL);
	if (error)
		return error;
	filter = look(helper, ifindex, egress, helper->clsact_handle);
	*program_id = filter.program_id;
	return filter.found && filter.program_id ? 0 : -ENOENT;
}

/* Removes the filter only when the program there is the one we put there. */
int clsact_detach(struct helper *helper, uint32_t ifindex, bool egress, uint32_t program_id)
{
	struct filter filter = look(helper, ifindex, egress, helper->clsact_handle);

	if (!filter.found)
		return 0; /* gone with its interface, or taken away by someone */
	if (filter.program_id != program_id || !filter.named)
		return -EBUSY;
	return delete(helper, ifindex, egress, helper->clsact_handle);
}
