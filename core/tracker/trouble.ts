/** What segments are beyond plain ones, counted in the model. */
import type { FlowModel } from '../flow/model.ts';
import { SEGMENT_CLASSES, type SegmentClass } from '../flow/tcp-trouble.ts';
import {
  ACKED_UNSEEN,
  DUPLICATE_ACK,
  FAST,
  KEEP_ALIVE,
  KEEP_ALIVE_ACK,
  LOST_BEFORE,
  OUT_OF_ORDER,
  SPURIOUS,
  WINDOW_FULL,
  WINDOW_UPDATE,
  ZERO_WINDOW_PROBE,
} from './marks.ts';

const MARK_OF: Readonly<Record<SegmentClass, number>> = {
  fastRetransmits: FAST,
  spuriousRetransmits: SPURIOUS,
  keepAlives: KEEP_ALIVE,
  keepAliveAnswers: KEEP_ALIVE_ACK,
  zeroWindowProbes: ZERO_WINDOW_PROBE,
  windowFull: WINDOW_FULL,
  windowUpdates: WINDOW_UPDATE,
  lostBefore: LOST_BEFORE,
  acknowledgedUnseen: ACKED_UNSEEN,
};
const MARKS = SEGMENT_CLASSES.map((name) => MARK_OF[name]);
const ANY = MARKS.reduce((all, mark) => all | mark, OUT_OF_ORDER | DUPLICATE_ACK);

/** Counts a segment of `side` by its marks; most have none of these. */
export function countTrouble(model: FlowModel, flow: number, side: number, marks: number): void {
  if ((marks & ANY) === 0) return;
  const { tcpTrouble } = model;
  if ((marks & OUT_OF_ORDER) !== 0) tcpTrouble.addOutOfOrder(flow, side);
  if ((marks & DUPLICATE_ACK) !== 0) tcpTrouble.addDuplicateAck(flow, side);
  for (let i = 0; i < MARKS.length; i++) if ((marks & MARKS[i]!) !== 0) tcpTrouble.addClass(flow, side, i);
}
