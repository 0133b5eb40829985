import { define } from './error-definition.ts';

/** Of target. */
export const TARGET_ERRORS = define({
  TABLE_NOT_FOUND: {
    retry: 'never',
    meaning: 'The target table does not exist.',
    advice: 'Check the name, or let Copyline create the table with --create.',
  },
  TABLE_UNSUITABLE: {
    retry: 'never',
    meaning: 'The target cannot be filled by COPY.',
    advice: 'Load into a table.',
  },
  LANE_UNSUITABLE: {
    retry: 'never',
    meaning: 'The lane that was asked for cannot take this load; the message says why.',
    advice: 'Leave --lane out: the fastest lane that can take the load is chosen.',
  },
  COLUMN_NOT_FOUND: {
    retry: 'never',
    meaning: 'A column named with --columns does not exist in the target.',
    advice: 'Check the spelling; the message lists the columns of the table.',
  },
  TABLE_CHANGED: {
    retry: 'retry',
    meaning: 'The target was created or replaced by somebody else while the load was starting.',
    advice: 'Run the load again.',
  },
  VALUE_REFUSED: {
    retry: 'never',
    meaning: 'A value is not of its column’s type, to the server or already on the way to it.',
    advice: 'Correct the value at the place named, or change the type of the column.',
  },
  CONSTRAINT_VIOLATED: {
    retry: 'never',
    meaning: 'A row violates a constraint of the target.',
    advice: 'Correct the row at the place named.',
  },
  REJECT_LIMIT_EXCEEDED: {
    retry: 'never',
    meaning: 'More records were refused than the limit allows; the load was rolled back.',
    advice:
      'Look at the first rejects in the report; correct the file, or raise --reject-limit. `copyline validate` lists all of them.',
  },
  REJECTS_UNSUPPORTED: {
    retry: 'never',
    meaning: 'The target cannot be loaded with --on-error continue; the message says why.',
    advice: 'Load with --on-error abort, or change what the message names.',
  },
  REFUSALS_UNBOUNDED: {
    retry: 'never',
    meaning:
      'A server without COPY under a savepoint refused more records than a load starts again for; the load was rolled back.',
    advice:
      'Correct the records that the report lists and others like them; `copyline validate` lists more. Or load into a table whose columns take everything, and judge the rows there.',
  },
  COUNT_MISMATCH: {
    retry: 'never',
    meaning:
      'The server stored another number of rows than the file has; the load was rolled back.',
    advice: 'Look for rules or triggers on the target; this should never happen otherwise.',
  },
});

/** Of ledger. */
export const LEDGER_ERRORS = define({
  LEDGER_UNAVAILABLE: {
    retry: 'never',
    meaning: 'The ledger cannot be created or used in the target database.',
    advice:
      'Ask a DBA to run the output of `copyline init --print-sql`, or load with --ledger none (then a repeated load stores the rows again).',
  },
  LEDGER_NEWER: {
    retry: 'never',
    meaning: 'The ledger was made by a newer Copyline.',
    advice: 'Upgrade this Copyline.',
  },
  LOAD_BUSY: {
    retry: 'busy',
    meaning: 'Another process is loading the same source into the same table.',
    advice: 'Wait for it to end; `copyline history` shows it.',
  },
  LOAD_SUPERSEDED: {
    retry: 'retry',
    meaning: 'A newer run of the same load took over; this one was rolled back.',
    advice: 'Nothing to do; run the command again to see the outcome.',
  },
  ALREADY_LOADED_DIFFERENTLY: {
    retry: 'never',
    meaning: 'The same content is loaded already, but was read with other settings.',
    advice: 'Compare with `copyline show <load>`; load it again on purpose with --force.',
  },
  REJECTS_GONE: {
    retry: 'never',
    meaning: 'The ledger does not have the rejects of the load any more, or it never had any.',
    advice: 'Load the corrected file; `copyline show <load>` has the number of rejects.',
  },
  REPLAY_UNSUPPORTED: {
    retry: 'never',
    meaning: 'The ledger has the settings of the load in a form that this Copyline does not know.',
    advice:
      'Replay with the Copyline that made the load, or write its rejects with `copyline rejects <load> --to FILE` and load that file.',
  },
  LOAD_NOT_FOUND: {
    retry: 'never',
    meaning: 'The ledger has no load of that id.',
    advice: 'List the loads with `copyline history`.',
  },
});
