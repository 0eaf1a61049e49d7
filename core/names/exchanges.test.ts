import { describe, expect, it } from 'vitest';
import { APP_DHCP, APP_HTTP2, APP_MYSQL, APP_NTP, APP_POSTGRESQL, APP_REDIS } from '../flow/applications.ts';
import { FACT_ANSWER, FACT_HTTP_ANSWER, FACT_PROTOCOL, FACT_REQUEST } from '../flow/fact-records.ts';
import { Inspector, Piece } from './inspector.ts';
import type { FactSink } from './sink.ts';

const text = (value: string): number[] => [...Buffer.from(value, 'latin1')];
const MS = 1e6;

/** Payloads, `>` the client's and `<` the server's, 10 ms apart; what was told of them in words. */
function told(pieces: readonly (readonly ['>' | '<', readonly number[]])[], udp?: readonly [number, number]): string[] {
  const facts: string[] = [];
  const sink: FactSink = {
    fact: (_p, kind, _flags, value, a, _b, bytes, from, length) => {
      const word = Buffer.from(bytes.subarray(from, from + length)).toString('latin1');
      if (kind === FACT_PROTOCOL) facts.push(`protocol ${a} ${word}`.trim());
      else if (kind === FACT_REQUEST) facts.push('request');
      else if (kind === FACT_ANSWER) facts.push(`answer ${value / MS}`);
      else if (kind === FACT_HTTP_ANSWER) facts.push(`answer ${a} ${value / MS}`);
      else facts.push(`fact ${kind}`);
    },
    address: () => facts.push('address'),
  };
  const inspector = new Inspector(sink);
  inspector.begin(0);
  const next = { '>': 1, '<': 1 };
  pieces.forEach(([from, payload], i) => {
    const p = new Piece();
    const [client, server] = udp ?? [40000, 8000];
    Object.assign(p, { side: from === '>' ? 0 : 1, bytes: Uint8Array.from(payload), captured: payload.length });
    Object.assign(p, { length: payload.length, atNs: i * 10 * MS, sequence: next[from], base: 1 });
    p.sourcePort = from === '>' ? client : server;
    p.destinationPort = from === '>' ? server : client;
    next[from] += payload.length;
    if (udp !== undefined) inspector.datagram(p);
    else if (inspector.looks(0, p.side, payload[0] ?? 0)) inspector.segment(p);
  });
  return facts;
}

