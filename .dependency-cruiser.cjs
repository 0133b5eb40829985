// Where a program starts: reached from outside, not by an import.
const ENTRIES = [
  '^(apps|libs)/[^/]+/src/(index|main)\\.ts$',
  // A process of its own, started by its path.
  '^libs/embedded/src/supervisor\\.ts$',
  // A thread's program, started by its path.
  '^libs/copy/src/files/load-thread\\.ts$',
  // The bundler's entry into the page.
  '^apps/dashboard/vite\\.config\\.ts$',
  // vitest's global set-up.
  '^libs/testkit/src/servers/shared-servers\\.ts$',
];

const TESTS = ['^(apps|libs)/[^/]+/test/', '\\.test\\.tsx?$'];

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-circular',
      comment: 'Two files that need each other are one file, or lack a third. Types count too.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-orphans',
      comment: 'A file that imports nothing and that nothing imports is left over.',
      severity: 'error',
      from: { orphan: true, pathNot: [...ENTRIES, ...TESTS] },
      to: {},
    },
    {
      name: 'no-dead-sources',
      comment: 'A source that no entry reaches is not part of the product.',
      severity: 'error',
      from: { path: ENTRIES },
      to: { path: '^(apps|libs)/[^/]+/src/', pathNot: [...ENTRIES, ...TESTS], reachable: false },
    },
    {
      name: 'no-tests-in-sources',
      comment: 'What a product source needs is a source.',
      severity: 'error',
      from: { path: '^(apps|libs)/[^/]+/src/', pathNot: TESTS },
      to: { path: TESTS },
    },
    {
      name: 'pg-has-one-door',
      comment:
        'The driver is the only user of pg. The linter says so too; this also sees import().',
      severity: 'error',
      from: {
        // The testkit talks plain pg on purpose, and the embedded server's tests lie below it.
        pathNot: '^libs/(dws-client|testkit|embedded/test)/',
      },
      to: { path: '(^|/)node_modules/(@types/)?pg(-|/)' },
    },
    {
      name: 'no-unresolvable',
      comment: 'An import that does not resolve hides from every other rule.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(dist|bundle)/' },
    tsConfig: { fileName: 'tsconfig.json' },
    // Imports of types count.
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      // Workspace packages resolve to their sources, as they do in the tests.
      exportsFields: ['exports'],
      conditionNames: ['@copyline/source', 'import', 'require', 'node', 'default', 'types'],
      mainFields: ['module', 'main', 'types'],
    },
  },
};
