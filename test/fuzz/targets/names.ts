/** What names flows: QUIC, HTTP heads, the server's flight of TLS, and the inspector over all of them. */
import { HttpRequest, httpStatus, methodLength } from '../../../core/dissect/http.ts';
import {
  openQuicInitial,
  QUIC_INITIAL,
  QUIC_NONE,
  quicCrypto,
  QuicHeader,
  quicInitialKeys,
} from '../../../core/dissect/quic.ts';
import { clientHello, concat } from '../../../core/dissect/test-packets.ts';
import { bareHello, crypto, PING, QUIC_V2, quicHandshake, quicInitial } from '../../../core/dissect/test-quic.ts';
import { ServerFlight } from '../../../core/dissect/tls-server.ts';
import { Inspector, Piece } from '../../../core/names/inspector.ts';
import type { FactSink } from '../../../core/names/sink.ts';
import { dnsAnswer } from '../seeds.ts';
import { hold, type Target } from '../target.ts';

const ID = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]);
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

function initials(): Uint8Array[] {
  const hello = bareHello('shop.example', ['h3'], 900);
  const frames = [PING, crypto(500, hello.subarray(500)), crypto(0, hello.subarray(0, 500))];
  return [
    concat(quicInitial({ destination: ID, frames, number: 3 }), quicHandshake(ID, ID, 40)),
    quicInitial({ version: QUIC_V2, destination: ID, frames, token: Uint8Array.of(1, 2), fill: 1100 }),
  ];
}

const header = new QuicHeader();
/** Plain payloads too: changed packets open no more, so what is within is read as it stands. */
const quic: Target = {
  name: 'quic',
  seeds: () => [...initials(), concat([2, 5, 0, 1, 2, 3, 0], crypto(9, Uint8Array.of(1, 2, 3)), PING)],
  run: (bytes) => {
    let packets = 0;
    for (let at = 0; at < bytes.length; at = header.end) {
      const kind = header.read(bytes, at, bytes.length, at === 0);
      if (kind === QUIC_NONE) break;
      hold(header.end > at && header.end <= bytes.length, 'a packet of', header.end - at, 'at', at);
      hold(++packets <= bytes.length / 7, 'packets without end');
      if (kind !== QUIC_INITIAL) continue;
      const id = bytes.subarray(header.destinationId, header.destinationId + header.destinationIdLength);
      const plain = openQuicInitial(bytes, header, quicInitialKeys(header.version, id)![0]);
      if (plain !== null) frames(plain);
    }
    frames(bytes);
  },
};

function frames(plain: Uint8Array): void {
  let read = 0;
  quicCrypto(plain, (offset, at, length) => {
    hold(offset >= 0 && length >= 0 && at >= 0 && at + length <= plain.length, 'data outside the packet', at, length);
    read += length;
  });
  hold(read <= plain.length, 'more data than there is', read);
}

const request = new HttpRequest();
const http: Target = {
  name: 'http',
  seeds: () => [text('GET /a?b=c HTTP/1.1\r\nAccept: */*\r\nHOST:\t shop.example:80\r\n\r\n'), text('HTTP/1.1 204 None\r\n')],
  run: (bytes) => {
    const status = httpStatus(bytes, 0, bytes.length);
    hold(status === 0 || (status >= 100 && status < 600), 'status', status);
    const method = methodLength(bytes, 0, bytes.length);
    if (!request.read(bytes, 0, bytes.length)) return;
    hold(method > 0 && request.text.length > method, 'a request without method');
    hold(!request.text.includes(0x3f), 'a query');
    hold(request.host === null || (request.host.length > 0 && request.host.length <= 255), 'a host of odd length');
    // What was cut off says no more than the whole, and nothing else.
    const whole = request.host === null ? null : request.host.slice();
    request.read(bytes, 0, bytes.length >> 1);
    if (request.host !== null) hold(whole !== null && request.host.every((byte, i) => byte === whole[i]), 'another host');
  },
}; // prettier-ignore

/** TLS 1.2: ServerHello with ALPN, a certificate that is none, ServerHelloDone; then one of 1.3. */
function flights(): Uint8Array[] {
  const record = (...messages: number[][]): Uint8Array => {
    const body = messages.flatMap((message) => message);
    return Uint8Array.from([22, 3, 3, body.length >> 8, body.length & 255, ...body]);
  };
  const hello = (extensions: number[]): number[] => {
    const body = [3, 3, ...Array<number>(32).fill(5), 0, 0x13, 1, 0, 0, extensions.length, ...extensions];
    return [2, 0, 0, body.length, ...body];
  };
  return [
    concat(record(hello([0, 16, 0, 5, 0, 3, 2, 104, 50]), [11, 0, 0, 9, 0, 0, 6, 0, 0, 3, 1, 2, 3], [14, 0, 0, 0])),
    concat(record(hello([0, 43, 0, 2, 3, 4, 0, 41, 0, 2, 0, 0])), [20, 3, 3, 0, 1, 1]),
  ];
}

const flight = new ServerFlight();
const tlsServer: Target = {
  name: 'tls-server',
  seeds: flights,
  run: (bytes) => {
    for (const read of ['read', 'readBare'] as const) {
      flight[read](bytes, 0, bytes.length);
      hold((flight.alpn?.length ?? 0) < 65536 && (flight.certificate?.length ?? 0) <= bytes.length, 'longer than it all');
      hold(flight.version !== 0 || flight.alpn === null, 'an answer without ServerHello');
      flight.certificateName();
    }
  },
}; // prettier-ignore

