/** Completion for a trigger: that of the filter language, and the words around it. */
import { complete, type Suggestion, type Values } from '../filter/filter.ts';
import { conditionStart } from './trigger.ts';

const WINDOWS = ['1s', '10s', '1m', '5m'];
const BEGINNINGS = [
  ['session: ', 'all flows together'],
  ['new peer', 'an address not seen before'],
  ['new network', 'a network that the process did not connect to before'],
] as const;

export function completeTrigger(text: string, cursor: number, values: Values): Suggestion[] {
  const before = text.slice(0, cursor);
  const word = /\S*$/.exec(before)?.[0] ?? '';
  const from = cursor - word.length;
  const words = (list: readonly (readonly [insert: string, doc: string])[]): Suggestion[] =>
    list
      .filter(([insert]) => insert.startsWith(word))
      .map(([insert, doc]) => ({ label: insert.trim(), insert, start: from, end: cursor, kind: 'operator', doc }));
  if (/\swithin\s+\S*$/.test(before)) return words(WINDOWS.map((window) => [window, 'of the last moments'] as const));
  if (/^\s*new\s+(peer|network)\s+\S*$/.test(before)) return words([['where ', 'only such a one']]);
  const start = conditionStart(text);
  if (cursor < start) return [];
  const at = (end: number): Suggestion[] => complete(' '.repeat(start) + text.slice(start, end), end, values);
  const items = at(cursor);
  const first = words(from === 0 ? BEGINNINGS : []);
  const whole = from > start && at(from).some(({ insert }) => insert.startsWith('&&'));
  return [...first, ...items, ...words(whole ? [['within ', 'of the last moments']] : [])];
}
