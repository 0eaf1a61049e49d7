/**
 * Writes small databases in the MaxMind DB format (version 2.0, maxmind.github.io/MaxMind-DB): a binary tree over the
 * bits of IPv6 addresses, IPv4 below ::/96, and the records that its leaves refer to.
 */
export type MmdbValue = string | number | readonly MmdbValue[] | { readonly [key: string]: MmdbValue };

const TYPE_TEXT = 2;
const TYPE_MAP = 7;
const TYPE_UINT16 = 5;
const TYPE_UINT32 = 6;
const TYPE_UINT64 = 9;
const TYPE_ARRAY = 11;

function control(type: number, size: number): number[] {
  if (size > 284) throw new RangeError('longer than this writer knows');
  const [length, more] = size < 29 ? [size, []] : [29, [size - 29]];
  return type > 7 ? [length, type - 7, ...more] : [(type << 5) | length, ...more];
}

function numberBytes(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return bytes;
}

/** One value of the data section; `type` = of a number. */
function encoded(value: MmdbValue, type = TYPE_UINT32): number[] {
  if (typeof value === 'number') {
    const bytes = numberBytes(value);
    return [...control(type, bytes.length), ...bytes];
  }
  if (typeof value === 'string') {
    const bytes = [...new TextEncoder().encode(value)];
    return [...control(TYPE_TEXT, bytes.length), ...bytes];
  }
  if (Array.isArray(value)) return [...control(TYPE_ARRAY, value.length), ...value.flatMap((each) => encoded(each))];
  const entries = Object.entries(value);
  return [
    ...control(TYPE_MAP, entries.length),
    ...entries.flatMap(([key, each]) => [...encoded(key), ...encoded(each)]),
  ];
}

interface Leaf {
  readonly data: number;
}
type Branch = (Branch | Leaf | null)[];

/** Bits of an address as the tree has them. */
function bitsOf(prefix: string): number[] {
  const [address = '', length = ''] = prefix.split('/');
  if (address.includes(':')) {
    const [head = '', tail = ''] = address.split('::');
    const left = head === '' ? [] : head.split(':');
    const right = tail === '' ? [] : tail.split(':');
    const groups = [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right];
    return groups.flatMap((group) => bits(parseInt(group, 16), 16)).slice(0, Number(length));
  }
  const low = address.split('.').flatMap((part) => bits(Number(part), 8));
  return [...Array<number>(96).fill(0), ...low].slice(0, 96 + Number(length));
}

const bits = (value: number, count: number): number[] => Array.from({ length: count }, (_, i) => (value >> (count - 1 - i)) & 1); // prettier-ignore

/** A database of these networks; a later one may lie within an earlier one only if it is not written yet. */
export function mmdb(type: string, networks: Readonly<Record<string, MmdbValue>>): Buffer {
  const root: Branch = [null, null];
  const nodes: Branch[] = [root];
  const data: number[] = [];
  for (const [prefix, record] of Object.entries(networks)) {
    const path = bitsOf(prefix);
    let at = root;
    for (const bit of path.slice(0, -1)) {
      const next = at[bit];
      if (Array.isArray(next)) at = next;
      else {
        const made: Branch = [null, null];
        nodes.push(made);
        at[bit] = made;
        at = made;
      }
    }
    at[path.at(-1) ?? 0] = { data: data.length };
    data.push(...encoded(record));
  }
  const number = (side: Branch[number] | undefined): number =>
    side === undefined || side === null
      ? nodes.length
      : Array.isArray(side)
        ? nodes.indexOf(side)
        : nodes.length + 16 + side.data;
  const tree = nodes.flatMap((node) => [node[0], node[1]].flatMap((side) => [16, 8, 0].map((shift) => (number(side) >> shift) & 255))); // prettier-ignore
  const about: [string, number[]][] = [
    ['binary_format_major_version', encoded(2, TYPE_UINT16)],
    ['binary_format_minor_version', encoded(0, TYPE_UINT16)],
    ['build_epoch', encoded(1_795_500_000, TYPE_UINT64)],
    ['database_type', encoded(type)],
    ['description', encoded({ en: 'made by a test' })],
    ['ip_version', encoded(6, TYPE_UINT16)],
    ['languages', encoded([])],
    ['node_count', encoded(nodes.length)],
    ['record_size', encoded(24, TYPE_UINT16)],
  ];
  const metadata = [
    ...control(TYPE_MAP, about.length),
    ...about.flatMap(([key, value]) => [...encoded(key), ...value]),
  ];
  const marker = [0xab, 0xcd, 0xef, ...Buffer.from('MaxMind.com')];
  return Buffer.from([...tree, ...Array<number>(16).fill(0), ...data, ...marker, ...metadata]);
}
