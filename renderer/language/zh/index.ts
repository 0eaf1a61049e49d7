/** Every text of the page in Chinese. */
import type { en } from '../en/index.ts';
import type { Translated } from '../message.ts';
import { advice } from './advice.ts';
import { bar } from './bar.ts';
import { columns } from './columns.ts';
import { commands } from './commands.ts';
import { copied } from './copied.ts';
import { details } from './details.ts';
import { draw } from './draw.ts';
import { explore } from './explore.ts';
import { exporting } from './exporting.ts';
import { filter } from './filter.ts';
import { findings } from './findings.ts';
import { flight } from './flight.ts';
import { graph } from './graph.ts';
import { groupings } from './groupings.ts';
import { picture } from './picture.ts';
import { remote } from './remote.ts';
import { replay } from './replay.ts';
import { sessions } from './sessions.ts';
import { settings } from './settings.ts';
import { shell } from './shell.ts';
import { start } from './start.ts';
import { stream } from './stream.ts';
import { table } from './table.ts';
import { timeline } from './timeline.ts';
import { trouble } from './trouble.ts';
import { words } from './words.ts';

export const zh: { readonly [F in keyof typeof en]: Translated<(typeof en)[F]> } = {
  advice,
  bar,
  columns,
  commands,
  copied,
  details,
  draw,
  explore,
  exporting,
  filter,
  findings,
  flight,
  graph,
  groupings,
  picture,
  remote,
  replay,
  settings,
  sessions,
  shell,
  start,
  stream,
  table,
  timeline,
  trouble,
  words,
};
