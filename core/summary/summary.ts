/**
 * The summary of a session as one JSON document, written piece by piece: a session of a million flows needs no more
 * memory than its model.
 */
import type { Writable } from 'node:stream';
import { once } from 'node:events';
import { FLAG_COUNTED } from '../flow/model.ts';
import { pathsOf } from '../flow/paths.ts';
import { flowSummary } from './flow.ts';
import { sessionJson } from './session.ts';
import type { SummarySource } from './source.ts';

const PIECE = 65536;

/**
 * Numbers of the flows to tell of, by start. Flows of which only events were heard have counted nothing and are left out,
 * and so are those whose packets another flow stands for.
 */
export function summaryFlows(source: SummarySource): Uint32Array {
  const { flows } = source.model;
  const paths = pathsOf(source.model);
  const order = new Uint32Array(flows.rows.count);
  let count = 0;
  for (let flow = 0; flow < flows.rows.count; flow++) {
    if ((flows.flags.data[flow]! & FLAG_COUNTED) === 0 || !paths.shown(flow)) continue;
    if (source.matches !== undefined && !source.matches(flow)) continue;
    order[count++] = flow;
  }
  const firstNs = flows.firstNs.data;
  return order.subarray(0, count).sort((a, b) => firstNs[a]! - firstNs[b]! || a - b);
}

/** The document in pieces of about 64 KiB. */
export function* summaryJson(source: SummarySource): Generator<string> {
  let piece = `{"session":${sessionJson(source)},\n"flows":[`;
  let first = true;
  for (const flow of summaryFlows(source)) {
    piece += `${first ? '\n' : ',\n'}${JSON.stringify(flowSummary(source, flow))}`;
    first = false;
    if (piece.length < PIECE) continue;
    yield piece;
    piece = '';
  }
  yield `${piece}${first ? '' : '\n'}]}\n`;
}

/** Writes pieces as fast as `out` takes them; ends when `signal` is aborted. Does not end `out`. */
export async function writePieces(pieces: Iterable<string>, out: Writable, signal?: AbortSignal): Promise<void> {
  for (const piece of pieces) {
    signal?.throwIfAborted();
    if (!out.write(piece)) await once(out, 'drain', signal === undefined ? {} : { signal });
  }
}

/** Writes the JSON document. */
export function writeSummary(source: SummarySource, out: Writable, signal?: AbortSignal): Promise<void> {
  return writePieces(summaryJson(source), out, signal);
}
