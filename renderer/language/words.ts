/** Words of the engine that are codes, in the language of the page; what is none stays as it is. */
import { en } from './en/index.ts';
import { t, type PlainKey } from './language.ts';

type Word = keyof typeof en.words;
const isWord = (code: string): code is Word => Object.hasOwn(en.words, code);

export const word = (code: string): string => (isWord(code) ? t(`words.${code}` satisfies PlainKey) : code);
