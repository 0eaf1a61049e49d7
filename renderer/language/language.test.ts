import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { afterEach, describe, expect, it } from 'vitest';
import { FINDING_KINDS, findingWords, type FindingFacts } from '../../core/contract/findings.ts';
import { formatLatency, joined } from '../draw/format.ts';
import { wordsOf } from '../trouble/words.ts';
import { en } from './en/index.ts';
import { languageOf, setLanguage, t } from './language.ts';
import { placeholders, type Catalogue, type Message } from './message.ts';
import { zh } from './zh/index.ts';

afterEach(() => setLanguage('en'));

const messages = (catalogue: Catalogue): Map<string, Message> =>
  new Map(
    Object.entries(catalogue).flatMap(([folder, texts]) =>
      Object.entries(texts).map(([key, message]): [string, Message] => [`${folder}.${key}`, message]),
    ),
  );

describe('catalogues', () => {
  it('have the same keys with the same placeholders in every language', () => {
    const [english, chinese] = [messages(en), messages(zh)];
    expect([...chinese.keys()].sort()).toEqual([...english.keys()].sort());
    for (const [key, message] of english) {
      const other = chinese.get(key) ?? '';
      expect(placeholders(other), key).toEqual(placeholders(message));
      expect(typeof other, key).toBe(typeof message);
      expect(typeof other === 'string' ? other : other.other, key).not.toBe('');
    }
  });

  it('choose the plural form of the number and write numbers as the language does', () => {
    expect(t('details.retransmits', { n: 1 })).toBe('1 retransmit');
    expect(t('details.retransmits', { n: 12_345 })).toBe('12,345 retransmits');
    setLanguage('zh');
    expect(t('details.retransmits', { n: 1 })).toBe('1 次重传');
    setLanguage('pseudo');
    expect(t('shell.sessions')).toMatch(/^\[Séššîöñš·+\]$/);
  });

  it('follow the browser until one is chosen', () => {
    expect(languageOf('system', ['fr-FR', 'zh-TW', 'en'])).toBe('zh');
    expect(languageOf('system', ['fr-FR'])).toBe('en');
    expect(languageOf('en', ['zh-CN'])).toBe('en');
  });
});

const sources = readdirSync('renderer', { recursive: true, encoding: 'utf8' })
  .filter((file) => /\.(vue|ts)$/.test(file) && !/\.test\.ts$|^language\/|vite\.config/.test(file))
  .map((file) => ({ file, text: readFileSync(join('renderer', file), 'utf8') }));

