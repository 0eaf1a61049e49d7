// Finding in the packets of a flow of the demo session (real traffic), against the bytes of every packet.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Engine } from '../../core/engine/engine.ts';
import { options, TestPage, until } from '../../core/engine/port.testkit.ts';

describe('finding in packets', () => {
  const engine = new Engine(options());
  const page = new TestPage();
  let flow = -1;
  /** Of the first 500 packets. */
  const bytes: Buffer[] = [];
  const find = async (typed: string, as: 'text' | 'hex', caseless: boolean): Promise<number[]> => ((await page.ask('packetFind', { flow, typed, as, caseless })) as { result: { places: number[] } }).result.places.filter((place) => place < bytes.length); // prettier-ignore
  beforeAll(async () => {
    engine.connect(page);
    await page.ask('open', { path: 'docs/demo.pcapng' });
    const { clock } = await until(() => (page.state.mode === 'replay' ? page.state : undefined));
    await page.ask('seek', { atNs: clock.endNs });
    await page.ask('filter', { text: 'application == http' });
    const rows = (await page.look(1, { kind: 'table', sort: [{ column: 'packets', descending: true }] }))('rows');
    flow = rows.find(({ rank }) => rank === 0)?.key ?? -1;
    const { result } = (await page.ask('packets', { flow, count: 500 })) as { result: { rows: { packet: number }[] } };
    for (const { packet } of result.rows) {
      const one = (await page.ask('packet', { packet })) as { result: { data: string } };
      bytes.push(Buffer.from(one.result.data, 'base64'));
    }
    expect(bytes.length).toBeGreaterThan(10);
  });
  afterAll(() => engine.close());
  const having = (test: (text: string) => boolean): number[] => bytes.flatMap((each, i) => (test(each.toString('latin1')) ? [i] : [])); // prettier-ignore

  it('gives the places of those that have a text, in both cases or in one, or bytes', async () => {
    const http = having((text) => text.includes('HTTP/1.1'));
    expect(http.length).toBeGreaterThan(0);
    expect(http.length).toBeLessThan(bytes.length);
    expect(await find('HTTP/1.1', 'text', false)).toEqual(http);
    expect(await find('http/1.1', 'text', true)).toEqual(having((text) => text.toLowerCase().includes('http/1.1')));
    expect(await find('http/1.1', 'text', false)).toEqual(having((text) => text.includes('http/1.1')));
    expect(await find('48 54 54 50', 'hex', true)).toEqual(having((text) => text.includes('HTTP')));
    expect(await find('not in it at all', 'text', true)).toEqual([]);
    expect(await find('4', 'hex', true)).toEqual([]);
  });
});
