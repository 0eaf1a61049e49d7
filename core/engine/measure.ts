/** What passed between two moments: counted from the packets of the file where that is quick, else from counters. */
import type { MeasureAnswer } from '../contract/answers.ts';
import type { Params } from '../contract/requests.ts';
import { levelNs } from '../timeline/store.ts';
import type { Source } from './source.ts';

/** A longer time is not read through packet by packet, ns. */
const EXACT_NS = 10e9;
/** The helper reads counters ten times a second. */
const READ_OUT_NS = 100e6;

export async function measure(source: Source, { flow, fromNs, toNs }: Params<'measure'>): Promise<MeasureAnswer> {
  const stored = source.summary().captured.packets > 0 && toNs - fromNs <= EXACT_NS ? source.packets : undefined;
  if (stored) {
    let [packets, bytes] = [0, 0];
    const row = flow === null ? null : source.model.flows.rowOf(flow);
    if (row !== null && row < 0) return { packets, bytes, resolutionNs: 0 };
    await stored.each(source.model, row, fromNs, toNs, (packet) => {
      packets++;
      bytes += packet.original;
      return true;
    });
    return { packets, bytes, resolutionNs: 0 };
  }
  return counted(source, flow, fromNs, toNs);
}

function counted({ timeline, model, ours }: Source, flow: number | null, fromNs: number, toNs: number): MeasureAnswer {
  const binNs = levelNs(timeline.finest);
  let [packets, bytes] = [0, 0];
  const add = (each: number): void =>
    timeline.eachBin(each, fromNs, toNs, binNs, (bin) => {
      packets += bin.packets;
      bytes += bin.bytes;
    });
  if (flow !== null) add(flow);
  else for (let each = 0; each < model.flows.rows.count; each++) add(model.flows.id.data[each]!);
  return { packets, bytes, resolutionNs: ours ? Math.max(READ_OUT_NS, binNs) : binNs };
}
