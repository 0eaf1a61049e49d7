/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Netlink requests over sockets that are opened before the seccomp filter goes in (afterwards there is no
 * socket()), with a buffer of fixed size.
 */
#ifndef FLOWGLASS_NETLINK_H
#define FLOWGLASS_NETLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

struct netlink_request {
	struct nlmsghdr header;
	uint8_t body[1000];
};

/* A bound socket of a protocol (NETLINK_ROUTE, NETLINK_NETFILTER) that listens to `groups`; descriptor or -errno. */
int netlink_open(int protocol, uint32_t groups);

/* Begins a request; returns its fixed part (ifinfomsg, tcmsg, nfgenmsg), zeroed. */
void *netlink_begin(struct netlink_request *request, uint16_t type, uint16_t flags, size_t fixed_bytes);
void netlink_put(struct netlink_request *request, uint16_t type, const void *value, size_t bytes);
struct rtattr *netlink_nest(struct netlink_request *request, uint16_t type);
void netlink_nest_end(struct netlink_request *request, struct rtattr *nest);

/* Sends, calls `each` (may be NULL) for every answer, waits for the acknowledgement. 0, or the kernel's -errno. */
int netlink_ask(int fd, struct netlink_request *request,
		void (*each)(void *context, const struct nlmsghdr *message), void *context);

/* Calls `each` for all news that wait; *lost is set when the kernel had more than the socket holds. 0 or -errno. */
int netlink_news(int fd, void (*each)(void *context, const struct nlmsghdr *message), void *context, bool *lost);

/* Fills attributes[0..maximum] from a run of attributes; later duplicates win, foreign types are skipped. */
void netlink_attributes(const struct rtattr **attributes, unsigned short maximum, const void *from, size_t bytes);
uint32_t netlink_u32(const struct rtattr *attribute); /* 0 when absent */

#endif
