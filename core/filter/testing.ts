/** Random filters and flows for property tests, and a slow, literal evaluator to compare the compiled one with. */
import fc from 'fast-check';
import { address } from './address.ts';
import { and, not, or, type AddressValue, type Expression, type Member, type Operator, type Value } from './ast.ts';
import { FIELDS, operatorsOf, PROTOCOL_NUMBERS, PROTOCOLS, type FieldSpec } from './fields.ts';
import type { FlowFields } from './flow-fields.ts';

export interface TestFlow {
  readonly family: 4 | 6;
  readonly protocol: number;
  readonly client: Uint8Array;
  readonly server: Uint8Array;
  readonly values: ReadonlyMap<string, number | string | readonly string[]>;
}

const TEXTS = ['curl', 'Curl', 'node', 'eth0', 'veth-1', 'a"b\\c', '日本', '\u202e\n', 'api.example.com', 'x'];

/** Few distinct bytes, so that prefixes meet. */
function bytesOf(family: 4 | 6): fc.Arbitrary<Uint8Array> {
  const byte = fc.constantFrom(0, 1, 10, 127, 128, 192, 254, 255);
  const length = family === 4 ? 4 : 16;
  const fill = (bytes: number[]): Uint8Array => {
    const out = new Uint8Array(16);
    out.set(bytes);
    // An IPv4-mapped IPv6 address is the IPv4 address; the parser never makes one.
    if (family === 6 && out.subarray(0, 10).every((each) => each === 0)) out[0] = 32;
    return out;
  };
  return fc.array(byte, { minLength: length, maxLength: length }).map(fill);
}

function addressValue(): fc.Arbitrary<AddressValue> {
  return fc.constantFrom<4 | 6>(4, 6).chain((family) => {
    const bits = family === 4 ? 32 : 128;
    const prefix = fc.oneof(fc.constant(bits), fc.integer({ min: 0, max: family === 4 ? bits : 64 }));
    return fc.tuple(bytesOf(family), prefix).map(([bytes, length]) => address(family, bytes, length));
  });
}

function numberOf(spec: FieldSpec): fc.Arbitrary<number> {
  if (spec.name === 'protocol') return fc.constantFrom(1, 6, 17, 58, 132, 255);
  if (spec.type === 'port') return fc.oneof(fc.constantFrom(0, 53, 80, 443, 65535), fc.integer({ min: 0, max: 65535 }));
  if (spec.type === 'rate') return fc.nat(1e9).map((bits) => bits / 8);
  const scale = fc.constantFrom(1, 1000, 1024, 1e6, 1e9, 60e9);
  if (spec.max < 1e12) return fc.nat(Math.min(spec.max, 10));
  return fc.tuple(fc.nat(5000), scale).map(([count, unit]) => count * unit);
}

/** A literal as the checker would give it. */
export function valueOf(spec: FieldSpec): fc.Arbitrary<Value> {
  switch (spec.type) {
    case 'address':
      return addressValue();
    case 'text':
      return fc
        .oneof(fc.constantFrom(...TEXTS), fc.string({ minLength: 1, maxLength: 6 }))
        .map((value) => ({ kind: 'text', value }));
    case 'enum':
      return fc.constantFrom(...spec.values).map((value) => ({ kind: 'text', value }));
    case 'instant':
      return fc.oneof(
        fc.nat(1e9).map((ns): Value => ({ kind: 'offset', ns })),
        fc.bigInt(-(10n ** 18n), 4n * 10n ** 18n).map((epochNs): Value => ({ kind: 'instant', epochNs })),
      );
    default:
      return numberOf(spec).map((value) => ({ kind: 'number', value }));
  }
}

function rangeOf(spec: FieldSpec): fc.Arbitrary<Member> {
  if (spec.type === 'address') {
    return fc.constantFrom<4 | 6>(4, 6).chain((family) =>
      fc.tuple(bytesOf(family), bytesOf(family)).map(([a, b]) => {
        const [from, to] = [a, b].sort((x, y) => (x.join() === y.join() ? 0 : compareBytes(x, y)));
        const bits = family === 4 ? 32 : 128;
        return { from: address(family, from ?? a, bits), to: address(family, to ?? b, bits) };
      }),
    );
  }
  return fc.tuple(numberOf(spec), numberOf(spec)).map(([a, b]) => ({
    from: { kind: 'number', value: Math.min(a, b) },
    to: { kind: 'number', value: Math.max(a, b) },
  }));
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < 16; i++) if (a[i] !== b[i]) return (a[i] ?? 0) - (b[i] ?? 0);
  return 0;
}

function memberOf(spec: FieldSpec): fc.Arbitrary<Member> {
  const single = valueOf(spec).map((from): Member => ({ from, to: null }));
  return ['text', 'enum', 'instant'].includes(spec.type) ? single : fc.oneof(single, rangeOf(spec));
}

