/** The hosts file of the machine that records (hosts(5)): names that hold for everybody, all the session long. */
import { readFileSync, statSync } from 'node:fs';
import { parseAddress } from '../filter/address.ts';
import { addressFrame, FRAME_FACTS } from '../flow/fact-records.ts';
import { SOURCE_HOSTS } from '../flow/observed-names.ts';
import type { FrameSink } from '../wire/frames.ts';

const FILE_MAX = 4 << 20;
/** Files of blockers have hundreds of thousands of entries, of names for no address at all. */
const ENTRIES_MAX = 10_000;

export interface HostsEntry {
  /** IPv4 in the first four of sixteen bytes */
  readonly address: Uint8Array;
  readonly name: string;
}

/** Addresses with their names, a line's first name last: of several names of an address the first is the one to show. */
export function parseHosts(text: string): HostsEntry[] {
  const entries: HostsEntry[] = [];
  for (const line of text.split('\n')) {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    if (names.length === 0 || entries.length >= ENTRIES_MAX) continue;
    const value = parseAddress(address);
    if ('error' in value || value.bytes.every((byte) => byte === 0)) continue;
    for (const name of names) entries.push({ address: value.bytes, name });
  }
  return entries.reverse();
}

/** Tells the sink the names in the hosts file; nothing when it cannot be read. */
export function tellHosts(sink: FrameSink, path = '/etc/hosts'): void {
  let text: string;
  try {
    if (statSync(path).size > FILE_MAX) return;
    text = readFileSync(path, 'utf8');
  } catch {
    return;
  }
  for (const { address, name } of parseHosts(text)) {
    const bytes = addressFrame(address, SOURCE_HOSTS, name);
    sink(FRAME_FACTS, bytes, new DataView(bytes.buffer), 0, bytes.length);
  }
}
