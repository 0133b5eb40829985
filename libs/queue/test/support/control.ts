import {
  loadRequestSchema,
  refusedReport,
  CopylineError,
  type LoadReport,
  type LoadRequest,
  type LoadRequestInput,
  type Work,
} from '@copyline/contracts';
import { within, type TestDatabase } from '@copyline/testkit';
import { onTestFinished } from 'vitest';

import { ControlDatabase, Schedules, Submissions, type ControlOptions } from '../../src/index.ts';

export interface OpenControl {
  readonly database: ControlDatabase;
  readonly submissions: Submissions;
  readonly schedules: Schedules;
}

/** Closed when the test ends. */
export async function openControl(
  db: Pick<TestDatabase, 'url'> & Partial<TestDatabase>,
  options: Partial<ControlOptions> = {},
): Promise<OpenControl> {
  // In the schema of the test where it has one, else under its usual name in the test's database.
  const schema = db.schema === undefined || db.schema === 'public' ? {} : { schema: db.schema };
  const database = await ControlDatabase.open({ target: db.url(), ...schema, ...options });
  onTestFinished(() => within('the control database to close', database.close(), 10_000));
  const submissions = new Submissions(database);
  return { database, submissions, schedules: new Schedules(database, submissions) };
}

export function load(more: Partial<LoadRequestInput> = {}): LoadRequest {
  return loadRequestSchema.parse({ source: 'inbox:orders.csv', into: 'orders', ...more });
}

export function work(more: Partial<LoadRequestInput> = {}): Extract<Work, { type: 'load' }> {
  return { type: 'load', load: load(more) };
}

export function reportOf(rowsLoaded: number): LoadReport {
  const { error: _, ...rest } = refusedReport(new CopylineError('INTERNAL', 'never shown'));
  return { ...rest, status: 'loaded', rowsLoaded, rowsParsed: rowsLoaded, error: null };
}
