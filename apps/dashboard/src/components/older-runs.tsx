import { isLikelyMore, loadOlderRuns, store } from '../state/store.ts';
import { plural } from '../words/numbers.ts';

/** How much of the past is shown, and the way to more of it. */
export function OlderRuns() {
  const jobs = store.newest.value;
  const { isLoading, error } = store.older.value;
  const hasMore = isLikelyMore(jobs);
  return (
    <div class="older">
      <p class="hint">
        {hasMore
          ? `The newest ${plural(jobs.length, 'run')}.`
          : `${plural(jobs.length, 'run')} in all.`}
      </p>
      {hasMore && (
        <button
          type="button"
          class="button"
          disabled={isLoading}
          onClick={() => void loadOlderRuns()}
        >
          {isLoading ? 'Loading…' : 'Older runs'}
        </button>
      )}
      {error !== null && (
        <p class="field-fault" role="alert">
          {error}
        </p>
      )}
    </div>
  );
}
