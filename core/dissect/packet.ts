/**
 * What the dissector says of one packet: numbers and offsets only, filled again and again (no allocation per packet).
 * Offsets are absolute within the array given to the dissector; lengths come from the headers and the packet's
 * original length, never from what happened to be captured. 32-bit fields are signed (`| 0`): sequence numbers are
 * compared by serial arithmetic, (a − b) | 0.
 */

/** Reasons why a packet names no flow: `fg_unparsed_reason` of bpf/abi.h, same order. */
export const UNPARSED_REASON_NAMES = [
  'arp',
  'ethertype',
  'truncated',
  'ip-header',
  'fragment',
  'ipv6-extension',
  'link-type',
  'llc',
  'vlan',
] as const;

export const UNPARSED_ARP = 0;
export const UNPARSED_ETHERTYPE = 1;
export const UNPARSED_TRUNCATED = 2;
export const UNPARSED_IP_HEADER = 3;
export const UNPARSED_FRAGMENT = 4;
export const UNPARSED_IPV6_EXTENSION = 5;
export const UNPARSED_LINK_TYPE = 6;
export const UNPARSED_LLC = 7;
export const UNPARSED_VLAN = 8;
/** The packet names a flow. */
export const PARSED = -1;

export const IPPROTO_ICMP = 1;
export const IPPROTO_IPIP = 4;
export const IPPROTO_TCP = 6;
export const IPPROTO_UDP = 17;
export const IPPROTO_IPV6 = 41;
export const IPPROTO_GRE = 47;
export const IPPROTO_ICMPV6 = 58;
export const IPPROTO_MPLS = 137;
export const IPPROTO_SCTP = 132;

export const TCP_FIN = 1;
export const TCP_SYN = 2;
export const TCP_RST = 4;
export const TCP_PSH = 8;
export const TCP_ACK = 16;

/** Packet type of a cooked header (SLL, SLL2): sent by this host. −1 = the link type does not tell. */
export const PACKET_OUTGOING = 4;

/** The decoded packet; one instance is reused for all packets of a dissector. */
export class Packet {
  /** PARSED, or the UNPARSED_… reason. */
  unparsed = PARSED;
  /** 4 or 6 of the flow, 0 = not IP. */
  family = 0;
  /** IPPROTO_* of the flow. For an ICMP error: of the packet it quotes. */
  protocol = 0;
  /** Source at 0..15, destination at 16..31, network order; IPv4 in the first four bytes, the rest 0. */
  readonly addresses = new Uint8Array(32);
  /** The same bytes as eight words as they lie in memory, the way flow keys hold addresses. */
  readonly addressWords = new Int32Array(this.addresses.buffer);
  /** 0 = all of `addresses` beyond IPv4 is known to be 0. Survives `reset`. */
  wideAddresses = 0;
  /** Ports; of ICMP echo both are the identifier; 0 where the protocol has none. */
  sourcePort = 0;
  destinationPort = 0;

  /** max(captured, original): some old sniffers store more than they say the frame had. */
  original = 0;
  /** End of the captured bytes. */
  capturedEnd = 0;

  /** Tags from outside in, −1 = none. Not part of the flow key (as in the kernel programs). */
  vlan = -1;
  innerVlan = -1;
  /** Of cooked headers: packet type and interface index; −1 = not there. */
  packetType = -1;
  linkInterface = -1;
  /** How many tunnels were opened to reach the flow: the innermost flow is the one that counts. */
  tunnels = 0;

  /** Innermost IP header, −1 = none; ipEnd is where the datagram ends on the wire. */
  ipOffset = -1;
  /** Outermost IP header, −1 = none. */
  firstIpOffset = -1;
  ipEnd = 0;
  ipId = 0;
  /** First byte past the IP headers, −1 = none. */
  transportOffset = -1;
  payloadOffset = 0;
  /** Transport payload bytes on the wire. */
  payloadLength = 0;
  /** 1: a later fragment, given to the flow of its first; it has payload but no transport header. */
  laterFragment = 0;
  /** 1: more fragments follow or precede: the payload is not whole. */
  fragment = 0;
  /** 1: the capture cut the headers short: ports or TCP fields are missing. */
  cut = 0;
  /** 1: the TCP fields below were read. */
  tcp = 0;
  sequence = 0;
  acknowledgement = 0;
  flags = 0;
  window = 0;
  /** Options, −1 = absent. */
  windowScale = -1;
  mss = -1;
  sackPermitted = 0;
  sackBlocks = 0;
  hasTimestamps = 0;
  tsval = 0;
  tsecr = 0;
  /** 1: options other than timestamps may be set. */
  otherOptions = 0;

