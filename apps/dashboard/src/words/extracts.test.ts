import { expect, test } from 'vitest';

import { NOW, sampleError, sampleExtract, sampleExtractReport } from '../../test/sample-job.ts';
import { endsOf } from './ends.ts';
import { figuresOf } from './figures.ts';
import { outcomeText } from './outcomes.ts';
import { progressWords } from './progress.ts';
import { remarkOn } from './remarks.ts';
import { unusualSettings } from './settings.ts';

const done = (more: Parameters<typeof sampleExtract>[0] = {}) =>
  sampleExtract({ state: 'done', report: sampleExtractReport(), ...more });

test('an extract goes from a table or a query to a sink', () => {
  const { extract } = sampleExtract();
  expect(endsOf(sampleExtract())).toEqual({
    ...{ from: 'warehouse · sales.orders', to: 'outbox:orders.csv', link: 'to' },
  });
  const from = { query: 'select 1' };
  const asked = sampleExtract({ extract: { ...extract, from, compression: 'gzip' } });
  expect(endsOf(asked).from).toBe('warehouse · query');
  expect(unusualSettings(sampleExtract())).toEqual([]);
  expect(unusualSettings(asked)).toEqual([
    ['Query', 'select 1'],
    ['Compression', 'gzip'],
  ]);
});

test('a running one shows rows and a rate, but no share: nobody knows how much there is', () => {
  const progress = { phase: 'copy', bytesRead: 430, rowsRead: 12 };
  const rates = { bytesPerSecond: 5e6, rowsPerSecond: 300 };
  const job = sampleExtract({ state: 'running', progress: { ...progress, ...rates } });
  expect(figuresOf(job)).toEqual({ rows: 12, ...rates });
  expect(progressWords(job.progress)).toEqual({ doing: 'copying', percent: null, left: null });
});

test('what is true of it is what is in the sink', () => {
  expect(outcomeText(done())).toBe('1,000 rows are in outbox:orders.csv.');
  const [file] = sampleExtractReport().files;
  const split = sampleExtractReport({ files: file === undefined ? [] : [file, file] });
  expect(outcomeText(done({ report: split, cancelRequested: true }))).toBe(
    '1,000 rows are in 2 files of outbox:orders.csv. They were being published when the cancel arrived.',
  );
  expect(remarkOn(done({ report: split }), NOW).text).toBe('2 files');
  expect(outcomeText(sampleExtract({ state: 'failed', error: sampleError() }))).toBe(
    'It failed. Nothing is published.',
  );
  expect(remarkOn(sampleExtract({ state: 'cancelled' }), NOW).text).toBe('nothing is published');
  const cancelling = sampleExtract({ state: 'running', cancelRequested: true });
  expect(outcomeText(cancelling)).toContain('unless it is being published already');
});
