/**
 * Kernel prefilter rules: conjunctions over what the kernel's flow key holds. A set of rules is a disjunction. Every
 * operation here may make a set match more, never less.
 */
import { address, maskBytes } from './address.ts';

/** What a packet must have, all of it. Named as in struct fg_rule (bpf/abi.h); an absent part matches everything. */
export interface Rule {
  readonly protocol?: number;
  /** Always given with an address. */
  readonly family?: 4 | 6;
  /** Either end lies within it. 16 bytes, IPv4 in the first four. */
  readonly address?: { readonly bytes: Uint8Array; readonly prefix: number };
  /** The port of either end lies within it, inclusive. */
  readonly port?: { readonly from: number; readonly to: number };
  readonly interface?: string;
}

/** Rules that a filter command can hold (FG_RULES_MAX). */
export const RULES_MAX = 64;
/** Above this many, a set is made coarser before going on. */
const WORKING_MAX = 2 * 64;

function samePrefix(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < 16; i++) {
    const difference = (a[i] ?? 0) ^ (b[i] ?? 0);
    if (difference !== 0) return i * 8 + Math.clz32(difference) - 24;
  }
  return 128;
}

/** Whether everything that `inner` matches is matched by `outer`. */
export function covers(outer: Rule, inner: Rule): boolean {
  if (outer.protocol !== undefined && outer.protocol !== inner.protocol) return false;
  if (outer.family !== undefined && outer.family !== inner.family) return false;
  if (outer.interface !== undefined && outer.interface !== inner.interface) return false;
  if (outer.port !== undefined) {
    if (inner.port === undefined || inner.port.from < outer.port.from || inner.port.to > outer.port.to) return false;
  }
  if (outer.address === undefined) return true;
  if (inner.address === undefined || inner.address.prefix < outer.address.prefix) return false;
  return samePrefix(outer.address.bytes, inner.address.bytes) >= outer.address.prefix;
}

/** Both: null when no packet can have both. Two addresses or two ports may be of different ends: the narrower stays. */
function meet(a: Rule, b: Rule): Rule | null {
  if (a.protocol !== undefined && b.protocol !== undefined && a.protocol !== b.protocol) return null;
  if (a.family !== undefined && b.family !== undefined && a.family !== b.family) return null;
  if (a.interface !== undefined && b.interface !== undefined && a.interface !== b.interface) return null;
  const merged: Rule = { ...a, ...b };
  const address =
    a.address !== undefined && b.address !== undefined && a.address.prefix > b.address.prefix ? a.address : null;
  const port =
    a.port !== undefined && b.port !== undefined && a.port.to - a.port.from < b.port.to - b.port.from ? a.port : null;
  return { ...merged, ...(address === null ? {} : { address }), ...(port === null ? {} : { port }) };
}

/** Drops rules that another covers. */
function tidy(rules: readonly Rule[]): Rule[] {
  const kept: Rule[] = [];
  for (const rule of rules) {
    if (kept.some((other) => covers(other, rule))) continue;
    for (let i = kept.length - 1; i >= 0; i--) {
      const other = kept[i];
      if (other !== undefined && covers(rule, other)) kept.splice(i, 1);
    }
    kept.push(rule);
  }
  return kept;
}

function restKey(rule: Rule, without: 'port' | 'address'): string {
  const port = rule.port === undefined || without === 'port' ? '' : `${rule.port.from}-${rule.port.to}`;
  const bytes =
    rule.address === undefined || without === 'address' ? '' : `${rule.address.bytes.join('.')}/${rule.address.prefix}`;
  const has = without === 'port' ? rule.port !== undefined : rule.address !== undefined;
  return [rule.protocol ?? '', rule.family ?? '', rule.interface ?? '', port, bytes, has].join('|');
}

/** The smallest rule over two that differ in one part only, and how much wider it is (bits or ports); null otherwise. */
function hull(a: Rule, b: Rule): { rule: Rule; loss: number } | null {
  if (a.port !== undefined && b.port !== undefined && restKey(a, 'port') === restKey(b, 'port')) {
    const from = Math.min(a.port.from, b.port.from);
    const to = Math.max(a.port.to, b.port.to);
    const gap = to - from + 1 - (a.port.to - a.port.from + 1) - (b.port.to - b.port.from + 1);
    return { rule: { ...a, port: { from, to } }, loss: Math.log2(Math.max(1, gap + 1)) };
  }
  if (a.address !== undefined && b.address !== undefined && restKey(a, 'address') === restKey(b, 'address')) {
    const narrow = Math.min(a.address.prefix, b.address.prefix);
    const prefix = Math.min(narrow, samePrefix(a.address.bytes, b.address.bytes));
    const bytes = maskBytes(Uint8Array.from(a.address.bytes), prefix);
    return { rule: { ...a, address: { bytes, prefix } }, loss: Math.max(0, narrow - prefix - 1) };
  }
  return null;
}

