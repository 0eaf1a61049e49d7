import { RUNG_AUTO, RUNG_CLSACT, RUNG_TCX, RUNG_XDP_GENERIC, RUNG_XDP_NATIVE } from '../core/abi/generated.ts';
import { explain, parse, type Expression } from '../core/filter/filter.ts';
import { findInterfaces, listInterfaces, type NetworkInterface } from '../core/system/interfaces.ts';
import { findContainer, findNamespace, type NetworkNamespace } from '../core/system/netns.ts';
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
  interface: { short: 'i', value: 'IFACE', multiple: true, help: 'interface to watch; several with commas' },
  all: { help: 'every interface of the namespace' },
  netns: { value: 'NAME', help: 'in another network namespace: name, path or pid (needs root)' },
  container: { value: 'ID', help: 'in the network namespace of a container (needs root)' },
  attach: { value: 'HOW', choices: Object.keys(ATTACH), help: 'auto (default), xdp, xdp-generic, tcx or clsact' },
  filter: { value: 'EXPR', help: 'only what matches, e.g. \'tcp.port == 443 && process.name == "curl"\'' },
};

/** What is to be watched. */
export interface Source {
  readonly interfaces: readonly NetworkInterface[];
  readonly namespace: NetworkNamespace | null;
  /** As the user named the namespace or container. */
  readonly namespaceName: string | null;
  /** Every interface was asked for: those that cannot be attached may be left out. */
  readonly all: boolean;
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

/** Names of -i, separated; complains about none, doubled and empty ones. */
function interfaceNames(given: Given, command: string): readonly string[] | null {
  const names = given.texts('interface').flatMap((text) => text.split(','));
  if (given.has('all')) {
    if (names.length > 0) throw usageError('-i and --all exclude each other', 'command line', 'give one of them');
    return null;
  }
  const see = `give -i IFACE or --all (flowglass interfaces lists them)`;
  if (names.length === 0) throw usageError('no interface to watch', `flowglass ${command}`, see);
  if (names.some((name) => name === '')) throw usageError('an interface name is empty', '-i', see);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw usageError('interface given twice', twice, 'name each once');
  return names;
}

/** Reads and checks the options of SOURCE_OPTIONS, usage first, then what exists on this machine. */
export function readSource(given: Given, command: string): Source {
  const names = interfaceNames(given, command);
  const how = given.text('attach') ?? 'auto';
  const rungs = Object.hasOwn(ATTACH, how) ? ATTACH[how] : undefined;
  if (rungs === undefined) throw usageError('no such way to attach', how, `give ${Object.keys(ATTACH).join(', ')}`);
  const [netns, container] = [given.text('netns'), given.text('container')];
  if (netns !== undefined && container !== undefined) {
    throw usageError('--netns and --container exclude each other', 'command line', 'give one of them');
  }
  const filter = readFilter(given.text('filter'));
  const namespace =
    netns !== undefined ? findNamespace(netns) : container !== undefined ? findContainer(container) : null;
  const there = listInterfaces(namespace);
  return {
    interfaces: names === null ? there : findInterfaces(names, there),
    namespace,
    namespaceName: netns ?? container ?? null,
    all: names === null,
    ingress: rungs[0],
    egress: rungs[1],
    filter,
  };
}
