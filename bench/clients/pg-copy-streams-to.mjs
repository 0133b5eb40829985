/** The shortest extract in Node: what pg-copy-streams brings into a file. */
import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';

import { to } from 'pg-copy-streams';

import { connect } from './connect.mjs';

const [conninfo, table, file] = process.argv.slice(2);
const client = await connect(conninfo);
await pipeline(
  client.query(to(`copy (select * from ${table}) to stdout with (format csv, header)`)),
  createWriteStream(file, { highWaterMark: 1024 * 1024 }),
);
await client.end();