/** Neighbours in this order have much in common: same parts, then address, then port. */
function order(a: Rule, b: Rule): number {
  if (a.address !== undefined && b.address !== undefined) {
    for (let i = 0; i < 16; i++) {
      const difference = (a.address.bytes[i] ?? 0) - (b.address.bytes[i] ?? 0);
      if (difference !== 0) return difference;
    }
  } else if (a.address !== b.address) return a.address === undefined ? -1 : 1;
  const portA = a.port === undefined ? -1 : a.port.from;
  const portB = b.port === undefined ? -1 : b.port.from;
  const restA = restKey(a, 'port');
  const restB = restKey(b, 'port');
  if (restA !== restB) return restA < restB ? -1 : 1;
  return portA - portB;
}

/** At most `limit` rules that match at least as much: neighbours whose hull adds least are joined, then parts dropped. */
export function coarsen(rules: readonly Rule[], limit: number): Rule[] {
  let out = tidy(rules);
  while (out.length > limit) {
    const joined = joinNeighbours(out.sort(order), limit);
    out = tidy(joined.length < out.length ? joined : dropPart(out));
  }
  return out;
}

/** Joins the pair of neighbours that loses least, again and again, while there is one and there are too many rules. */
function joinNeighbours(rules: readonly Rule[], limit: number): Rule[] {
  const out = [...rules];
  const join = (i: number): ReturnType<typeof hull> => {
    const a = out[i];
    const b = out[i + 1];
    return a === undefined || b === undefined ? null : hull(a, b);
  };
  const joins = out.map((_, i) => join(i));
  while (out.length > limit) {
    let best = -1;
    let least = Infinity;
    joins.forEach((each, i) => {
      if (each !== null && each.loss < least) [best, least] = [i, each.loss];
    });
    const chosen = joins[best];
    if (chosen === undefined || chosen === null) break;
    out.splice(best, 2, chosen.rule);
    joins.splice(best, 1);
    joins[best] = join(best);
    if (best > 0) joins[best - 1] = join(best - 1);
  }
  return out;
}

/** Takes the first part that any rule has away from all of them, the least telling first. */
function dropPart(rules: readonly Rule[]): Rule[] {
  for (const part of ['interface', 'port', 'address', 'protocol', 'family'] as const) {
    if (!rules.some((rule) => rule[part] !== undefined)) continue;
    return tidy(
      rules.map((rule) => {
        const { [part]: _, ...rest } = rule;
        return rest;
      }),
    );
  }
  return rules.length === 0 ? [] : [{}];
}

/** Rules for either of two sets. */
export function union(a: readonly Rule[], b: readonly Rule[]): Rule[] {
  const all = [...a, ...b];
  return all.length > WORKING_MAX ? coarsen(all, WORKING_MAX) : tidy(all);
}

/** Rules for both of two sets, combination by combination. */
export function intersection(a: readonly Rule[], b: readonly Rule[]): Rule[] {
  const fewerA = a.length * b.length > WORKING_MAX * 8 ? coarsen(a, RULES_MAX / 2) : a;
  const fewerB = a.length * b.length > WORKING_MAX * 8 ? coarsen(b, RULES_MAX / 2) : b;
  const out: Rule[] = [];
  for (const left of fewerA)
    for (const right of fewerB) {
      const both = meet(left, right);
      if (both !== null) out.push(both);
    }
  return out.length > WORKING_MAX ? coarsen(out, WORKING_MAX) : tidy(out);
}

/** The smallest prefix that holds both ends of an address range. */
export function rangePrefix(family: 4 | 6, from: Uint8Array, to: Uint8Array): { bytes: Uint8Array; prefix: number } {
  const prefix = Math.min(samePrefix(from, to), family === 4 ? 32 : 128);
  return { bytes: address(family, from, prefix).bytes, prefix };
}
