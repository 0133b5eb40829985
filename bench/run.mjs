/** `npm run bench`: see docs/benchmarks.md. */
import { parseArgs } from 'node:util';

import { compare } from './compare.mjs';
import { SHAPES } from './data-sets.mjs';
import { measureDirty } from './dirty.mjs';
import { measureExtracts } from './extract.mjs';
import { interruption } from './measure.mjs';
import { measureMemory } from './memory.mjs';
import { publish } from './publish.mjs';
import { measureSmallJobs } from './small-job.mjs';

const USAGE = `npm run bench -- [flags]

  --quick        small files, one repetition: does it work at all?
  --set NAME     ${SHAPES.join(', ')}; may be given several times (default: all)
  --tool NAME    only psql and this one; may be given several times (default: all)
  --rows N       rows of each file (default: enough for 8 seconds of psql)
  --reps N       repetitions (default: 5)
  --parquet      instead: psql, Copyline, and Copyline with the same rows as Parquet
  --extract      instead: a table to a CSV file, and to a Parquet file
  --dirty        instead: rows to refuse and rows to ask the server about, beside clean ones
  --memory       instead: peak memory of a 200 MB and a 5 GB load, and repeated loads
  --jobs         instead: a small load from its submission to its COMMIT, on both queues
  --publish KIND the newest result in bench/results of that kind goes into the repository
                 (compare, parquet, extract, dirty, memory, small-job); may be given several times`;

for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => interruption.abort());

try {
  const options = readOptions();
  if (options.publish !== undefined) await publish(options.publish);
  else if (options.memory) await measureMemory(options);
  else if (options.extract) await measureExtracts(options);
  else if (options.dirty) await measureDirty(options);
  else if (options.jobs) await measureSmallJobs(options);
  else await compare(options);
} catch (error) {
  if (interruption.signal.aborted) {
    process.stderr.write('Interrupted; the server is stopped and removed.\n');
    process.exitCode = 130;
  } else {
    process.stderr.write(`${error.stack ?? error}\n`);
    process.exitCode = 1;
  }
}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        quick: { type: 'boolean', default: false },
        parquet: { type: 'boolean', default: false },
        extract: { type: 'boolean', default: false },
        dirty: { type: 'boolean', default: false },
        memory: { type: 'boolean', default: false },
        jobs: { type: 'boolean', default: false },
        publish: { type: 'string', multiple: true },
        set: { type: 'string', multiple: true },
        tool: { type: 'string', multiple: true },
        rows: { type: 'string' },
        reps: { type: 'string' },
      },
    });
    const unknown = values.set?.find((name) => !SHAPES.includes(name));
    if (unknown !== undefined) throw new Error(`There is no set “${unknown}”`);
    return {
      quick: values.quick,
      parquet: values.parquet,
      extract: values.extract,
      dirty: values.dirty,
      memory: values.memory,
      jobs: values.jobs,
      publish: values.publish,
      shapes: values.set,
      only: values.tool,
      rows: numberOf('--rows', values.rows),
      repetitions: numberOf('--reps', values.reps),
    };
  } catch (error) {
    process.stderr.write(`${error.message}\n\n${USAGE}\n`);
    process.exit(2);
  }
}

function numberOf(flag, text) {
  if (text === undefined) return undefined;
  if (!/^[1-9]\d{0,9}$/.test(text)) throw new Error(`${flag} takes a whole number`);
  return Number(text);
}
