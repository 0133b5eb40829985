import { describe, expect, it } from 'vitest';

import { parseCopyContext } from './locate-error.ts';

const COLUMNS = ['a', 'qty', 'amount', 'column', 'x: y', 'x'];

describe('the context of a COPY error', () => {
  it.each([
    ['COPY t, line 3, column qty: "abc"', 3, 'qty'],
    ['COPY t, line 12, column qty: null input', 12, 'qty'],
    ['COPY t, line 12, column qty', 12, 'qty'],
    ['COPY t, line 4: "1,abc qty: 5, column a: "', 4, undefined],
    ['COPY t, line 4', 4, undefined],
    // The value may look like anything.
    ['COPY t, line 3, column a: "x amount: 3"', 3, 'a'],
    ['COPY t, line 3, column a: "\nCOPY t, line 9, column qty: "', 3, 'a'],
    ['COPY t, line 3, column column: "x"', 3, 'column'],
    ['COPY t, line 3, column x: y: "1"', 3, 'x: y'],
    ['COPY t, line 3, column x: "y: 1"', 3, 'x'],
    ['COPY t, line 3, column unknown: "x"', 3, undefined],
    ['PL/pgSQL function f() line 7 at RAISE\nCOPY t, line 5: "x"', 5, undefined],
    ['COPY t, Zeile 3, Spalte qty: »abc«', 3, 'qty'],
    ['COPY t, ligne 3, colonne qty : « abc »', 3, 'qty'],
    ['COPY t, ligne 3 : « abc qty: »', 3, undefined],
  ])('%j', (context, line, column) => {
    expect(parseCopyContext(context, 't', COLUMNS)).toEqual({ line, column });
  });

  it('of another table, or none, tells nothing', () => {
    expect(parseCopyContext('COPY tt, line 3: "x"', 't', COLUMNS)).toBeUndefined();
    expect(parseCopyContext('PL/pgSQL function f() line 7 at RAISE', 't', COLUMNS)).toBeUndefined();
    expect(parseCopyContext('', 't', COLUMNS)).toBeUndefined();
  });

  it('is read with any table name', () => {
    const name = 'a, line 9';
    expect(parseCopyContext(`COPY ${name}, line 3: "x"`, name, [])).toMatchObject({ line: 3 });
  });
});
