import { postgres18, runProcess, useOwnDatabase } from '@copyline/testkit';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

/** As a user runs it: with the built libraries, in a process of its own. */
describe('the example of extracts', () => {
  const db = useOwnDatabase(postgres18());

  it('is interrupted without harm', async () => {
    const example = '../../../examples/extract-interrupted/interrupted-extract.mjs';
    const file = fileURLToPath(new URL(example, import.meta.url));
    const running = runProcess(process.execPath, [file, db.url()]);
    expect(await running.exit).toEqual({ code: 0, signal: null });
    expect(running.stdout).toBe(
      [
        'interrupted: INTERRUPTED, then: in-transaction',
        'files: 0',
        'extracted: 1 row',
        'committed: before and after',
        'verified: 1 file\n',
      ].join('\n'),
    );
  });
});
