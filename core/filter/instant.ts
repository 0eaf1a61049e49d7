/** Moments in filters: RFC 3339 in UTC or with an offset, to the nanosecond, or an offset from the session's start. */
import type { InstantValue, OffsetValue } from './ast.ts';
import { formatDuration, parseDuration } from './units.ts';

const RFC3339 =
  /^(\d{4})-(\d{2})-(\d{2})(?:[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?([Zz]|[+-]\d{2}:\d{2})?)?$/;

/** Reads `2026-11-24T12:00:00.5Z`, `2026-11-24`, `"2026-11-24 12:00"` (UTC unless it says otherwise) and `+10s`. */
export function parseInstant(text: string): InstantValue | OffsetValue | null {
  if (text.startsWith('+')) {
    const ns = parseDuration(text.slice(1));
    return ns === null ? null : { kind: 'offset', ns };
  }
  const match = RFC3339.exec(text);
  if (match === null) return null;
  const part = (index: number): number => Number(match[index] ?? '0');
  const ms = Date.UTC(part(1), part(2) - 1, part(3), part(4), part(5), part(6));
  const back = new Date(ms);
  if (back.getUTCMonth() !== part(2) - 1 || back.getUTCDate() !== part(3)) return null;
  if (part(4) > 23 || part(5) > 59 || part(6) > 59) return null;
  const fraction = BigInt((match[7] ?? '').padEnd(9, '0'));
  const zone = match[8] ?? 'Z';
  const minutes = zone.length === 1 ? 0 : Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4, 6));
  const shift = BigInt(zone.startsWith('-') ? -minutes : minutes) * 60_000_000_000n;
  const epochNs = BigInt(ms) * 1_000_000n + fraction - shift;
  return { kind: 'instant', epochNs };
}

/** Canonical text: RFC 3339 in UTC with nine digits, or `+` and a duration. */
export function formatInstant(value: InstantValue | OffsetValue): string {
  if (value.kind === 'offset') return `+${formatDuration(value.ns)}`;
  const billion = 1_000_000_000n;
  const fraction = ((value.epochNs % billion) + billion) % billion;
  const seconds = (value.epochNs - fraction) / billion;
  const whole = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  return `${whole}.${fraction.toString().padStart(9, '0')}Z`;
}
