import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
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

/** Components whose texts still stand in themselves; nothing may be added. */
const NOT_YET: readonly string[] = [
  'export/ExportDialog.vue',
  'export/SharePreview.vue',
  'flight/FlightDialog.vue',
  'flight/RecordControls.vue',
  'flight/TriggerField.vue',
  'flight/TriggerList.vue',
  'graph/ConnectionGraph.vue',
  'graph/GraphLegend.vue',
  'graph/GraphSearch.vue',
  'graph/GraphTree.vue',
  'settings/LabelSettings.vue',
  'settings/NetworkSettings.vue',
  'shell/CompletionList.vue',
  'shell/FilterBar.vue',
  'shell/FilterLibrary.vue',
  'table/FlowRow.vue',
  'table/FlowTable.vue',
  'table/TableHead.vue',
  'trouble/FindingEvidence.vue',
  'trouble/FindingTimeline.vue',
  'trouble/TroubleScreen.vue',
];

describe('components', () => {
  const files = readdirSync('renderer', { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.vue'));

  it.each(files.filter((file) => !NOT_YET.includes(file)))('%s has no text of its own', (file) => {
    expect(literals(readFileSync(join('renderer', file), 'utf8'))).toEqual([]);
  });
});

/** Attributes that people read or hear. */
const SPOKEN = /(?<![:\w-])(?:aria-label|title|placeholder|alt|label)="([^"]*[A-Za-z]{2}[^"]*)"/g;
/** Keys of the keyboard and names of the product are no language. */
const NAMES = new Set(['Flowglass', 'Ctrl', 'Esc', 'Enter', 'Tab', 'Shift', 'Space']);

/** Words between tags and in spoken attributes, with what Vue works out left out. */
function literals(component: string): string[] {
  const template = /<template>([\s\S]*)<\/template>/.exec(component)?.[1] ?? '';
  const markup = template
    .replace(/<!--[\s\S]*?-->|&\w+;/g, '')
    .replace(/\{\{[\s\S]*?\}\}/g, (expression) => quoted(expression));
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
const quoted = (expression: string): string => sentences(expression).join('\n');
const sentences = (code: string): string[] =>
  [...code.matchAll(/(['`])((?:(?!\1).)*)\1/g)]
    .map(([, , text]) => (text ?? '').replace(/\$\{[^}]*\}/g, ''))
    .filter((text) => /[A-Za-z]{2,} [A-Za-z]{2,}|^[A-Z][a-z]{2,}/.test(text) && !/^(Ctrl|Shift|Alt) .$/.test(text));
