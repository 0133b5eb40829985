/** Everything that the page knows, as signals, and the few things that can happen to it. */
import type { Job, ServiceStatus } from '@copyline/contracts';
import { batch, computed, signal } from '@preact/signals';

import * as api from '../api/client.ts';
import { LiveStream } from '../api/live-stream.ts';
import { announcementOf } from '../words/announcements.ts';
import { applySnapshot, mergeJobs, newestFirst, PAGE_SIZE, type Jobs } from './jobs.ts';

type Session = 'unknown' | 'signed-out' | 'signed-in';
/** `connecting` until the first list is there; `lost` from then on whenever the line is cut. */
type Connection = 'connecting' | 'live' | 'lost';

/** Runs beyond the newest: where the next page begins, `null` when there is none. */
interface OlderRuns {
  readonly next: string | null | undefined;
  readonly isLoading: boolean;
  readonly error: string | null;
}

const NO_OLDER_RUNS: OlderRuns = { next: undefined, isLoading: false, error: null };

const session = signal<Session>('unknown');
const connection = signal<Connection>('connecting');
const jobs = signal<Jobs>(new Map());
const hasList = signal(false);
const status = signal<ServiceStatus | null>(null);
const older = signal<OlderRuns>(NO_OLDER_RUNS);
const announcement = signal('');
let stream: LiveStream | undefined;

/** What components read. */
export const store = {
  session,
  connection,
  jobs,
  /** The first list has come; until then nothing is known, not even that there is nothing. */
  hasList,
  status,
  older,
  announcement,
  newest: computed(() => newestFirst(jobs.value.values())),
} as const;

/** Asks whether somebody is signed in, and follows the runs if so. */
export async function start(): Promise<void> {
  try {
    if (await api.hasSession()) follow();
    else end();
  } catch {
    // No answer says nothing about the session: follow, and say that the connection is lost.
    follow();
  }
}

export async function signIn(token: string): Promise<void> {
  await api.openSession(token);
  follow();
}

export async function signOut(): Promise<void> {
  // A server that is gone does not keep anybody from leaving; its cookie ends with the browser.
  await api.closeSession().catch(() => {});
  end();
}

export async function cancelJob(id: string): Promise<void> {
  const job = await guarded(api.cancelJob(id));
  takeIn(mergeJobs(jobs.value, [job]));
}

/** For an address that names a run beyond the list. */
export async function fetchJob(id: string): Promise<void> {
  const job = await guarded(api.readJob(id));
  jobs.value = mergeJobs(jobs.value, [job]);
}

export async function loadOlderRuns(): Promise<void> {
  older.value = { ...older.value, isLoading: true, error: null };
  try {
    let before = older.value.next;
    // The events bring the newest runs without a place to go on from; the same page by request has it.
    before ??= (await guarded(api.listJobs(PAGE_SIZE, null))).next;
    const page = before === null ? { jobs: [], next: null } : await pageBefore(before);
    batch(() => {
      jobs.value = mergeJobs(jobs.value, page.jobs);
      older.value = { next: page.next, isLoading: false, error: null };
    });
  } catch (error) {
    older.value = { ...older.value, isLoading: false, error: (error as Error).message };
  }
}

const pageBefore = (cursor: string) => guarded(api.listJobs(PAGE_SIZE, cursor));

function follow(): void {
  stream?.close();
  batch(() => {
    session.value = 'signed-in';
    connection.value = 'connecting';
  });
  stream = new LiveStream({
    snapshot: (list) => {
      batch(() => {
        connection.value = 'live';
        takeIn(applySnapshot(jobs.value, list));
        hasList.value = true;
      });
    },
    changes: (list) => takeIn(mergeJobs(jobs.value, list)),
    status: (news) => {
      status.value = news;
    },
    lost: () => {
      connection.value = 'lost';
    },
    mayReopen,
  });
}

async function mayReopen(): Promise<boolean> {
  try {
    if (await api.hasSession()) return true;
    end();
    return false;
  } catch {
    return true;
  }
}

/** Back to the sign-in, with nothing of what was shown before. */
function end(): void {
  stream?.close();
  stream = undefined;
  batch(() => {
    session.value = 'signed-out';
    jobs.value = new Map();
    hasList.value = false;
    status.value = null;
    older.value = NO_OLDER_RUNS;
    announcement.value = '';
  });
}

function takeIn(news: Jobs): void {
  const heard = announcementOf(jobs.value, news);
  jobs.value = news;
  if (heard !== '') announcement.value = heard;
}

/** An answer that the session is over ends it here, too. */
async function guarded<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof api.ApiError && error.status === 401) end();
    throw error;
  }
}

export function isLikelyMore(list: readonly Job[]): boolean {
  const { next } = older.value;
  return next === undefined ? list.length >= PAGE_SIZE : next !== null;
}
