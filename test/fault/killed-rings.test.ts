// SIGKILL of a recorder that keeps a ring, or rotates: every file there is opens, and at most a second is missing.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { record, summarize } from '../lab/flowglass.ts';
import type { Host } from '../lab/host.ts';
import { Lab, type Link, settle } from '../lab/lab.ts';
import { describeAsRoot } from '../lab/privilege.ts';
import { capinfos, readPacketBlocks, tshark } from '../lab/truth.ts';

/** What tells segments of a direction apart. */
const segments = (file: string, filter: string): string[] =>
  tshark(file, ['tcp.seq_raw', 'tcp.ack_raw', 'tcp.len'], ['-Y', filter]).map((fields) => fields.join(' '));

describeAsRoot('killed while several files are kept', () => {
  let lab: Lab;
  let client: Host;
  let server: Host;
  let link: Link;
  beforeAll(async () => {
    lab = new Lab();
    client = lab.host('client');
    server = lab.host('server');
    link = lab.link(client, server);
    await server.server(['tcp', '--port', 80, '--mode', 'respond', '--request', 100, '--response', 400]);
    client.start('client', ['tcp', '--to', link.right.v4, '--port', 80, '--send', 100, '--receive', 400, '--exchanges', 100_000, '--pause-ms', 5]); // prettier-ignore
  });
  afterAll(() => lab.dispose());

  /** Records so, kills it at a random moment, and compares the files in what `folder` says with the peer's tcpdump. */
  async function killed(name: string, options: (string | number)[], folder: () => string): Promise<void> {
    const truth = await server.capture('veth0', join(lab.directory, `${name}.truth.pcap`));
    const recorder = await record(lab, client, join(lab.directory, `${name}.pcapng`), options);
    await settle(1500);
    // Somewhere within a file, which a new one has just begun: between two files none would be cut off.
    const files = (): string[] => readdirSync(folder()).filter((file) => /^(kept|rotated)-\d{5}\.pcapng$/.test(file)).sort(); // prettier-ignore
    const newestOf = (): string | undefined => files().at(-1);
    const before = newestOf();
    await expect.poll(newestOf, { timeout: 10_000, interval: 10 }).not.toBe(before);
    await settle(50 + Math.random() * 200);
    const killedAt = Date.now() / 1000;
    recorder.child.signal('SIGKILL');
    await recorder.child.done;
    await truth.stop();
    const paths = files().map((file) => join(folder(), file));
    expect(paths.length).toBeGreaterThan(1);
    const stored = paths.flatMap((path) => readPacketBlocks(path).packets.map(({ atNs }) => Number(atNs) / 1e9));
    expect(killedAt - stored.at(-1)!).toBeLessThan(1.05);
    // From the oldest file that is left to the last packet stored all are there, once each and in order.
    for (const direction of ['tcp.dstport == 80', 'tcp.srcport == 80']) {
      const kept = paths.flatMap((path) => segments(path, direction));
      const sent = segments(truth.file, direction);
      expect(kept.length).toBeGreaterThan(20);
      const from = sent.indexOf(kept[0]!);
      expect(kept).toEqual(sent.slice(from, from + kept.length));
    }
    const newest = await summarize(paths.at(-1)!);
    expect(newest.session.truncated).toBe(true);
    expect(newest.flows).toHaveLength(1);
    expect(newest.flows[0]).toMatchObject({ state: 'established', server: { port: 80 } });
    for (const path of [paths[0]!, paths.at(-1)!])
      expect(capinfos(path).packets).toBe(readPacketBlocks(path).packets.length);
  }

  it('a flight recorder leaves its last moments', async () => {
    const isRing = (name: string): boolean => name.startsWith('.flight.kept-');
    await killed('flight', ['--keep', '1s'], () => join(lab.directory, readdirSync(lab.directory).find(isRing)!));
  }, 60_000);

  it('a recording that rotates', () => killed('rotated', ['--rotate', '500ms', '--ring', 4], () => lab.directory), 60_000); // prettier-ignore
});
