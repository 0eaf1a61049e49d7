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
  it('filter: count, then 32 bytes a rule, unused rules zero', () => {
    const bytes = filterCommand([
      { protocol: 6, port: { from: 80, to: 443 } },
      { address: { bytes: Uint8Array.of(10, 0, 0, 0), prefixLength: 8 } },
    ]);
    expect(bytes.length).toBe(8 + 8 + 64 * 32);
    expect(hex(bytes.subarray(8, 16))).toBe('0200000000000000');
    expect(hex(bytes.subarray(16, 48))).toBe(
      '12000000' + '0000' + '06' + '00' + '5000' + 'bb01' + '00000000' + '00'.repeat(16),
    );
    expect(hex(bytes.subarray(48, 80))).toBe(
      '0c000000' + '0000' + '00' + '04' + '00000000' + '08000000' + '0a' + '00'.repeat(15),
    );
    expect(bytes.subarray(80).every((byte) => byte === 0)).toBe(true);
    expect(() => filterCommand(Array.from({ length: 65 }, () => ({})))).toThrow(RangeError);
  });
});
