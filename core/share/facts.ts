/** What payload said of flows (FACTS frames, and the same in a keyframe), with pseudonyms. */
import { KEY } from '../abi/generated.ts';
import { FACT, FACT_ADDRESS, FACT_HTTP_REQUEST, FACT_TLS_CLIENT, FACT_TLS_SERVER } from '../flow/fact-records.ts';
import type { Pseudonyms } from './pseudonyms.ts';

/** ALPN names that are anybody's (IANA, "TLS ALPN Protocol IDs"). */
const ALPN =
  /^(h2|h2c|h3(-\d\d)?|http\/[01]\.\d|dot|doq|imap|pop3|smtp|ftp|xmpp-(client|server)|mqtt|postgresql|stun\.turn|acme-tls\/1|grpc-exp)$/;

/** Four words of an address where nothing tells its family: what has only its first word is IPv4. */
export function cleanWide(addresses: Pseudonyms['addresses'], words: Uint32Array, at: number): void {
  const bytes = new Uint8Array(words.buffer, words.byteOffset + at * 4, 16);
  if ((words[at + 1]! | words[at + 2]! | words[at + 3]!) !== 0) addresses.v6(bytes, 0);
  else if (words[at] !== 0 && words[at] !== 0xffffffff) addresses.v4(bytes, 0);
}

export function cleanAlpn(names: Pseudonyms, bytes: Uint8Array): Uint8Array {
  const words = Buffer.from(bytes).toString('latin1').split('\0');
  return Buffer.from(words.map((word) => (ALPN.test(word) ? word : names.text('name', word))).join('\0'), 'latin1');
}

/** The method stays, the path does not. */
export function cleanRequest(names: Pseudonyms, bytes: Uint8Array): Uint8Array {
  const [method = '', path = ''] = Buffer.from(bytes).toString('latin1').split(/ (.*)/s);
  return Buffer.from(`${method} ${names.text('path', path)}`, 'latin1');
}

/** A FACTS payload; records change their lengths. */
export function cleanFacts(names: Pseudonyms, payload: Uint8Array): Uint8Array {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const records: Uint8Array[] = [];
  for (let at = 0; at + FACT.size <= payload.length;) {
    const size = view.getUint32(at + FACT.recordLength, true);
    const length = view.getUint32(at + FACT.textLength, true);
    if (size < FACT.size + length || size % 8 !== 0 || at + size > payload.length) break;
    const kind = view.getUint16(at + FACT.kind, true);
    const text = payload.subarray(at + FACT.size, at + FACT.size + length);
    const made =
      kind === FACT_TLS_CLIENT || kind === FACT_TLS_SERVER
        ? cleanAlpn(names, text)
        : kind === FACT_HTTP_REQUEST
          ? cleanRequest(names, text)
          : names.bytes('name', text);
    const total = (FACT.size + made.length + 7) & ~7;
    const record = new Uint8Array(total);
    record.set(payload.subarray(at, at + FACT.size));
    record.set(made, FACT.size);
    const out = new DataView(record.buffer);
    out.setUint32(FACT.recordLength, total, true);
    out.setUint32(FACT.textLength, made.length, true);
    cleanKeyOf(names, record, kind);
    records.push(record);
    at += size;
  }
  return Buffer.concat(records);
}

/** An address in an answer may be of another family than the flow that carried it. */
function cleanKeyOf({ addresses }: Pseudonyms, record: Uint8Array, kind: number): void {
  const family = record[FACT.key + KEY.family];
  for (const field of [KEY.loAddress, KEY.hiAddress]) {
    const words = new Uint32Array(record.buffer, FACT.key + field, 4);
    if (kind === FACT_ADDRESS && field === KEY.hiAddress) cleanWide(addresses, words, 0);
    else if (family === 4) addresses.v4(record, FACT.key + field);
    else if (family === 6) addresses.v6(record, FACT.key + field);
    else words.fill(0);
  }
}
