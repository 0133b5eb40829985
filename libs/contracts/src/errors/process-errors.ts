import { define } from './error-definition.ts';

/** Of the embedded database. */
export const EMBEDDED_ERRORS = define({
  EMBEDDED_UNAVAILABLE: {
    retry: 'never',
    meaning: 'There is no embedded PostgreSQL for this platform, or its files are incomplete.',
    advice: 'Run `npm ci` again with install scripts allowed, or give a --target of your own.',
  },
  EMBEDDED_START_FAILED: {
    retry: 'never',
    meaning: 'The embedded PostgreSQL did not start.',
    advice: 'Read the server’s own words in the message and in the log it names.',
  },
});

/** Of the process. */
export const PROCESS_ERRORS = define({
  INTERRUPTED: {
    retry: 'retry',
    meaning: 'The work was interrupted and rolled back.',
    advice: 'Run the same command again.',
  },
  INTERNAL: {
    retry: 'never',
    meaning: 'An error inside Copyline.',
    advice: 'Please report it, with the output of the same command under --verbose.',
  },
});
