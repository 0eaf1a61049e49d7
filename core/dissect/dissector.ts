import { fastPacket } from './fast.ts';
import { FragmentTable } from './fragments.ts';
import { ethernetHeader, ethertype, ieee80211Header, linkHeader, llcHeader, pppHeader } from './link.ts';
import { ipHeader, ipv4Header, ipv6Header, leaveTunnel } from './network.ts';
import {
  LAYER_DONE,
  LAYER_ETHERNET,
  LAYER_ETHERTYPE,
  LAYER_IEEE80211,
  LAYER_IP,
  LAYER_IPV4,
  LAYER_IPV6,
  LAYER_LINK_TYPE,
  LAYER_LLC,
  LAYER_PPP,
  LAYER_TRANSPORT,
  PARSED,
  Packet,
  UNPARSED_LINK_TYPE,
} from './packet.ts';
import { transportHeader } from './transport.ts';

/** Headers of one packet before we give up: far above any real stack, so hostile bytes end. */
const LAYERS_MAX = 64;

/**
 * Decodes the packets of one capture. Keeps the table of fragments; everything else is about the packet at hand.
 * Of a packet within tunnels (GRE, IP in IP, 6in4, VXLAN, Geneve, GTP-U, MPLS) the innermost flow counts, with the length of
 * the whole frame; when the inside cannot be named, the tunnel's own flow does.
 */
export class Dissector {
  readonly packet = new Packet();
  readonly #fragments = new FragmentTable();
  readonly #fast: boolean;
  #bytes: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(this.#bytes.buffer);

  /** `fast` false: every packet layer by layer, for tests that both ways say the same. */
  constructor(fast = true) {
    this.#fast = fast;
  }

  /**
   * Fills `packet` from `captured` bytes at `offset`. `original` is the length on the wire, `atNs` the time in
   * nanoseconds from any fixed origin (only for the lifetime of fragments). Never throws, whatever the bytes.
   */
  dissect(
    linkType: number,
    bytes: Uint8Array,
    offset: number,
    captured: number,
    original: number,
    atNs: number,
  ): Packet {
    const p = this.packet;
    const available = Math.max(0, Math.min(captured, bytes.length - offset));
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    const length = Math.max(captured, original);
    if (this.#fast && fastPacket(p, bytes, this.#view, linkType, offset, offset + available, offset + length)) return p;
    p.reset(offset, available, length);
    p.layered = 1;
    linkHeader(p, bytes, linkType);
    let steps = 0;
    while (p.layer !== LAYER_DONE) {
      if (++steps > LAYERS_MAX) {
        p.fail(UNPARSED_LINK_TYPE);
        break;
      }
      switch (p.layer) {
        case LAYER_ETHERNET:
          ethernetHeader(p, bytes);
          break;
        case LAYER_ETHERTYPE:
          ethertype(p, bytes);
          break;
        case LAYER_LLC:
          llcHeader(p, bytes);
          break;
        case LAYER_PPP:
          pppHeader(p, bytes);
          break;
        case LAYER_IEEE80211:
          ieee80211Header(p, bytes, false);
          break;
        case LAYER_IP:
          ipHeader(p, bytes);
          break;
        case LAYER_IPV4:
          ipv4Header(p, bytes, this.#fragments, atNs);
          break;
        case LAYER_IPV6:
          ipv6Header(p, bytes, this.#fragments, atNs);
          break;
        case LAYER_TRANSPORT:
          transportHeader(p, bytes);
          break;
        case LAYER_LINK_TYPE:
          linkHeader(p, bytes, p.ethertype);
          break;
        default:
          p.layer = LAYER_DONE;
      }
    }
    if (p.unparsed !== PARSED && p.outerFamily !== 0) leaveTunnel(p);
    if (p.fragmentSlot >= 0 && p.unparsed === PARSED) this.#fragments.settle(p.fragmentSlot, p);
    return p;
  }
}