describe('texts', () => {
  it('stand in no template', () => {
    const found = sources.filter(({ file }) => file.endsWith('.vue'));
    expect(found.flatMap(({ file, text }) => literalsOfTemplate(text).map((each) => `${file}: ${each}`))).toEqual([]);
  });

  it('stand in no code', () => {
    expect(sources.flatMap(({ file, text }) => literalsOfCode(text).map((each) => `${file}: ${each}`))).toEqual([]);
  });

  it('that are in the catalogues are used', () => {
    const all = sources.map(({ text }) => text).join('\n');
    const families = [...all.matchAll(/`(\w+)\.\$\{/g)].map(([, folder]) => folder);
    const unused = [...messages(en).keys()].filter(
      (key) => !all.includes(`'${key}'`) && !families.includes(key.split('.')[0]) && !key.startsWith('words.'),
    );
    expect(unused).toEqual([]);
  });
});

describe('findings', () => {
  const format = {
    latency: (us: number) => joined(formatLatency(us)),
    count: (n: number) => n.toLocaleString('en-GB'),
  };
  const facts: FindingFacts[] = FINDING_KINDS.flatMap((kind) =>
    [1, 1234].flatMap((count) =>
      [null, 'curl'].flatMap(
        (process) =>
        [null, 'port 80'].map((reason) => ({ kind, subject: 'web.example', process, reason, count, flows: count, usualUs: process ? 2_000 : NaN, nowUs: 90_000 })), // prettier-ignore
      ),
    ),
  );

  it('are said in the page as on the command line', () => {
    for (const each of facts) expect(wordsOf(each), JSON.stringify(each)).toEqual(findingWords(each, format));
  });

  it('name the same numbers and names in Chinese', () => {
    for (const each of facts) {
      setLanguage('en');
      const { title, detail } = wordsOf(each);
      setLanguage('zh');
      const chinese = wordsOf(each);
      for (const name of `${title} ${detail}`.match(/web\.example|curl|port 80|\d[\d,.]*.(?:ms|s)\b|1,234/g) ?? [])
        expect(`${chinese.title} ${chinese.detail}`, each.kind).toContain(name);
    }
  });
});

/** Attributes that people read or hear. */
const SPOKEN = /(?<![:\w-])(?:aria-label|title|placeholder|alt|label)="([^"]*[A-Za-z]{2}[^"]*)"/g;
/** Keys of the keyboard and names of the product are no language. */
const NAMES = new Set(['Flowglass', 'Ctrl', 'Esc', 'Enter', 'Tab', 'Shift', 'Space']);

/** Words between tags and in spoken attributes, with what Vue works out left out. */
function literalsOfTemplate(component: string): string[] {
  const template = /<template>([\s\S]*)<\/template>/.exec(component)?.[1] ?? '';
  const markup = template
    .replace(/<!--[\s\S]*?-->|&\w+;/g, '')
    .replace(/\{\{[\s\S]*?\}\}/g, (expression) => sentences(expression).join('\n'));
  const spoken = [...markup.matchAll(SPOKEN)].map(([, text]) => text ?? '');
  const bound = [...markup.matchAll(/\s[:@](?!style|class)[\w:.-]+="([^"]*)"/g)].flatMap(([, code]) =>
    sentences(code ?? ''),
  );
  const between = markup
    .replace(/<[^>]*?(?:"[^"]*"[^>]*?)*>/g, '\n')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => /[A-Za-z]{2}/.test(line) && !NAMES.has(line));
  return [...spoken, ...bound, ...between];
}
/** Strings inside an expression that are sentences or words for people; keys of messages and of objects are none. */
const sentences = (code: string): string[] =>
  [...code.matchAll(/(['`])((?:(?!\1).)*)\1/g)]
    .map(([, , text]) => (text ?? '').replace(/\$\{[^}]*\}/g, ''))
    .filter((text) => /[A-Za-z]{2,} [A-Za-z]{2,}|^[A-Z][a-z]{2,}/.test(text) && !/^(Ctrl|Shift|Alt) .$/.test(text));

/** Words for machines: parts of a time as the contract has them, markup, styles, examples of the trigger language. */
const MACHINE = /^(client|server) (kernel|application)$|[<>]|\(in srgb|sans-serif/;
/** Properties whose values people read. */
const SENTENCE = /[A-Za-z]{2,} [a-z]{2,}/;
const READ = new Set(['label', 'title', 'what', 'hint', 'head']);
/** Strings of code that are sentences, or words that are drawn or of a property that people read. What our own mistakes say is for us. */
function literalsOfCode(source: string): string[] {
  const code = /<script[^>]*>([\s\S]*?)<\/script>/.exec(source)?.[1] ?? (source.includes('<template>') ? '' : source);
  if (
    !code
      .split('\n')
      .some((line) => /['`]/.test(line) && /[A-Za-z]{2} [a-z]{2}|(label|title|what|hint|head):|text\(/.test(line))
  )
    return [];
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) || ts.isThrowStatement(node) || ts.isTypeNode(node)) return;
    const text = ts.isStringLiteralLike(node)
      ? node.text
      : ts.isTemplateExpression(node)
        ? node.head.text + node.templateSpans.map((span) => span.literal.text).join('#')
        : '';
    const { parent } = node;
    const called = parent && ts.isCallExpression(parent) ? parent : null;
    if (called?.expression.getText() === 'word') return;
    // text(pen, 'Peers', x, y …) of the canvases
    const drawn =
      called?.expression.getText() === 'text' && called.arguments.length > 2 && called.arguments[1] === node;
    const read = parent && ts.isPropertyAssignment(parent) && READ.has(parent.name.getText()) && !text.includes('.');
    if (MACHINE.test(text)) return;
    if (SENTENCE.test(text) || ((read || drawn) && /[A-Za-z]{3}/.test(text))) found.push(text);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('code.ts', code, ts.ScriptTarget.Latest, true));
  return found;
}
