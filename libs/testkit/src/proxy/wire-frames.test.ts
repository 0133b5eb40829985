import { describe, expect, it } from 'vitest';
import { Exchanges } from './exchanges.ts';
import { type Frame, FrameSplitter } from './wire-frames.ts';
import {
  commandComplete,
  errorResponse,
  parse,
  parseText,
  queryText,
  withSql,
} from './wire-messages.ts';

function packet(code: number, body = ''): Buffer {
  const bytes = Buffer.alloc(8 + body.length);
  bytes.writeInt32BE(bytes.length, 0);
  bytes.writeInt32BE(code, 4);
  bytes.write(body, 8);
  return bytes;
}

function message(type: string, body: string): Buffer {
  const bytes = Buffer.alloc(5 + Buffer.byteLength(body));
  bytes.write(type);
  bytes.writeInt32BE(bytes.length - 1, 1);
  bytes.write(body, 5);
  return bytes;
}

const SSL_REQUEST = packet(80_877_103);
const STARTUP = packet(196_608, 'user\0me\0\0');

describe('cutting a stream into messages', () => {
  const stream = Buffer.concat([
    SSL_REQUEST,
    STARTUP,
    message('Q', 'select 1\0'),
    message('d', 'x'.repeat(300)),
    message('X', ''),
  ]);

  it.each([1, 2, 3, 7, 64, 1_000])('gives the same messages in chunks of %i bytes', (size) => {
    const splitter = new FrameSplitter('toServer');
    const frames: Frame[] = [];
    for (let at = 0; at < stream.length; at += size) {
      frames.push(...splitter.push(stream.subarray(at, at + size)));
    }
    expect(frames.map(({ type }) => type)).toEqual(['sslRequest', 'startup', 'Q', 'd', 'X']);
    expect(Buffer.concat(frames.map(({ bytes }) => bytes))).toEqual(stream);
    expect(splitter.rest()).toHaveLength(0);
  });

  it('keeps what is not whole', () => {
    const splitter = new FrameSplitter('toClient');
    expect(splitter.push(Buffer.concat([message('Z', 'I'), Buffer.from('T\0')]))).toHaveLength(1);
    expect(splitter.rest()).toEqual(Buffer.from('T\0'));
  });

  it('reads the one-byte answer to an SSL request', () => {
    const splitter = new FrameSplitter('toClient');
    splitter.expectAnswerByte();
    const frames = splitter.push(Buffer.concat([Buffer.from('N'), message('Z', 'I')]));
    expect(frames.map(({ type }) => type)).toEqual(['encryptionAnswer', 'Z']);
  });

  it('passes bytes on when they are encrypted', () => {
    const splitter = new FrameSplitter('toClient');
    splitter.becomeOpaque();
    expect(splitter.push(Buffer.from('??'))).toEqual([
      { type: 'opaque', bytes: Buffer.from('??') },
    ]);
  });
});

describe('reading and writing messages', () => {
  it('replaces the SQL of a Query and of a Parse, and nothing else', () => {
    const query = withSql({ type: 'Q', bytes: message('Q', 'commit\0') }, 'rollback ü');
    expect(queryText({ type: 'Q', bytes: query })).toBe('rollback ü');
    const original = message('P', 'name\0select $1\0\0\x01\0\0\0\x17');
    const changed = withSql({ type: 'P', bytes: original }, 'select 1, $1');
    expect(parseText({ type: 'P', bytes: changed })).toEqual({
      statement: 'name',
      sql: 'select 1, $1',
    });
    expect(changed.subarray(-6)).toEqual(original.subarray(-6));
    expect(changed.readInt32BE(1)).toBe(changed.length - 1);
  });

  it('writes what a server would', () => {
    expect(commandComplete('ROLLBACK')).toEqual(message('C', 'ROLLBACK\0'));
    expect(errorResponse({ sqlstate: '40001', message: 'no' })).toEqual(
      message('E', 'SERROR\0VERROR\0C40001\0Mno\0\0'),
    );
  });
});

describe('following who answers what', () => {
  const frame = (type: string, body = ''): Frame => ({ type, bytes: message(type, body) });

  it('sees a statement that was prepared earlier when it is bound again', () => {
    const exchanges = new Exchanges();
    expect(exchanges.sent(frame('P', 's\0commit\0\0\0'))).toBe('commit');
    expect(exchanges.sent(frame('B', '\0s\0'))).toBeUndefined();
    exchanges.sent(frame('E'));
    exchanges.sent(frame('S'));
    expect(exchanges.sent(frame('B', '\0s\0'))).toBe('commit');
  });

  it('counts one answer per Sync, and one per Query', () => {
    const exchanges = new Exchanges();
    exchanges.sent({ type: 'P', bytes: parse('select 1') });
    exchanges.sent(frame('S'));
    exchanges.sent(frame('Q', 'select 2\0'));
    const [first, second] = [exchanges.head, exchanges.last];
    expect(first).not.toBe(second);
    expect(exchanges.answered(frame('Z', 'I'))).toBe(first);
    expect(exchanges.answered(frame('Z', 'I'))).toBe(second);
    expect(exchanges.head).toBeUndefined();
  });

  it('waits for the second Sync of an extended COPY FROM', () => {
    const exchanges = new Exchanges();
    for (const type of ['E', 'S']) exchanges.sent(frame(type));
    const copy = exchanges.head;
    exchanges.answered(frame('G'));
    for (const type of ['d', 'c', 'S']) exchanges.sent(frame(type));
    expect(exchanges.last).toBe(copy);
    exchanges.answered(frame('Z', 'I'));
    expect(exchanges.head).toBeUndefined();
  });
});