const startup = [0, 0, 0, 22, 0, 3, 0, 0, ...text('user\0ann\0\0\0\0\0\0')];
const greeting = [70, 0, 0, 0, 10, ...text('8.0.36'), ...Array<number>(63).fill(0)];
const ping = text('*1\r\n$4\r\nPING\r\n');
const query = [0x51, 0, 0, 0, 6, 0x3b, 0];
const h2 = (stream: number, first: number, type = 1): number[] => [0, 0, 1, type, 4, 0, 0, 0, stream, first];
const preface = text('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

describe('exchanges over one connection', () => {
  it('PostgreSQL: version and queries; logging in is no query', () => {
    const parameter = [0x53, 0, 0, 0, 25, ...text('server_version\x0015.20\0')];
    const login = [['>', startup], ['<', [0x52, 0, 0, 0, 8, 0, 0, 0, 5]], ['>', [0x70, 0, 0, 0, 5, 0]], ['<', parameter]] as const; // prettier-ignore
    const asked = [['>', query], ['<', [0x54, 0, 0, 0, 4]], ['<', [0x44, 0, 0, 0, 4]], ['>', query], ['<', [0x45, 0, 0, 0, 4]]] as const; // prettier-ignore
    expect(told([...login, ...asked])).toEqual([
      `protocol ${APP_POSTGRESQL}`,
      `protocol ${APP_POSTGRESQL} 15.20`,
      ...['request', 'answer 10', 'request', 'answer 10'],
    ]);
    expect(told([['>', [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]], ['<', [0x53]], ['>', [22, 3, 1, 0, 5]]])).toEqual([`protocol ${APP_POSTGRESQL}`]); // prettier-ignore
  });

  it('MySQL: the greeting tells who serves; commands', () => {
    const login = [
      ['<', greeting],
      ['>', [3, 0, 0, 1, 0, 0, 0]],
      ['<', [3, 0, 0, 2, 0, 0, 0]],
    ] as const;
    const asked = [
      ['>', [9, 0, 0, 0, 3, ...text('SELECT 1')]],
      ['<', [1, 0, 0, 1, 1]],
    ] as const;
    expect(told([...login, ...asked])).toEqual([`protocol ${APP_MYSQL} 8.0.36`, 'request', 'answer 10']);
  });

  it('Redis: of several at once the first is timed, what is pushed is no answer', () => {
    const pieces = [['>', ping], ['>', ping], ['<', text('+PONG\r\n')], ['<', text('>3\r\n')], ['>', ping], ['<', text('$-1\r\n')]] as const; // prettier-ignore
    const exchanges = ['request', 'request', 'answer 20', 'request', 'answer 10'];
    expect(told(pieces)).toEqual([`protocol ${APP_REDIS}`, ...exchanges]);
  });

  it('HTTP/2: streams, status; a preface in two pieces; trailers are no request', () => {
    const pieces = [['>', preface.slice(0, 10)], ['>', [...preface.slice(10), ...h2(0, 0, 4), ...h2(1, 0x82)]], ['<', h2(1, 0x88)], ['>', h2(1, 0x40)], ['>', h2(3, 0x82)], ['<', h2(1, 0x40)], ['<', h2(3, 0x8d)]] as const; // prettier-ignore
    const exchanges = ['request', 'answer 200 10', 'request', 'answer 404 20'];
    expect(told(pieces)).toEqual([`protocol ${APP_HTTP2}`, ...exchanges]);
  });

  it.each([
    ['a start of no version', [0, 0, 0, 22, 0, 9, 0, 0, ...text('user\0ann\0\0\0\0\0\0')]],
    ['a start without names', [0, 0, 0, 16, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]],
    ['a greeting without version', [70, 0, 0, 0, 10, ...Array<number>(69).fill(1)]],
    ['a list that is no command', text('*12345678\r\n$4\r\nPING\r\n')],
    ['half a preface, then another word', [...preface.slice(0, 16), ...text('XX')]],
    ['zeros', Array<number>(64).fill(0)],
  ])('names nothing for %s', (_, bytes) => {
    expect(told([['>', bytes], ['<', bytes]])).toEqual([]); // prettier-ignore
  });
});

describe('exchanges in datagrams', () => {
  const asked = [0x23, ...Array<number>(39).fill(0), 9, 8, 7, 6, 5, 4, 3, 2];
  const answer = [0x24, ...Array<number>(23).fill(0), ...asked.slice(40), ...Array<number>(16).fill(1)];

  it('NTP on its port, and on another once an answer knows its request', () => {
    expect(told([['>', asked], ['<', answer]], [40000, 123])).toEqual([`protocol ${APP_NTP}`, 'request', 'answer 10']); // prettier-ignore
    expect(told([['>', asked], ['<', answer]], [40000, 9123])).toEqual([`protocol ${APP_NTP}`, 'answer 10']); // prettier-ignore
    const other = answer.map((byte, i) => (i === 30 ? byte ^ 1 : byte));
    expect(told([['>', asked], ['<', other]], [40000, 9123])).toEqual([]); // prettier-ignore
    expect(told([['>', asked], ['<', other]], [40000, 123])).toEqual([`protocol ${APP_NTP}`, 'request', 'answer NaN']); // prettier-ignore
  });

  it('DHCP by its transaction', () => {
    const message = (operation: number, transaction: number): number[] => {
      const bytes = Array<number>(244).fill(0);
      [operation, 1, 6, 0, 0, 0, 0, transaction].forEach((byte, i) => (bytes[i] = byte));
      [0x63, 0x82, 0x53, 0x63].forEach((byte, i) => (bytes[236 + i] = byte));
      return bytes;
    };
    const pieces = [
      ['>', message(1, 7)],
      ['<', message(2, 7)],
      ['<', message(2, 8)],
    ] as const;
    expect(told(pieces, [68, 67])).toEqual([`protocol ${APP_DHCP}`, 'request', 'answer 10', 'answer NaN']);
    expect(told(pieces, [4068, 4067])).toEqual([]);
  });
});
