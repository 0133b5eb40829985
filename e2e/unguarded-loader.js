// A loader whose plans ask the ledger nothing, to show that the kill tests can fail. Not part of
// the product: `node unguarded-loader.js FILE TARGET` loads FILE into the table t.
import { connect } from '@copyline/dws-client';
import { planLoad, runLoad } from '@copyline/copy';

const [file, target] = process.argv.slice(2);

const { report, error } = await runLoad(
  { source: { path: file }, into: 't' },
  {
    connect: (signal) => connect({ target, ...(signal && { signal }) }),
    database: 'test',
    planLoad: (spec, table, facts) => {
      const plan = planLoad({ ...spec, force: true }, table, facts);
      return { ...plan, ledger: { ...plan.ledger, answer: undefined, hashFirst: false } };
    },
  },
);
process.stdout.write(`${JSON.stringify(report)}\n`);
if (error !== undefined) process.exitCode = 1;
