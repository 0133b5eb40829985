import { describe, expect, it } from 'vitest';

import { parsePair } from './mapping-flags.ts';
import {
  parseByteSize,
  parseCharacter,
  parseDelimiter,
  parseEncoding,
  parseNames,
} from './values.ts';

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

describe('a delimiter', () => {
  it.each([
    ['||', '||'],
    ['\\t', '\t'],
    [';', ';'],
    ['¦', undefined],
    ['', undefined],
  ])('%j is %j', (text, expected) => {
    if (expected === undefined) expect(() => parseDelimiter(text)).toThrow(/ASCII/);
    else expect(parseDelimiter(text)).toBe(expected);
  });
});

describe('an encoding', () => {
  it.each([
    ['UTF-8', 'utf-8'],
    ['utf16le', 'utf-16le'],
    ['ISO-8859-1', 'latin-1'],
    ['Windows-1252', 'cp1252'],
  ])('%j is %j', (text, encoding) => {
    expect(parseEncoding(text)).toBe(encoding);
  });
});

describe('name=value', () => {
  it.each([
    ['a=b', 'a', 'b'],
    ['Order No=order=no', 'Order No', 'order=no'],
    ['"a=""b"=', 'a="b', ''],
    ['a=x\ny', 'a', 'x\ny'],
  ])('%j', (text, name, value) => {
    expect(parsePair(text)).toEqual([name, value]);
  });

  it.each(['', '=', '=a', 'a', '"a=b'])('%j is refused', (text) => {
    expect(() => parsePair(text)).toThrow(/name=value/);
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