function leaf(spec: FieldSpec): fc.Arbitrary<Expression> {
  const operators = operatorsOf(spec).filter((each): each is Operator => each !== 'in' && each !== '~');
  const patterns = fc.constantFrom('^c', 'o|e', '[a-c]+\\.', 'x{2,3}$');
  return fc.oneof(
    fc.constant<Expression>({ kind: 'known', field: spec.name }),
    fc
      .tuple(fc.constantFrom(...operators), valueOf(spec))
      .map(([operator, value]): Expression => ({ kind: 'compare', field: spec.name, operator, value })),
    fc
      .array(memberOf(spec), { minLength: 1, maxLength: 4 })
      .map((members): Expression => ({ kind: 'in', field: spec.name, members })),
    spec.type === 'text'
      ? patterns.map((value): Expression => ({
          kind: 'compare',
          field: spec.name,
          operator: '~',
          value: { kind: 'text', value },
        }))
      : fc.constant<Expression>({ kind: 'known', field: spec.name }),
  );
}

/** Trees over the given fields (default: all). */
export function expressions(names: readonly string[] | null = null): fc.Arbitrary<Expression> {
  const specs = FIELDS.filter((spec) => names === null || names.includes(spec.name));
  const protocol = fc.constantFrom(...PROTOCOLS.keys()).map((name): Expression => ({ kind: 'protocol', name }));
  const constant = fc.boolean().map((value): Expression => ({ kind: 'constant', value }));
  const { tree } = fc.letrec<{ tree: Expression }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4, depthSize: 'medium' },
      { weight: 6, arbitrary: fc.constantFrom(...specs).chain(leaf) },
      { weight: 2, arbitrary: protocol },
      { weight: 1, arbitrary: constant },
      { weight: 3, arbitrary: fc.array(tie('tree'), { minLength: 2, maxLength: 4 }).map((each) => and(each)) },
      { weight: 3, arbitrary: fc.array(tie('tree'), { minLength: 2, maxLength: 4 }).map((each) => or(each)) },
      { weight: 2, arbitrary: tie('tree').map((each) => not(each)) },
    ),
  }));
  return tree;
}

/** A flow with each value of the given fields (default: all) known or not. */
export function flows(names: readonly string[] | null = null): fc.Arbitrary<TestFlow> {
  const singles = FIELDS.filter(
    (spec) =>
      (names === null || names.includes(spec.name)) &&
      spec.either.length === 0 &&
      spec.type !== 'address' &&
      spec.source === spec.name,
  );
  const value = (spec: FieldSpec): fc.Arbitrary<readonly [string, number | string | readonly string[]] | null> => {
    const text = spec.type === 'enum' ? fc.constantFrom(...spec.values) : fc.constantFrom(...TEXTS);
    const isText = spec.type === 'text' || spec.type === 'enum';
    const known = spec.list ? fc.array(text, { maxLength: 3 }) : isText ? text : numberOf(spec);
    return fc.option(known.map((each) => [spec.name, each] as const));
  };
  return fc.constantFrom<4 | 6>(4, 6).chain((family) =>
    fc
      .tuple(
        fc.constantFrom(...PROTOCOL_NUMBERS.values(), 47),
        bytesOf(family),
        bytesOf(family),
        fc.tuple(...singles.map(value)),
      )
      .map(([protocol, client, server, values]) => ({
        family,
        protocol,
        client,
        server,
        values: new Map(values.filter((each) => each !== null)),
      })),
  );
}

/** FlowFields over plain objects, for compile(). */
export function fieldsOver(all: readonly TestFlow[]): FlowFields {
  const get = (flow: number, field: string): number | string | readonly string[] | undefined => {
    const each = all[flow];
    if (field === 'family') return each?.family;
    return field === 'protocol' ? each?.protocol : each?.values.get(field);
  };
  return {
    number: (field) => (flow) => {
      const value = get(flow, field);
      return typeof value === 'number' ? value : NaN;
    },
    text: (field) => (flow) => {
      const value = get(flow, field);
      return typeof value === 'string' ? value : null;
    },
    list: (field) => (flow, index) => {
      const value = get(flow, field);
      return Array.isArray(value) ? (String(value[index] ?? '') === '' ? null : String(value[index])) : null;
    },
    address: (field) => (flow, word) => {
      const bytes = field === 'client.addr' ? all[flow]?.client : all[flow]?.server;
      return bytes === undefined ? NaN : new DataView(bytes.buffer).getUint32(word * 4);
    },
    zone: () => null,
    fromStart: (epochNs) => Number(epochNs - 1_000_000_000_000_000_000n),
  };
}
