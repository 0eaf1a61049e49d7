/** NTP and DHCP: requests and answers in datagrams. DHCP's answers come over another flow, so they are looked for by transaction. */
import { dhcpKey, isDhcp, isDhcpReply, NTP_CLIENT, NTP_SERVER, ntpKey, ntpMode } from '../dissect/time-and-leases.ts';
import { APP_DHCP, APP_NTP } from '../flow/applications.ts';
import { FACT_ANSWER, FACT_REQUEST } from '../flow/fact-records.ts';
import { mix } from '../flow/hash.ts';
import type { Piece } from './inspector.ts';
import type { FactSink } from './sink.ts';

/** Requests that may wait for their answer at once; a power of two. A further one may push out another. */
const WAITING = 1024;
const PATIENCE_NS = 60e9;
const PORT_NTP = 123;
const PORTS_DHCP = [67, 68];

const NOTHING = new Uint8Array(0);

export class DatagramExchanges {
  readonly #sink: FactSink;
  readonly #key = new Float64Array(WAITING).fill(-1);
  readonly #askedNs = new Float64Array(WAITING);

  constructor(sink: FactSink) {
    this.#sink = sink;
  }

  /** APP_* of a datagram, 0 = none of these. NTP on another port is one when an answer knows its request. */
  recognise(p: Piece): number {
    const { bytes, offset, captured } = p;
    const mode = ntpMode(bytes, offset, captured);
    if (mode !== 0 && p.captured === p.length) {
      if (p.sourcePort === PORT_NTP || p.destinationPort === PORT_NTP) return APP_NTP;
      const key = ntpKey(bytes, offset, mode);
      if (mode === NTP_CLIENT) this.#wait(p, APP_NTP, key);
      else if (key !== 0 && this.#key[placeOf(APP_NTP, key)] === key) return APP_NTP;
    }
    const ports = PORTS_DHCP.includes(p.sourcePort) && PORTS_DHCP.includes(p.destinationPort);
    return ports && isDhcp(bytes, offset, captured) ? APP_DHCP : 0;
  }

  /** A datagram of a known protocol. */
  datagram(p: Piece, protocol: number): void {
    const { bytes, offset, captured } = p;
    if (protocol === APP_NTP) {
      const mode = ntpMode(bytes, offset, captured);
      if (mode !== 0) this.#exchange(p, protocol, ntpKey(bytes, offset, mode), mode === NTP_SERVER);
    } else if (isDhcp(bytes, offset, captured))
      this.#exchange(p, protocol, dhcpKey(bytes, offset), isDhcpReply(bytes, offset));
  }

  #exchange(p: Piece, protocol: number, key: number, answer: boolean): void {
    if (!answer) {
      this.#wait(p, protocol, key);
      this.#sink.fact(p, FACT_REQUEST, 0, NaN, 0, 0, NOTHING, 0, 0);
      return;
    }
    const place = placeOf(protocol, key);
    const asked = key !== 0 && this.#key[place] === key;
    const ns = asked ? p.atNs - this.#askedNs[place]! : NaN;
    if (asked) this.#key[place] = -1;
    this.#sink.fact(p, FACT_ANSWER, 0, ns < PATIENCE_NS ? ns : NaN, 0, 0, NOTHING, 0, 0);
  }

  #wait(p: Piece, protocol: number, key: number): void {
    const place = placeOf(protocol, key);
    this.#key[place] = key;
    this.#askedNs[place] = p.atNs;
  }
}

const placeOf = (protocol: number, key: number): number =>
  mix(mix(protocol, key >>> 0), Math.floor(key / 2 ** 32)) & (WAITING - 1);
