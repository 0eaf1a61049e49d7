/** Every text of the page in English, by the folder that shows it. */
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

export const en = { bar, commands, details, explore, graph, replay, shell, start, stream, timeline } as const;
