// Exports of what is being watched: flows as they are now, packets only while they are recorded, also shared.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ExportDone, ExportLook } from '../../core/contract/exports.ts';
import type { Engine } from '../../core/engine/engine.ts';
import type { EngineMessage } from '../../core/contract/answers.ts';
import { testEngine } from '../desktop/engine.ts';
import { Wire } from '../desktop/wire.ts';
import { contentsOf } from '../lab/capture-contents.ts';
import type { Host } from '../lab/host.ts';
import { Lab, type Link } from '../lab/lab.ts';
import { describeAsRoot } from '../lab/privilege.ts';
import { tshark } from '../lab/truth.ts';

describeAsRoot('exporting what is being watched', () => {
  let lab: Lab;
  let client: Host;
  let link: Link;
  let engine: Engine;
  let wire: Wire;

  beforeAll(async () => {
    lab = new Lab();
    client = lab.host('client');
    const server = lab.host('server');
    link = lab.link(client, server);
    await server.server(['tcp', '--port', 80, '--mode', 'http', '--response', 2000]);
    const newRecording = (): string => join(lab.directory, 'recording.pcapng');
    engine = testEngine({ exports: { paths: true, wireshark: () => null }, newRecording });
    let receive: (message: unknown) => void = () => undefined;
    wire = new Wire(
      (message) => receive(message),
      () => undefined,
    );
    engine.connect({
      send: (message: EngineMessage) => wire.receive(structuredClone(message)),
      sendView: () => undefined,
      congested: false,
      onRequest: (handler) => void (receive = handler),
      onClose: () => undefined,
      close: () => undefined,
    });
    await wire.result('attach', { interfaces: ['veth0'], netns: [client.path] });
  }, 60_000);
  afterAll(async () => {
    await engine.close();
    lab.dispose();
  });

  const fetchPage = async (): Promise<void> => {
    await client.start('client', ['tcp', '--http', '--to', link.right.v4, '--port', 80]).done;
  };
  async function exported(wish: object, name: string): Promise<[string, ExportDone]> {
    const path = join(lab.directory, name);
    engine.exports.grant(path);
    return [path, (await wire.result('exportStart', { wish, path })) as ExportDone];
  }

  it('flows are there at once, packets are not until somebody records', async () => {
    await fetchPage();
    await wire.until('a flow', ({ flows }) => flows > 0);
    const [path] = await exported({ format: 'csv' }, 'live.csv');
    expect(readFileSync(path, 'utf8')).toContain(`,${link.right.v4},80,`);
    expect((await wire.result('exportLook', { wish: { format: 'parquet' } })) as ExportLook).toMatchObject({
      exact: false,
    });
    expect(await wire.refusal('exportStart', { wish: { format: 'pcapng' }, path: null })).toBe('no-packets');
    expect(await wire.refusal('wireshark', { wish: { format: 'pcapng' } })).toBe('no-wireshark');
  });

  it('of a recording under way the packets so far, also shared', async () => {
    await wire.result('recordStart');
    await fetchPage();
    // Packets wait a moment in the writer.
    let path = '';
    for (let tries = 0, found = 0; found < 4; tries++) {
      expect(tries).toBeLessThan(100);
      const [copy, done] = await exported({ format: 'pcapng', preset: 'plain' }, `so-far-${tries}.pcapng`);
      expect(done.truncated).toBe(false);
      found = tshark(copy, ['tcp.dstport']).filter(([port]) => port === '80').length;
      path = copy;
    }
    const [shared] = await exported({ format: 'pcapng', share: true }, 'shared.pcapng');
    const original = Buffer.from(link.right.v4.split('.').map(Number));
    expect(contentsOf(path).some((bytes) => bytes.includes(original))).toBe(true);
    expect(contentsOf(shared).some((bytes) => bytes.includes(original))).toBe(false);
    expect(contentsOf(shared).some((bytes) => bytes.includes('HTTP/1.1'))).toBe(false);
    await wire.result('recordStop');
  });
});
