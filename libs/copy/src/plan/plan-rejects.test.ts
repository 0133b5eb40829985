import { csvDialectSchema, loadSpecSchema } from '@copyline/contracts';
import { capabilitiesOf, type Flavour } from '@copyline/dws-client';
import { describe, expect, it } from 'vitest';

import type { LoadFacts } from './facts.ts';
import type { ColumnMapping } from './map-fields.ts';
import { planRejects } from './plan-rejects.ts';
import type { Reading } from '../source/reading.ts';
import type { RejectFacts } from './reject-facts.ts';

const FACTS: RejectFacts = {
  mayStage: true,
  hasInsertRule: false,
  mayRead: true,
  earlyConstraints: [],
  uniqueKeys: [],
  hasOtherKeys: false,
  checks: [],
  notNull: [],
};

const READING: Reading = {
  format: 'csv',
  compression: 'none',
  unpackLimits: { maxUnpackedBytes: 1, maxUnpackRatio: 1 },
  encoding: 'utf-8',
  bomBytes: 0,
  end: 9,
  tolerant: undefined,
  json: undefined,
};

function plan(
  more: Partial<RejectFacts>,
  reading = READING,
  flavour: Flavour = 'postgres',
): ReturnType<typeof planRejects> {
  const session = { can: capabilitiesOf({ flavour, version: '18.4' }) };
  const spec = loadSpecSchema.parse({ source: { path: 'a' }, into: 't', onError: 'continue' });
  const source = { head: { reading } };
  const rejects = { ...FACTS, ...more };
  const facts = { session, table: undefined, inferred: ['text'], source, rejects };
  const mapping = { fields: [{ column: 'a', nulls: [] }], set: [] };
  // The parts that it asks for.
  return planRejects(
    spec,
    facts as unknown as LoadFacts,
    { schema: 's', name: 't' },
    mapping as unknown as ColumnMapping,
  );
}

describe('a plan for rejects', () => {
  it('judges constraints early that may be', () => {
    expect(plan({})?.statementBefore).toBeUndefined();
    expect(plan({ earlyConstraints: ['s.k'] })?.statementBefore).toBe(
      'SET CONSTRAINTS s.k IMMEDIATE',
    );
  });

  it.each([
    ['a role without temporary tables', { mayStage: false }],
    ['a rule that rewrites INSERT', { hasInsertRule: true }],
  ])('refuses %s, before anything is loaded', (_, facts) => {
    expect(() => plan(facts)).toThrow(expect.objectContaining({ code: 'REJECTS_UNSUPPORTED' }));
  });

  it('needs no stage, and nothing that a stage needs, without COPY under a savepoint', () => {
    expect(plan({ mayStage: false, earlyConstraints: ['s.k'] }, READING, 'gaussdb-dws')).toEqual({
      limit: undefined,
      file: undefined,
      statementBefore: undefined,
      stage: undefined,
    });
  });

  it('refuses a file whose bytes are not those that are scanned', () => {
    const tolerant = { dialect: csvDialectSchema.parse({ comment: '#' }), maxRecordBytes: 1 };
    expect(() => plan({}, { ...READING, tolerant })).toThrow(
      expect.objectContaining({ code: 'REJECTS_UNSUPPORTED' }),
    );
  });

  it('gives its own columns names that the file does not have', () => {
    expect(plan({})?.stage?.create[0]).toContain('copyline_ord bigint');
  });
});
