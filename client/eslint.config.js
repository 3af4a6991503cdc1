// Lint rules: typescript-eslint's strict type-aware set, the rules of hooks for the React parts, and
// the rule that only environment.ts touches the platform.
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';
import hooks from 'eslint-plugin-react-hooks';

/** What the core takes from its `Environment`, so that a test can replace it. */
const platform = [
  ...['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance', 'Date'],
  ...['fetch', 'WebSocket', 'BroadcastChannel', 'localStorage', 'navigator', 'location'],
  ...['window', 'document', 'globalThis', 'addEventListener', 'removeEventListener', 'crypto'],
];

export default defineConfig(
  { ignores: ['dist', 'demo/dist', 'console/dist', 'screenshots', 'node_modules'] },
  // `next build` checks the types of its example, which has dependencies of its own; the other one replaces
  // functions of Node.js as they are, overloads and all.
  { ignores: ['examples/nextjs', 'consumer/*.cjs'] },
  tseslint.configs.strictTypeChecked,
  tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ['eslint.config.js'] },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      'max-lines': ['error', { max: 400 }],
      'max-lines-per-function': ['error', { max: 70, skipBlankLines: true, skipComments: true }],
      '@typescript-eslint/consistent-type-definitions': ['error', 'interface'],
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
    },
  },
  {
    files: ['src/react/**', 'demo/**', 'console/**', 'parts/**', 'examples/**'],
    plugins: { 'react-hooks': hooks },
    rules: { 'react-hooks/rules-of-hooks': 'error', 'react-hooks/exhaustive-deps': 'error' },
  },
  {
    files: ['src/*.ts'],
    ignores: ['src/environment.ts'],
    rules: {
      'no-restricted-globals': ['error', ...platform],
      'no-restricted-properties': ['error', { object: 'Math', property: 'random' }],
    },
  },
  {
    // ESLint does not see the casts in their comments; the compiler does.
    files: ['examples/**/*.js'],
    rules: { '@typescript-eslint/no-unsafe-assignment': 'off' },
  },
  {
    // A test's describe block is a list of cases, not a function that does one thing.
    files: ['test/**', 'browser/**', 'consumer/**'],
    rules: { 'max-lines-per-function': 'off', '@typescript-eslint/no-non-null-assertion': 'off' },
  },
);
