/** What requests and answers come to when segments are repeated, split, or have no end. */
import { describe, expect, it } from 'vitest';
import { ACK, PSH } from '../../core/dissect/test-packets.ts';
import { told } from './build.ts';
import { connection, handshake, type Segment } from './connection.ts';

const bytes = (text: string): number[] => [...text].map((char) => char.charCodeAt(0));

/** A conversation on port 80 after its handshake: what each side says, by sequence number from 0. */
function talk(...lines: readonly (readonly ['c' | 's', number, string])[]) {
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
});
