/** Every text of the page in Chinese. */
import type { en } from '../en/index.ts';
import type { Translated } from '../message.ts';
import { bar } from './bar.ts';
import { commands } from './commands.ts';
import { details } from './details.ts';
import { explore } from './explore.ts';
import { graph } from './graph.ts';
import { replay } from './replay.ts';
import { shell } from './shell.ts';
import { start } from './start.ts';
import { stream } from './stream.ts';
import { timeline } from './timeline.ts';

export const zh: { readonly [F in keyof typeof en]: Translated<(typeof en)[F]> } = {
  bar,
  commands,
  details,
  explore,
  graph,
  replay,
  shell,
  start,
  stream,
  timeline,
};
