import { store } from '../state/store.ts';
import { SignIcon } from './sign-icon.tsx';

/** What keeps everything from working, above all else. */
export function Banners() {
  const status = store.status.value;
  const isLost = store.connection.value === 'lost';
  // What a lost line last said about workers may not be true any more.
  const isKnown = status !== null && !isLost;
  return (
    <div class="banners" role="status">
      {isLost && (
        <p class="banner banner-bad" data-testid="banner-offline">
          <SignIcon name="line-cut" />
          <span>
            <strong>Reconnecting…</strong> What you see is the last that was heard.
          </span>
        </p>
      )}
      {isKnown && !status.queue.isReachable && (
        <p class="banner banner-bad" data-testid="banner-queue">
          <SignIcon name="failed" />
          <span>
            <strong>The queue cannot be reached.</strong> Nothing is submitted or begun.{' '}
            <span class="banner-where">
              {status.queue.backend === 'redis' ? 'Redis' : 'PostgreSQL'} at {status.queue.at}
            </span>
          </span>
        </p>
      )}
      {isKnown && status.workers.length === 0 && (
        <p class="banner banner-caution" data-testid="banner-no-worker">
          <SignIcon name="waiting" />
          <span>
            <strong>No worker is running:</strong> queued runs wait.
          </span>
        </p>
      )}
    </div>
  );
}
