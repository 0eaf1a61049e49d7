// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Packets: one pass at each hook parses, counts the flow, measures passive latency, and copies when recording.
 * Counting reads one interface entry, one totals entry, one word of tags, one shared conversation and one slot a packet,
 * and the coarse clock; the exact clock only where an instant is measured or stored.
 */
#define FG_DEFINE_MAPS
#include "kernel.h"
#include "maps.h"
#include "parse.h"
#include "parse_slow.h"
#include "emit.h"
#include "table.h"
#include "conversation.h"
#include "copy.h"
#include "peek.h"
#include "listener.h"

/* Ports of fragmented packets, by what all fragments of one have in common. */
struct fg_fragment_key {
	__u8 from[16];
	__u8 to[16];
	__u32 id;
	__u16 iface;
	__u8 protocol;
	__u8 family;
};
struct fg_fragment_ports {
	__u16 source;
	__u16 target;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct fg_fragment_key);
	__type(value, struct fg_fragment_ports);
} fragments SEC(".maps");

/* Remembers the ports of a first fragment, gives them to later ones. Rare, so not inlined. */
static __noinline int fg_fragment(struct fg_parsed *p)
{
	bool swapped = p->direction == FG_HI_TO_LO;
	struct fg_fragment_key key = {
		.id = p->fragment_id,
		.iface = p->key.iface,
		.protocol = p->key.protocol,
		.family = p->key.family,
	};
	struct fg_fragment_ports *found, ports = {p->source_port, p->target_port};

	__builtin_memcpy(key.from, swapped ? p->key.hi_address : p->key.lo_address, sizeof key.from);
	__builtin_memcpy(key.to, swapped ? p->key.lo_address : p->key.hi_address, sizeof key.to);
	if (p->kind != FG_PARSED_LATER_FRAGMENT) {
		bpf_map_update_elem(&fragments, &key, &ports, BPF_ANY);
		return 0;
	}
	found = bpf_map_lookup_elem(&fragments, &key);
	if (!found)
		return fg_unparsed(p, FG_UNPARSED_FRAGMENT);
	fg_key_complete(p, found->source, found->target);
	return 0;
}

/* The interface's entry; the first place is nearly always the right one. */
static __always_inline struct fg_iface_slot *fg_iface(__u32 ifindex)
{
	__u32 place = fg_iface_place(ifindex);

	if (ifaces[place].ifindex == ifindex)
		return &ifaces[place];
	for (__u32 i = 1; i < FG_IFACE_PROBES; i++) {
		__u32 next = (place + i) & (FG_IFACE_SLOTS - 1);

		if (ifaces[next].ifindex == ifindex)
			return &ifaces[next];
		if (!ifaces[next].ifindex)
			break;
	}
	return NULL;
}

/* A datagram socket that was closed while its packet waited for the neighbour's address has lost its port, not its peer's. */
static __always_inline bool fg_closed_sender(struct bpf_sock *sk, const struct fg_parsed *p)
{
	if (p->key.protocol != IPPROTO_UDP || sk->src_port)
		return false;
	sk = bpf_sk_fullsock(sk);
	return sk && sk->type == SOCK_DGRAM && sk->protocol == IPPROTO_UDP && p->target_port &&
	       sk->dst_port == bpf_htons(p->target_port);
}

/* Cookie of the local socket that sends this packet, 0 = none. Control sockets have port 0, and a tunnel's outer
 * packet still has the inner socket: the port must be the packet's. An echo request has no such port, but the kernel
 * never sends one by itself. Egress only: at ingress on veth it would be the sender's socket. */
static __always_inline __u64 fg_cookie(struct __sk_buff *skb, const struct fg_parsed *p)
{
	struct bpf_sock *sk = skb->sk;

	if (!sk || p->kind != FG_PARSED_FLOW)
		return 0;
	if (!(p->flags & FG_PARSED_ECHO_REQUEST) && (!p->source_port || sk->src_port != p->source_port) &&
	    !fg_closed_sender(sk, p))
		return 0;
	return bpf_get_socket_cookie(skb);
}

