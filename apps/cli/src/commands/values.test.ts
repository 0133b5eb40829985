import { describe, expect, it } from 'vitest';

import { parseByteSize, parseCharacter, parseNames } from './values.ts';

describe('a character', () => {
  it.each([
    [';', ';'],
    ['\\t', '\t'],
    ['\\x01', '\x01'],
    ['\\', '\\'],
    [' ', ' '],
  ])('%j is %j', (text, character) => {
    expect(parseCharacter(text)).toBe(character);
  });

  it.each(['', 'ab', '||', 'é', '\\x1', '\\xff'])('%j is refused', (text) => {
    expect(() => parseCharacter(text)).toThrow(/one ASCII character/);
  });
});

describe('names by commas', () => {
  it.each<[string, string[]]>([
    ['a', ['a']],
    ['a,b', ['a', 'b']],
    [' a , b ', ['a', 'b']],
    ['"a,b",c', ['a,b', 'c']],
    ['"say ""hi""",c', ['say "hi"', 'c']],
    ['First Name,Größe', ['First Name', 'Größe']],
    ['a,', ['a', '']],
    ['a,,b', ['a', '', 'b']],
  ])('%j', (text, names) => {
    expect(parseNames(text)).toEqual(names);
  });

  it.each(['a"b', '"a', '"a"b,c'])('%j is refused', (text) => {
    expect(() => parseNames(text)).toThrow(/separated by commas/);
  });
});

describe('a size', () => {
  it.each([
    ['1', 1],
    ['500kB', 500 * 1024],
    ['64MB', 64 * 1024 ** 2],
    ['64m', 64 * 1024 ** 2],
    ['2 GB', 2 * 1024 ** 3],
    ['7b', 7],
  ])('%j is %d bytes', (text, bytes) => {
    expect(parseByteSize(text)).toBe(bytes);
  });

  it.each(['', '0', '-1', '1.5MB', '1TB', 'MB', '1e3'])('%j is refused', (text) => {
    expect(() => parseByteSize(text)).toThrow(/a size/);
  });
});
