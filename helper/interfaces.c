/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the kernel says about interfaces: facts when asked (RTM_GETLINK, ethtool), news when they happen. */
#include "helper.h"
#include "netlink.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* LINKTYPE_* of the pcap link-type registry for what the tc hooks see on such a device. PPP is without its header
 * there, tunnels and tun without any. */
uint32_t interfaces_link_type(uint32_t arphrd)
{
	switch (arphrd) {
	case ARPHRD_ETHER:
	case ARPHRD_LOOPBACK:
		return 1; /* LINKTYPE_ETHERNET */
	case ARPHRD_NONE:
	case ARPHRD_RAWIP:
	case ARPHRD_PPP:
	case ARPHRD_TUNNEL:
	case ARPHRD_TUNNEL6:
	case ARPHRD_SIT:
	case ARPHRD_IPGRE:
	case ARPHRD_IP6GRE:
		return 101; /* LINKTYPE_RAW */
	case ARPHRD_IEEE80211:
		return 105;
	case ARPHRD_IEEE80211_RADIOTAP:
		return 127;
	case ARPHRD_CAN:
		return 227;
	case ARPHRD_INFINIBAND:
		return 247;
	default:
		return 147; /* LINKTYPE_USER0: nothing that a reader would take for something else */
	}
}

static void take_link(struct fg_interface *facts, const struct nlmsghdr *message)
{
	const struct ifinfomsg *info = NLMSG_DATA(message);
	const struct rtattr *attributes[IFLA_MAX + 1];
	const struct rtattr *attribute;

	netlink_attributes(attributes, IFLA_MAX, IFLA_RTA(info), IFLA_PAYLOAD(message));
	facts->ifindex = (uint32_t)info->ifi_index;
	facts->arphrd = info->ifi_type;
	facts->link_type = interfaces_link_type(info->ifi_type);
	facts->up = (info->ifi_flags & IFF_UP) && (info->ifi_flags & IFF_RUNNING);
	facts->mtu = netlink_u32(attributes[IFLA_MTU]);
	facts->master = netlink_u32(attributes[IFLA_MASTER]);
	/* A lower device or peer of another namespace has an index that means nothing here. */
	facts->link = attributes[IFLA_LINK_NETNSID] ? 0 : netlink_u32(attributes[IFLA_LINK]);
	if (facts->link == facts->ifindex)
		facts->link = 0;
	attribute = attributes[IFLA_IFNAME];
	if (attribute) {
		memset(facts->name, 0, sizeof facts->name);
		strncpy((char *)facts->name, RTA_DATA(attribute), sizeof facts->name - 1);
	}
	attribute = attributes[IFLA_ADDRESS];
	memset(facts->mac, 0, sizeof facts->mac);
	if (attribute && RTA_PAYLOAD(attribute) <= sizeof facts->mac)
		memcpy(facts->mac, RTA_DATA(attribute), RTA_PAYLOAD(attribute));
	attribute = attributes[IFLA_STATS64];
	if (attribute && RTA_PAYLOAD(attribute) >= offsetof(struct rtnl_link_stats64, rx_errors)) {
		struct rtnl_link_stats64 statistics = { 0 };
		size_t bytes = RTA_PAYLOAD(attribute);

		memcpy(&statistics, RTA_DATA(attribute), bytes < sizeof statistics ? bytes : sizeof statistics);
		facts->rx_packets = statistics.rx_packets;
		facts->rx_bytes = statistics.rx_bytes;
		facts->tx_packets = statistics.tx_packets;
		facts->tx_bytes = statistics.tx_bytes;
	}
}

static bool is_link(const struct nlmsghdr *message, uint16_t type)
{
	const struct ifinfomsg *info = NLMSG_DATA(message);

	/* Bridge ports send messages of the same type with their own family. */
	return message->nlmsg_type == type && message->nlmsg_len >= NLMSG_LENGTH(sizeof *info) &&
	       info->ifi_family == AF_UNSPEC;
}

static void on_link(void *context, const struct nlmsghdr *message)
{
	if (is_link(message, RTM_NEWLINK))
		take_link(context, message);
}

/* Driver and speed; an interface that has neither keeps 0. Needs no capability. */
static void take_ethtool(int fd, struct fg_interface *facts)
{
	struct ethtool_drvinfo driver = { .cmd = ETHTOOL_GDRVINFO };
	struct {
		struct ethtool_link_settings settings;
		uint32_t masks[3 * 127];
	} link = { .settings.cmd = ETHTOOL_GLINKSETTINGS };
	struct ifreq request = { 0 };

	memcpy(request.ifr_name, facts->name, sizeof request.ifr_name);
	request.ifr_data = (void *)&driver;
	if (ioctl(fd, SIOCETHTOOL, &request) == 0)
		memcpy(facts->driver, driver.driver, sizeof facts->driver);
	facts->driver[sizeof facts->driver - 1] = 0;
	/* The kernel answers the first call with the size of its masks, negated (ethtool.h). */
	request.ifr_data = (void *)&link;
	if (ioctl(fd, SIOCETHTOOL, &request) || link.settings.link_mode_masks_nwords >= 0)
		return;
	link.settings.link_mode_masks_nwords = (__s8)-link.settings.link_mode_masks_nwords;
	if (ioctl(fd, SIOCETHTOOL, &request) == 0 && link.settings.speed != (uint32_t)SPEED_UNKNOWN)
		facts->speed_bps = (uint64_t)link.settings.speed * 1000000;
}

