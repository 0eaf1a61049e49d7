import { expect, it } from 'vitest';
import { completeTrigger } from './complete-trigger.ts';

const offered = (text: string): string[] =>
  completeTrigger(text, text.length, () => ['curl']).map(({ insert }) => insert);
const taken = (text: string, insert: string): string => {
  const item = completeTrigger(text, text.length, () => ['curl']).find((each) => each.insert === insert)!;
  return text.slice(0, item.start) + item.insert + text.slice(item.end);
};

it('offers what a trigger begins with, and fields', () => {
  expect(offered('').slice(0, 2)).toEqual(['session: ', 'new peer']);
  expect(offered('ses')[0]).toBe('session: ');
  expect(offered('rtt.p9')).toContain('rtt.p99');
  expect(offered('session: rtt.p9')).toContain('rtt.p99');
  expect(taken('session: rtt.p9', 'rtt.p99')).toBe('session: rtt.p99');
});

it('offers within behind a condition, and durations behind it', () => {
  expect(offered('resets > 5 ')).toContain('within ');
  expect(taken('resets > 5 wi', 'within ')).toBe('resets > 5 within ');
  expect(offered('resets > 5 within 1')).toEqual(['1s', '10s', '1m']);
  expect(offered('resets > ')).not.toContain('within ');
});

it('offers where behind a new peer, and values behind that', () => {
  expect(offered('new peer ')).toEqual(['where ']);
  expect(offered('new peer where process.name == ')).toContain('"curl"');
});
