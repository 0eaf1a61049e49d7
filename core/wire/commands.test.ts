import { describe, expect, it } from 'vitest';
import { attachCommand, captureCommand, creditCommand, filterCommand, helloCommand, stopCommand } from './commands.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

// The expected bytes are written out from bpf/abi.h, not from the generated offsets.
describe('commands', () => {
  it('hello: magic, version, flags, interval, table and ring sizes', () => {
    expect(hex(helloCommand({ flags: 5, intervalMs: 100, tableBytes: 1 << 26 }))).toBe(
      '30000000' +
        '8000' +
        '0000' +
        '464c4753' +
        '01000000' +
        '05000000' +
        '64000000' +
        '0000000400000000' +
        '00'.repeat(24),
    );
  });
  it('attach: ifindex, number, rungs', () => {
    expect(hex(attachCommand(7, 258, 1, 4))).toBe(
      '10000000' + '8100' + '0000' + '07000000' + '0201' + '0000' + '01000000' + '04000000',
    );
  });
  it('capture and stop', () => {
    expect(hex(captureCommand(true, 256))).toBe(
      '10000000' + '8300' + '0000' + '01000000' + '00010000' + '0000000000000000',
    );
    expect(hex(stopCommand())).toBe('00000000' + '8700' + '0000');
  });
  it('credit counts past 32 bits', () => {
    expect(hex(creditCommand(2 ** 40 + 3))).toBe('08000000' + '8500' + '0000' + '0300000000010000');
  });
  it('filter: count and 64 rules of 32 bytes', () => {
    const payload = new Uint8Array(8 + 64 * 32).fill(9);
    const bytes = filterCommand(payload);
    expect(hex(bytes.subarray(0, 10))).toBe('08080000' + '8400' + '0000' + '0909');
    expect(bytes.length).toBe(8 + payload.length);
    expect(() => filterCommand(new Uint8Array(8))).toThrow(RangeError);
  });
});
