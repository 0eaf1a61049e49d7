/**
 * Configuration in YAML, checked by a schema. Whatever is wrong is one sentence with line and column; a key that nobody
 * knows is named together with the one that was probably meant.
 */
import { readFileSync, statSync } from 'node:fs';
import { isMap, isNode, isPair, isScalar, LineCounter, parseDocument, type Document, type Node } from 'yaml';
import type { z } from 'zod';
import { errnoText, FlowglassError, printable } from '../errors.ts';
import { nearest } from '../filter/problem.ts';

/** A configuration is written by people: one that is larger than this is something else. */
export const CONFIG_MAX_BYTES = 1 << 20;
/** What anchors and aliases may multiply it to. */
const ALIASES_MAX = 100;

type Path = readonly PropertyKey[];

/** Reads and checks a file. @throws FlowglassError with one sentence: what, file:line:column, what to do */
export function readConfig<T>(path: string, schema: z.ZodType<T>): T {
  let text: string;
  try {
    const { size } = statSync(path);
    if (size > CONFIG_MAX_BYTES)
      throw problem(`the configuration is larger than ${CONFIG_MAX_BYTES >> 20} MiB`, path, 'give a smaller file');
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof FlowglassError) throw error;
    throw problem(`the configuration cannot be read (${errnoText(error)})`, path, 'give a readable file');
  }
  return parseConfig(text, schema, path);
}

/** The same for text; `path` is for the sentences. */
export function parseConfig<T>(text: string, schema: z.ZodType<T>, path: string): T {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const [error] = document.errors;
  const place = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${path}:${Math.max(1, line)}:${Math.max(1, col)}`;
  };
  if (error !== undefined)
    throw problem(`the configuration is no YAML (${firstLine(error.message)})`, place(error.pos[0]), 'correct it');
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: ALIASES_MAX }) ?? {};
  } catch (failure) {
    throw problem(`the configuration is no YAML (${firstLine(errnoText(failure))})`, path, 'use fewer aliases');
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  if (issue === undefined) throw problem('the configuration is wrong', path, 'correct it');
  if (issue.code === 'unrecognized_keys') throw unknownKey(document, issue.path, issue.keys[0] ?? '', schema, place);
  const name = issue.path.map(String).join('.');
  const node = nodeAt(document, issue.path);
  throw problem(
    `${name === '' ? 'the configuration' : `"${name}"`} cannot be that: ${firstLine(issue.message)}`,
    place(node?.range?.[0] ?? 0),
    'correct it',
  );
}

function unknownKey(
  document: Document,
  path: Path,
  key: string,
  schema: z.ZodType,
  place: (offset: number) => string,
): FlowglassError {
  const known = keysAt(schema, path);
  const near = nearest(key, known);
  const parent = nodeAt(document, path);
  const pair = isMap(parent) ? parent.items.find((item) => isScalar(item.key) && String(item.key.value) === key) : null;
  const offset = isPair(pair) && isScalar(pair.key) ? (pair.key.range?.[0] ?? 0) : 0;
  const inside = path.length === 0 ? '' : ` in "${path.map(String).join('.')}"`;
  const hint = near === null ? `there are ${known.join(', ')}` : `did you mean "${near}"?`;
  return problem(`no such key "${printable(key)}"${inside}`, place(offset), hint);
}

/** The keys that the schema knows at a path; none where it is no object. */
function keysAt(schema: z.ZodType, path: Path): string[] {
  let at: unknown = schema;
  const step = (object: unknown, name: PropertyKey): unknown =>
    typeof object === 'object' && object !== null ? Reflect.get(object, name) : undefined;
  /** Defaults, options and the like wrap the schema that counts. */
  const unwrap = (wrapped: unknown): unknown => {
    for (let inner = wrapped; ;) {
      const next = step(step(inner, 'def'), 'innerType') ?? step(step(inner, 'def'), 'in');
      if (next === undefined) return inner;
      inner = next;
    }
  };
  for (const name of path) {
    const object = unwrap(at);
    at = typeof name === 'number' ? step(step(object, 'def'), 'element') : step(step(object, 'shape'), name);
  }
  const whole = unwrap(at);
  const variants = step(step(whole, 'def'), 'options');
  const shapes = Array.isArray(variants) ? variants.map((each) => step(unwrap(each), 'shape')) : [step(whole, 'shape')];
  return [
    ...new Set(shapes.flatMap((shape) => (typeof shape === 'object' && shape !== null ? Object.keys(shape) : []))),
  ];
}

/** The node at a path, or the nearest one around it. */
function nodeAt(document: Document, path: Path): Node | null {
  for (let length = path.length; length >= 0; length--) {
    const node = length === 0 ? document.contents : document.getIn(path.slice(0, length), true);
    if (isNode(node)) return node;
  }
  return null;
}

const firstLine = (text: string): string => (text.split('\n')[0] ?? '').replace(/[.:]$/, '');

function problem(what: string, where: string, hint: string): FlowglassError {
  return new FlowglassError({ code: 'bad-config', what, where: printable(where), hint });
}
