// How much the verifier has to follow: a program near its limit of 1,000,000 is refused by the next kernel that is a little
// less clever, and loading it takes seconds.
import { expect, it } from 'vitest';
import { verifiedInstructions } from '../../build/native.mjs';
import { describeAsRoot } from '../lab/privilege.ts';

/** The three packet programs hold the whole parser; everything else is small. */
const LIMIT = { packets: 260_000, others: 5_000 };

describeAsRoot('the verifier', () => {
  it('follows few instructions in each program', () => {
    const counts = verifiedInstructions() ?? [];
    expect(counts.length).toBeGreaterThan(20);
    const packets = ['fg_xdp', 'fg_ingress', 'fg_egress'];
    expect(counts.map(([name]) => name)).toEqual(expect.arrayContaining(packets));
    for (const [name, count] of counts) {
      expect(count, name).toBeGreaterThan(0);
      expect(count, name).toBeLessThan(packets.includes(name) ? LIMIT.packets : LIMIT.others);
    }
  });
});