/* Was this packet, which leaves without a cookie, made by the kernel itself? Not when it came in somewhere (forwarded), nor
 * when a raw or packet socket sent it. A tunnel's outer packet has the socket of the inner one, with another port. */
static __always_inline bool fg_kernel_made(struct __sk_buff *skb, const struct fg_parsed *p)
{
	struct bpf_sock *sk = skb->sk;

	if (p->kind != FG_PARSED_FLOW || skb->ingress_ifindex)
		return false;
	if (!sk)
		return true;
	sk = bpf_sk_fullsock(sk);
	return sk && sk->src_port && (sk->family == AF_INET || sk->family == AF_INET6) && sk->type != SOCK_RAW;
}

/* Is the socket of this packet, which leaves, one of another network namespace? Its hooks are not ours. By a plain read,
 * for no helper tells it of every kind of socket on every kernel; about 60 ns, when a slot learns a cookie. */
static __always_inline bool fg_elsewhere(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;
	__u64 head[16] = {};
	struct net *net;

	if (!sk || bpf_probe_read_kernel(head, sizeof head, sk))
		return false;
	net = *(struct net **)((void *)head + bpf_core_field_offset(struct sock_common, skc_net.net));
	return BPF_CORE_READ(net, ns.inum) != cfg_netns;
}

/* Whose packet is it that leaves: the cookie of its socket (0 = none), and in p->sender what else is known. `known` = the
 * cookie that the flow has already. */
__noinline __u64 fg_sender(struct __sk_buff *skb, struct fg_parsed *p, __u64 known)
{
	__u64 cookie;

	if (!p)
		return 0;
	cookie = fg_cookie(skb, p);
	if (!cookie && fg_kernel_made(skb, p))
		p->sender = FG_SENDER_KERNEL;
	else if (cookie && cookie != known && fg_elsewhere(skb))
		p->sender = FG_SENDER_ELSEWHERE;
	return cookie;
}

/* A local socket's segment that may end an exchange: once in each, 25 ns, and 0.1 µs more when there is something to say.
 * A segment in TIME_WAIT has no full socket, one that another program made none at all. Global, as is fg_sender, so that it
 * is verified once and not on each path that leads here. */
__noinline int fg_turned(struct __sk_buff *skb, struct fg_conversation *c, struct fg_parsed *p, __u32 tag, __u32 epoch)
{
	struct fg_socket_state *state;
	struct fg_moment m;
	struct bpf_sock *sk;

	if (!c || !p)
		return 0;
	m = (struct fg_moment){p, 0, epoch, fg_guard(tag, epoch), true};
	sk = skb->sk;
	sk = sk ? bpf_sk_fullsock(sk) : NULL;
	if (!sk || sk->protocol != IPPROTO_TCP || sk->src_port != p->source_port)
		return 0;
	state = bpf_sk_storage_get(&sockets, sk, 0, 0);
	if (!state || !state->read_ns)
		return 0;
	m.now = bpf_ktime_get_boot_ns();
	fg_read_before(c, &m, state->read_ns);
	state->read_ns = 0;
	return 0;
}

/* What is known of the packet outside its bytes. All constant or in registers after inlining. */
struct fg_hook {
	bool xdp;
	bool egress;
};

