import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DnsMessage, DnsName, readDnsName } from './dns.ts';
import { be16, clientHello, concat, dnsName } from './test-packets.ts';
import { ClientHello, TLS_HELLO, TLS_NEED_MORE, TLS_NOT_HELLO } from './tls.ts';

const header = [0, 1, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0];
const name = (bytes: Uint8Array, at: number): [number, string] => {
  const out = new DnsName();
  return [readDnsName(bytes, 0, bytes.length, at, out), out.text()];
};

describe('DNS names', () => {
  it('follows pointers backwards, forwards and in chains, and ends in loops', () => {
    expect(name(Uint8Array.from(dnsName('www.example')), 0)).toEqual([13, 'www.example']);
    expect(name(concat([0xc0, 2], dnsName('ahead.example')), 0)).toEqual([2, 'ahead.example']);
    expect(name(concat([0xc0, 2, 0xc0, 4], dnsName('a')), 0)).toEqual([2, 'a']);
    expect(name(Uint8Array.from([0xc0, 0]), 0)[0]).toBe(-1);
    expect(name(Uint8Array.from([0xc0, 2, 0xc0, 0]), 0)[0]).toBe(-1);
    expect(name(Uint8Array.from([1, 97, 0xc0, 0]), 0)[0]).toBe(-1);
    expect(name(Uint8Array.from([0xc0, 99]), 0)[0]).toBe(-1);
    expect(name(Uint8Array.from([0xc0]), 0)[0]).toBe(-1);
  });

  it('34 labels of one byte (ip6.arpa) are fine, 256 bytes are not', () => {
    expect(name(Uint8Array.from(dnsName(Array(34).fill('a').join('.'))), 0)[0]).toBe(69);
    expect(name(Uint8Array.from(dnsName(Array(127).fill('a').join('.'))), 0)[0]).toBe(255);
    expect(name(Uint8Array.from(dnsName(Array(128).fill('a').join('.'))), 0)[0]).toBe(-1);
  });

  it('escapes dots within labels, keeps every other byte', () => {
    const bytes = Uint8Array.from([3, 0x61, 0x2e, 0x5c, 1, 0xff, 0]);
    const out = new DnsName();
    readDnsName(bytes, 0, bytes.length, 0, out);
    expect([...out.bytes.subarray(0, out.length)]).toEqual([0x61, 0x5c, 0x2e, 0x5c, 0x5c, 0x2e, 0xff]);
  });

  it('a message reads its answers, whatever follows', () => {
    const answer = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7];
    const bytes = concat(header, dnsName('www.example'), [0, 1, 0, 1], answer);
    const message = new DnsMessage();
    expect(message.open(bytes, 0, bytes.length)).toBe(true);
    expect(message.next()).toBe(true);
    expect([message.owner.text(), message.type, message.ttl, message.dataLength]).toEqual(['www.example', 1, 60, 4]);
    expect(message.next()).toBe(false);
    for (let cut = 0; cut < bytes.length; cut++) {
      if (message.open(bytes, 0, cut)) while (message.next());
    }
  });

  it('property: hostile messages end', () => {
    const message = new DnsMessage();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const whole = concat([0, 1, 0x80, 0, 0, 255, 255, 255, 0, 0, 0, 0], bytes);
        if (message.open(whole, 0, whole.length)) while (message.next());
      }),
      { numRuns: 3000 },
    );
  });
});

describe('ClientHello', () => {
  const hello = new ClientHello();
  const text = (bytes: Uint8Array | null): string | null => (bytes === null ? null : String.fromCharCode(...bytes));

  it('needs more until it is whole', () => {
    const bytes = clientHello('shop.example', ['h2'], 1500, 400);
    for (let length = 1; length < bytes.length; length++) {
      expect(hello.read(bytes, 0, length)).toBe(TLS_NEED_MORE);
    }
    expect(hello.read(bytes, 0, bytes.length)).toBe(TLS_HELLO);
    expect([text(hello.serverName), hello.alpn.map(text)]).toEqual(['shop.example', ['h2']]);
  });

  it('without a name or ALPN there is none', () => {
    const bytes = clientHello('', []);
    expect(hello.read(bytes, 0, bytes.length)).toBe(TLS_HELLO);
    expect([hello.serverName, hello.alpn]).toEqual([null, []]);
  });

  it('knows what is none', () => {
    for (const bytes of [
      [71],
      [22, 2],
      [23, 3, 3],
      [22, 3, 1, 0, 4, 2],
      [22, 3, 1, 0, 0],
      [22, 3, 1, 0, 9, 1, 1, 0, 0],
    ]) {
      expect(hello.read(Uint8Array.from(bytes), 0, bytes.length)).toBe(TLS_NOT_HELLO);
    }
  });

  it('property: lengths that lie are survived', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(600), fc.nat(255)), { maxLength: 8 }), (changes) => {
        const bytes = clientHello('shop.example', ['h2', 'http/1.1'], 300, 200);
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        hello.read(bytes, 0, bytes.length);
      }),
      { numRuns: 3000 },
    );
    expect(be16(1)).toEqual([0, 1]);
  });
});
