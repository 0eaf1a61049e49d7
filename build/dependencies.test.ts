import { ESLint } from 'eslint';
import { describe, expect, it } from 'vitest';
import tseslint from 'typescript-eslint';
import { dependencyRules } from './dependencies.mjs';
import { vueScripts } from './vue-scripts.mjs';

const eslint = new ESLint({
  overrideConfigFile: true,
  overrideConfig: [
    vueScripts,
    { files: ['**/*.ts'], languageOptions: { parser: tseslint.parser } },
    ...dependencyRules,
  ],
});

async function reports(filePath: string, from: string): Promise<number> {
  const script = `import { x } from '${from}';\nexport { x };\n`;
  const text = filePath.endsWith('.vue') ? `<script setup lang="ts">\n${script}</script>\n<template>{{ x }}</template>\n` : script; // prettier-ignore
  const [result] = await eslint.lintText(text, { filePath });
  expect(result?.fatalErrorCount).toBe(0);
  return result?.messages.filter(({ ruleId }) => ruleId === 'no-restricted-imports').length ?? -1;
}

describe('the direction of dependencies', () => {
  it.each([
    ['core/flow/model.ts', 'electron'],
    ['core/flow/model.ts', 'vue'],
    ['core/flow/model.ts', '../../renderer/store.ts'],
    ['core/flow/model.ts', '../session/writer.ts'],
    ['core/session/reader.ts', '../../cli/main.ts'],
    ['core/session/reader.ts', '../helper/launch.ts'],
    ['core/wire/frames.ts', '../flow/model.ts'],
    ['core/contract/requests.ts', '../flow/model.ts'],
    ['core/contract/requests.ts', 'node:fs'],
    ['core/engine/start.ts', 'electron/main'],
    ['renderer/graph/layout.ts', 'node:fs'],
    ['renderer/graph/layout.ts', 'fs/promises'],
    ['renderer/graph/layout.ts', '../../core/flow/model.ts'],
    ['renderer/graph/layout.ts', '../../electron/main.ts'],
    ['renderer/shell/FilterBar.vue', '../../core/filter/highlight.ts'],
    ['renderer/shell/FilterBar.vue', 'node:fs'],
    ['electron/main.ts', '../renderer/app.ts'],
    ['cli/record.ts', '../electron/main.ts'],
    ['cli/record.ts', 'd3'],
  ])('%s may not import %s', async (file, from) => {
    expect(await reports(file, from)).toBeGreaterThan(0);
  });

  it.each([
    ['core/flow/reducer.ts', '../abi/generated.ts'],
    ['core/flow/reducer.ts', '../wire/messages.ts'],
    ['core/session/reader.ts', '../flow/model.ts'],
    ['core/engine/recorder.ts', '../session/writer.ts'],
    ['core/system/netns.ts', 'node:fs'],
    ['renderer/graph/layout.ts', '../../core/contract/requests.ts'],
    ['renderer/graph/layout.ts', 'd3'],
    ['renderer/shell/FilterBar.vue', '../../core/contract/answers.ts'],
    ['cli/record.ts', '../core/engine/recorder.ts'],
    ['electron/main.ts', 'electron'],
  ])('%s may import %s', async (file, from) => {
    expect(await reports(file, from)).toBe(0);
  });
});
