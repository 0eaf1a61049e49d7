/** Names for the name resolution block of a recording, so that other tools show them too. */
import type { FlowModel } from '../flow/model.ts';

/** Addresses that a file names, and names of one. */
const ADDRESSES_MAX = 16_384;
const NAMES_MAX = 8;

export function fileNames(model: FlowModel): { address: Uint8Array; names: string[] }[] {
  const found = new Map<string, { address: Uint8Array; names: Set<number> }>();
  const add = (words: Uint32Array, at: number, four: boolean, name: number): void => {
    const address = new Uint8Array(four ? 4 : 16);
    for (let i = 0; i < address.length; i++) address[i] = (words[at + (i >> 2)]! >>> ((i & 3) * 8)) & 0xff;
    const key = address.join('.');
    let known = found.get(key);
    if (known === undefined) {
      if (found.size >= ADDRESSES_MAX) return;
      found.set(key, (known = { address, names: new Set() }));
    }
    if (known.names.size < NAMES_MAX) known.names.add(name);
  };
  const { flows, names } = model;
  for (let flow = 0; flow < flows.rows.count; flow++) {
    for (let side = 0; side < 2; side++) {
      const name = flows.name.data[flow * 2 + side]!;
      if (name > 0) add(flows.key.data, flows.addressWord(flow, side), flows.familyOf(flow) === 4, name - 1);
    }
  }
  names.each((words, at, name) => add(words, at, (words[at + 1]! | words[at + 2]! | words[at + 3]!) === 0, name));
  // A name ends at a NUL in the block: one that has it cannot be written, and would be another.
  const text = (name: number): string => model.strings.text(name);
  return [...found.values()]
    .map(({ address, names: of }) => ({ address, names: [...of].map(text).filter((name) => !/[\0-\x1f]/.test(name)) }))
    .filter((each) => each.names.length > 0);
}
