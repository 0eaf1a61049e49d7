/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "helper.h"
#include "netlink.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_TIMEOUT_MS 2000

int netlink_open(int protocol, uint32_t groups)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = groups };
	int one = 1;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof one);
	if (bind(fd, (struct sockaddr *)&address, sizeof address)) {
		int error = -errno;

		close(fd);
		return error;
	}
	return fd;
}

void *netlink_begin(struct netlink_request *request, uint16_t type, uint16_t flags, size_t fixed_bytes)
{
	static uint32_t sequence;

	memset(request, 0, sizeof *request);
	request->header.nlmsg_len = (uint32_t)NLMSG_LENGTH(fixed_bytes);
	request->header.nlmsg_type = type;
	request->header.nlmsg_flags = (uint16_t)(flags | NLM_F_REQUEST);
	request->header.nlmsg_seq = ++sequence;
	return request->body;
}

void netlink_put(struct netlink_request *request, uint16_t type, const void *value, size_t bytes)
{
	size_t at = NLMSG_ALIGN(request->header.nlmsg_len);
	struct rtattr *attribute = (struct rtattr *)(void *)((uint8_t *)request + at);

	if (at + RTA_SPACE(bytes) > sizeof *request)
		return; /* ours are short; a longer one would be refused by the kernel as incomplete */
	attribute->rta_type = type;
	attribute->rta_len = (unsigned short)RTA_LENGTH(bytes);
	if (bytes)
		memcpy(RTA_DATA(attribute), value, bytes);
	request->header.nlmsg_len = (uint32_t)(at + RTA_ALIGN(attribute->rta_len));
}

struct rtattr *netlink_nest(struct netlink_request *request, uint16_t type)
{
	struct rtattr *nest = (struct rtattr *)(void *)((uint8_t *)request + NLMSG_ALIGN(request->header.nlmsg_len));

	netlink_put(request, type, NULL, 0);
	return nest;
}

void netlink_nest_end(struct netlink_request *request, struct rtattr *nest)
{
	nest->rta_len = (unsigned short)((uint8_t *)request + request->header.nlmsg_len - (uint8_t *)nest);
}

/* 0 = go on, 1 = finished with *result. */
static int answer(const struct nlmsghdr *message, uint32_t sequence,
		  void (*each)(void *context, const struct nlmsghdr *message), void *context, int *result)
{
	if (message->nlmsg_seq != sequence)
		return 0; /* late answer to a request that timed out */
	if (message->nlmsg_type == NLMSG_ERROR) {
		const struct nlmsgerr *error = NLMSG_DATA(message);

		if (message->nlmsg_len < NLMSG_LENGTH(sizeof *error))
			return 0;
		*result = error->error;
		return 1;
	}
	if (message->nlmsg_type == NLMSG_DONE) {
		*result = 0;
		return 1;
	}
	if (each)
		each(context, message);
	return 0;
}

int netlink_ask(int fd, struct netlink_request *request,
		void (*each)(void *context, const struct nlmsghdr *message), void *context)
{
	static uint8_t buffer[65536] __attribute__((aligned(8)));
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	int result = 0;

	if ((request->header.nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
		request->header.nlmsg_flags |= NLM_F_ACK;
	if (sendto(fd, request, request->header.nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof kernel) < 0)
		return -errno;
	for (;;) {
		struct pollfd waiting = { .fd = fd, .events = POLLIN };
		int ready = poll(&waiting, 1, ANSWER_TIMEOUT_MS);
		ssize_t length;

		if (ready == 0)
			return -ETIMEDOUT;
		if (ready < 0 && errno != EINTR)
			return -errno;
		length = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
		if (length < 0) {
			if (errno == EAGAIN || errno == EINTR)
				continue;
			return -errno;
		}
		size_t left = (size_t)length;

		for (const struct nlmsghdr *message = (const void *)buffer; NLMSG_OK(message, left);
		     message = NLMSG_NEXT(message, left))
			if (answer(message, request->header.nlmsg_seq, each, context, &result))
				return result;
	}
}

int netlink_news(int fd, void (*each)(void *context, const struct nlmsghdr *message), void *context, bool *lost)
{
	static uint8_t buffer[32768] __attribute__((aligned(8)));

	for (;;) {
		ssize_t length = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
		size_t left;

		if (length < 0 && errno == ENOBUFS) {
			*lost = true;
			continue;
		}
		if (length <= 0)
			return length < 0 && errno != EAGAIN && errno != EINTR ? -errno : 0;
		left = (size_t)length;
		for (const struct nlmsghdr *message = (const void *)buffer; NLMSG_OK(message, left);
		     message = NLMSG_NEXT(message, left))
			each(context, message);
	}
}

void netlink_attributes(const struct rtattr **attributes, unsigned short maximum, const void *from, size_t bytes)
{
	memset(attributes, 0, sizeof *attributes * (maximum + 1U));
	for (const struct rtattr *attribute = from; RTA_OK(attribute, bytes); attribute = RTA_NEXT(attribute, bytes)) {
		unsigned short type = (unsigned short)(attribute->rta_type & (unsigned int)NLA_TYPE_MASK);

		if (type <= maximum)
			attributes[type] = attribute;
	}
}

uint32_t netlink_u32(const struct rtattr *attribute)
{
	uint32_t value = 0;

	if (attribute && RTA_PAYLOAD(attribute) >= sizeof value)
		memcpy(&value, RTA_DATA(attribute), sizeof value);
	return value;
}