static __always_inline void fg_seen(void *ctx, const struct fg_hook hook)
{
	struct __sk_buff *skb = ctx;
	struct xdp_md *xdp = ctx;
	__u32 cpu = bpf_get_smp_processor_id(), ifindex = hook.xdp ? xdp->ingress_ifindex : skb->ifindex;
	struct fg_iface_slot *iface = fg_iface(ifindex);
	__u32 tag, epoch = 0, index, place, gso_size = 0, vlan = 0;
	struct fg_conversation *conversation;
	struct fg_parsed parsed = {}, *p = &parsed;
	void *data, *data_end;
	struct fg_units units;
	struct fg_totals *t;
	struct fg_slot *slot;
	__u64 *tags, hash, cookie = 0, now = 0;
	__u32 set;
	bool counted, resident;

	if (!iface)
		return;
	p->key.iface = iface->iface;
	counted = !(hook.egress && iface->flags & FG_LINK_INGRESS_ONLY);
	place = cpu * FG_IFACE_MAX + (iface->iface & (FG_IFACE_MAX - 1));
	t = bpf_map_lookup_elem(&totals, &place);
	if (!t)
		return;

	if (hook.xdp) {
		data = (void *)(long)xdp->data;
		data_end = (void *)(long)xdp->data_end;
		units.length = bpf_xdp_get_buff_len(xdp);
	} else {
		data = (void *)(long)skb->data;
		data_end = (void *)(long)skb->data_end;
		units.length = skb->len;
		gso_size = skb->gso_size;
		if (skb->vlan_present && iface->kind == FG_LINK_ETHERNET)
			vlan = VLAN_HLEN; /* on the wire, not in skb->len */
	}
	if (iface->kind == FG_LINK_UNKNOWN ||
	    !fg_parse_fast(data, data_end, iface->kind == FG_LINK_ETHERNET, units.length, gso_size, p)) {
		struct fg_scratch *s = bpf_map_lookup_elem(&scratch, &cpu);
		__u32 length = units.length < FG_HEAD_BYTES ? units.length : FG_HEAD_BYTES;

		if (!s)
			return;
		__builtin_memset(p, 0, sizeof *p);
		p->key.iface = iface->iface;
		if (!length || fg_load_bytes(ctx, hook.xdp, s->bytes, fg_bounded(length, FG_HEAD_BYTES)))
			fg_unparsed(p, FG_UNPARSED_TRUNCATED);
		else
			fg_parse_slow((struct fg_head *)s->bytes, (__u64)length << 32 | units.length,
				      iface->kind | (vlan ? FG_LINK_TAGGED : 0), gso_size, p);
		if (p->kind == FG_PARSED_LATER_FRAGMENT ||
		    (p->flags & FG_PARSED_FIRST_FRAGMENT && p->kind == FG_PARSED_FLOW))
			fg_fragment(p);
	}

	units.packets = 1;
	units.length += vlan;
	units.bytes = units.length;
	if (gso_size) {
		units.packets = skb->gso_segs;
		if (!units.packets) /* made by someone who left it to the device */
			units.packets = (p->payload + gso_size - 1) / gso_size;
		if (!units.packets)
			units.packets = 1;
		units.bytes += (__u64)(units.packets - 1) * (p->header_length + vlan);
	}
	if (counted)
		fg_count(&t->direction[hook.egress], &units, 0);
	if (p->kind == FG_PARSED_UNPARSED) {
		if (counted)
			FG_ADD(t->unparsed[p->reason & (FG_UNPARSED_REASONS - 1)], units.packets);
		goto copy;
	}

	/* Which connection is it? */
	hash = fg_key_hash(&p->key);
	tag = fg_tag(hash);
	index = hash & cfg_slots_mask;
	place = fg_first_place(cpu, hash);
	set = place / FG_WAYS;
	tags = bpf_map_lookup_elem(&flow_tags, &set);
	if (!tags)
		return;
	place += fg_first_way(fg_ways_of(*tags, fg_way_tag(hash)));
	slot = bpf_map_lookup_elem(&flow_table, &place);
	if (!slot)
		return;
	resident = slot->generation && fg_key_equal(&slot->flow.key, &p->key);
	if (!resident) {
		place = fg_slot_search(cpu, hash, &p->key);
		slot = bpf_map_lookup_elem(&flow_table, &place);
		if (!slot)
			return;
		resident = slot->generation && fg_key_equal(&slot->flow.key, &p->key);
	}
	conversation = bpf_map_lookup_elem(&conversations, &index);
	/* Leaving through loopback: nothing is left to learn once the sender is known, but when it answers; it is counted when
	 * it arrives. */
	if (hook.egress && !counted && resident && conversation && !fg_turns(conversation, p) && slot->flow.cookie[p->direction & 1] &&
	    p->key.protocol == IPPROTO_TCP && !(p->tcp_flags & TCPHDR_SYN) &&
	    slot->flow.flags & FG_FLOW_EGRESS_LO << p->direction)
		return;
	if (hook.egress && (p->key.protocol != IPPROTO_TCP || !resident || !slot->flow.cookie[p->direction & 1] ||
			    p->tcp_flags & TCPHDR_SYN)) {
		cookie = fg_sender(skb, p, resident ? slot->flow.cookie[p->direction & 1] : 0);
	}
	if (!conversation) {
		/* never: it has as many elements as a CPU has slots */
	} else if (p->key.protocol == IPPROTO_TCP) {
		epoch = p->kind == FG_PARSED_FLOW ? fg_epoch_tcp(conversation, tag, p) : 0;
	} else if (p->key.protocol == IPPROTO_UDP) {
		epoch = fg_epoch_udp(conversation, tag, p, cookie, resident ? &slot->flow : NULL);
		if (resident && !slot->flow.epoch)
			slot->flow.epoch = epoch;
	}

	/* Count it. */
	if ((!resident || (epoch && slot->flow.epoch != epoch)) &&
	    !fg_slot_take(cpu, place - cpu * cfg_slots_per_cpu, &p->key, epoch, p->direction == FG_HI_TO_LO ? FG_FLOW_FIRST_HI : 0)) {
		if (counted)
			FG_ADD(t->flow_lost_packets, units.packets);
	} else {
		__u32 bits = fg_flow_bits(p, hook.egress);

		if (p->kind == FG_PARSED_LATER_FRAGMENT)
			bits |= FG_FLOW_FRAGMENTS;
		if (p->sender == FG_SENDER_KERNEL)
			bits |= FG_FLOW_KERNEL_LO << p->direction;
		else if (p->sender == FG_SENDER_ELSEWHERE)
			bits |= FG_FLOW_ELSEWHERE_LO << p->direction;
		if (counted)
			fg_count(&slot->flow.direction[p->direction & 1], &units, p->payload);
		if (!p->window && p->key.protocol == IPPROTO_TCP && p->kind == FG_PARSED_FLOW && counted &&
		    !(p->tcp_flags & (TCPHDR_SYN | TCPHDR_RST)))
			slot->flow.zero_windows[p->direction & 1] += 1;
		slot->flow.flags |= bits;
		if (cookie)
			slot->flow.cookie[p->direction & 1] = cookie;
		if (!epoch)
			epoch = slot->flow.epoch;
		slot->flow.last_ns = bpf_ktime_get_coarse_ns();
		fg_slot_dirty(place);
		if (hook.egress || iface->flags & FG_LINK_INGRESS_ONLY)
			cookie = slot->flow.cookie[p->direction & 1];
	}
	if (hook.egress && cfg_latency && conversation && p->key.protocol == IPPROTO_TCP && p->kind == FG_PARSED_FLOW &&
	    fg_turns(conversation, p))
		fg_turned(skb, conversation, p, tag, epoch);
	if (!counted)
		return;

	if (cfg_latency && conversation) {
		if (p->kind == FG_PARSED_ICMP_ERROR) {
			struct fg_moment m = {p, bpf_ktime_get_boot_ns(), epoch, 0, hook.egress};

			now = m.now;
			fg_sample(&m, FG_EVENT_ICMP_ERROR, !p->direction, p->icmp_type, p->icmp_code, 0);
		} else if (p->kind == FG_PARSED_FLOW && p->key.protocol == IPPROTO_TCP) {
			if (!hook.egress && !hook.xdp && (p->tcp_flags & (TCPHDR_SYN | TCPHDR_ACK)) == TCPHDR_SYN)
				fg_syn_arrived(skb, p, epoch);
			now = fg_latency_tcp(conversation, p, tag, epoch, hook.egress);
		} else if (p->kind == FG_PARSED_FLOW && p->key.protocol == IPPROTO_UDP) {
			now = fg_latency_udp(conversation, p, tag, epoch, hook.egress);
		} else if (p->flags & (FG_PARSED_ECHO_REQUEST | FG_PARSED_ECHO_REPLY)) {
			index = (index + (p->seq & (FG_ECHOES - 1)) * 0x9e3779b1) & cfg_slots_mask;
			conversation = bpf_map_lookup_elem(&conversations, &index);
			if (conversation)
				now = fg_latency_echo(conversation, p, tag, hook.egress);
		}
	}

	if (cfg_peeks && p->payload && fg_peek_wanted(&slot->flow, p)) {
		struct fg_moment m = {p, now ? now : bpf_ktime_get_boot_ns(), epoch, 0, hook.egress};

		slot->flow.flags |= fg_peek(ctx, hook.xdp, &m, units.length, cookie);
	}

copy:
	if (capture.enabled && counted) {
		struct fg_scratch *s;

		if ((capture.rule_count && !fg_wanted(p)) || (capture.verdicts && fg_unwanted(p, epoch))) {
			FG_ADD(t->filtered_packets, units.packets);
			return;
		}
		s = bpf_map_lookup_elem(&scratch, &cpu);
		if (!s)
			return;
		s->packet.at_ns = now ? now : bpf_ktime_get_boot_ns();
		s->packet.original = units.length - vlan; /* the helper puts the tag back */
		s->packet.wire_packets = units.packets;
		s->packet.flags = (hook.egress ? FG_PACKET_OUTBOUND : 0) |
				  (p->kind == FG_PARSED_UNPARSED
					   ? 0
					   : FG_PACKET_KEYED | (p->direction == FG_HI_TO_LO ? FG_PACKET_HI_TO_LO : 0));
		s->packet.epoch = epoch;
		s->packet.vlan_tci = s->packet.vlan_protocol = 0;
		if (!hook.xdp && skb->vlan_present) {
			s->packet.flags |= FG_PACKET_VLAN_IN_SKB;
			s->packet.vlan_tci = skb->vlan_tci;
			s->packet.vlan_protocol = bpf_ntohs(skb->vlan_proto);
		}
		s->packet.cookie = cookie;
		s->packet.key = p->key;
		fg_copy(ctx, hook.xdp, s, t);
	}
}

