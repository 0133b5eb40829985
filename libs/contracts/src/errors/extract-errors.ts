import { define } from './error-definition.ts';

/** Of extracts. */
export const EXTRACT_ERRORS = define({
  QUERY_INVALID: {
    retry: 'never',
    meaning: 'What is to be extracted is not one statement that reads.',
    advice: 'Give one SELECT, VALUES, TABLE or WITH; it runs in a read-only transaction.',
  },
  VALUE_UNREPRESENTABLE: {
    retry: 'never',
    meaning: 'A value has no form in Parquet: infinity, a date BC, 24:00, NaN in a decimal.',
    advice: 'Leave the row out with --where, or write the column as text: --query with a cast.',
  },
  SINK_EXISTS: {
    retry: 'never',
    meaning: 'A file that the extract would write exists.',
    advice: 'Choose another name, or replace it with --overwrite.',
  },
  SINK_UNWRITABLE: {
    retry: 'never',
    meaning: 'The file cannot be written where it is wanted.',
    advice: 'Check that the folder exists and may be written to, and that the name is free.',
  },
  SINK_ENOSPC: {
    retry: 'never',
    meaning: 'The disk or the quota is full; nothing is published.',
    advice: 'Free space, or write elsewhere, then run the same command again.',
  },
  SINK_FAILED: {
    retry: 'retry',
    meaning: 'Writing, flushing or renaming a file failed; nothing is published.',
    advice: 'Look at the file system, then run the same command again.',
  },
  SINK_CLOSED: {
    retry: 'never',
    meaning: 'Whoever read the output has gone.',
    advice: 'If that was not on purpose, look at the program behind the pipe.',
  },
  TIME_LIMIT: {
    retry: 'never',
    meaning: 'The work took longer than it was allowed to; it was rolled back.',
    advice: 'Allow more time with --max-duration, or look for what is slow.',
  },
  MANIFEST_INVALID: {
    retry: 'never',
    meaning: 'The manifest is missing, cannot be read, or is not one.',
    advice: 'Give the path of the .manifest.json that the extract has written.',
  },
  MANIFEST_MISMATCH: {
    retry: 'never',
    meaning: 'The files are not those that the manifest speaks of.',
    advice: 'Run the extract again; do not use the files.',
  },
});
