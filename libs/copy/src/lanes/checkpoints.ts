import type { ScanPosition } from '../csv/scanning.ts';
import type { ServerLinesState } from '../csv/server-lines.ts';

/** What a COPY is sent: rows in its binary form, rows as lines of its text form, or CSV. */
export type CopyForm = 'binary' | 'text' | 'csv';

/** A place from which records can be found again without reading the file from its beginning. */
export interface Checkpoint {
  readonly position: ScanPosition;
  /** Lines of the current COPY before this place, as the server counts them. */
  readonly serverLines: ServerLinesState;
}

/** A list that has grown to so many is thinned out. */
const MOST_CHECKPOINTS = 1024;

/** Where the COPY that is running has come by: for the place of an error that the server raises. */
export class CopyTrail {
  form: CopyForm = 'text';
  readonly checkpoints: Checkpoint[] = [];

  /** Another COPY begins; the server counts its lines from 1. */
  begin(form: CopyForm): void {
    this.form = form;
    this.checkpoints.length = 0;
  }

  /**
   * Keeps the list short however long the file is: every second one goes when it is full. So the
   * latest stand at each window, older ones ever further apart, and the first one stays.
   */
  add(next: Checkpoint): void {
    if (this.checkpoints.length >= MOST_CHECKPOINTS) {
      const kept = this.checkpoints.filter((_, i) => i % 2 === 0);
      this.checkpoints.splice(0, this.checkpoints.length, ...kept);
    }
    this.checkpoints.push(next);
  }
}
