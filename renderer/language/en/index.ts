/** Every text of the page in English, by the folder that shows it. */
import { details } from './details.ts';
import { stream } from './stream.ts';
import { timeline } from './timeline.ts';

export const en = { details, stream, timeline } as const;
