/**
 * The usual pipeline in Node: csv-parse makes records, they are written as COPY text in batches.
 *
 * Every empty field becomes NULL, so "" is not stored as it should be. csv-parse can tell the two
 * apart only with a function called for each field, which makes it ten times slower still.
 */
import { createReadStream } from 'node:fs';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { parse } from 'csv-parse';
import { from } from 'pg-copy-streams';

import { connect } from './connect.mjs';

/** Text collected before it is handed on; a chunk per record is slower still. */
const BATCH_CHARACTERS = 64 * 1024;
const ESCAPES = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

class CopyText extends Transform {
  #text = '';

  constructor() {
    super({ writableObjectMode: true });
  }

  _transform(record, _encoding, done) {
    this.#text += `${record.map(textField).join('\t')}\n`;
    if (this.#text.length < BATCH_CHARACTERS) return done();
    const batch = this.#text;
    this.#text = '';
    done(null, batch);
  }

  _flush(done) {
    done(null, this.#text);
  }
}

function textField(value) {
  if (value === '') return '\\N';
  return /[\\\n\r\t]/.test(value) ? value.replace(/[\\\n\r\t]/g, (each) => ESCAPES[each]) : value;
}

const [conninfo, table, file] = process.argv.slice(2);
const client = await connect(conninfo);
await pipeline(
  createReadStream(file, { highWaterMark: 64 * 1024 }),
  parse({ from: 2 }),
  new CopyText(),
  client.query(from(`copy ${table} from stdin`)),
);
await client.end();
