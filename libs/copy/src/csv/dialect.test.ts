import { csvDialectSchema, type CsvDialect } from '@copyline/contracts';
import { describe, expect, it } from 'vitest';

import { copyOptions, dialectBytes } from './dialect.ts';

const dialect = (changes: Partial<CsvDialect>): CsvDialect => csvDialectSchema.parse(changes);

describe('a dialect', () => {
  it('is read as bytes', () => {
    expect(dialectBytes(dialect({}))).toEqual({ delimiter: 44, quote: 34, escape: 34 });
    expect(dialectBytes(dialect({ delimiter: '\x01', quote: "'", escape: '\\' }))).toEqual({
      delimiter: 1,
      quote: 39,
      escape: 92,
    });
  });

  it.each([
    [{ delimiter: '' }, 'delimiter must be one ASCII character'],
    [{ delimiter: '||' }, 'delimiter must be one ASCII character'],
    [{ quote: '«' }, 'quote must be one ASCII character'],
    [{ delimiter: '\n' }, 'delimiter must not be a line end'],
    [{ escape: '\0' }, 'escape must not be a line end or NUL'],
    [{ delimiter: '"' }, 'delimiter and quote must differ'],
    [{ escape: ',' }, 'delimiter and escape must differ'],
    [{ null: 'a,b' }, 'must not hold the delimiter'],
    [{ null: '"' }, 'must not hold the quote'],
    [{ null: 'a\rb' }, 'must not hold a line end'],
    [{ null: '\\.' }, 'must not be \\.'],
    [{ delimiter: '.', null: '\\' }, 'must not be \\.'],
    [{ delimiter: '\\', null: '.' }, 'must not be \\.'],
  ])('%j is refused', (changes, words) => {
    expect(() => dialectBytes(dialect(changes))).toThrow(words);
  });

  it('is refused with all its faults at once', () => {
    expect(() => dialectBytes(dialect({ delimiter: '', quote: '\n', null: '\r' }))).toThrow(
      /delimiter must be.*quote must not.*NULL marker/,
    );
  });

  it('is told to the server with everything quoted', () => {
    expect(copyOptions(dialect({ delimiter: '\t', quote: "'", escape: '\\', null: "it's" }))).toBe(
      `(FORMAT csv, DELIMITER '\t', QUOTE '''', ESCAPE  E'\\\\', NULL 'it''s', ENCODING 'UTF8')`,
    );
  });
});
