/** Which group of addresses a peer belongs to: networks that the configuration names, else what kind of address it is. */
import { address, parseAddress } from '../filter/address.ts';

/** Networks under one name, as prefixes in text (`10.0.0.0/8`, `2001:db8::/32`). */
export interface PeerGroup {
  readonly name: string;
  readonly networks: readonly string[];
}

interface Network {
  readonly name: string;
  readonly family: number;
  readonly words: readonly number[];
  readonly mask: readonly number[];
}

/** What an address is when no network of the configuration holds it; the first that holds it counts. */
const KINDS: readonly PeerGroup[] = [
  { name: 'loopback', networks: ['127.0.0.0/8', '::1/128'] },
  { name: 'link-local', networks: ['169.254.0.0/16', 'fe80::/10'] },
  { name: 'multicast', networks: ['224.0.0.0/4', '255.255.255.255/32', 'ff00::/8'] },
  { name: 'private', networks: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7'] },
];

/** As a flow's key holds them. */
function littleEndianWords(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, 16);
  return [0, 4, 8, 12].map((at) => view.getUint32(at, true));
}

const ONES = new Uint8Array(16).fill(255);

/** The sentence on a prefix that is none; null when it is one. */
export function networkProblem(text: string): string | null {
  const parsed = parseAddress(text);
  if ('error' in parsed) return parsed.error;
  return parsed.zone === null ? null : 'a network has no zone';
}

function networksOf({ name, networks }: PeerGroup): Network[] {
  return networks.map((text) => {
    const parsed = parseAddress(text);
    if ('error' in parsed) throw new Error(`${text}: ${parsed.error}`);
    const { family, bytes, prefix } = parsed;
    return {
      name,
      family,
      words: littleEndianWords(bytes),
      mask: littleEndianWords(address(family, ONES, prefix).bytes),
    };
  });
}

export class PeerGroups {
  readonly #networks: readonly Network[];

  /** `groups` must be valid (`networkProblem`). */
  constructor(groups: readonly PeerGroup[]) {
    this.#networks = [...groups, ...KINDS].flatMap(networksOf);
  }

  /** The group of the address at four words of a flow's key; `family` 4 or 6. */
  of(words: Uint32Array, at: number, family: number): string {
    for (const network of this.#networks) {
      if (network.family !== family) continue;
      let i = 0;
      while (i < 4 && (words[at + i]! & network.mask[i]!) >>> 0 === network.words[i]!) i++;
      if (i === 4) return network.name;
    }
    return 'public';
  }
}
