import type { Packet } from './packet.ts';
import type { TimeScale } from './time.ts';

/** What one section of a pcapng file says of itself; a pcap file is one section without texts. */
export interface CaptureSection {
  /** 0 for the first. */
  readonly index: number;
  /** Byte offset of the block in the (decompressed) file. */
  readonly at: number;
  readonly littleEndian: boolean;
  readonly hardware: string | null;
  readonly os: string | null;
  readonly application: string | null;
  readonly comments: readonly string[];
}

/** One interface of one section. */
export interface CaptureInterface {
  /** Position among all interfaces of the file; packets refer to it. */
  readonly index: number;
  readonly section: number;
  /** Number within its section, as packet blocks name it. */
  readonly id: number;
  /** LINKTYPE_* (https://www.tcpdump.org/linktypes.html). */
  readonly linkType: number;
  /** Bytes kept of a packet; 0 = no limit. A hint: longer packets are read as they are. */
  readonly snaplen: number;
  /** Octets of frame check sequence at the end of each packet, 0 if none or not said. */
  readonly fcsBytes: number;
  readonly name: string | null;
  readonly description: string | null;
  readonly filter: string | null;
  readonly os: string | null;
  readonly hardware: string | null;
  /** bit/s, null if not said. */
  readonly speed: bigint | null;
  readonly mac: string | null;
  readonly scale: TimeScale;
  readonly comments: readonly string[];
  /** Packets of this interface delivered so far, and their captured bytes. */
  packets: number;
  capturedBytes: number;
  /** From the newest Interface Statistics Block; null if there was none. */
  received: number | null;
  dropped: number | null;
  osDropped: number | null;
}

/** One Interface Statistics Block. Counters are null where the option is absent. */
export interface CaptureStatistics {
  readonly interfaceIndex: number;
  readonly seconds: number;
  readonly nanos: number;
  readonly received: number | null;
  readonly dropped: number | null;
  readonly accepted: number | null;
  readonly osDropped: number | null;
  readonly delivered: number | null;
}

/** A process block: Wireshark's (PEN 32622, entry type 3) or Apple's Darwin block. */
export interface CaptureProcess {
  readonly source: 'wireshark' | 'apple';
  /** Position among Apple's blocks, by which packets refer to them; -1 for Wireshark's, found by pid. */
  readonly index: number;
  readonly pid: number;
  readonly name: string | null;
  readonly path: string | null;
  /** Arguments. */
  readonly commandLine: readonly string[] | null;
  readonly parentPid: number | null;
  readonly uid: number | null;
  readonly user: string | null;
  /** Nanoseconds since the Epoch. */
  readonly startNs: bigint | null;
}

/** Something in the file that is not as it should be. */
export interface CaptureProblem {
  /** Byte offset in the (decompressed) file. */
  readonly at: number;
  readonly what: string;
  /** Data was lost by it; false = an oddity that costs nothing. */
  readonly damage: boolean;
}

/** Receives what is in the file, in file order. Views are valid only during the call. */
export interface CaptureHandlers {
  section?(section: CaptureSection): void;
  interface?(info: CaptureInterface): void;
  /** Asked before each packet: true = not yet; reading stops before it until the parser is told to go on. */
  hold?(packet: Packet): boolean;
  packet?(packet: Packet): void;
  statistics?(statistics: CaptureStatistics): void;
  /** A Name Resolution record: 4 or 16 address bytes and the names given to it. */
  names?(address: Uint8Array, names: readonly string[]): void;
  /** A Decryption Secrets Block. */
  secrets?(type: number, bytes: Uint8Array): void;
  process?(process: CaptureProcess): void;
  /**
   * Each whole block of a pcapng file, whatever its type, after the handlers above: `bytes[start … end)` as it stands in
   * the file. `whole` = both its lengths are what they should be.
   */
  block?(type: number, bytes: Uint8Array, start: number, end: number, littleEndian: boolean, whole: boolean): void;
  /** A block of a local-use type (not Apple's); `bytes` is its body, `at` its offset in the file. */
  local?(type: number, bytes: Uint8Array, at: number): void;
}
