/** Kernel rules as the payload of a FILTER command (struct fg_command_filter). */
import {
  COMMAND_FILTER_LAYOUT,
  RULE,
  RULE_ADDRESS,
  RULE_FAMILY,
  RULE_IFACE,
  RULE_PORT,
  RULE_PROTOCOL,
  RULES_MAX,
} from '../abi/generated.ts';
import { coarsen, type Rule } from './rules.ts';

/** Reserved by IANA: no packet has it. No rules at all would mean "everything". */
const NO_PROTOCOL = 255;

interface Numbered {
  readonly rule: Rule;
  readonly iface: number | null;
}

function numbered(rules: readonly Rule[], numbersOf: (name: string) => readonly number[]): Numbered[] {
  return rules.flatMap((rule): Numbered[] => {
    if (rule.interface === undefined) return [{ rule, iface: null }];
    return numbersOf(rule.interface).map((iface) => ({ rule, iface }));
  });
}

function withoutInterface(rule: Rule): Rule {
  const { interface: _, ...rest } = rule;
  return rest;
}

function writeRule(view: DataView, at: number, { rule, iface }: Numbered): void {
  let fields = 0;
  if (iface !== null) {
    fields |= RULE_IFACE;
    view.setUint16(at + RULE.iface, iface, true);
  }
  if (rule.protocol !== undefined) {
    fields |= RULE_PROTOCOL;
    view.setUint8(at + RULE.protocol, rule.protocol);
  }
  if (rule.family !== undefined) {
    fields |= RULE_FAMILY;
    view.setUint8(at + RULE.family, rule.family);
  }
  if (rule.port !== undefined) {
    fields |= RULE_PORT;
    view.setUint16(at + RULE.portFrom, rule.port.from, true);
    view.setUint16(at + RULE.portTo, rule.port.to, true);
  }
  if (rule.address !== undefined) {
    fields |= RULE_ADDRESS;
    view.setUint8(at + RULE.prefixLength, rule.address.prefix);
    for (let i = 0; i < 16; i++) view.setUint8(at + RULE.address + i, rule.address.bytes[i] ?? 0);
  }
  view.setUint32(at + RULE.fields, fields, true);
}

/**
 * The command's payload. Null means everything (count 0); an empty list means nothing (one rule that no packet meets).
 * `numbersOf` gives the helper's numbers of the interfaces with a name; encode again when interfaces come or go.
 */
export function encodeRules(rules: readonly Rule[] | null, numbersOf: (name: string) => readonly number[]): Uint8Array {
  const bytes = new Uint8Array(COMMAND_FILTER_LAYOUT.size);
  if (rules === null) return bytes;
  const view = new DataView(bytes.buffer);
  let entries = numbered(rules, numbersOf);
  if (entries.length > RULES_MAX)
    entries = coarsen(rules.map(withoutInterface), RULES_MAX).map((rule) => ({ rule, iface: null }));
  if (entries.length === 0) entries = [{ rule: { protocol: NO_PROTOCOL }, iface: null }];
  if (entries.some(({ rule, iface }) => iface === null && Object.keys(rule).length === 0)) return bytes;
  view.setUint32(COMMAND_FILTER_LAYOUT.count, entries.length, true);
  entries.forEach((entry, i) => {
    writeRule(view, COMMAND_FILTER_LAYOUT.rules + i * RULE.size, entry);
  });
  return bytes;
}
