import type { Job, JobState } from '@copyline/contracts';

/** Which of the signal colours speaks; the shape and the word say the same. */
export type Tone = 'neutral' | 'active' | 'good' | 'caution' | 'doubt' | 'bad';

interface StateWords {
  readonly label: string;
  readonly tone: Tone;
  /** Nothing happens to the job any more. */
  readonly isFinal: boolean;
  /** Of the list that shows only this state, when it is empty. */
  readonly nobody: string;
}

/** The states of a job in the order in which the filter offers them. */
export const STATES: Readonly<Record<JobState, StateWords>> = {
  running: { label: 'Running', tone: 'active', isFinal: false, nobody: 'No run is at work.' },
  queued: { label: 'Queued', tone: 'neutral', isFinal: false, nobody: 'No run is queued.' },
  waiting: {
    label: 'Waiting',
    tone: 'caution',
    isFinal: false,
    nobody: 'No run waits for another attempt.',
  },
  'in-doubt': { label: 'In doubt', tone: 'doubt', isFinal: false, nobody: 'No run is in doubt.' },
  failed: { label: 'Failed', tone: 'bad', isFinal: true, nobody: 'No run has failed.' },
  done: { label: 'Done', tone: 'good', isFinal: true, nobody: 'No run is done yet.' },
  cancelled: {
    label: 'Cancelled',
    tone: 'neutral',
    isFinal: true,
    nobody: 'No run was cancelled.',
  },
};

export const STATE_ORDER = Object.keys(STATES) as JobState[];

export function hasEnded(job: Job): boolean {
  return STATES[job.state].isFinal;
}

/** A cancel was asked for and has not taken effect. */
export function isCancelling(job: Job): boolean {
  return job.cancelRequested && !hasEnded(job);
}

export function stateLabel(job: Job): string {
  return isCancelling(job) ? 'Cancelling' : STATES[job.state].label;
}
