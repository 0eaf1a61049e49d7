/** 界面的中文文字，按文件夹分。 */
import type { en } from '../en/index.ts';
import type { Translated } from '../message.ts';
import { timeline } from './timeline.ts';

export const zh: { readonly [F in keyof typeof en]: Translated<(typeof en)[F]> } = { timeline };
