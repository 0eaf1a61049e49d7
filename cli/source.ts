import { RUNG_AUTO, RUNG_CLSACT, RUNG_TCX, RUNG_XDP_GENERIC, RUNG_XDP_NATIVE } from '../core/abi/generated.ts';
import { explain, parse, type Expression } from '../core/filter/filter.ts';
import type { CaptureSource } from '../core/engine/capture-group.ts';
import { captureSources, type SourceLookup, type SourceRequest } from '../core/engine/capture-sources.ts';
import { LOOKUP } from '../core/engine/machine.ts';
import { usageError, type Given, type OptionSpec } from './command.ts';

/** XDP sees arriving packets only; for leaving ones the ladder decides. */
const ATTACH: Readonly<Record<string, readonly [number, number]>> = {
  auto: [RUNG_AUTO, RUNG_AUTO],
  xdp: [RUNG_XDP_NATIVE, RUNG_AUTO],
  'xdp-generic': [RUNG_XDP_GENERIC, RUNG_AUTO],
  tcx: [RUNG_TCX, RUNG_TCX],
  clsact: [RUNG_CLSACT, RUNG_CLSACT],
};

/** Options that say what is watched: the same for every command that captures. */
export const SOURCE_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  interface: {
    short: 'i',
    value: 'IFACE',
    multiple: true,
    help: 'interface to watch; several with commas; NETNS:IFACE, or :IFACE for here',
  },
  all: { help: 'every interface of the namespaces' },
  netns: { value: 'NAME', multiple: true, help: 'in other network namespaces: names, paths or pids (needs root)' },
  container: { value: 'ID', multiple: true, help: 'in the network namespaces of containers (needs root)' },
  attach: { value: 'HOW', choices: Object.keys(ATTACH), help: 'auto (default), xdp, xdp-generic, tcx or clsact' },
  filter: { value: 'EXPR', help: 'only what matches, e.g. \'tcp.port == 443 && process.name == "curl"\'' },
};

/** What is to be watched. */
export interface Source {
  readonly sources: readonly CaptureSource[];
  /** RUNG_* */
  readonly ingress: number;
  readonly egress: number;
  readonly filter: { readonly text: string; readonly ast: Expression } | null;
}

/** Parses a filter; a mistake is a usage error that points at it. */
export function readFilter(text: string | undefined): Source['filter'] {
  if (text === undefined) return null;
  const parsed = parse(text);
  if (!parsed.ok) throw usageError('the filter cannot be read', `--filter '${text}'`, explain(parsed.problem));
  return { text, ast: parsed.ast };
}

const listed = (given: Given, option: string): string[] => given.texts(option).flatMap((text) => text.split(','));

/** Whether and what the options name to be watched. */
export function sourceRequest(given: Given): SourceRequest {
  return {
    interfaces: listed(given, 'interface'),
    all: given.has('all'),
    netns: listed(given, 'netns'),
    containers: listed(given, 'container'),
  };
}

/** RUNG_* that --attach wants for each direction. */
export function readAttach(given: Given): Pick<Source, 'ingress' | 'egress'> {
  const how = given.text('attach') ?? 'auto';
  const rungs = Object.hasOwn(ATTACH, how) ? ATTACH[how] : undefined;
  if (rungs === undefined) throw usageError('no such way to attach', how, `give ${Object.keys(ATTACH).join(', ')}`);
  return { ingress: rungs[0], egress: rungs[1] };
}

/** Reads and checks the options of SOURCE_OPTIONS, usage first, then what exists on this machine or where `lookup` looks. */
export function readSource(given: Given, lookup: SourceLookup = LOOKUP): Source {
  const how = readAttach(given);
  const filter = readFilter(given.text('filter'));
  return { sources: captureSources(sourceRequest(given), lookup), ...how, filter };
}
