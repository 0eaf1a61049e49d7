/** Bytes from the wire: link layers to TCP options, the tree that is shown, DNS, TLS. */
import { Dissector } from '../../../core/dissect/dissector.ts';
import { DnsMessage } from '../../../core/dissect/dns.ts';
import { clientHello } from '../../../core/dissect/test-packets.ts';
import { ClientHello, CLIENT_HELLO_MAX, TLS_HELLO, TLS_NEED_MORE } from '../../../core/dissect/tls.ts';
import { dissectTree } from '../../../core/dissect/tree.ts';
import { HEAD_BYTES, StreamHeads } from '../../../core/names/stream-heads.ts';
import { dnsAnswer, packets } from '../seeds.ts';
import { hold, type Target } from '../target.ts';

const fast = new Dissector();
const layered = new Dissector(false);
const FIELDS = ['unparsed', 'family', 'protocol', 'sourcePort', 'destinationPort', 'original', 'payloadOffset',
  'payloadLength', 'tcp', 'sequence', 'acknowledgement', 'flags', 'window', 'hasTimestamps', 'tsval', 'tsecr', 'cut',
  'fragment', 'laterFragment', 'icmpError', 'tunnels'] as const; // prettier-ignore

/** Two bytes of link type, then a packet, perhaps cut: what is on the wire is 40 bytes longer for every other length. */
const dissect: Target = {
  name: 'dissect',
  seeds: packets,
  run: (bytes) => {
    if (bytes.length < 2) return;
    const linkType = (bytes[0]! << 8) | bytes[1]!;
    const captured = bytes.length - 2;
    const original = captured + (captured % 2) * 40;
    const p = fast.dissect(linkType, bytes, 2, captured, original, 0);
    const q = layered.dissect(linkType, bytes, 2, captured, original, 0);
    hold(p.payloadLength >= 0 && p.payloadLength <= p.original, 'payload of', p.payloadLength, 'in', p.original);
    hold(p.original === original, 'another length', p.original, original);
    if (p.unparsed < 0) hold(p.family === 4 || p.family === 6, 'a flow without addresses');
    for (const field of FIELDS) hold(p[field] === q[field], `fast and layered differ in ${field}`, p[field], q[field]);
    for (let i = 0; i < 32; i++) hold(p.addresses[i] === q.addresses[i], 'fast and layered differ in addresses');
  },
};

const tree: Target = {
  name: 'tree',
  seeds: packets,
  run: (bytes) => {
    if (bytes.length < 2) return;
    const packet = bytes.slice(2);
    for (const layer of dissectTree((bytes[0]! << 8) | bytes[1]!, packet, packet.length)) {
      hold(
        layer.offset >= 0 && layer.offset + layer.length <= packet.length,
        'a layer outside the packet',
        layer.label,
      );
      for (const { offset, length, label } of layer.fields) {
        hold(offset >= 0 && offset + length <= packet.length, 'a field outside the packet', label);
      }
    }
  },
};

const message = new DnsMessage();
const dns: Target = {
  name: 'dns',
  seeds: () => [dnsAnswer()],
  run: (bytes) => {
    if (!message.open(bytes, 0, bytes.length)) return;
    hold(message.question.length <= 510, 'a long name', message.question.length);
    let records = 0;
    while (message.next()) {
      hold(++records <= 256, 'records without end');
      hold(message.dataOffset + message.dataLength <= bytes.length, 'data outside the message');
      hold(message.owner.length <= 510 && message.target.length <= 510, 'a long name');
      message.owner.text();
    }
  },
};

const hello = new ClientHello();
const heads = new StreamHeads(4);
const tls: Target = {
  name: 'tls',
  seeds: () => [clientHello('shop.example', ['h2', 'http/1.1'], 60), clientHello('a.example', [], 20, 16)],
  run: (bytes) => {
    const found = hello.read(bytes, 0, bytes.length);
    if (found === TLS_HELLO) {
      const names = [hello.serverName, ...hello.alpn];
      hold(
        names.every((name) => (name?.length ?? 0) < CLIENT_HELLO_MAX),
        'a name longer than the message',
      );
    }
    if (found === TLS_NEED_MORE) hold(bytes.length < CLIENT_HELLO_MAX + 5 * 4096, 'asks for more without end');
    // Cut into segments, the second half first: the same bytes are gathered.
    const slot = heads.open(1, 1000);
    const middle = bytes.length >> 1;
    heads.add(slot, 1000 + middle, bytes, middle, bytes.length - middle);
    const ready = heads.add(slot, 1000, bytes, 0, middle);
    hold(ready === Math.min(HEAD_BYTES, bytes.length), 'bytes that were not gathered', ready, bytes.length);
    for (let i = 0; i < ready; i++) hold(heads.bytes(slot)[i] === bytes[i], 'other bytes at', i);
    heads.close(slot);
  },
};

export const wireTargets: readonly Target[] = [dissect, tree, dns, tls];
