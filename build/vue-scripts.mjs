// Scripts of Vue components for ESLint, each with the line numbers it has in its file. Templates are vue-tsc's to check.
const SCRIPT = /<script\b[^>]*>([\s\S]*?)<\/script>/g;

/** @type {import('eslint').Linter.Processor} */
const scripts = {
  preprocess(text) {
    return [...text.matchAll(SCRIPT)].map((match, i) => {
      const begin = match.index + match[0].indexOf('>') + 1;
      const lines = text.slice(0, begin).split('\n').length - 1;
      return { text: '\n'.repeat(lines) + match[1], filename: `${i}.ts` };
    });
  },
  postprocess: (messages) => messages.flat(),
  supportsAutofix: false,
};

/** @type {import('eslint').Linter.Config} */
export const vueScripts = {
  files: ['**/*.vue'],
  plugins: { 'vue-scripts': { processors: { scripts } } },
  processor: 'vue-scripts/scripts',
};
