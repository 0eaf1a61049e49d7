/** What a picture says of itself: source, day, time range, filter. */
import { formatClock, formatDate, visibleText } from '../draw/format.ts';
import { t } from '../language/language.ts';
import type { useEngine } from '../stores/engine.ts';

type Engine = ReturnType<typeof useEngine>;

/** Time zone of this machine as an offset, as in ISO 8601: `UTC+02:00`. */
function zone(epochNs: string): string {
  const minutes = -new Date(Number(BigInt(epochNs) / 1_000_000n)).getTimezoneOffset();
  const two = (n: number): string => String(n).padStart(2, '0');
  const sign = minutes < 0 ? '−' : '+';
  return minutes === 0 ? 'UTC' : `UTC${sign}${two(Math.floor(Math.abs(minutes) / 60))}:${two(Math.abs(minutes) % 60)}`;
}

/** `fromNs` NaN = a moment, at `toNs`. */
export function aboutPicture(
  engine: Engine,
  what: string,
  fromNs: number,
  toNs: number,
): { title: string; name: string; lines: string[] } {
  // prettier-ignore
  const { source, clock, filter } = engine.state;
  const { epochNs } = clock;
  const to = formatClock(epochNs, toNs, 3);
  const time = Number.isNaN(fromNs) ? t('picture.at', { time: to }) : `${formatClock(epochNs, fromNs, 3)} – ${to}`;
  const lines = [t('picture.dayTime', { day: formatDate(epochNs, toNs), time, zone: zone(epochNs) })];
  if (filter !== '') lines.push(t('picture.filter', { filter: visibleText(filter, 120) }));
  const name = (source?.name ?? 'flowglass').replace(/\.(pcapng|pcap)$/i, '').replace(/[^\p{L}\p{N}._ -]+/gu, '_');
  return { title: `${what}, ${visibleText(source?.name ?? '', 80)}`, name: `${name.slice(0, 80)} ${what.toLowerCase()}`, lines }; // prettier-ignore
}
