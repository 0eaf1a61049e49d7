/**
 * What starts a recording by itself, as text (docs/filter.md, "Triggers"):
 *
 *   trigger = [ "session:" ] filter [ "within" duration ] | "new" ( "peer" | "network" ) [ "where" filter ]
 *
 * A filter is asked of each flow, over its life or over the last moments; with `session:` of all flows together.
 */
import { EXIT_USAGE, FlowglassError } from '../errors.ts';
import type { Expression, Span } from '../filter/ast.ts';
import { fieldOf } from '../filter/fields.ts';
import { explain, parse, type FilterProblem } from '../filter/filter.ts';
import { leaves } from '../filter/leaves.ts';
import { parseDuration } from '../filter/units.ts';
import { isCounted, isSampled } from './window.ts';

/** What may be new: a peer, or a network that a process talks to. */
export type NewKind = 'peer' | 'network';

/** A trigger on what a process never spoke to before. */
export const isNewKind = (kind: Trigger['kind'] | undefined): kind is NewKind => kind === 'peer' || kind === 'network';

export interface Trigger {
  readonly text: string;
  readonly kind: 'flow' | 'session' | NewKind;
  readonly ast: Expression;
  /** Counters and latency are those of so long; null = of the whole life of a flow. */
  readonly windowNs: number | null;
}

export type TriggerResult =
  { readonly ok: true; readonly trigger: Trigger } | { readonly ok: false; readonly problem: FilterProblem };

/** Of `session:` without `within`. */
const SESSION_NS = 10e9;
const WINDOW_MIN_NS = 100e6;
const WINDOW_MAX_NS = 3600e9;

type Wrong = Extract<TriggerResult, { ok: false }>;

function wrong(code: string, { start, end }: Span, message: string, hint: string | null = null): Wrong {
  return { ok: false, problem: { code, start, end, message, hint, fix: null } };
}

const NEW = /^\s*new\s+(peer|network)\b(\s+where\b)?/;
const OF_SESSION = /^\s*session\s*:/;

/** Where the filter of a trigger begins. */
export function conditionStart(text: string): number {
  return (NEW.exec(text) ?? OF_SESSION.exec(text))?.[0].length ?? 0;
}

/** Parses a trigger; a mistake is told with its place in `text`. */
export function parseTrigger(text: string): TriggerResult {
  const fresh = NEW.exec(text);
  const session = OF_SESSION.exec(text);
  const kind: Trigger['kind'] =
    fresh !== null ? (fresh[1] === 'peer' ? 'peer' : 'network') : session ? 'session' : 'flow';
  const where = fresh?.[2];
  const within = fresh ? null : /\swithin\b\s*(\S*)\s*$/.exec(text);
  const windowNs = within ? windowOf(text, within[1] ?? '') : session ? SESSION_NS : null;
  if (windowNs !== null && typeof windowNs !== 'number') return windowNs;
  const start = conditionStart(text);
  const end = within?.index ?? text.length;
  const whole = { start, end: Math.max(start + 1, text.trimEnd().length) };
  const asked = text.slice(start, end);
  if (fresh && where === undefined && asked.trim() !== '')
    return wrong('where', { start: start + asked.search(/\S/), end: whole.end }, `a condition on a new ${kind} follows "where"`, `write new ${kind} where ${asked.trim()}`); // prettier-ignore
  if (asked.trim() === '' && (!fresh || where !== undefined))
    return wrong('empty', whole, 'a condition is missing', 'write for example rtt.p99 > 200ms');
  // What stands before is blanked, so that places stay those of the whole text.
  const parsed = parse(' '.repeat(start) + asked);
  if (!parsed.ok) return parsed;
  const misfit = misfitOf(parsed.ast, kind, within === null ? null : { start: end + 1, end: whole.end }, whole);
  return misfit ?? { ok: true, trigger: { text: text.trim(), kind, ast: parsed.ast, windowNs } };
}

/** Nanoseconds of what follows "within". */
function windowOf(text: string, word: string): number | Wrong {
  const at = word === '' ? text.trimEnd().length : text.lastIndexOf(word);
  const span = { start: at, end: Math.max(at + 1, at + word.length) };
  const windowNs = parseDuration(word);
  if (windowNs === null) return wrong('window', span, 'within is followed by a duration', 'write within 10s');
  if (windowNs < WINDOW_MIN_NS || windowNs > WINDOW_MAX_NS)
    return wrong('window', span, 'a window is between 100ms and 1h', 'write within 10s');
  return windowNs;
}

/** Why such a condition can be no trigger of that kind; null when it can. */
function misfitOf(ast: Expression, kind: Trigger['kind'], within: Span | null, where: Span): Wrong | null {
  if (ast.kind === 'constant' && !isNewKind(kind))
    return wrong('constant', ast.span ?? where, 'this is always or never so');
  if (kind === 'session') {
    const stranger = leaves(ast).find((leaf) => !('field' in leaf) || !isSummed(leaf.field));
    if (stranger === undefined) return null;
    const name = 'field' in stranger ? stranger.field : stranger.kind === 'protocol' ? stranger.name : 'this';
    return wrong('session-field', stranger.span ?? where, `${name} is of one flow, not of the session`, 'leave session: away, or ask for traffic, trouble or latency'); // prettier-ignore
  }
  if (within !== null && !leaves(ast).some((leaf) => 'field' in leaf && isSummed(leaf.field)))
    return wrong('window-field', within, 'nothing here is counted over a time', 'leave within away');
  return null;
}

/** Parses a trigger of the command line; throws a usage error that points at the character. */
export function requireTrigger(text: string, option: string): Trigger {
  const result = parseTrigger(text);
  if (result.ok) return result.trigger;
  throw new FlowglassError({
    code: 'bad-trigger',
    what: 'the trigger cannot be read',
    where: `${option} '${text}'`,
    hint: explain(result.problem),
    exitCode: EXIT_USAGE,
  });
}

function isSummed(name: string): boolean {
  const { source } = fieldOf(name);
  return isCounted(source) || isSampled(source);
}
