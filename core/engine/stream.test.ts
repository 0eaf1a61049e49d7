import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import type { StreamAnswer } from '../contract/answers.ts';
import { flowSummary } from '../summary/flow.ts';
import { ForeignSource } from './foreign-source.ts';
import { ReplaySource } from './replay-source.ts';

const corpus = (name: string): string => new URL(`../../test/corpus/${name}`, import.meta.url).pathname;
const DEMO = new URL('../../docs/demo.pcapng', import.meta.url).pathname;
const options = { signal: new AbortController().signal, progress: () => undefined, clock: () => '' };

const said = ({ pieces }: StreamAnswer, fromClient: boolean): string =>
  pieces
    .filter((piece) => piece.fromClient === fromClient)
    .map(({ data }) => Buffer.from(data, 'base64').toString('hex'))
    .join('');

/** What both sides of the first conversation said, as tshark puts it together; null without tshark. */
function bytesByTshark(path: string): { client: string; server: string } | null {
  const { status, stdout } = spawnSync('tshark', ['-r', path, '-q', '-z', 'follow,tcp,raw,0'], { encoding: 'utf8' });
  if (status !== 0) return null;
  const lines = stdout.split('\n').filter((line) => /^\t?[0-9a-f]+$/.test(line));
  const of = (server: boolean): string =>
    lines
      .filter((line) => line.startsWith('\t') === server)
      .map((line) => line.trim())
      .join('');
  return { client: of(false), server: of(true) };
}

describe('following a stream of a capture', () => {
  for (const name of ['m-half-close.pcap', 'm-karn-data-retransmit.pcap', 'm-any-duplicates-sll2.pcap'])
    it(`gives the bytes that tshark gives: ${name}`, async () => {
      const source = await ForeignSource.open(corpus(name), options);
      const stream = await source.packets.stream(source.model, 0);
      await source.close();
      expect(stream).toMatchObject({ ordered: true, truncated: false });
      expect(stream.pieces.every(({ missing }) => missing === 0)).toBe(true);
      const mine = { client: said(stream, true), server: said(stream, false) };
      expect(mine.client.length + mine.server.length).toBeGreaterThan(0);
      const truth = bytesByTshark(corpus(name));
      if (truth) expect(mine).toEqual(truth);
    });

  it('of a session of ours has every byte of payload that the kernel counted, there or as a hole', async () => {
    const source = (await ReplaySource.open(DEMO, options)) as ReplaySource;
    const { model } = source;
    let checked = 0;
    for (let flow = 0; flow < model.flows.rows.count && checked < 8; flow++) {
      const summary = flowSummary(source.summary(), flow);
      const whole = summary.protocol === 'tcp' && summary.roles === 'syn' && summary.end === 'fin';
      if (!whole || summary.retransmits !== 0 || summary.sent.payloadBytes === 0) continue;
      const { pieces, truncated } = await source.packets.stream(source.model, flow);
      if (truncated) continue;
      const bytes = (fromClient: boolean): number =>
        pieces
          .filter((piece) => piece.fromClient === fromClient)
          .reduce((sum, { data, missing }) => sum + Buffer.from(data, 'base64').length + missing, 0);
      expect([bytes(true), bytes(false)], summary.id).toEqual([
        summary.sent.payloadBytes,
        summary.received.payloadBytes,
      ]);
      checked++;
    }
    await source.close();
    expect(checked).toBe(8);
  });
});
