import type { ServiceStatus } from '@copyline/contracts';

import { signOut, store } from '../state/store.ts';
import { countText, plural } from '../words/numbers.ts';
import { Brand } from './brand.tsx';

/** The band at the top: where one is, whether the line is live, who works. */
export function Header() {
  const status = store.status.value;
  return (
    <header class="band">
      <Brand />
      <nav class="band-nav" aria-label="Pages">
        <a href="#/" aria-current="page">
          Runs
        </a>
        <a href="./queues">Queues</a>
      </nav>
      <p class="band-facts">
        <LineState />
        {status !== null && <Workers status={status} />}
      </p>
      <button type="button" class="band-button" onClick={() => void signOut()}>
        Sign out
      </button>
    </header>
  );
}

function LineState() {
  const connection = store.connection.value;
  const words = { connecting: 'Connecting', live: 'Live', lost: 'Offline' } as const;
  return (
    <span class="line-state" data-state={connection} data-testid="connection">
      <svg viewBox="0 0 10 10" width="10" height="10" aria-hidden="true">
        <circle cx="5" cy="5" r="3.5" />
      </svg>
      {words[connection]}
    </span>
  );
}

function Workers({ status }: { readonly status: ServiceStatus }) {
  const { workers } = status;
  const running = workers.reduce((sum, worker) => sum + worker.running, 0);
  const slots = workers.reduce((sum, worker) => sum + worker.concurrency, 0);
  return (
    <span
      class="workers"
      data-none={workers.length === 0}
      data-testid="workers"
      title={workers.map((worker) => worker.name).join('\n')}
    >
      {workers.length === 0 ? 'No worker' : plural(workers.length, 'worker')}
      {workers.length > 0 && (
        <span class="workers-load">
          {' '}
          · {countText(running)} of {plural(slots, 'slot')} busy
        </span>
      )}
    </span>
  );
}
