import { store } from '../state/store.ts';

/** What a screen reader hears of changes; see `words/announcements.ts`. */
export function LiveRegion() {
  return (
    <div class="unseen" role="status" aria-live="polite" data-testid="announcement">
      {store.announcement}
    </div>
  );
}
