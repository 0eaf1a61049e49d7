import type { Piece } from './inspector.ts';

/** Takes what was recognised (core/flow/fact-records.ts has the kinds). The piece is what told it: its flow and time. */
export interface FactSink {
  fact(
    piece: Piece,
    kind: number,
    flags: number,
    value: number,
    a: number,
    b: number,
    text: Uint8Array,
    from: number,
    length: number,
  ): void;
  /**
   * An address (four words, IPv4 in the first) has a name. `asker` = the side of the piece's flow that asked; flags
   * FACT_ASKED_HERE, FACT_FOR_ALL.
   */
  address(
    piece: Piece,
    asker: number,
    address: Uint32Array,
    flags: number,
    source: number,
    ttl: number,
    text: Uint8Array,
    from: number,
    length: number,
  ): void;
}
