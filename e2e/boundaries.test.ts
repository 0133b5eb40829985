import { join } from 'node:path';
import { ESLint } from 'eslint';
import tseslint from 'typescript-eslint';
import { beforeAll, describe, expect, it } from 'vitest';

/**
 * The rules that keep the house in one direction, proven by planting violations. Text is linted under
 * the name of a file that does not exist: the tree stays untouched, and the workspace's own
 * configuration applies. Only the types are switched off; the boundaries do not need them.
 */

const DIRECTION = '@nx/enforce-module-boundaries';
const PLACE = 'no-restricted-imports';

const root = join(import.meta.dirname, '..');
let eslint: ESLint;

beforeAll(() => {
  eslint = new ESLint({ cwd: root, overrideConfig: [tseslint.configs.disableTypeChecked] });
});

/** Which of the two boundary rules fire, or any fatal error: a file that is not linted proves nothing. */
async function boundaryRules(filePath: string, code: string): Promise<string[]> {
  const [result] = await eslint.lintText(code, { filePath: join(root, filePath) });
  expect(result, `${filePath} was ignored`).toBeDefined();
  const messages = result?.messages ?? [];
  expect(messages.filter((message) => message.fatal)).toEqual([]);
  return messages.flatMap(({ ruleId }) =>
    ruleId === DIRECTION || ruleId === PLACE ? [ruleId] : [],
  );
}

/** Where the planted file would stand, the import it has, and the rule it meets. */
const VIOLATIONS: readonly (readonly [file: string, target: string, rule: string])[] = [
  // Nothing calls up.
  ['libs/contracts/src/planted.ts', '@copyline/copy', DIRECTION],
  ['libs/contracts/src/planted.ts', '@copyline/dws-client', DIRECTION],
  ['libs/dws-client/src/planted.ts', '@copyline/copy', DIRECTION],
  ['libs/copy/src/planted.ts', '@copyline/cli', DIRECTION],
  ['libs/embedded/src/planted.ts', '@copyline/dws-client', DIRECTION],
  // The embedded server is for apps and the testkit; the testkit drives plain pg.
  ['libs/copy/src/planted.ts', '@copyline/embedded', DIRECTION],
  ['libs/testkit/src/planted.ts', '@copyline/dws-client', DIRECTION],
  // No product source has the testkit, and no side door leads past a library's index.
  ['libs/copy/src/planted.ts', '@copyline/testkit', DIRECTION],
  ['apps/cli/src/planted.ts', '@copyline/testkit', DIRECTION],
  ['libs/copy/src/planted.ts', '../../dws-client/src/connection.ts', DIRECTION],
  ['apps/cli/src/planted.ts', '@copyline/copy/src/run-load.ts', PLACE],
  // A test is held to the same directions as the source beside it.
  ['libs/contracts/test/planted.test.ts', '@copyline/copy', DIRECTION],
  // Each of these packages has its place.
  ['libs/copy/src/planted.ts', 'pg', PLACE],
  ['libs/copy/src/planted.ts', 'pg/lib/connection.js', PLACE],
  ['libs/copy/src/planted.ts', 'pg-copy-streams', PLACE],
  ['libs/copy/test/planted.test.ts', 'pg', PLACE],
  ['apps/cli/src/planted.ts', 'pg', PLACE],
  ['libs/dws-client/src/planted.ts', '@nestjs/common', PLACE],
  ['libs/copy/src/planted.ts', 'rxjs', PLACE],
  ['libs/copy/src/planted.ts', 'bullmq', PLACE],
  ['libs/copy/src/planted.ts', 'vitest', PLACE],
];

const CLEAN: readonly (readonly [file: string, target: string])[] = [
  ['apps/cli/src/planted.ts', '@copyline/copy'],
  ['apps/cli/src/planted.ts', '@copyline/embedded'],
  ['apps/cli/src/planted.ts', '@nestjs/common'],
  ['libs/copy/src/planted.ts', '@copyline/dws-client'],
  ['libs/copy/src/planted.ts', '@copyline/contracts'],
  ['libs/copy/test/planted.test.ts', '@copyline/testkit'],
  ['libs/embedded/test/planted.test.ts', '@copyline/testkit'],
  ['libs/copy/src/planted.test.ts', 'vitest'],
  ['libs/dws-client/src/planted.ts', 'pg'],
  ['libs/dws-client/src/planted.ts', 'pg-copy-streams'],
  ['libs/testkit/src/planted.ts', 'pg'],
  ['libs/testkit/src/planted.ts', '@copyline/embedded'],
  ['e2e/planted.test.ts', '@copyline/testkit'],
];

describe('a forbidden import is reported', () => {
  it.each(VIOLATIONS)('%s imports %s', async (file, target, rule) => {
    expect(await boundaryRules(file, `import '${target}';\n`)).toContain(rule);
  });

  it('also as a type, as a re-export and as import()', async () => {
    const file = 'libs/dws-client/src/planted.ts';
    const forms = [
      `import type { runLoad } from '@copyline/copy';\nexport type R = typeof runLoad;\n`,
      `export * from '@copyline/copy';\n`,
      `export const late = () => import('@copyline/copy');\n`,
    ];
    for (const code of forms) expect(await boundaryRules(file, code)).toContain(DIRECTION);
  });
});

describe('a clean import is not reported', () => {
  it.each(CLEAN)('%s imports %s', async (file, target) => {
    expect(await boundaryRules(file, `import '${target}';\n`)).toEqual([]);
  });
});
