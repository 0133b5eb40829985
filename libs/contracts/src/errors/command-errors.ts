import { define } from './error-definition.ts';

/** Of the command and its configuration. */
export const COMMAND_ERRORS = define({
  USAGE: {
    retry: 'never',
    meaning: 'The command, a flag or an argument is not understood.',
    advice: 'See `copyline --help` or `copyline <command> --help`.',
  },
  CONFIG_INVALID: {
    retry: 'never',
    meaning: 'The configuration file or a load specification is not valid.',
    advice: 'Correct the settings named in the message; all faults are listed at once.',
  },
  CONNINFO_INVALID: {
    retry: 'never',
    meaning: 'The target is neither a connection named in copyline.yaml nor a valid conninfo.',
    advice: 'Write postgresql://user@host:5432/dbname, or host=… dbname=…, or a configured name.',
  },
});
