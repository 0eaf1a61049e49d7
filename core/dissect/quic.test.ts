import { describe, expect, it } from 'vitest';
import {
  openQuicInitial,
  QUIC_INITIAL,
  QUIC_LONG,
  QUIC_NONE,
  QUIC_OTHER_VERSION,
  QUIC_SHORT,
  quicCrypto,
  QuicHeader,
  quicInitialKeys,
} from './quic.ts';
import { concat } from './test-packets.ts';
import { ack, crypto, PING, QUIC_V1, QUIC_V2, quicHandshake, quicInitial, quicShort } from './test-quic.ts';

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));
const DESTINATION = hex('8394c8f03e515708');

describe('keys of Initial packets', () => {
  it.each([
    ['RFC 9001, A.1', QUIC_V1, ['1f369613dd76d5467730efcbe3b1a22d', 'fa044b2f42a3fd3b46fb255c', '9f50449e04a0e810283a1e9933adedd2'], ['cf3a5331653c364c88f0f379b6067e37', '0ac1493ca1905853b0bba03e', 'c206b8d9b9f0f37644430b490eeaa314']],
    ['RFC 9369, A.1', QUIC_V2, ['8b1a0bc121284290a29e0971b5cd045d', '91f73e2351d8fa91660e909f', '45b95e15235d6f45a6b19cbcb0294ba9'], ['82db637861d55e1d011f19ea71d5d2a7', 'dd13c276499c0249d3310652', 'edf6d05c83121201b436e16877593c3a']],
  ])('%s', (_, version, client, server) => {
    const text = quicInitialKeys(version, DESTINATION)!.map(({ key, iv, hp }) =>
      [key, iv, hp].map((bytes) => Buffer.from(bytes).toString('hex')),
    );
    expect(text).toEqual([client, server]);
  }); // prettier-ignore

  it('a version that is not known has none', () => expect(quicInitialKeys(0x1a2a3a4a, DESTINATION)).toBeNull());
});

describe('packets of a datagram', () => {
  it('coalesced ones follow each other; each is opened with the keys of its sender only', () => {
    const initial = quicInitial({ destination: DESTINATION, token: hex('0102'), number: 7, frames: [PING, crypto(3, hex('aabb'))], fill: 100 }); // prettier-ignore
    const datagram = concat(initial, quicHandshake(DESTINATION, hex('01'), 60), quicShort(DESTINATION));
    const header = new QuicHeader();
    const kinds: number[] = [];
    for (let at = 0; at < datagram.length; at = header.end)
      kinds.push(header.read(datagram, at, datagram.length, at === 0));
    expect(kinds).toEqual([QUIC_INITIAL, QUIC_LONG, QUIC_SHORT]);

    header.read(datagram, 0, datagram.length, true);
    const [client, server] = quicInitialKeys(QUIC_V1, DESTINATION)!;
    expect(openQuicInitial(datagram, header, server)).toBeNull();
    const found: [number, string][] = [];
    const plain = openQuicInitial(datagram, header, client)!;
    quicCrypto(plain, (offset, at, length) =>
      found.push([offset, Buffer.from(plain.subarray(at, at + length)).toString('hex')]),
    );
    expect(found).toEqual([[3, 'aabb']]);
  });

  it('acknowledgements before CRYPTO are stepped over; a length past the end ends it', () => {
    const seen: number[] = [];
    const visit = (offset: number): void => void seen.push(offset);
    quicCrypto(concat(ack(5), crypto(9, hex('00'))), visit);
    quicCrypto(concat([3, 5, 0, 1, 2, 0, 0, 9, 9, 9], crypto(8, hex('00'))), visit);
    quicCrypto(concat([6, 0, 5, 1, 2]), visit);
    quicCrypto(hex('02ffffffffffffffff'), visit);
    expect(seen).toEqual([9, 8]);
  });

  it('what is none is none: cut headers, long ids, a length past the datagram; other versions may be', () => {
    const header = new QuicHeader();
    const initial = quicInitial({ destination: DESTINATION, frames: [PING], fill: 1170 });
    for (let cut = 0; cut < initial.length; cut++)
      expect([cut, header.read(initial.subarray(0, cut), 0, cut, true)]).toEqual([cut, QUIC_NONE]);
    const changed = (at: number, byte: number): Uint8Array => initial.map((value, i) => (i === at ? byte : value));
    expect(header.read(changed(5, 21), 0, initial.length, true)).toBe(QUIC_NONE);
    expect(header.read(changed(0, 0x80), 0, initial.length, true)).toBe(QUIC_NONE);
    expect(header.read(changed(1, 0x1a), 0, initial.length, true)).toBe(QUIC_OTHER_VERSION);
    const offer = concat([0x80, 0, 0, 0, 0, 1, 1, 1, 2], [0, 0, 0, 1, 0x1a, 0x2a, 0x3a, 0x4a]);
    expect(header.read(offer, 0, offer.length, true)).toBe(QUIC_OTHER_VERSION);
  });
});
