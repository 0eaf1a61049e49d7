/** Exporting, as a page asks for it and is answered. */
import { z } from 'zod';

export const EXPORT_FORMATS = ['pcapng', 'pcap', 'json', 'jsonl', 'csv', 'parquet'] as const;
export const EXPORT_PRESETS = ['as-recorded', 'plain', 'wireshark'] as const;

/** What is to be exported; the filter and the range are those of the engine. */
export const exportWish = z.strictObject({
  format: z.enum(EXPORT_FORMATS),
  /** Of pcapng. */
  preset: z.enum(EXPORT_PRESETS).default('as-recorded'),
  /** Only what the filter matches. */
  filtered: z.boolean().default(false),
  /** Only what passed in the chosen range. */
  ranged: z.boolean().default(false),
  /** Only this flow. */
  flow: z.number().int().min(0).nullable().default(null),
  /** With pseudonyms and without payload. */
  share: z.boolean().default(false),
});

export const exportRequests = {
  /** What an export would have in it, without writing anything; of a shared one all that would leave. */
  exportLook: z.strictObject({ wish: exportWish }),
  /** Exports; answers when it is done. `path` null = for the browser to fetch, where the engine's files are not the viewer's. */
  exportStart: z.strictObject({ wish: exportWish, path: z.string().min(1).max(4096).nullable().default(null) }),
  exportCancel: z.strictObject({}),
  /** Opens the packets in Wireshark on the engine's machine. */
  wireshark: z.strictObject({ wish: exportWish }),
} as const;

export type ExportWish = z.output<typeof exportWish>;

export interface ExportLook {
  /** Suggested file name. */
  name: string;
  /** Size; null when it cannot be told before. */
  bytes: number | null;
  exact: boolean;
  flows: number;
  /** Of a shared copy: what is replaced, with examples before → after. */
  replaced: { kind: string; count: number; examples: [string, string][] }[];
  removed: { payloadBytes: number; emptied: number; comments: number; blocks: number; records: number } | null;
  packets: number | null;
  /** Records of ours go with it. */
  records: boolean;
}

export interface ExportDone {
  name: string;
  /** Where it is on the engine's machine; null when it waits to be fetched. */
  path: string | null;
  /** Where a browser fetches it, once, relative to the page; null when it has a path. */
  download: string | null;
  bytes: number;
  written: number;
  truncated: boolean;
  blocksLeftOut: number;
}

export interface ExportAnswers {
  exportLook: ExportLook;
  exportStart: ExportDone;
  exportCancel: null;
  wireshark: null;
}

/** An export under way; bytes of the capture read. */
export interface Exporting {
  name: string;
  done: number;
  total: number;
}
