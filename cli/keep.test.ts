import { describe, expect, it } from 'vitest';
import { readArguments, type Command } from './command.ts';
import { KEEP_OPTIONS, readKeep, type Kept } from './keep.ts';

const command: Command = {
  name: 'record',
  usage: '',
  summary: '',
  options: {
    ...KEEP_OPTIONS,
    write: { value: 'FILE', help: '' },
    rotate: { value: 'SIZE', help: '' },
    ring: { value: 'N', help: '' },
  },
  run: () => Promise.resolve(),
};
const keep = (...argv: string[]): Kept | null => readKeep(readArguments(command, argv));

describe('record --keep', () => {
  it('holds so long, or so much; triggers alone a minute', () => {
    expect(keep()).toBeNull();
    expect(keep('--keep', '5m')).toEqual({ limits: { ms: 300_000, bytes: 1e9 }, triggers: [], afterMs: 30_000 });
    expect(keep('--keep', '500MB')?.limits).toEqual({ ms: null, bytes: 5e8 });
    const when = keep('--when', 'resets > 2', '--when', 'new peer', '--when-for', '5s');
    expect(when).toMatchObject({ limits: { ms: 60_000 }, afterMs: 5000 });
    expect(when?.triggers.map(({ text }) => text)).toEqual(['resets > 2', 'new peer']);
  });

  it.each([
    [['--keep', '10'], /--keep cannot be "10".*with its unit/],
    [['--keep', '500ms'], /give at least 1s or 1MB/],
    [['--keep', '5m', '--rotate', '1MB'], /--keep and --rotate exclude each other/],
    [['--when', 'new peer', '--ring', '3'], /--keep and --ring exclude each other/],
    [['--when-for', '5s'], /--when-for needs --when/],
    [['--keep', '5m', '--write', '-'], /--keep needs files/],
    [['--when', 'resets > 2 within soon'], /character 19.*duration/],
  ])('refuses %j', (argv, message) => {
    expect(() => keep(...argv)).toThrow(message);
  });
});
