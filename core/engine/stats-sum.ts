/** STATS of several helpers as one: what they counted added up, at the time of the newest. */
import { STATS, STREAM_STATS, STREAMS } from '../abi/generated.ts';

/** Adds all of `each` (payloads of STATS frames) into `sum`; what cannot be added is taken from `newest`. */
export function addStats(sum: Uint8Array, each: readonly Uint8Array[], newest: Uint8Array): void {
  sum.set(newest.subarray(0, STATS.size));
  const into = viewOf(sum);
  const wide: number[] = [STATS.cpuNs, STATS.residentBytes, STATS.displaced, STATS.wakeups];
  for (let stream = 0; stream < STREAMS; stream++)
    for (let at = 0; at < STREAM_STATS.size; at += 8) wide.push(STATS.stream + stream * STREAM_STATS.size + at);
  for (const at of wide)
    into.setBigUint64(
      at,
      each.reduce((total, bytes) => total + viewOf(bytes).getBigUint64(at, true), 0n),
      true,
    );
  const peeks = each.reduce((total, bytes) => total + viewOf(bytes).getUint32(STATS.lostPeeks, true), 0);
  into.setUint32(STATS.lostPeeks, Math.min(peeks, 0xffffffff), true);
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