/* Runs for every frame that a device's driver (native) or the stack (generic) receives, before an skb exists or before
 * the stack sees it: softirq, bottom halves off. Costs about 60 ns a packet with latency on. XDP since 4.8; with
 * fragments ("frags", jumbo frames and GRO hardware) since 5.18. Never drops. */
SEC("xdp.frags")
int fg_xdp(struct xdp_md *ctx)
{
	fg_seen(ctx, (struct fg_hook){.xdp = true, .egress = false});
	return XDP_PASS;
}

/* Runs for every skb that a device receives, after GRO, before the stack: softirq, bottom halves off. clsact since
 * 4.5, tcx since 6.6. Same cost as fg_xdp. Leaves the verdict to others. */
SEC("tc")
int fg_ingress(struct __sk_buff *skb)
{
	fg_seen(skb, (struct fg_hook){.xdp = false, .egress = false});
	return TC_ACT_UNSPEC;
}

/* Runs for every skb that a device is given to send, before its qdisc and before segmentation: in the sender's context
 * or softirq, bottom halves off. clsact since 4.5, tcx since 6.6. Also stores whose socket it is. */
SEC("tc")
int fg_egress(struct __sk_buff *skb)
{
	fg_seen(skb, (struct fg_hook){.xdp = false, .egress = true});
	return TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
