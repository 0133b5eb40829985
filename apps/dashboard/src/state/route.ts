import type { JobState } from '@copyline/contracts';

import { STATES } from '../words/states.ts';

/** What the address says: the runs of one state, or of all; and the run that is open beside them. */
export interface Route {
  readonly state: JobState | null;
  readonly jobId: string | null;
}

/** `#/?state=failed`, `#/jobs/<id>?state=failed`. Whatever it does not know is the whole list. */
export function parseRoute(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#/, '').split('?', 2);
  const state = new URLSearchParams(query).get('state');
  const [, jobId] = /^\/jobs\/([\w-]+)\/?$/.exec(path) ?? [];
  return { state: isState(state) ? state : null, jobId: jobId ?? null };
}

export function formatRoute({ state, jobId }: Route): string {
  const path = jobId === null ? '#/' : `#/jobs/${jobId}`;
  return state === null ? path : `${path}?state=${state}`;
}

function isState(text: string | null): text is JobState {
  return text !== null && Object.hasOwn(STATES, text);
}
