/** Every text of the page in Chinese. */
import type { en } from '../en/index.ts';
import type { Translated } from '../message.ts';
import { details } from './details.ts';
import { stream } from './stream.ts';
import { timeline } from './timeline.ts';

export const zh: { readonly [F in keyof typeof en]: Translated<(typeof en)[F]> } = { details, stream, timeline };
