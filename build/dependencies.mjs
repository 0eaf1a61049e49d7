// The one direction of dependency (docs/architecture.md), as lint rules: which folder may import which.
import { builtinModules } from 'node:module';

const node = `^(node:|(${builtinModules.filter((name) => !name.startsWith('_')).join('|')})(/|$))`;
const folder = (...names) => `(^|/)(${names.join('|')})/`;
/** A sibling folder of core, from inside core. */
const station = (...names) => `^(\\.\\./)+(core/)?(${names.join('|')})/`;
const page = '^(vue|pinia|d3|@vue|vue-i18n)(/|-|$)';

/** [files, what they may not import, why] */
const RULES = [
  [['core/**/*.ts'], [page, '^electron(/|$)', folder('renderer', 'electron', 'cli')], 'core knows neither page, nor Electron, nor the command line'], // prettier-ignore
  [['cli/**/*.ts'], [page, '^electron(/|$)', folder('renderer', 'electron')], 'the command line knows core only'],
  [['electron/**/*.ts'], [page, folder('renderer', 'cli')], 'the desktop shell knows core only'],
  [['renderer/**/*.ts', 'renderer/**/*.vue'], [node, '^electron(/|$)', '^ws$', folder('electron', 'cli', 'helper', 'build'), '(^|/)core/(?!contract/)'], 'the page knows the contract only'], // prettier-ignore
  [['core/contract/**/*.ts'], [node, station('abi', 'wire', 'helper', 'capture', 'dissect', 'flow', 'names', 'tracker', 'filter', 'session', 'summary', 'engine', 'system')], 'the contract stands alone: the page imports it'], // prettier-ignore
  [['core/errors.ts'], ['^\\./'], 'errors stand alone'],
  [['core/wire/**/*.ts'], [station('helper', 'capture', 'dissect', 'flow', 'names', 'tracker', 'filter', 'session', 'summary', 'engine', 'system')], 'frames know the ABI only'], // prettier-ignore
  [['core/capture/**/*.ts', 'core/dissect/**/*.ts'], [station('wire', 'helper', 'flow', 'names', 'tracker', 'filter', 'session', 'summary', 'engine')], 'capture formats and decoders know no model'], // prettier-ignore
  [['core/flow/**/*.ts'], [station('helper', 'names', 'tracker', 'filter', 'session', 'summary', 'engine', 'system')], 'the flow model knows no file, no helper and no filter'], // prettier-ignore
  [
    ['core/names/**/*.ts'],
    [station('helper', 'tracker', 'filter', 'session', 'summary', 'engine', 'system')],
    'what payload says knows packets and the model only',
  ],
  [['core/trouble/**/*.ts'], [station('helper', 'names', 'tracker', 'filter', 'session', 'summary', 'engine', 'system')], 'findings know the model only'], // prettier-ignore
  [['core/filter/**/*.ts'], [station('helper', 'names', 'tracker', 'session', 'summary', 'engine', 'system')], 'filters know the model only'], // prettier-ignore
  [['core/session/**/*.ts'], [station('helper', 'summary', 'engine')], 'session files know no helper and no engine'],
  [['core/flight-recorder/**/*.ts'], [station('helper', 'summary', 'engine')], 'the flight recorder knows files and the model only'], // prettier-ignore
  [['core/tracker/**/*.ts'], [station('helper', 'engine')], 'the tracker knows no helper and no engine'],
  [['core/helper/**/*.ts'], [station('capture', 'dissect', 'flow', 'names', 'tracker', 'filter', 'session', 'summary', 'engine')], 'launching the helper knows frames only'], // prettier-ignore
  [['core/share/**/*.ts'], [station('helper', 'engine', 'tracker', 'filter', 'summary', 'export')], 'making a copy knows formats and the model only'], // prettier-ignore
  [['core/config/**/*.ts'], [station('abi', 'wire', 'helper', 'capture', 'dissect', 'flow', 'names', 'tracker', 'session', 'summary', 'engine', 'metrics', 'agent')], 'reading a configuration knows no model'], // prettier-ignore
  [['core/metrics/**/*.ts'], [station('helper', 'session', 'tracker', 'engine', 'agent')], 'counting by group knows the model only, wherever it came from'], // prettier-ignore
  [['core/summary/**/*.ts'], [station('helper', 'engine')], 'the summary reads a model, wherever it came from'],
];

/**
 * Flat configuration objects for ESLint. Later entries replace earlier ones for a file, so each carries those before it.
 * @type {import('eslint').Linter.Config[]}
 */
export const dependencyRules = RULES.map(([files, regexes, message]) => {
  const broader = RULES.filter(
    ([other]) => other[0] === 'core/**/*.ts' && files[0].startsWith('core/') && other !== files,
  );
  const patterns = [[files, regexes, message], ...broader].flatMap(([, list, why]) =>
    list.map((regex) => ({ regex, message: `${why} (docs/architecture.md)`, caseSensitive: true })),
  );
  return {
    files,
    ignores: ['**/*.test.ts', '**/vite.config.ts'],
    rules: { 'no-restricted-imports': ['error', { patterns }] },
  };
});
