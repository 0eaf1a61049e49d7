/**
 * What the range of an address is for: IANA's registries of special-purpose and multicast addresses (RFC 6890 and its
 * successors), as of November 2026. Addresses are four words as flow keys hold them: bytes in the order of the network,
 * read little-endian; IPv4 in the first.
 */
export const NETWORKS = [
  'public',
  'private',
  'shared',
  'loopback',
  'link-local',
  'multicast',
  'broadcast',
  'documentation',
  'benchmark',
  'translation',
  'discard',
  'reserved',
  'unspecified',
] as const;
export type Network = (typeof NETWORKS)[number];

/** First match wins, so exceptions stand before what they are in. */
const IPV4: readonly (readonly [prefix: string, network: Network])[] = [
  ['0.0.0.0/32', 'unspecified'],
  ['0.0.0.0/8', 'reserved'], // this network
  ['10.0.0.0/8', 'private'],
  ['100.64.0.0/10', 'shared'], // carriers' NAT
  ['127.0.0.0/8', 'loopback'],
  ['169.254.0.0/16', 'link-local'],
  ['172.16.0.0/12', 'private'],
  ['192.0.0.9/32', 'public'], // anycast of PCP and TURN
  ['192.0.0.10/32', 'public'],
  ['192.0.0.170/31', 'translation'], // discovery of NAT64
  ['192.0.0.0/29', 'translation'], // DS-Lite
  ['192.0.0.0/24', 'reserved'],
  ['192.0.2.0/24', 'documentation'],
  ['192.88.99.0/24', 'translation'], // 6to4 relays, deprecated
  ['192.168.0.0/16', 'private'],
  ['198.18.0.0/15', 'benchmark'],
  ['198.51.100.0/24', 'documentation'],
  ['203.0.113.0/24', 'documentation'],
  ['224.0.0.0/4', 'multicast'],
  ['255.255.255.255/32', 'broadcast'],
  ['240.0.0.0/4', 'reserved'],
];

/** Prefixes of 16-bit groups; what follows them is zero. */
const IPV6: readonly (readonly [groups: readonly number[], bits: number, network: Network])[] = [
  [[0, 0, 0, 0, 0, 0, 0, 0], 128, 'unspecified'],
  [[0, 0, 0, 0, 0, 0, 0, 1], 128, 'loopback'],
  [[0, 0, 0, 0, 0, 0xffff], 96, 'translation'],
  [[0x64, 0xff9b], 96, 'translation'], // NAT64
  [[0x64, 0xff9b, 1], 48, 'translation'],
  [[0x100, 0, 0, 0], 64, 'discard'],
  [[0x100, 0, 0, 1], 64, 'reserved'], // dummy prefix
  [[0x2001, 0], 32, 'translation'], // Teredo
  [[0x2001, 2, 0], 48, 'benchmark'],
  [[0x2001, 0xdb8], 32, 'documentation'],
  [[0x2001, 0x10], 28, 'reserved'], // ORCHID, deprecated
  [[0x2001, 1], 32, 'public'], // anycast of PCP, TURN, DNS-SD
  [[0x2001, 3], 32, 'public'], // AMT
  [[0x2001, 4, 0x112], 48, 'public'], // AS112
  [[0x2001, 0x20], 28, 'public'], // ORCHIDv2
  [[0x2001, 0x30], 28, 'public'], // drones
  [[0x2001, 0], 23, 'reserved'],
  [[0x2002], 16, 'translation'], // 6to4
  [[0x3fff, 0], 20, 'documentation'],
  [[0x5f00], 16, 'reserved'], // SRv6 segments
  [[0x2000], 3, 'public'],
  [[0xfc00], 7, 'private'],
  [[0xfe80], 10, 'link-local'],
  [[0xff00], 8, 'multicast'],
];

interface Range {
  readonly words: Uint32Array;
  readonly masks: Uint32Array;
  readonly network: Network;
}

/** Bytes as they lie in memory, the way flow keys hold addresses. */
function range(bytes: readonly number[], bits: number, network: Network): Range {
  const value = new Uint8Array(16);
  const mask = new Uint8Array(16);
  value.set(bytes);
  for (let bit = 0; bit < bits; bit++) mask[bit >> 3] = mask[bit >> 3]! | (128 >> (bit & 7));
  return { words: new Uint32Array(value.buffer), masks: new Uint32Array(mask.buffer), network };
}

const RANGES4 = IPV4.map(([prefix, network]) => {
  const [address = '', bits = '32'] = prefix.split('/');
  return range(address.split('.').map(Number), Number(bits), network);
});
const RANGES6 = IPV6.map(([groups, bits, network]) =>
  range(
    groups.flatMap((group) => [group >> 8, group & 255]),
    bits,
    network,
  ),
);

/** What the range is for of the address whose first word is at `at`; `family` 4 or 6. */
export function networkOf(words: Uint32Array, at: number, family: number): Network {
  const length = family === 4 ? 1 : 4;
  for (const { words: value, masks, network } of family === 4 ? RANGES4 : RANGES6) {
    let i = 0;
    while (i < length && (words[at + i]! & masks[i]!) >>> 0 === value[i]) i++;
    if (i === length) return network;
  }
  return family === 4 ? 'public' : 'reserved';
}
