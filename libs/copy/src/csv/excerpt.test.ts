import { describe, expect, it } from 'vitest';

import { escapeControls, excerptOf, excerptOfText } from './excerpt.ts';

describe('an excerpt', () => {
  it.each([
    ['ends with its line', Buffer.from('abc\r\ndef'), 'abc'],
    ['keeps a carriage return inside', Buffer.from('a\rb'), 'a\\rb'],
    [
      'shows bytes that are not UTF-8',
      Buffer.from([0x61, 0xff, 0xc3, 0xa4, 0xe2, 0x82]),
      'a\\xffä\\xe2\\x82',
    ],
    ['keeps a U+FFFD of the file', Buffer.from('x\ufffd'), 'x\ufffd'],
    [
      'escapes controls',
      Buffer.from('\x1b[31m\x07\0\t\x7f\u0085'),
      '\\x1b[31m\\x07\\x00\\t\\x7f\\x85',
    ],
    ['escapes changes of direction', Buffer.from('\u202egpj.exe\u2066'), '\\u202egpj.exe\\u2066'],
  ])('%s', (_, bytes, text) => {
    expect(excerptOf(bytes)).toBe(text);
  });

  it('has at most 80 characters, and no half one', () => {
    expect(excerptOf(Buffer.from('a'.repeat(80)))).toBe('a'.repeat(80));
    expect(excerptOf(Buffer.from('a'.repeat(81)))).toBe(`${'a'.repeat(79)}…`);
    expect(excerptOf(Buffer.from('€'.repeat(400)))).toBe(`${'€'.repeat(79)}…`);
    expect(excerptOf(Buffer.from('😀'.repeat(400)))).toBe(`${'😀'.repeat(39)}…`);
    expect(excerptOfText('😀'.repeat(400))).toBe(`${'😀'.repeat(39)}…`);
    expect(excerptOf(Buffer.alloc(1000, 0xff)).length).toBe(80);
  });

  it('of a name is safe to print', () => {
    expect(excerptOfText('a\nb')).toBe('a\\nb');
    expect(escapeControls('plain ä 😀')).toBe('plain ä 😀');
  });
});
