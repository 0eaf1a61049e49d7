/**
 * What the screen shows as the fragment of the page's address, so that a view can be shared:
 * `#of=demo.pcapng&filter=tcp&t=12.5&sort=-sent,process`. Reading it never fails: what cannot be read is named and left out.
 */
import { groupings, sortColumns, type GroupBy } from '../../core/contract/requests.ts';
import { GRAPH_FORMS, LEFT_GROUPS, RIGHT_GROUPS, type GraphForm, type LeftGroup, type RightGroup } from '../stores/graph.ts'; // prettier-ignore
import type { Place } from '../stores/shell.ts';
import type { Sorting } from '../stores/table.ts';
import { COLUMNS, WIDTH_MAX, WIDTH_MIN } from '../table/columns.ts';

export interface Span {
  fromNs: number;
  toNs: number;
}
export interface ShownColumn {
  id: string;
  /** px; null = as at first. */
  width: number | null;
}

/** Everything optional: what is not said is as it is at first. */
export interface UrlState {
  /** Name of the source: times and flows mean something in it only. */
  of?: string;
  view?: Place;
  filter?: string;
  show?: 'matches' | 'all';
  /** Session times, ns. */
  cursorNs?: number;
  range?: Span;
  zoom?: Span;
  /** Id of the selected flow, and whether its details are open. */
  flow?: number;
  open?: boolean;
  sort?: Sorting;
  columns?: ShownColumn[];
  group?: GroupBy;
  graph?: GraphForm;
  left?: LeftGroup;
  right?: RightGroup;
}

const FILTER_MAX = 4096;
const PLACES: readonly Place[] = ['explore', 'trouble', 'sessions'];
/** Seconds with as many digits as it takes to come back to the nanosecond. */
function seconds(ns: number): string {
  const whole = Math.round(ns);
  return `${Math.floor(whole / 1e9)}.${String(whole % 1e9).padStart(9, '0')}`.replace(/\.?0+$/, '');
}
const span = ({ fromNs, toNs }: Span): string => `${seconds(fromNs)}-${seconds(toNs)}`;

export function encodeUrl(state: UrlState): string {
  const out = new URLSearchParams();
  const put = (name: string, value: string | undefined): void => {
    if (value !== undefined && value !== '') out.set(name, value);
  };
  put('of', state.of);
  put('view', state.view === 'explore' ? undefined : state.view);
  put('filter', state.filter);
  put('show', state.show === 'all' ? undefined : state.show);
  put('t', state.cursorNs === undefined ? undefined : seconds(state.cursorNs));
  put('range', state.range && span(state.range));
  put('zoom', state.zoom && span(state.zoom));
  put('flow', state.flow === undefined ? undefined : String(state.flow));
  put('open', state.open ? '1' : undefined);
  put('sort', state.sort?.map(({ column, descending }) => `${descending ? '-' : ''}${column}`).join(','));
  put('columns', state.columns?.map(({ id, width }) => (width === null ? id : `${id}:${width}`)).join(','));
  put('group', state.group);
  put('graph', state.graph === 'columns' ? undefined : state.graph);
  put('left', state.left === 'unit' ? undefined : state.left);
  put('right', state.right === 'name' ? undefined : state.right);
  return out.toString();
}

const oneOf =
  <T extends string>(values: readonly T[]) =>
  (text: string): T | undefined =>
    values.find((value) => value === text);

function time(text: string): number | undefined {
  const [, whole, part = ''] = /^(\d{1,7})(?:\.(\d{1,9}))?$/.exec(text) ?? [];
  return whole === undefined ? undefined : Number(whole) * 1e9 + Number(part.padEnd(9, '0'));
}
function times(text: string): Span | undefined {
  const [from = '', to = '', more] = text.split('-');
  const [fromNs, toNs] = [time(from), time(to)];
  return more === undefined && fromNs !== undefined && toNs !== undefined && toNs > fromNs ? { fromNs, toNs } : undefined; // prettier-ignore
}
function sorting(text: string): Sorting | undefined {
  const list = text.split(',').map((each) => ({ column: oneOf(sortColumns)(each.replace(/^-/, '')), descending: each.startsWith('-') })); // prettier-ignore
  const known = list.flatMap(({ column, descending }) => (column === undefined ? [] : [{ column, descending }]));
  return known.length === list.length && list.length <= 4 && new Set(known.map(({ column }) => column)).size === list.length ? known : undefined; // prettier-ignore
}
function columns(text: string): ShownColumn[] | undefined {
  const list = text.split(',').map((each) => {
    const [id = '', width] = each.split(':');
    return { id, width: width === undefined ? null : Number(width) };
  });
  const fits = list.every(
    ({ id, width }) =>
      COLUMNS.some((column) => column.id === id) && (width === null || (width >= WIDTH_MIN && width <= WIDTH_MAX)),
  );
  return fits && new Set(list.map(({ id }) => id)).size === list.length ? list : undefined;
}
const flowId = (text: string): number | undefined => (/^\d{1,15}$/.test(text) ? Number(text) : undefined);
const anyText = (text: string): string | undefined => (text.length <= FILTER_MAX ? text : undefined);

/** How each part is read, under the name that it has in UrlState. */
const READERS: { readonly [K in keyof UrlState]-?: readonly [name: string, read: (text: string) => UrlState[K] | undefined] } = {
  of: ['of', anyText],
  view: ['view', oneOf(PLACES)],
  filter: ['filter', anyText],
  show: ['show', oneOf(['matches', 'all'] as const)],
  cursorNs: ['t', time],
  range: ['range', times],
  zoom: ['zoom', times],
  flow: ['flow', flowId],
  open: ['open', (text) => (text === '1' ? true : undefined)],
  sort: ['sort', sorting],
  columns: ['columns', columns],
  group: ['group', oneOf(groupings)],
  graph: ['graph', oneOf(GRAPH_FORMS)],
  left: ['left', oneOf(LEFT_GROUPS)],
  right: ['right', oneOf(RIGHT_GROUPS)],
}; // prettier-ignore

/** `ignored` = names of what could not be read, or is not known. */
export function decodeUrl(fragment: string): { state: UrlState; ignored: string[] } {
  const state: Record<string, unknown> = {};
  const ignored: string[] = [];
  const byName = new Map(Object.entries(READERS).map(([key, [name, read]]) => [name, { key, read }]));
  for (const [name, text] of new URLSearchParams(fragment.replace(/^#/, ''))) {
    const reader = byName.get(name);
    const value = reader?.read(text);
    if (!reader || value === undefined || reader.key in state) ignored.push(name.slice(0, 20));
    else state[reader.key] = value;
  }
  return { state: state as UrlState, ignored: [...new Set(ignored)] };
}