  /** ICMP type and code, −1 = not ICMP; also set for errors, whose flow is the quoted one. */
  icmpType = -1;
  icmpCode = -1;
  echoSequence = 0;
  /** 1: an ICMP error; the flow is that of the quoted packet, source and destination swapped (it answers it). */
  icmpError = 0;

  /** 1: taken layer by layer, so that any field may be set; 0: by fast.ts, the fields it leaves alone are as reset. */
  layered = 1;

  /** Where the dissector goes next; LAYER_DONE ends it. */
  layer = 0;
  offset = 0;
  /** Where the layer ends on the wire. */
  end = 0;
  ethertype = 0;
  tags = 0;
  /** Slot of the fragment table to fill once the flow is known, −1 = none. */
  fragmentSlot = -1;

  /** The flow of the enclosing tunnel, counted when nothing inside can be named. */
  outerFamily = 0;
  outerProtocol = 0;
  outerSourcePort = 0;
  outerDestinationPort = 0;
  outerPayloadOffset = 0;
  outerPayloadLength = 0;
  outerTransportOffset = 0;
  outerIpOffset = 0;
  outerIpEnd = 0;
  readonly outerAddresses = new Uint8Array(32);

  reset(offset: number, captured: number, original: number): void {
    this.unparsed = PARSED;
    this.family = 0;
    this.protocol = 0;
    this.sourcePort = 0;
    this.destinationPort = 0;
    this.original = original;
    this.capturedEnd = offset + captured;
    this.vlan = -1;
    this.innerVlan = -1;
    this.packetType = -1;
    this.linkInterface = -1;
    this.tunnels = 0;
    this.ipOffset = -1;
    this.firstIpOffset = -1;
    this.ipEnd = 0;
    this.ipId = 0;
    this.transportOffset = -1;
    this.payloadOffset = 0;
    this.payloadLength = 0;
    this.laterFragment = 0;
    this.fragment = 0;
    this.cut = 0;
    this.clearTcp();
    this.icmpType = -1;
    this.icmpCode = -1;
    this.echoSequence = 0;
    this.icmpError = 0;
    this.offset = offset;
    this.end = offset + original;
    this.ethertype = 0;
    this.tags = 0;
    this.fragmentSlot = -1;
    this.outerFamily = 0;
  }

  clearTcp(): void {
    this.tcp = 0;
    this.sequence = 0;
    this.acknowledgement = 0;
    this.flags = 0;
    this.window = 0;
    this.clearTcpOptions();
  }

  clearTcpOptions(): void {
    this.otherOptions = 0;
    this.windowScale = -1;
    this.mss = -1;
    this.sackPermitted = 0;
    this.sackBlocks = 0;
    this.hasTimestamps = 0;
    this.tsval = 0;
    this.tsecr = 0;
  }

  /** Makes the rest of both addresses 0, for IPv4. */
  narrowAddresses(): void {
    const words = this.addressWords;
    for (let i = 1; i < 4; i++) words[i] = words[4 + i] = 0;
    this.wideAddresses = 0;
  }

  /** Ends dissection: the packet is counted under `reason`. */
  fail(reason: number): void {
    this.unparsed = reason;
    this.layer = LAYER_DONE;
  }
}

export const LAYER_DONE = 0;
export const LAYER_ETHERNET = 1;
/** `packet.ethertype` says what is at `packet.offset`. */
export const LAYER_ETHERTYPE = 2;
export const LAYER_LLC = 3;
export const LAYER_PPP = 4;
export const LAYER_IEEE80211 = 5;
/** IPv4 or IPv6 by the version nibble. */
export const LAYER_IP = 6;
export const LAYER_IPV4 = 7;
export const LAYER_IPV6 = 8;
/** `packet.protocol` says what is at `packet.offset`. */
export const LAYER_TRANSPORT = 9;
/** A link type number is at `packet.ethertype`. */
export const LAYER_LINK_TYPE = 10;
