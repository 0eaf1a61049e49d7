/**
 * What a predicate reads: accessors of single-valued fields by flow index. A source returns null for a field it does not
 * have; that field is then unknown for every flow. Accessors are looked up once, when a filter is compiled; calls per
 * flow must not allocate.
 *
 * Only `source` names are asked for (`client.port`, never `port` or `tcp.port`), plus `protocol` and `family`.
 */
export interface FlowFields {
  /** Numbers in the field's unit (bytes, bytes/s, ns, ns from the session's start); NaN = not known. */
  number(field: string): ((flow: number) => number) | null;
  /** Texts and enum words; null = not known. */
  text(field: string): ((flow: number) => string | null) | null;
  /** The index-th text of a list, null after the last. */
  list(field: string): ((flow: number, index: number) => string | null) | null;
  /** One of the four big-endian 32-bit words of an address (IPv4 in word 0); NaN = not known. `family` tells which. */
  address(field: string): ((flow: number, word: number) => number) | null;
  /** Zone of link-local addresses, that is the interface's name; null = no flow has one. */
  zone(): ((flow: number) => string | null) | null;
  /** A moment as nanoseconds from the start of the session. */
  fromStart(epochNs: bigint): number;
}

/** Decides for one flow. */
export type Predicate = (flow: number) => boolean;
