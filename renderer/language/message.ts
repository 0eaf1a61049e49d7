/** What a message of a catalogue may be, and what is put into it. */

/** Text with `{placeholders}`; or one text a plural form (CLDR), chosen by the placeholder `n`. */
export type Message = string | Plural;
export interface Plural {
  readonly one?: string;
  readonly other: string;
}
export type Messages = Readonly<Record<string, Message>>;
export type Catalogue = Readonly<Record<string, Messages>>;

/** Names of the placeholders of a text. */
type Names<Text> = Text extends `${string}{${infer Name}}${infer Rest}` ? Name | Names<Rest> : never;
type Texts<M> = M extends string ? M : M extends Plural ? M['other'] | Extract<M['one'], string> : never;
/** What a message asks for; a plural always asks for its number. */
export type Params<M> = Record<Names<Texts<M>>, string | number> & (M extends Plural ? { n: number } : unknown);

/** The same messages in another language: same keys, text for text and plural for plural. */
export type Translated<M extends Messages> = { readonly [K in keyof M]: M[K] extends string ? string : Plural };

const PLACEHOLDER = /\{(\w+)\}/g;

/** Names of the placeholders of a message, sorted, each once; for tests. */
export function placeholders(message: Message): string[] {
  const texts = typeof message === 'string' ? [message] : [message.other];
  return [...new Set(texts.flatMap((text) => [...text.matchAll(PLACEHOLDER)].map(([, name]) => name ?? '')))].sort();
}

/** The message as text. `form` chooses among plural forms, `write` writes a number that is put in. */
export function fillIn(
  message: Message,
  params: Readonly<Record<string, string | number>>,
  form: (n: number) => string,
  write: (n: number) => string,
): string {
  const text =
    typeof message === 'string' ? message : form(Number(params['n'])) === 'one' ? (message.one ?? message.other) : message.other; // prettier-ignore
  return text.replace(PLACEHOLDER, (_, name: string) => {
    const value = params[name];
    return typeof value === 'number' ? write(value) : (value ?? '');
  });
}