/** Checks that what is told lies within the bytes that it is told from. */
class Checks implements FactSink {
  facts = 0;
  fact(p: Piece, kind: number, ...[, , , , bytes, from, length]: [number, number, number, number, Uint8Array, number, number]): void {
    this.facts++;
    hold(kind > 0 && from >= 0 && length >= 0 && from + length <= bytes.length, 'a text outside its bytes', kind, from, length);
    hold(p.side === 0 || p.side === 1, 'side', p.side);
  }
  address(_: Piece, asker: number, address: Uint32Array, ...[, , , bytes, from, length]: [number, number, number, Uint8Array, number, number]): void {
    this.facts++;
    hold(asker === 0 || asker === 1, 'asker', asker);
    hold(address.length === 4 && from + length <= bytes.length, 'a name outside its bytes');
  }
} // prettier-ignore

/** A script of pieces: what it belongs to (one byte: conversation, side, TCP or UDP), two of length, its payload. */
const piece = (head: number, payload: Uint8Array): Uint8Array =>
  concat([head, payload.length >> 8, payload.length & 255], payload);
const CLIENT = 0;
const SERVER = 1;
const DATAGRAM = 2;

/** Conversations of databases and HTTP/2; NTP; a DHCP message. */
function exchanges(): Uint8Array[] {
  const settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
  const headers = (stream: number, first: number): number[] => [0, 0, 1, 1, 4, 0, 0, 0, stream, first];
  const greeting = [...text('\x4a\0\0\0\x0a10.11.19-MariaDB\0'), ...Array<number>(60).fill(0)];
  greeting[0] = greeting.length - 4;
  const startup = [0, 3, 0, 0, ...text('user\0ann\0\0')];
  const version = text('server_version\x0015.20\0');
  const ntp = [0x23, 2, 6, 0xec, ...Array<number>(36).fill(0), 9, 8, 7, 6, 5, 4, 3, 2];
  const answer = [0x24, 2, 6, 0xec, ...Array<number>(20).fill(0), ...ntp.slice(40), ...Array<number>(16).fill(1)];
  const conversation = (...pieces: [head: number, payload: ArrayLike<number>][]): Uint8Array =>
    concat(...pieces.map(([head, payload]) => piece(head, Uint8Array.from(payload))));
  return [
    conversation([CLIENT, [...text('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), ...settings, ...headers(1, 0x82)]], [SERVER, [...settings, ...headers(1, 0x88)]]),
    conversation([CLIENT, [0, 0, 0, startup.length + 4, ...startup]], [SERVER, [0x53, 0, 0, 0, version.length + 4, ...version]], [CLIENT, [0x51, 0, 0, 0, 6, 0x3b, 0]], [SERVER, [0x54, 0, 0, 0, 6, 0, 0]]),
    conversation([SERVER, greeting], [CLIENT, [9, 0, 0, 0, 3, ...text('SELECT 1')]], [SERVER, [1, 0, 0, 1, 1]]),
    conversation([CLIENT, text('*1\r\n$4\r\nPING\r\n')], [SERVER, text('+PONG\r\n')]),
    conversation([CLIENT | DATAGRAM, ntp], [SERVER | DATAGRAM, answer]),
  ];
} // prettier-ignore

const inspector: Target = {
  name: 'inspector',
  seeds: () => [
    concat(piece(CLIENT, clientHello('shop.example', ['h2'], 30)), ...flights().map((each) => piece(SERVER, each))),
    concat(
      piece(CLIENT, text('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')),
      piece(SERVER, text('HTTP/1.1 200 OK\r\n\r\n')),
    ),
    concat(piece(SERVER, text('SSH-2.0-x\r\n')), piece(CLIENT, text('SSH-2.0-y\r\n'))),
    concat(...initials().map((each) => piece(CLIENT | DATAGRAM, each))),
    piece(SERVER | DATAGRAM, dnsAnswer()),
    ...exchanges(),
  ],
  run: (bytes) => {
    const checks = new Checks();
    const reader = new Inspector(checks, 2);
    const p = new Piece();
    const next = new Map<number, number>();
    let begun = 0;
    let pieces = 0;
    for (let at = 0; at + 3 <= bytes.length; pieces++) {
      const head = bytes[at]!;
      const size = Math.min((bytes[at + 1]! << 8) | bytes[at + 2]!, bytes.length - at - 3);
      p.conversation = (head >> 2) & 3;
      while (begun <= p.conversation) reader.begin(begun++);
      p.side = head & 1;
      Object.assign(p, { bytes, offset: at + 3, captured: size, length: size + (head >> 7), atNs: pieces * 1000 });
      p.sourcePort = p.side === 0 ? 40000 : 443;
      p.destinationPort = 443 + 40000 - p.sourcePort;
      if ((head & DATAGRAM) !== 0) reader.datagram(p);
      else {
        const stream = p.conversation * 2 + p.side;
        p.sequence = (next.get(stream) ?? 1) | 0;
        p.base = 1;
        next.set(stream, p.sequence + size);
        if (size > 0 && reader.looks(p.conversation, p.side, p.bytes[p.offset] ?? 0)) reader.segment(p);
      }
      at += 3 + size;
    }
    // DNS over TCP says the most: a question and an answer, and each of its records, for every 12 bytes.
    hold(checks.facts <= pieces * 8 + bytes.length, 'facts without end', checks.facts);
  },
};

export const nameTargets: readonly Target[] = [quic, http, tlsServer, inspector];
