import { listInterfaces, type NetworkInterface } from '../core/system/interfaces.ts';
import { findNamespace } from '../core/system/netns.ts';
import { usageError, type Command, type Given } from './command.ts';
import { print, table } from './terminal.ts';

function row(entry: NetworkInterface): string[] {
  const speed = entry.speedBps === null ? '-' : entry.speedBps >= 1e9 ? `${entry.speedBps / 1e9} Gbit/s` : `${entry.speedBps / 1e6} Mbit/s`; // prettier-ignore
  return [
    entry.name,
    String(entry.index),
    entry.kind,
    entry.up ? 'up' : 'down',
    String(entry.mtu),
    speed,
    entry.driver ?? '-',
    entry.attach.ingress === entry.attach.egress
      ? entry.attach.ingress
      : `${entry.attach.ingress} in, ${entry.attach.egress} out`,
    entry.addresses.length === 0 ? '-' : entry.addresses.join(' '),
  ];
}

export const command: Command = {
  name: 'interfaces',
  usage: '[--json] [--netns NAME|PATH|PID]',
  summary: 'List the network interfaces and how each would be watched',
  options: {
    json: { help: 'as JSON, one array' },
    netns: { value: 'NAME', help: 'of another network namespace: name, path or pid (needs root)' },
  },
  async run(given: Given): Promise<void> {
    const [extra] = given.positionals;
    if (extra !== undefined) throw usageError('unexpected argument', extra, 'see flowglass interfaces --help');
    const netns = given.text('netns');
    const list = listInterfaces(netns === undefined ? null : findNamespace(netns));
    if (given.has('json')) {
      await print(`${JSON.stringify(list, null, 2)}\n`);
      return;
    }
    const heading = ['NAME', 'INDEX', 'KIND', 'STATE', 'MTU', 'SPEED', 'DRIVER', 'ATTACH', 'ADDRESSES'];
    await print(table([heading, ...list.map(row)]));
  },
};
