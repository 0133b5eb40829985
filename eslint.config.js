import js from '@eslint/js';
import nx from '@nx/eslint-plugin';
import { defineConfig, globalIgnores } from 'eslint/config';
import { createProjectGraphAsync } from 'nx/src/devkit-exports.js';
import tseslint from 'typescript-eslint';

// The boundary rule reads Nx's project graph from its cache and silently skips itself when there is
// none, as in a fresh checkout. So the graph is made here, in this process: no daemon, no workers.
process.env['NX_DAEMON'] ??= 'false';
process.env['NX_ISOLATE_PLUGINS'] ??= 'false';
await createProjectGraphAsync({ exitOnError: false });

/** One direction: apps → queue → copy → dws-client; contracts is a leaf that everybody may import. */
const MAY_IMPORT = {
  app: ['queue', 'copy', 'config', 'dws-client', 'embedded', 'contracts'],
  queue: ['copy', 'dws-client', 'contracts'],
  copy: ['dws-client', 'contracts'],
  'dws-client': ['contracts'],
  config: ['dws-client', 'embedded', 'contracts'],
  embedded: ['contracts'],
  testkit: ['embedded', 'contracts'],
  contracts: [],
};

const depConstraints = Object.entries(MAY_IMPORT).map(([scope, targets]) => ({
  sourceTag: `scope:${scope}`,
  onlyDependOnLibsWithTags: targets.map((target) => `scope:${target}`),
}));

/** No project lists the testkit, so only a test, where this allows it, can import it. */
const directions = (allow = []) => ({
  '@nx/enforce-module-boundaries': ['error', { depConstraints, allow }],
});

/** Packages that have their place in the house, and what to say to everybody else. */
const PACKAGES = {
  pg: {
    regex: '^pg($|/|-)',
    message: 'pg has one door: libs/dws-client (and plain pg in libs/testkit and bench).',
  },
  nest: {
    regex: '^(@nestjs/|rxjs($|/))',
    message: 'NestJS and rxjs stay in apps: a library runs without a framework.',
  },
  bullmq: {
    regex: '^bullmq($|/)',
    message: 'BullMQ has one door: libs/queue, and the apps that compose it.',
  },
  vitest: {
    regex: '^vitest($|/)',
    message: 'vitest is for tests and libs/testkit.',
  },
  insides: {
    regex: '^@copyline/[^/]+/',
    message: 'Import a library by its name; what its index.ts does not export is its own affair.',
  },
};

/** Where they are at home. A folder that is not listed has none of them. */
const AT_HOME = {
  '{libs,apps}/*': [],
  'apps/*': ['nest', 'bullmq'],
  'libs/queue': ['bullmq'],
  'libs/dws-client': ['pg'],
  'libs/testkit': ['pg', 'vitest'],
  bench: ['pg'],
};

function banPackages(...allowed) {
  const banned = Object.entries(PACKAGES).filter(([name]) => !allowed.includes(name));
  return { 'no-restricted-imports': ['error', { patterns: banned.map(([, ban]) => ban) }] };
}

const testsOf = (folder) => [`${folder}/test/**`, `${folder}/src/**/*.test.{ts,tsx}`];

/** The last block that matches a file decides: specific folders after general, tests after sources. */
const placesOfPackages = Object.entries(AT_HOME).flatMap(([folder, packages]) => [
  { files: [`${folder}/**`], rules: banPackages(...packages) },
  { files: testsOf(folder), rules: banPackages(...packages, 'vitest') },
]);

const NODE_GLOBALS = [
  ...['process', 'console', 'Buffer', 'URL', 'performance', 'fetch', 'structuredClone'],
  ...['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'setImmediate'],
  ...['AbortController', 'AbortSignal', 'TextEncoder', 'TextDecoder'],
];

export default defineConfig(
  globalIgnores([
    '**/dist/',
    '**/bundle/',
    '.nx/',
    '.copyline/',
    'coverage/',
    'bench/data/',
    'bench/results/',
  ]),
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  {
    // Scripts and committed shims are plain JavaScript: linted without types.
    files: ['**/*.{js,mjs,cjs}'],
    languageOptions: {
      globals: Object.fromEntries(NODE_GLOBALS.map((name) => [name, 'readonly'])),
    },
  },
  {
    files: ['**/*.{ts,tsx}'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      eqeqeq: 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-import-type-side-effects': 'error',
      // `await using _server` is there for its end, not for its value.
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_' },
      ],
      '@typescript-eslint/prefer-readonly': 'error',
      // `return promise` inside a try escapes its catch.
      '@typescript-eslint/return-await': ['error', 'error-handling-correctness-only'],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      // Members of an index signature keep their brackets: they may not be there.
      '@typescript-eslint/dot-notation': ['error', { allowIndexSignaturePropertyAccess: true }],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowRegExp: true },
      ],
      // `as number` with its reason beside it is welcome; a bare `!` is not.
      '@typescript-eslint/non-nullable-type-assertion-style': 'off',
      // `return stop();` is a fine way out of a function without a result.
      '@typescript-eslint/no-confusing-void-expression': 'off',
      // A module of NestJS is its decorator.
      '@typescript-eslint/no-extraneous-class': ['error', { allowWithDecorator: true }],
      // "Do nothing" is a fine callback.
      '@typescript-eslint/no-empty-function': 'off',
      // pg's types call type OIDs an enum; from the server they come as numbers.
      '@typescript-eslint/no-unsafe-enum-assignment': 'off',
      '@typescript-eslint/no-unsafe-enum-comparison': 'off',
      // New in this version, slow, and about a pattern that nobody here uses.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
    },
  },
  {
    files: ['{libs,apps}/*/src/**'],
    ignores: ['**/*.test.ts', 'libs/testkit/**'],
    rules: { 'no-console': 'error' },
  },
  {
    files: ['{libs,apps}/*/src/**'],
    ignores: ['**/*.test.ts'],
    rules: { 'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }] },
  },
  { files: ['{libs,apps}/**'], plugins: { '@nx': nx }, rules: directions() },
  { files: testsOf('{libs,apps}/*'), rules: directions(['^@copyline/testkit$']) },
  ...placesOfPackages,
  // The testkit stands on the embedded server, whose own tests therefore use plain pg as well.
  { files: testsOf('libs/embedded'), rules: banPackages('pg', 'vitest') },
  { files: ['e2e/**'], rules: banPackages('vitest') },
);
