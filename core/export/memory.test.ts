/** Memory does not grow with the file: what streams through is never held. Two gigabytes: test/bench/large.bench.ts. */
import { closeSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { PcapngWriter } from '../capture/pcapng-writer.ts';
import { ethernet, ipv4, udp } from '../dissect/test-packets.ts';
import { parse } from '../filter/filter.ts';
import { openForeign } from '../tracker/open-foreign.ts';
import { runExport } from './run.ts';

const folder = mkdtempSync(join(tmpdir(), 'flowglass-memory-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Bytes of the buffers that the process has, at most, while it goes on. */
class Peak {
  readonly #before = process.memoryUsage().arrayBuffers;
  bytes = 0;
  readonly look = (): void => {
    this.bytes = Math.max(this.bytes, process.memoryUsage().arrayBuffers - this.#before);
  };
}

/** A capture of one flow with `packets` large packets. */
function write(packets: number): string {
  const path = join(folder, `${packets}.pcapng`);
  const fd = openSync(path, 'w');
  const writer = new PcapngWriter(1 << 20);
  writer.section({ application: 'test' });
  writer.interface({ linkType: 1, snaplen: 0, name: 'eth0' });
  const bytes = ethernet(0x800, ipv4('10.0.0.1', '10.0.0.2', 17, udp(4000, 5000, new Uint8Array(8000))));
  for (let i = 0; i < packets; i++) {
    writer.packet(0, 416_757_000, i * 1000, bytes.length, bytes.length, bytes, 0, 1, 0, 0, 0);
    if (writer.length < 900_000) continue;
    writeSync(fd, writer.pending());
    writer.clear();
  }
  writeSync(fd, writer.pending());
  closeSync(fd);
  return path;
}

it('opening and exporting hold a bounded part of a capture, whatever its size', async () => {
  const filter = parse('udp');
  if (!filter.ok) throw new Error('no filter');
  const held: number[] = [];
  for (const packets of [1000, 12_000]) {
    const path = write(packets);
    const opening = new Peak();
    const { result } = await openForeign(path, { progress: opening.look });
    expect(result.packets).toBe(packets);
    const exporting = new Peak();
    const { written } = await runExport({
      path, format: 'pcapng', preset: 'plain', output: `${path}.copy`, force: true, filter: filter.ast,
      interfaces: [], from: null, to: null, application: 'test', progress: exporting.look,
    }); // prettier-ignore
    expect(written).toBe(packets);
    expect(statSync(path).size).toBeGreaterThan(packets * 8000);
    held.push(Math.max(opening.bytes, exporting.bytes));
  }
  expect(held[0]).toBeGreaterThan(0);
  // The larger file has 96 MB.
  expect(held[1]).toBeLessThan(40e6);
});
