/** The name of a flow's end, concluded when asked: what its own traffic said, else what its peer was told in DNS. */
import type { FlowModel } from './model.ts';
import { EVERYBODY, NAME_SOURCES, SOURCE_HOSTS, THIS_MACHINE, type NameSource } from './observed-names.ts';

/** String + 1 of the name of that side's address, 0 = none. */
export function nameOf(model: FlowModel, flow: number, side: number): number {
  const own = model.flows.name.data[flow * 2 + side]!;
  if (own !== 0) return own;
  const row = observed(model, flow, side);
  return row < 0 ? 0 : model.names.name.data[row]! + 1;
}

/** Where `nameOf` has it from. */
export function nameSourceOf(model: FlowModel, flow: number, side: number): NameSource | null {
  if (model.flows.name.data[flow * 2 + side]! !== 0) {
    const application = model.flows.application.data[flow]!;
    return application < 0 ? null : (NAME_SOURCES[model.applications.nameSource.data[application]!] ?? null);
  }
  const row = observed(model, flow, side);
  return row < 0 ? null : (NAME_SOURCES[model.names.source.data[row]!] ?? null);
}

/**
 * The name in force when the flow began: told to the other end's address; told to this machine, when the other end is a
 * socket of it (it may have asked over IPv4 for an IPv6 address, or a resolver on loopback); or to everybody.
 */
function observed(model: FlowModel, flow: number, side: number): number {
  const { flows, names } = model;
  if (names.count === 0) return -1;
  const words = flows.key.data;
  const address = flows.addressWord(flow, side);
  const atNs = flows.firstNs.data[flow]!;
  let row = names.lookup(words, flows.addressWord(flow, 1 - side), words, address, atNs);
  if (row >= 0) return row;
  if (model.countsFromPackets || flows.socket.data[flow * 2 + 1 - side]! >= 0)
    row = names.lookup(THIS_MACHINE, 0, words, address, atNs);
  return row >= 0 ? row : names.lookup(EVERYBODY, 0, words, address, atNs);
}

/** A name that something gave to an address. */
export interface KnownName {
  readonly name: string;
  readonly source: NameSource;
  /** ns of the session; null = it holds for all of it */
  readonly atNs: number | null;
}

/** All names of that side's address, its own traffic's first, then newest first. At most `most`. */
export function namesOf(model: FlowModel, flow: number, side: number, most = 16): KnownName[] {
  const found: KnownName[] = [];
  const seen = new Set<string>();
  const add = (string: number, source: number, atNs: number): void => {
    const name = model.strings.text(string);
    const from = NAME_SOURCES[source];
    if (from === null || from === undefined || seen.has(`${from} ${name}`) || found.length >= most) return;
    seen.add(`${from} ${name}`);
    found.push({ name, source: from, atNs: Number.isFinite(atNs) && source !== SOURCE_HOSTS ? atNs : null });
  };
  const own = model.flows.name.data[flow * 2 + side]!;
  const application = model.flows.application.data[flow]!;
  if (own !== 0 && application >= 0)
    add(own - 1, model.applications.nameSource.data[application]!, model.flows.firstNs.data[flow]!);
  for (const row of model.names.allOf(model.flows.key.data, model.flows.addressWord(flow, side)))
    add(model.names.name.data[row]!, model.names.source.data[row]!, model.names.fromNs.data[row]!);
  return found;
}
