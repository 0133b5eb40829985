import type { LoadReport } from '@copyline/contracts';

interface CountLine {
  readonly label: string;
  readonly rows: number;
}

/** The rows of a load as an account: what became of each, and whether that is all of them. */
export interface Account {
  readonly lines: readonly CountLine[];
  readonly parsed: number;
  /** False would be a fault of the engine, which rolls such a load back. */
  readonly isBalanced: boolean;
}

export function accountOf(report: LoadReport): Account {
  const lines = [
    { label: 'Loaded', rows: report.rowsLoaded },
    { label: 'Rejected', rows: report.rowsRejected },
    { label: 'Skipped', rows: report.rowsSkipped },
    { label: 'Suppressed by triggers', rows: report.rowsSuppressed },
  ];
  const sum = lines.reduce((total, { rows }) => total + rows, 0);
  return { lines, parsed: report.rowsParsed, isBalanced: sum === report.rowsParsed };
}