int interfaces_facts(struct helper *helper, uint32_t ifindex, struct fg_interface *facts)
{
	struct netlink_request request;
	struct ifinfomsg *info = netlink_begin(&request, RTM_GETLINK, 0, sizeof *info);
	struct fg_interface fresh = *facts;
	int error;

	info->ifi_index = (int)ifindex;
	fresh.ifindex = 0;
	error = netlink_ask(helper->route_fd, &request, on_link, &fresh);
	if (error)
		return error;
	if (fresh.ifindex != ifindex)
		return -ENODEV;
	*facts = fresh;
	facts->netns = helper->hello.netns;
	take_ethtool(helper->ethtool_fd, facts);
	return 0;
}

struct list {
	uint32_t count;
	uint32_t ifindex[1024];
};

static void on_listed(void *context, const struct nlmsghdr *message)
{
	const struct ifinfomsg *info = NLMSG_DATA(message);
	struct list *list = context;

	if (is_link(message, RTM_NEWLINK) && list->count < sizeof list->ifindex / sizeof *list->ifindex)
		list->ifindex[list->count++] = (uint32_t)info->ifi_index;
}

int interfaces_each(struct helper *helper, void (*visit)(struct helper *helper, uint32_t ifindex))
{
	static struct list list;
	struct netlink_request request;
	int error;

	list.count = 0;
	netlink_begin(&request, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg));
	error = netlink_ask(helper->route_fd, &request, on_listed, &list);
	for (uint32_t i = 0; i < list.count; i++)
		visit(helper, list.ifindex[i]);
	return error;
}

void interfaces_send(struct helper *helper, struct interface *interface, uint16_t state)
{
	interface->facts.state = state;
	interface->facts.at_ns = clock_boot_ns();
	if (channel_control(helper, FG_FRAME_INTERFACE, &interface->facts, sizeof interface->facts))
		helper->drain.totals_due = true; /* no room even in the reserve: the engine has stopped reading */
}

struct interface *interface_numbered(struct helper *helper, uint16_t iface)
{
	struct interface *interface = &helper->interfaces[iface % FG_IFACE_MAX];

	return iface != FG_IFACE_NONE && interface->used && interface->facts.iface == iface ? interface : NULL;
}

static struct present *present_at(struct helper *helper, uint32_t ifindex)
{
	return &helper->present[ifindex % PRESENT_MAX];
}

/* Says that an interface is there which nobody watches, unless that is known. */
static void tell_present(struct helper *helper, const struct nlmsghdr *message)
{
	struct fg_interface facts = { .iface = FG_IFACE_NONE, .state = FG_INTERFACE_PRESENT, .netns = helper->hello.netns };
	struct present *known;
	uint32_t digest = 2166136261U; /* FNV-1a over what the engine decides by */

	take_link(&facts, message);
	for (size_t i = 0; i < sizeof facts.name; i++)
		digest = (digest ^ facts.name[i]) * 16777619U;
	digest = (digest ^ facts.up) * 16777619U;
	known = present_at(helper, facts.ifindex);
	if (known->ifindex == facts.ifindex && known->digest == digest)
		return;
	facts.at_ns = clock_boot_ns();
	if (channel_control(helper, FG_FRAME_INTERFACE, &facts, sizeof facts)) {
		helper->present_lost = true;
		return;
	}
	*known = (struct present){ facts.ifindex, digest };
}

static void on_news(void *context, const struct nlmsghdr *message)
{
	struct helper *helper = context;
	bool watched = false;
	bool gone = is_link(message, RTM_DELLINK);
	const struct ifinfomsg *info = NLMSG_DATA(message);

	if (!gone && !is_link(message, RTM_NEWLINK))
		return;
	for (uint32_t i = 0; i < helper->interface_top; i++) {
		struct interface *interface = &helper->interfaces[i];
		struct fg_interface before = interface->facts;

		if (!interface->attached || before.ifindex != (uint32_t)info->ifi_index)
			continue;
		watched = true;
		if (gone) {
			attach_detach(helper, interface, FG_INTERFACE_GONE);
			continue;
		}
		take_link(&interface->facts, message);
		if (before.up != interface->facts.up || before.mtu != interface->facts.mtu ||
		    before.master != interface->facts.master || before.link != interface->facts.link ||
		    memcmp(before.name, interface->facts.name, sizeof before.name))
			interfaces_send(helper, interface, FG_INTERFACE_LINK);
	}
	if (gone)
		*present_at(helper, (uint32_t)info->ifi_index) = (struct present){ 0 };
	else if (!watched)
		tell_present(helper, message);
}

static void on_there(void *context, const struct nlmsghdr *message)
{
	if (is_link(message, RTM_NEWLINK))
		on_news(context, message);
}

void interfaces_look(struct helper *helper)
{
	struct netlink_request request;

	helper->present_lost = false;
	for (uint32_t i = 0; i < helper->interface_top; i++) {
		struct interface *interface = &helper->interfaces[i];

		if (!interface->attached)
			continue;
		if (interfaces_facts(helper, interface->facts.ifindex, &interface->facts) == -ENODEV)
			attach_detach(helper, interface, FG_INTERFACE_GONE);
		else
			interfaces_send(helper, interface, FG_INTERFACE_LINK);
	}
	netlink_begin(&request, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg));
	if (netlink_ask(helper->route_fd, &request, on_there, helper))
		helper->present_lost = true;
}

int interfaces_news(struct helper *helper)
{
	bool lost = false;
	int error = netlink_news(helper->news_fd, on_news, helper, &lost);

	if (lost)
		interfaces_look(helper);
	return error;
}
