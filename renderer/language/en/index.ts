/** Every text of the page in English, by the folder that shows it. */
import { timeline } from './timeline.ts';

export const en = { timeline } as const;
