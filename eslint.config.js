import tseslint from 'typescript-eslint';
import { dependencyRules } from './build/dependencies.mjs';
import { vueScripts } from './build/vue-scripts.mjs';

export default tseslint.config(
  { ignores: ['dist/**', 'node_modules/**', 'core/abi/generated.ts', 'test-results/**'] },
  vueScripts,
  ...tseslint.configs.strict.map((config) => ({ ...config, files: ['**/*.ts'] })),
  {
    files: ['**/*.ts'],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-floating-promises': ['error', { allowForKnownSafeCalls: ['describe', 'it', 'test'] }],
      '@typescript-eslint/no-misused-promises': 'error',
      // noUncheckedIndexedAccess cannot know that a column is as long as its table: `!` says that, at no cost at run time.
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_', destructuredArrayIgnorePattern: '^_' }], // prettier-ignore
      '@typescript-eslint/only-throw-error': ['error', { allowThrowingUnknown: true, allowThrowingAny: true }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true, requireDefaultForNonUnion: false }], // prettier-ignore
      eqeqeq: 'error',
      'no-console': 'error',
      'no-constant-condition': ['error', { checkLoops: false }],
      'prefer-const': 'error',
    },
  },
  { files: ['**/*.test.ts', 'test/**/*.ts'], rules: { 'no-console': 'off' } },
  {
    // Types are vue-tsc's, and what a template uses looks unused from the script.
    ...tseslint.configs.disableTypeChecked,
    files: ['**/*.vue/*.ts'],
    languageOptions: { parserOptions: { projectService: false, program: null, project: false } },
    rules: {
      ...tseslint.configs.disableTypeChecked.rules,
      '@typescript-eslint/consistent-type-imports': 'off',
      '@typescript-eslint/no-unused-vars': 'off',
    },
  },
  ...dependencyRules,
);
