/** Builds packets byte by byte for tests: what is tested against must not come from the decoder. */

export function concat(...parts: (Uint8Array | number[])[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

export const be16 = (value: number): number[] => [(value >>> 8) & 255, value & 255];
export const be32 = (value: number): number[] => [...be16((value >>> 16) & 0xffff), ...be16(value & 0xffff)];

export const MACS = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];

export function ethernet(type: number, payload: Uint8Array | number[], tags: [number, number][] = []): Uint8Array {
  const [first] = tags;
  const header = [...MACS, ...be16(first ? first[0] : type)];
  tags.forEach(([, id], i) => header.push(...be16(id), ...be16(tags[i + 1]?.[0] ?? type)));
  return concat(header, payload);
}

export interface Ipv4Options {
  id?: number;
  /** In bytes; `more` = more fragments follow. */
  fragment?: number;
  more?: boolean;
  options?: number[];
  total?: number;
}

export function ipv4(
  source: string,
  destination: string,
  protocol: number,
  payload: Uint8Array | number[],
  given: Ipv4Options = {},
): Uint8Array {
  const options = given.options ?? [];
  const headerLength = 20 + options.length;
  const flags = ((given.fragment ?? 0) >> 3) | (given.more ? 0x2000 : 0);
  return concat(
    [0x40 | (headerLength / 4), 0, ...be16(given.total ?? headerLength + payload.length), ...be16(given.id ?? 7)],
    [...be16(flags), 64, protocol, 0, 0],
    source.split('.').map(Number),
    destination.split('.').map(Number),
    options,
    payload,
  );
}

/** `source` and `destination`: last group of 2001:db8::. */
export function ipv6(source: number, destination: number, next: number, payload: Uint8Array | number[]): Uint8Array {
  const address = (last: number): number[] => [0x20, 1, 0x0d, 0xb8, ...Array<number>(10).fill(0), ...be16(last)];
  return concat([0x60, 0, 0, 0, ...be16(payload.length), next, 64], address(source), address(destination), payload);
}

export const FIN = 1;
export const SYN = 2;
export const RST = 4;
export const PSH = 8;
export const ACK = 16;

export interface TcpOptions {
  window?: number;
  options?: number[];
  payload?: Uint8Array | number[];
}

export function tcp(
  source: number,
  destination: number,
  sequence: number,
  acknowledgement: number,
  flags: number,
  given: TcpOptions = {},
): Uint8Array {
  const options = given.options ?? [];
  return concat(
    [...be16(source), ...be16(destination), ...be32(sequence), ...be32(acknowledgement)],
    [((20 + options.length) / 4) << 4, flags, ...be16(given.window ?? 8192), 0, 0, 0, 0],
    options,
    given.payload ?? [],
  );
}

/** RFC 7323 option with the two leading NOPs that everybody sends. */
export const timestamps = (value: number, echo: number): number[] => [1, 1, 8, 10, ...be32(value), ...be32(echo)];

export function udp(source: number, destination: number, payload: Uint8Array | number[]): Uint8Array {
  return concat([...be16(source), ...be16(destination), ...be16(8 + payload.length), 0, 0], payload);
}

export function icmp(type: number, code: number, rest: number[], payload: Uint8Array | number[] = []): Uint8Array {
  return concat([type, code, 0, 0, ...rest], payload);
}

/** A DNS name in wire format. */
export function dnsName(name: string): number[] {
  const labels = name === '' ? [] : name.split('.');
  return [...labels.flatMap((label) => [label.length, ...[...label].map((char) => char.charCodeAt(0))]), 0];
}

/** A ClientHello in TLS records of at most `record` bytes; `pad` bytes make it as long as one with a big key share. */
export function clientHello(serverName: string, alpn: string[], pad = 0, record = 16384): Uint8Array {
  const text = (value: string): number[] => [...value].map((char) => char.charCodeAt(0));
  const names = [0, ...be16(serverName.length), ...text(serverName)];
  const protocols = alpn.flatMap((name) => [name.length, ...text(name)]);
  const extension = (type: number, data: number[]): number[] => [...be16(type), ...be16(data.length), ...data];
  const extensions = [
    ...(pad > 0 ? extension(51, Array<number>(pad).fill(7)) : []),
    ...(serverName === '' ? [] : extension(0, [...be16(names.length), ...names])),
    ...(alpn.length === 0 ? [] : extension(16, [...be16(protocols.length), ...protocols])),
  ];
  const body = [3, 3, ...Array<number>(32).fill(9), 0, ...be16(2), 0x13, 1, 1, 0, ...be16(extensions.length)];
  const whole = [...body, ...extensions];
  const message = [1, 0, ...be16(whole.length), ...whole];
  const out: number[] = [];
  for (let at = 0; at < message.length; at += record) {
    const part = message.slice(at, at + record);
    out.push(22, 3, 1, ...be16(part.length), ...part);
  }
  return Uint8Array.from(out);
}
