/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Connections whose addresses this network namespace translates (NAT), by ctnetlink: those that are there, then news.
 * Listening changes nothing: connections are tracked only where rules ask for it.
 */
#include "helper.h"
#include "netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* What comes between two read-outs has to fit: a message is about 1 KiB there. */
#define BUFFER_BYTES (4 << 20)
#define TYPE(message) ((NFNL_SUBSYS_CTNETLINK << 8) | (message))
/* When telling fails the table is read again, not more often than this. */
#define LOOK_AGAIN_NS 10000000000ULL

/* One direction of a connection, in network byte order. */
struct tuple {
	uint8_t source[16];
	uint8_t target[16];
	uint16_t source_port;
	uint16_t target_port;
	uint8_t protocol;
};

/* Asking a kernel that has it as a module would load it. */
static bool is_there(void)
{
	int fd = open("/proc/sys/net/netfilter/nf_conntrack_max", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

void conntrack_open(struct helper *helper)
{
	int bytes = BUFFER_BYTES;

	if (!is_there())
		return;
	helper->conntrack_fd = netlink_open(NETLINK_NETFILTER, 1U << (NFNLGRP_CONNTRACK_NEW - 1));
	helper->conntrack_ask_fd = helper->conntrack_fd < 0 ? -1 : netlink_open(NETLINK_NETFILTER, 0);
	if (helper->conntrack_ask_fd < 0) {
		helper->conntrack_fd = -1;
		return;
	}
	(void)setsockopt(helper->conntrack_fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
	helper->features |= FG_FEATURE_CONNTRACK;
}

static bool take_bytes(void *into, const struct rtattr *attribute, size_t bytes)
{
	if (!attribute || RTA_PAYLOAD(attribute) < bytes)
		return false;
	memcpy(into, RTA_DATA(attribute), bytes);
	return true;
}

static void nested(const struct rtattr **attributes, unsigned short maximum, const struct rtattr *nest)
{
	netlink_attributes(attributes, maximum, RTA_DATA(nest), RTA_PAYLOAD(nest));
}

static bool take_tuple(struct tuple *tuple, const struct rtattr *nest, uint8_t family)
{
	const struct rtattr *parts[CTA_TUPLE_MAX + 1], *ip[CTA_IP_MAX + 1], *protocol[CTA_PROTO_MAX + 1];
	bool ipv4 = family == AF_INET;
	size_t bytes = ipv4 ? 4 : 16;

	memset(tuple, 0, sizeof *tuple);
	if (!nest)
		return false;
	nested(parts, CTA_TUPLE_MAX, nest);
	if (!parts[CTA_TUPLE_IP] || !parts[CTA_TUPLE_PROTO])
		return false;
	nested(ip, CTA_IP_MAX, parts[CTA_TUPLE_IP]);
	nested(protocol, CTA_PROTO_MAX, parts[CTA_TUPLE_PROTO]);
	return take_bytes(tuple->source, ip[ipv4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC], bytes) &&
	       take_bytes(tuple->target, ip[ipv4 ? CTA_IP_V4_DST : CTA_IP_V6_DST], bytes) &&
	       take_bytes(&tuple->protocol, protocol[CTA_PROTO_NUM], 1) &&
	       take_bytes(&tuple->source_port, protocol[CTA_PROTO_SRC_PORT], 2) &&
	       take_bytes(&tuple->target_port, protocol[CTA_PROTO_DST_PORT], 2);
}

static void tell(struct helper *helper, const struct tuple *first, const struct tuple *reply, uint8_t family)
{
	struct fg_translation record = {
		.at_ns = clock_boot_ns(),
		.source_port = ntohs(first->source_port),
		.target_port = ntohs(first->target_port),
		/* The reply comes back to where the connection seems to be from. */
		.new_source_port = ntohs(reply->target_port),
		.new_target_port = ntohs(reply->source_port),
		.protocol = first->protocol,
		.family = family == AF_INET ? 4 : 6,
	};

	memcpy(record.source, first->source, sizeof record.source);
	memcpy(record.target, first->target, sizeof record.target);
	memcpy(record.new_source, reply->target, sizeof record.new_source);
	memcpy(record.new_target, reply->source, sizeof record.new_target);
	if (queue_push(&helper->streams[FG_STREAM_STATE].queue, FG_FRAME_TRANSLATIONS, &record, sizeof record, 1))
		helper->conntrack_lost = true;
	else
		helper->streams[FG_STREAM_STATE].taken++;
}

static void take_connection(void *context, const struct nlmsghdr *message)
{
	const struct nfgenmsg *generic = NLMSG_DATA(message);
	const struct rtattr *attributes[CTA_MAX + 1];
	struct tuple first, reply;
	size_t fixed = NLMSG_LENGTH(sizeof *generic);

	if (message->nlmsg_type != TYPE(IPCTNL_MSG_CT_NEW) || message->nlmsg_len < fixed)
		return;
	if (generic->nfgen_family != AF_INET && generic->nfgen_family != AF_INET6)
		return;
	netlink_attributes(attributes, CTA_MAX, (const uint8_t *)message + NLMSG_ALIGN(fixed),
			   message->nlmsg_len - NLMSG_ALIGN(fixed));
	if (!(ntohl(netlink_u32(attributes[CTA_STATUS])) & (IPS_SRC_NAT | IPS_DST_NAT)))
		return;
	if (take_tuple(&first, attributes[CTA_TUPLE_ORIG], generic->nfgen_family) &&
	    take_tuple(&reply, attributes[CTA_TUPLE_REPLY], generic->nfgen_family))
		tell(context, &first, &reply, generic->nfgen_family);
}

void conntrack_look(struct helper *helper)
{
	struct netlink_request request;
	uint64_t now = clock_boot_ns();

	if (helper->conntrack_fd < 0 || (helper->conntrack_looked_ns && now - helper->conntrack_looked_ns < LOOK_AGAIN_NS))
		return;
	helper->conntrack_looked_ns = now;
	helper->conntrack_lost = false;
	netlink_begin(&request, TYPE(IPCTNL_MSG_CT_GET), NLM_F_DUMP, sizeof(struct nfgenmsg));
	if (netlink_ask(helper->conntrack_ask_fd, &request, take_connection, helper)) {
		/* On tcx the capability to ask is given up: what was lost stays so. */
		log_say(helper, FG_LOG_WARNING, "translations of addresses (NAT) were lost: some connections show as two");
		helper->conntrack_lost = false;
	}
}

void conntrack_news(struct helper *helper)
{
	if (helper->conntrack_fd >= 0)
		(void)netlink_news(helper->conntrack_fd, take_connection, helper, &helper->conntrack_lost);
}
