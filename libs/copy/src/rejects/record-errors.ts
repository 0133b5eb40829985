import { CopylineError } from '@copyline/contracts';

/**
 * SQLSTATEs that are not about a record but about the server, the session or the load itself: a
 * connection that is lost, a full disk, a missing privilege, a cancelled statement, a broken trigger.
 * Everything else may be the fault of a record: classes 22 and 23, what triggers raise (P0001 and codes
 * of their own), an index entry that is too long (54000).
 *
 * Written as a regular expression that JavaScript and PostgreSQL both understand. Source: PostgreSQL
 * documentation, appendix "PostgreSQL Error Codes".
 */
export const NOT_OF_A_RECORD =
  '^(0[0-9A-Z]|2[4-8BDF]|3[4BDF]|40|42|53|54[01][1-9]|5402|55|57|58|72|F0|HV|XX)';

const PATTERN = new RegExp(NOT_OF_A_RECORD);

/** Whether an error of the server may be the fault of a record that it was sent. */
export function isRecordError(error: unknown): error is CopylineError {
  if (!(error instanceof CopylineError) || error.sqlstate === undefined) return false;
  return error.sqlstate !== '' && !PATTERN.test(error.sqlstate);
}
