/** The shortest correct loader in Node: the file's bytes, unread, into pg-copy-streams. */
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';

import { from } from 'pg-copy-streams';

import { connect } from './connect.mjs';

const [conninfo, table, file] = process.argv.slice(2);
const client = await connect(conninfo);
await pipeline(
  createReadStream(file, { highWaterMark: 64 * 1024 }),
  client.query(from(`copy ${table} from stdin with (format csv, header)`)),
);
await client.end();
