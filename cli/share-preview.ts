import { printable } from '../core/errors.ts';
import type { SharePreview } from '../core/export/share.ts';

/** Words for what is replaced and what is left out, as `--preview` and the app show them. */
const KINDS: Readonly<Record<string, string>> = {
  address: 'IP addresses',
  mac: 'MAC addresses',
  name: 'names',
  host: 'host names',
  user: 'user names',
  uid: 'user ids',
  process: 'process names',
  arguments: 'command lines',
  path: 'paths',
  container: 'control groups, containers',
  interface: 'interface names',
};

/** What would leave, as text of one kind a line. */
export function previewText(preview: SharePreview): string {
  const lines = [`A copy of ${preview.packets} packets, ${preview.bytes} bytes. Nothing was written.`, '', 'Replaced:'];
  if (preview.replaced.length === 0) lines.push('  nothing');
  for (const { kind, count, examples } of preview.replaced) {
    lines.push(`  ${String(count).padStart(8)}  ${KINDS[kind] ?? kind}`);
    for (const [before, after] of examples) lines.push(`            ${printable(before)} → ${printable(after)}`);
  }
  const { payloadBytes, emptied, comments, blocks, records } = preview.removed;
  lines.push('', 'Left out:', `  ${String(payloadBytes).padStart(8)}  bytes of payload, everything in it`);
  const more = (count: number, what: string): void => {
    if (count > 0) lines.push(`  ${String(count).padStart(8)}  ${what}`);
  };
  more(emptied, 'packets of formats of which nothing can be kept: their lengths and times stay');
  more(comments, 'comments');
  more(blocks, 'blocks of other tools, keys of TLS sessions among them');
  more(records, preview.records ? 'records of ours of kinds that may not leave' : 'records of ours: they tell of more than the packets'); // prettier-ignore
  lines.push(
    '',
    'Stays: times, lengths, ports, protocols, flags, sequence numbers, process ids, VLAN and tunnel numbers;',
    'of addresses the kind (private, public, multicast) and which share a prefix; loopback and well-known groups.',
  );
  if (preview.records) lines.push('With it go states, owners and latencies as recorded, under the same pseudonyms.');
  return `${lines.join('\n')}\n`;
}
