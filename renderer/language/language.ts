/**
 * The language of the page. Every text a person reads stands in a catalogue of renderer/language/en, one file a folder of
 * the page, and is written by `t('folder.key', { placeholder })`; renderer/language/zh has the same keys. A new text: add
 * it to both (types and language.test.ts hold them to each other), then use its key.
 *
 * `t` reads the language reactively: call it in templates, computed values and functions, never once for a module.
 */
import { ref } from 'vue';
import { en } from './en/index.ts';
import { zh } from './zh/index.ts';
import { fillIn, type Catalogue, type Message, type Params } from './message.ts';
import { pseudo } from './pseudo.ts';

/** `pseudo` = English, longer and with accents, for tests that look for clipped texts; not offered. */
export const LANGUAGES = ['en', 'zh', 'pseudo'] as const;
export type Language = (typeof LANGUAGES)[number];
export type LanguageChoice = Language | 'system';
/** What a person can choose; `system` = the browser's. */
export const LANGUAGES_OFFERED = ['system', 'en', 'zh'] as const;

type En = typeof en;
/** `folder.key` of every message. */
export type MessageKey = { [F in keyof En & string]: `${F}.${keyof En[F] & string}` }[keyof En & string];
type MessageOf<K> = K extends `${infer F}.${infer M}`
  ? F extends keyof En
    ? M extends keyof En[F]
      ? En[F][M]
      : never
    : never
  : never;
/** Keys of messages without placeholders. */
export type PlainKey = { [K in MessageKey]: keyof Params<MessageOf<K>> extends never ? K : never }[MessageKey];

const CATALOGUES: Readonly<Record<Language, Catalogue>> = { en, zh, pseudo: en };
const LOCALES: Readonly<Record<Language, string>> = { en: 'en-GB', zh: 'zh-CN', pseudo: 'en-GB' };

const current = ref<Language>('en');
let plurals = new Intl.PluralRules('en-GB');
let numbers = new Intl.NumberFormat('en-GB');

export const language = (): Language => current.value;
/** For Intl. */
export const locale = (): string => LOCALES[current.value];

/** The language a choice means: the first one of `system` (the browser's list) that there is. */
export function languageOf(choice: LanguageChoice, system: readonly string[]): Language {
  if (choice !== 'system') return choice;
  for (const wanted of system) {
    const found = LANGUAGES.find((each) => each === wanted.split('-')[0]?.toLowerCase());
    if (found) return found;
  }
  return 'en';
}

export function setLanguage(next: Language): void {
  current.value = next;
  plurals = new Intl.PluralRules(locale());
  numbers = new Intl.NumberFormat(locale());
}

const pseudoOf = (message: Message): Message =>
  typeof message === 'string'
    ? pseudo(message)
    : { other: pseudo(message.other), ...(message.one === undefined ? {} : { one: pseudo(message.one) }) };

/** The text of a message in the language chosen. */
export function t<K extends MessageKey>(
  key: K,
  ...[params]: keyof Params<MessageOf<K>> extends never ? [] : [Params<MessageOf<K>>]
): string {
  const dot = key.indexOf('.');
  const message = CATALOGUES[current.value][key.slice(0, dot)]?.[key.slice(dot + 1)] as Message;
  const written = current.value === 'pseudo' ? pseudoOf(message) : message;
  return fillIn(written, params ?? {}, (n) => plurals.select(n), (n) => numbers.format(n)); // prettier-ignore
}
