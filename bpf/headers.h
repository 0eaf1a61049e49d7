/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Packet headers as they are on the wire: names of include/uapi/linux/{if_ether,ip,ipv6,tcp,udp,icmp}.h. */
#ifndef FLOWGLASS_HEADERS_H
#define FLOWGLASS_HEADERS_H

#include "kernel.h"

enum {
	ETH_HLEN = 14,
	VLAN_HLEN = 4,
	IPV4_HLEN = 20,
	IPV6_HLEN = 40,
	TCP_HLEN = 20,
	UDP_HLEN = 8,
	SCTP_HLEN = 12,
	DCCP_HLEN = 12,
	ICMP_HLEN = 8,
	GRE_HLEN = 4,
	VXLAN_HLEN = 8,
	VXLAN_PORT = 4789,
	VXLAN_PORT_LINUX = 8472, /* the default of the kernel's driver */
	GENEVE_PORT = 6081,
	GENEVE_HLEN = 8,
};

struct ethhdr {
	__u8 h_dest[6];
	__u8 h_source[6];
	__be16 h_proto;
};
struct iphdr {
	__u8 version_ihl;
	__u8 tos;
	__be16 tot_len;
	__be16 id;
	__be16 frag_off;
	__u8 ttl;
	__u8 protocol;
	__be16 check;
	__be32 saddr;
	__be32 daddr;
};
struct ipv6hdr {
	__u8 version_class;
	__u8 flow_lbl[3];
	__be16 payload_len;
	__u8 nexthdr;
	__u8 hop_limit;
	__be32 saddr[4];
	__be32 daddr[4];
};
struct tcphdr {
	__be16 source;
	__be16 dest;
	__be32 seq;
	__be32 ack_seq;
	__u8 doff; /* in the upper four bits, words of four bytes */
	__u8 flags;
	__be16 window;
	__be16 check;
	__be16 urg_ptr;
	__be32 options[10];
};
struct udphdr {
	__be16 source;
	__be16 dest;
	__be16 len;
	__be16 check;
};
struct icmphdr {
	__u8 type;
	__u8 code;
	__be16 checksum;
	__be16 id;
	__be16 sequence;
};
struct ipv6_fragment {
	__u8 nexthdr;
	__u8 reserved;
	__be16 frag_off;
	__be32 identification;
};

#endif
