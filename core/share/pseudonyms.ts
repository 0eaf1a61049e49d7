/** Pseudonyms of everything that names a person, a machine or a program: the same name always gets the same one. */
import { createHmac } from 'node:crypto';
import { AddressPseudonyms, EXAMPLES, type Replaced } from './addresses.ts';

/** Bytes of a key. */
export const KEY_BYTES = 32;

/** Kinds of text, as the preview names them. */
export type TextKind = 'name' | 'host' | 'user' | 'process' | 'arguments' | 'path' | 'container' | 'interface';

const PREFIX: Readonly<Record<TextKind, string>> = {
  name: 'n',
  host: 'h',
  user: 'u',
  process: 'p',
  arguments: 'a',
  path: 'd',
  container: 'c',
  interface: 'if',
};

/** Names of devices that say what they are and nothing about whose they are; `enx…` has a MAC address in it. */
const GENERIC_INTERFACE =
  /^(lo|any|en[op]\d[a-z0-9]{0,11}|ens\d{1,3}[a-z0-9]{0,8}|(eth|wlan|wlp|wwan|ppp|tun|tap|usb|bond|team|dummy|ifb|sit|gre|wg|docker|virbr|br|veth)\d{0,3})$/;
/** What a control group's path is made of everywhere. */
const GENERIC_GROUP =
  /^(|(system|user|init|machine|app|session|background)\.(slice|scope)|docker|kubepods|kubepods(-burstable|-besteffort)?(\.slice)?|lxc|libpod_parent|payload)$/;
const ALPHABET = 'abcdefghijkmnpqrstuvwxyz23456789';
/** At most as long as the kernel's comm and an interface's name. */
const COMM_BYTES = 15;

const encoder = new TextEncoder();
const decoder = new TextDecoder('latin1');
const utf8 = new TextDecoder();

export class Pseudonyms {
  readonly #key: Uint8Array;
  #addresses: AddressPseudonyms;
  readonly #texts = new Map<TextKind, Map<string, string>>();
  readonly #uids = new Map<number, number>();

  /** `key`: KEY_BYTES bytes; `addresses` that were made with it already. */
  constructor(key: Uint8Array, addresses = new AddressPseudonyms(key)) {
    this.#key = key;
    this.#addresses = addresses;
  }

  get addresses(): AddressPseudonyms {
    return this.#addresses;
  }

