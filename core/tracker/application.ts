/** What the payload says of the flows of a capture that is not ours: the inspector's facts, into the model at once. */
import { TCP_SYN, type Packet } from '../dissect/packet.ts';
import { FactRecords } from '../flow/fact-records.ts';
import type { FlowModel } from '../flow/model.ts';
import { Inspector, Piece } from '../names/inspector.ts';
import type { FactSink } from '../names/sink.ts';

class ModelSink implements FactSink {
  readonly records: FactRecords;
  readonly #model: FlowModel;

  constructor(model: FlowModel) {
    this.#model = model;
    this.records = new FactRecords(model, () => -1);
  }

  fact(
    p: Piece,
    kind: number,
    flags: number,
    value: number,
    a: number,
    b: number,
    text: Uint8Array,
    from: number,
    length: number,
  ): void {
    this.records.fact(p.conversation, kind, flags, p.atNs, value, a, b, text, from, length);
  }

  address(
    p: Piece,
    asker: number,
    address: Uint32Array,
    flags: number,
    source: number,
    ttl: number,
    text: Uint8Array,
    from: number,
    length: number,
  ): void {
    const { key } = this.#model.flows;
    const askerAt = this.#model.flows.addressWord(p.conversation, asker);
    this.records.address(key.data, askerAt, address, 0, flags, source, ttl, p.atNs, text, from, length);
  }
}

export class Application {
  readonly #model: FlowModel;
  readonly #sink: ModelSink;
  readonly #inspector: Inspector;
  readonly #piece = new Piece();

  constructor(model: FlowModel) {
    this.#model = model;
    this.#sink = new ModelSink(model);
    this.#inspector = new Inspector(this.#sink);
  }

  /** Streams and names that were given up because of the caps. */
  get evicted(): number {
    return this.#inspector.evicted + this.#model.names.evicted + this.#sink.records.unkept;
  }

  /** A new flow. */
  begin(flow: number): void {
    this.#inspector.begin(flow);
  }

  /** UDP payload of a whole datagram. */
  datagram(flow: number, side: number, p: Packet, bytes: Uint8Array, atNs: number): void {
    this.#inspector.datagram(this.#take(flow, side, p, bytes, atNs));
  }

  /** Whether `segment` would look at a payload that begins with the byte `first` at all; most segments are of streams whose beginning is known. */
  looks(flow: number, side: number, first: number): boolean {
    return this.#inspector.looks(flow, side, first);
  }

  /** TCP payload of side `side`. `base` = sequence number of the stream's first byte if its SYN was seen. */
  segment(flow: number, side: number, p: Packet, bytes: Uint8Array, base: number | null, atNs: number): void {
    const piece = this.#take(flow, side, p, bytes, atNs);
    // A SYN takes one sequence number itself; data may come with it (RFC 7413).
    piece.sequence = (p.sequence + (p.flags & TCP_SYN ? 1 : 0)) | 0;
    piece.base = base;
    this.#inspector.segment(piece);
  }

  #take(flow: number, side: number, p: Packet, bytes: Uint8Array, atNs: number): Piece {
    const piece = this.#piece;
    piece.conversation = flow;
    piece.side = side;
    piece.bytes = bytes;
    piece.offset = p.payloadOffset;
    piece.length = p.payloadLength;
    piece.captured = Math.min(p.payloadLength, p.capturedEnd - p.payloadOffset);
    piece.atNs = atNs;
    piece.sourcePort = p.sourcePort;
    piece.destinationPort = p.destinationPort;
    piece.toHere = isLoopback(p);
    return piece;
  }
}

/** Who is asked on loopback answers for the machine. */
function isLoopback(p: Packet): boolean {
  const { addresses } = p;
  if (p.family === 4) return addresses[16] === 127;
  for (let i = 16; i < 31; i++) if (addresses[i] !== 0) return false;
  return addresses[31] === 1;
}
