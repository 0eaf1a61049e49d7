/** What requests and answers come to when segments are repeated, split, or have no end. */
import { describe, expect, it } from 'vitest';
import { ACK, clientHello, PSH, SYN } from '../../core/dissect/test-packets.ts';
import { told } from './build.ts';
import { connection, handshake, type Segment } from './connection.ts';

const bytes = (text: string): number[] => [...text].map((char) => char.charCodeAt(0));

/** A conversation on port 80 after its handshake: what each side says, by sequence number from 0. */
type Line = readonly ['c' | 's', number, string];

function talk(...lines: readonly Line[]) {
  const segments = lines.map(([from, at, text], i): Segment => ({ from, seq: (from === 'c' ? 1001 : 5001) + at, ack: from === 'c' ? 5001 : 1001, flags: ACK | PSH, payload: bytes(text), atMs: 50 + 10 * i, ports: [40000, 80] })); // prettier-ignore
  const opening = handshake().map((segment) => ({ ...segment, ports: [40000, 80] as [number, number] }));
  return told(connection([...opening, ...segments])).flows[0]!;
}

const ANSWER = 'HTTP/1.1 200 OK\r\n\r\n';

describe('HTTP', () => {
  it('a request that is sent again is one request', () => {
    const first = 'GET /a HTTP/1.1\r\nHost: shop.example\r\n\r\n';
    const second = 'GET /b HTTP/1.1\r\nHost: shop.example\r\n\r\n';
    const at = first.length;
    const flow = talk(['c', 0, first], ['c', 0, first], ['s', 0, ANSWER], ['c', at, second], ['c', at, second], ['c', 0, first], ['s', ANSWER.length, ANSWER]); // prettier-ignore
    expect(flow.http).toEqual({ method: 'GET', path: '/b', status: 200, requests: 2 });
    expect(flow.latency.http).toMatchObject({ n: 2, maxUs: 30_000 });
  });

  it('a head that never ends is told as far as it came, and does not hide what follows', () => {
    const flow = talk(['c', 0, 'POST /a HTTP/1.1\r\nX: '], ['c', 21, 'aaa'], ['s', 0, ANSWER], ['c', 24, 'POST /b HTTP/1.1\r\n']); // prettier-ignore
    expect(flow.http).toEqual({ method: 'POST', path: '/b', status: 200, requests: 2 });
  });

  it('a request line over two segments is one request, its host over a third names the server', () => {
    const flow = talk(['c', 0, 'GET /lo'], ['c', 7, 'ng HTTP/1.1\r\nHo'], ['c', 22, 'st: shop.example\r\n\r\n'], ['s', 0, ANSWER]); // prettier-ignore
    expect(flow.http).toEqual({ method: 'GET', path: '/long', status: 200, requests: 1 });
    expect([flow.server.name, flow.latency.http!.minUs]).toEqual(['shop.example', 30_000]);
  });

  it('requests that do not wait for an answer count each, the newest is told', () => {
    const head = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: shop.example\r\n\r\n`;
    const flow = talk(['c', 0, head('/a') + head('/b')], ['s', 0, ANSWER], ['c', 2 * head('/a').length, head('/c') + head('/d') + 'GET /e']); // prettier-ignore
    expect(flow.http).toMatchObject({ method: 'GET', path: '/d', requests: 4 });
    const cut = 2 * head('/a').length + 25;
    const all = head('/a') + head('/b') + head('/c') + head('/d');
    expect(talk(['c', 0, all.slice(0, cut)], ['c', cut, all.slice(cut)], ['s', 0, ANSWER]).http).toMatchObject({ path: '/d', requests: 4 }); // prettier-ignore
  });

  it.each([
    ['an address in brackets as host', 'GET /a HTTP/1.1\r\nHost: [2001:db8::1]:80\r\nAccept: */*\r\n\r\n', 'GET', '/a'],
    ['a host that cannot be one', 'GET /a HTTP/1.1\r\nHost: <b>\r\n\r\n', 'GET', '/a'],
    ['spaces in the target', 'GET /a b;c HTTP/1.0\r\n\r\n', 'GET', '/a b;c'],
    ['more than one space', 'GET  /  HTTP/1.1 \r\n\r\n', 'GET', '/'],
    ['a method of WebDAV', 'MKCOL /dir HTTP/1.1\r\n\r\n', 'MKCOL', '/dir'],
  ])('%s', (_, request, method, path) => {
    const flow = talk(['c', 0, request], ['s', 0, ANSWER]);
    expect(flow.http).toEqual({ method, path, status: 200, requests: 1 });
    expect(flow.server.name).toBeNull();
  });

  it('what ends in no version is no request', () => {
    expect(talk(['c', 0, 'GET up and go home\r\n\r\n']).http).toBeNull();
  });

  it('a request that comes with the SYN (RFC 7413)', () => {
    const request = bytes('GET /fast HTTP/1.1\r\nHost: shop.example\r\n\r\n');
    const opening: Segment[] = [
      { from: 'c', seq: 1000, flags: SYN, atMs: 0, payload: request.slice(0, 20), ports: [40000, 80] },
      { from: 's', seq: 5000, ack: 1021, flags: SYN | ACK, atMs: 40, ports: [40000, 80] },
      { from: 'c', seq: 1021, ack: 5001, flags: ACK | PSH, atMs: 41, payload: request.slice(20), ports: [40000, 80] },
    ];
    const flow = told(connection(opening)).flows[0]!;
    expect(flow.http).toEqual({ method: 'GET', path: '/fast', status: null, requests: 1 });
    expect(flow.server.name).toBe('shop.example');
  });
});

describe('TLS that begins within a stream', () => {
  const hello = String.fromCharCode(...clientHello('db.example', ['x']));
  const opened = (...lines: readonly Line[]) => {
    const sent = { c: 0, s: 0 };
    return talk(...lines.map(([from, , text]): Line => [from, (sent[from] += text.length) - text.length, text])); // prettier-ignore
  };

  it.each<[string, string | null, readonly Line[]]>([
    [
      'PostgreSQL',
      'postgresql',
      [
        ['c', 0, '\0\0\0\x08\x04\xd2\x16\x2f'],
        ['s', 0, 'S'],
        ['c', 0, hello],
      ],
    ],
    [
      'CONNECT',
      'http',
      [
        ['c', 0, 'CONNECT db.example:443 HTTP/1.1\r\n\r\n'],
        ['s', 0, ANSWER],
        ['c', 0, hello],
      ],
    ],
    [
      'STARTTLS',
      'tls',
      [
        ['s', 0, '220 mail\r\n'],
        ['c', 0, 'STARTTLS\r\n'],
        ['s', 0, '220 go\r\n'],
        ['c', 0, hello],
      ],
    ],
    [
      'in two segments',
      'tls',
      [
        ['c', 0, 'STARTTLS\r\n'],
        ['s', 0, '220 go\r\n'],
        ['c', 0, hello.slice(0, 60)],
        ['c', 0, hello.slice(60)],
      ],
    ],
  ])('%s', (_, application, lines) => {
    const flow = opened(...lines);
    expect(flow).toMatchObject({ application, server: { name: 'db.example', nameSource: 'sni' } });
    expect(flow.tls).toMatchObject({ serverName: 'db.example', alpn: ['x'] });
  });

  it('bytes that only look like it name nobody', () => {
    expect(
      opened(['c', 0, 'HELO\r\n'], ['s', 0, 'ok\r\n'], ['c', 0, hello.slice(0, 5) + 'x'.repeat(80)]).tls,
    ).toBeNull();
  });
});