  /** What was replaced so far, by kind. */
  replaced(): { readonly kind: string; readonly replaced: Replaced }[] {
    const list: { kind: string; replaced: Replaced }[] = [
      { kind: 'address', replaced: this.#addresses.addresses },
      { kind: 'mac', replaced: this.#addresses.macs },
    ];
    for (const [kind, texts] of this.#texts) {
      const changed = [...texts].filter(([before, after]) => before !== after);
      const examples = changed
        .slice(0, EXAMPLES)
        .map(([before, after]) => [readable(before), readable(after)] as const);
      list.push({ kind, replaced: { count: changed.length, examples } });
    }
    const uids = [...this.#uids].filter(([before, after]) => before !== after);
    const examples = uids.slice(0, EXAMPLES).map(([before, after]) => [String(before), String(after)] as const);
    list.push({ kind: 'uid', replaced: { count: uids.length, examples } });
    return list.filter(({ replaced }) => replaced.count > 0);
  }

  /** A numeric user: root stays root. */
  uid(uid: number): number {
    let made = this.#uids.get(uid);
    if (made === undefined) {
      const wild = this.#digest('uid', encoder.encode(String(uid))).readUInt32BE(0) & 0x3fffffff;
      made = uid === 0 || uid === 0xffffffff ? uid : 100_000 + wild;
      this.#uids.set(uid, made);
    }
    return made;
  }

  /** Bytes of the kernel or the wire, which need not be UTF-8. */
  bytes(kind: TextKind, bytes: Uint8Array): Uint8Array {
    return encoder.encode(this.text(kind, decoder.decode(bytes)));
  }

  /** `text`: one character a byte. */
  text(kind: TextKind, text: string): string {
    if (text === '') return '';
    let texts = this.#texts.get(kind);
    if (texts === undefined) this.#texts.set(kind, (texts = new Map()));
    let made = texts.get(text);
    if (made === undefined) texts.set(text, (made = this.#make(kind, text)));
    return made;
  }

  /** A text that is Unicode already. */
  unicode(kind: TextKind, text: string): string {
    return this.text(kind, decoder.decode(encoder.encode(text)));
  }

  /** 16 bytes in place of 16 that name a machine. */
  identity(bytes: Uint8Array): Uint8Array {
    return this.#digest('identity', bytes).subarray(0, 16);
  }

  #make(kind: TextKind, text: string): string {
    switch (kind) {
      case 'name':
        return this.#addresses.text(text) ?? this.#domain(text);
      case 'interface':
        return GENERIC_INTERFACE.test(text) ? text : this.#code(kind, text);
      case 'user':
        return text === 'root' ? text : this.#code(kind, text);
      case 'process':
        return this.#code(kind, text.slice(0, COMM_BYTES));
      case 'path':
        return this.#path(text);
      case 'arguments':
        return this.#arguments(text);
      case 'container':
        return text.split('/').map((part) => this.#group(part)).join('/'); // prettier-ignore
      case 'host':
        return this.#code(kind, text);
    }
  }

  /** Label by label, so that names of one domain stay together. */
  #domain(text: string): string {
    const labels = text.replace(/\.$/, '').toLowerCase().split('.');
    return labels.map((_, i) => this.#code('name', labels.slice(i).join('.'))).join('.');
  }

  /** The folder in one word, and the program by the word that its process has. */
  #path(text: string): string {
    const slash = text.lastIndexOf('/');
    const name = text.slice(slash + 1);
    const folder = slash <= 0 ? '' : `/${this.#code('path', text.slice(0, slash))}`;
    return `${folder}${slash >= 0 ? '/' : ''}${name === '' ? '' : this.text('process', name.slice(0, COMM_BYTES))}`;
  }

  /** Program and, in one word, all that it was given. */
  #arguments(text: string): string {
    const whole = text.replace(/\0+$/, '');
    const end = whole.indexOf('\0');
    const program = end < 0 ? whole : whole.slice(0, end);
    const named = program.includes('/')
      ? this.text('path', program)
      : this.text('process', program.slice(0, COMM_BYTES));
    return end < 0 ? named : `${named}\0${this.#code('arguments', whole.slice(end + 1))}`;
  }

  /** One part of a control group's path: what kind of unit or container it is stays. */
  #group(part: string): string {
    if (GENERIC_GROUP.test(part)) return part;
    const hex = /^(docker-|libpod-(?:payload-)?|cri-containerd[-:]|crio-|)([0-9a-f]{64})(\.scope|)$/.exec(part);
    if (hex !== null) return `${hex[1]!}${this.#digest('container', encoder.encode(hex[2])).toString('hex')}${hex[3]!}`;
    const [, before, name, after] =
      /^(lxc(?:\.payload)?\.|machine-|user-|session-|kubepods(?:-burstable|-besteffort)?-pod|)(.*?)(\.(?:service|scope|slice|socket|mount|swap)|)$/s.exec(part)!; // prettier-ignore
    return `${before!}${this.#code('container', name!)}${after!}`;
  }

  #code(kind: TextKind, text: string): string {
    const digest = this.#digest(kind, Buffer.from(text, 'latin1'));
    let code = '';
    for (let i = 0; i < 8; i++) code += ALPHABET[digest[i]! & 31];
    return `${PREFIX[kind]}-${code}`;
  }

  #digest(what: string, bytes: Uint8Array): Buffer {
    return createHmac('sha256', this.#key).update(what).update('\0').update(bytes).digest();
  }
}

const READABLE_MAX = 80;

/** For the preview: one character a byte back to text, arguments with blanks between them, not too long. */
function readable(text: string): string {
  const whole = utf8.decode(Buffer.from(text, 'latin1')).replace(/\0+$/, '').replaceAll('\0', ' ');
  return whole.length > READABLE_MAX ? `${whole.slice(0, READABLE_MAX)}…` : whole;
}
