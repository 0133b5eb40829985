import type { CommitState, ReportError, RetryClass } from '@copyline/contracts';

import { countText } from './numbers.ts';

/** What a repetition can achieve, as the table of errors means it. */
export const RETRY_TEXT: Readonly<Record<RetryClass, string>> = {
  never: 'The same input fails again: something must be changed first.',
  retry: 'A passing fault: the run may be repeated as it is.',
  busy: 'Somebody else holds the work: it is asked for again later.',
  resolve: 'The outcome is unknown: it is found out before anything is repeated.',
};

/** What became of the transaction that failed; only of the whole job is known whether it is loaded. */
export const COMMIT_TEXT: Readonly<Record<CommitState, string>> = {
  none: 'No transaction of the run was open.',
  rolled_back: 'Rolled back: nothing is loaded.',
  committed: 'Committed: the rows are in the target.',
  unknown: 'Unknown: COMMIT was sent and its answer was lost.',
};

/** Where an error is, as pairs to show; what is not known is left out. */
export function placeFacts(error: ReportError): (readonly [label: string, value: string])[] {
  const facts = [
    ['File', error.source],
    ['Record', number(error.record)],
    ['Line', number(error.line)],
    ['Row group', number(error.rowGroup ?? null)],
    ['Column', error.column],
    ['Byte offset', number(error.byteOffset)],
  ] as const;
  return facts.flatMap(([label, value]) => (value === null ? [] : [[label, value] as const]));
}

function number(value: number | null): string | null {
  return value === null ? null : countText(value);
}
