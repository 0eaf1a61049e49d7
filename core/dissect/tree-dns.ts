/** A DNS message as a layer of the decoded tree: question and answers; damaged names are said to be so. */
import { ipv4Text, ipv6Text } from './address.ts';
import { hex, LayerBuilder, type TreeLayer } from './tree-layer.ts';
import { u16 } from './bytes.ts';
import { DNS_TYPE_A, DNS_TYPE_AAAA, DNS_TYPE_CNAME, DnsMessage } from './dns.ts';
import { dnsTypeText } from './dns-types.ts';

const RCODES = ['no error', 'format error', 'server failure', 'no such name', 'not implemented', 'refused'];

export function dnsLayer(bytes: Uint8Array, at: number, end: number): TreeLayer {
  const b = new LayerBuilder(bytes, at, end);
  const message = new DnsMessage();
  const valid = message.open(bytes, at, Math.min(end, bytes.length));
  b.field('Identifier', at, 2, () => hex(u16(bytes, at), 4));
  if (!b.has(at, 12)) return b.done('DNS', 'cut short', end - at);
  const response = (bytes[at + 2]! & 0x80) !== 0;
  const rcode = bytes[at + 3]! & 15;
  b.field('Message', at + 2, 1, response ? 'response' : 'query');
  if (response) b.field('Response code', at + 3, 1, RCODES[rcode] ?? String(rcode));
  b.field('Questions', at + 4, 2, String(u16(bytes, at + 4)));
  b.field('Answers', at + 6, 2, String(u16(bytes, at + 6)));
  if (!valid) return b.done('DNS', 'damaged message', end - at);
  const answers: string[] = [];
  const question = message.questions > 0 ? `${message.question.text()} ${dnsTypeText(message.questionType)}` : '';
  if (question !== '') b.field('Question', at + 12, 1, question);
  while (message.next()) {
    const from = message.dataOffset;
    let value = `${message.dataLength} bytes`;
    if (message.type === DNS_TYPE_A && message.dataLength === 4) value = ipv4Text(bytes, from);
    else if (message.type === DNS_TYPE_AAAA && message.dataLength === 16) value = ipv6Text(bytes, from);
    else if (message.type === DNS_TYPE_CNAME) value = message.target.text();
    answers.push(value);
    b.field(
      'Answer',
      message.recordOffset,
      message.recordEnd - message.recordOffset,
      `${message.owner.text()} ${dnsTypeText(message.type)} ${value}, lives ${message.ttl} s`,
    );
  }
  const said = answers.slice(0, 4).join(', ') + (answers.length > 4 ? ', …' : '');
  const summary = response
    ? `${question} → ${said === '' ? (RCODES[rcode] ?? `code ${rcode}`) : said}`
    : `query ${question}`;
  return b.done('DNS', summary, end - at);
}
