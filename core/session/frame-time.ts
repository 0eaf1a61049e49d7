import {
  CLOCK,
  EVENT,
  FLOW,
  FLOW_RECORD,
  FRAME_BYE,
  FRAME_CLOCK,
  FRAME_EVENTS,
  FRAME_FLOWS,
  FRAME_GAP,
  FRAME_INTERFACE,
  FRAME_PROCESSES,
  FRAME_RESYNCED,
  FRAME_SOCKETS,
  FRAME_STATS,
  FRAME_TOTALS,
  FRAME_TRANSLATIONS,
  GAP,
  INTERFACE,
  PROCESS,
  SOCKET_EVENT,
  STATS,
  TOTALS_RECORD,
  TRANSLATION,
} from '../abi/generated.ts';
import { FACT, FRAME_FACTS } from '../flow/fact-records.ts';
import { FRAME_NOTE, NOTE } from '../flow/note-records.ts';

/** Where a frame's time stands in its payload: in the last record of an array, in the one structure of others. */
const RECORDS = new Map<number, { readonly size: number; readonly at: number }>([
  [FRAME_FLOWS, { size: FLOW_RECORD.size, at: FLOW_RECORD.flow + FLOW.lastNs }],
  [FRAME_TOTALS, { size: TOTALS_RECORD.size, at: TOTALS_RECORD.atNs }],
  [FRAME_SOCKETS, { size: SOCKET_EVENT.size, at: SOCKET_EVENT.atNs }],
  [FRAME_TRANSLATIONS, { size: TRANSLATION.size, at: TRANSLATION.atNs }],
  [FRAME_EVENTS, { size: EVENT.size, at: EVENT.atNs }],
  [FRAME_PROCESSES, { size: 0, at: PROCESS.atNs }],
  [FRAME_CLOCK, { size: 0, at: CLOCK.bootNs }],
  [FRAME_RESYNCED, { size: 0, at: CLOCK.bootNs }],
  [FRAME_INTERFACE, { size: 0, at: INTERFACE.atNs }],
  [FRAME_STATS, { size: 0, at: STATS.atNs }],
  [FRAME_BYE, { size: 0, at: STATS.atNs }],
  [FRAME_GAP, { size: 0, at: GAP.toNs }],
  [FRAME_FACTS, { size: 0, at: FACT.atNs }],
  [FRAME_NOTE, { size: 0, at: NOTE.atNs }],
]);

/**
 * Boot time up to which a frame tells, by which a replay is stopped at a moment; 0n for frames without one. Writer and
 * reader use the running maximum, so a frame belongs to the time at which it was sent.
 */
export function frameTime(type: number, view: DataView, offset: number, length: number): bigint {
  const record = RECORDS.get(type);
  if (record === undefined) return 0n;
  const last = record.size === 0 ? 0 : Math.max(0, Math.floor(length / record.size) - 1) * record.size;
  return last + record.at + 8 <= length ? view.getBigUint64(offset + last + record.at, true) : 0n;
}
