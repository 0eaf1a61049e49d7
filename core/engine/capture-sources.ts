/** Which interfaces of which network namespaces a request names: as the command line and the page give them. */
import { FlowglassError, printable } from '../errors.ts';
import { findInterfaces, type NetworkInterface } from '../system/interfaces.ts';
import type { NetworkNamespace } from '../system/netns.ts';
import { SOURCES_MAX, type CaptureSource } from './capture-group.ts';

/** What is to be watched, as it was named. */
export interface SourceRequest {
  /** Names: `IFACE` in each namespace that was named, `NETNS:IFACE` in that one, `:IFACE` in ours. */
  readonly interfaces: readonly string[];
  /** Every interface of the namespaces. */
  readonly all: boolean;
  /** Names, paths or pids; none, and no containers = ours. */
  readonly netns: readonly string[];
  /** Ids of containers. */
  readonly containers: readonly string[];
}

/** How names are looked up on this machine. */
export interface SourceLookup {
  readonly interfaces: (namespace: NetworkNamespace | null) => readonly NetworkInterface[];
  readonly namespace: (name: string) => NetworkNamespace;
  readonly container: (id: string) => NetworkNamespace;
}

/** An interface as it was named. */
interface Wanted {
  readonly text: string;
  /** Which namespace; null = each of those named, '' = ours. */
  readonly namespace: string | null;
  readonly name: string;
}

/** A namespace as it was named; ours has no name. */
interface Asked {
  readonly name: string | null;
  readonly namespace: NetworkNamespace | null;
}

const HERE: Asked = { name: null, namespace: null };
const HINT = 'give -i IFACE or --all (flowglass interfaces lists them)';

function misnamed(what: string, where: string, hint: string): FlowglassError {
  return new FlowglassError({ code: 'usage', what, where: printable(where), hint, exitCode: 2 });
}

/** What to watch in each namespace; those in which nothing is are left out. Throws FlowglassError. */
export function captureSources(request: SourceRequest, lookup: SourceLookup): CaptureSource[] {
  const wanted = wantedInterfaces(request);
  const asked = askedNamespaces(request, lookup);
  const { all } = request;
  for (const { text, namespace } of wanted)
    if (namespace !== null && namespace !== '' && !asked.some(({ name }) => name === namespace))
      throw misnamed('no such namespace was given', text, `give --netns ${namespace} too`);
  const places = asked.length === 0 || wanted.some(({ namespace }) => namespace === '') ? [...asked, HERE] : asked;
  return places.flatMap(({ name, namespace }): CaptureSource[] => {
    const isAsked = asked.length === 0 || name !== null;
    const names = wanted
      .filter((each) => (each.namespace === null ? isAsked : each.namespace === (name ?? '')))
      .map((each) => each.name);
    const everything = all && isAsked;
    if (names.length === 0 && !everything) return [];
    const there = lookup.interfaces(namespace);
    return [{ name, namespace, interfaces: everything ? there : findInterfaces(names, there), all: everything }];
  });
}

/** Complains about none, doubled and empty names. */
function wantedInterfaces({ interfaces, all }: SourceRequest): Wanted[] {
  const wanted = interfaces.map((text): Wanted => {
    // No device may have a colon in its name.
    const colon = text.lastIndexOf(':');
    return { text, namespace: colon < 0 ? null : text.slice(0, colon), name: text.slice(colon + 1) };
  });
  if (all && wanted.some(({ namespace }) => namespace === null))
    throw misnamed('-i and --all exclude each other', 'command line', 'give one of them');
  if (wanted.length === 0 && !all) throw misnamed('no interface to watch', 'command line', HINT);
  if (wanted.some(({ name }) => name === '')) throw misnamed('an interface name is empty', '-i', HINT);
  refuseTwice(interfaces, 'interface given twice');
  return wanted;
}

/** None of them twice, under two names neither. */
function askedNamespaces({ netns, containers }: SourceRequest, lookup: SourceLookup): Asked[] {
  refuseTwice([...netns, ...containers], 'namespace given twice');
  const asked = [
    ...netns.map((name): Asked => ({ name, namespace: lookup.namespace(name) })),
    ...containers.map((name): Asked => ({ name, namespace: lookup.container(name) })),
  ];
  for (const [i, { name, namespace }] of asked.entries()) {
    const same = asked.slice(0, i).find((other) => other.namespace?.inode === namespace?.inode);
    if (same !== undefined)
      throw misnamed('these are the same network namespace', `${same.name} and ${name}`, 'name one of them');
  }
  if (asked.length > SOURCES_MAX)
    throw misnamed(`no more than ${SOURCES_MAX} namespaces can be watched`, 'command line', 'name those that matter');
  return asked;
}

function refuseTwice(texts: readonly string[], what: string): void {
  const twice = texts.find((text, i) => texts.indexOf(text) !== i);
  if (twice !== undefined) throw misnamed(what, twice, 'name each once');
}
