import { useEffect, useState } from 'preact/hooks';

import { ApiError } from '../../api/client.ts';
import { fetchJob, store } from '../../state/store.ts';

/** A run that the list does not hold: an old one, which is fetched, or none at all. */
export function MissingJob({ jobId }: { readonly jobId: string }) {
  const [fault, setFault] = useState<string | null>(null);
  const isReady = store.hasList.value;

  useEffect(() => {
    if (!isReady) return;
    fetchJob(jobId).catch((error: unknown) => {
      const isUnknown = error instanceof ApiError && error.status === 404;
      setFault(isUnknown ? 'There is no run of this id.' : (error as Error).message);
    });
  }, [jobId, isReady]);

  return (
    <header class="panel-head">
      <h2 id="panel-title">
        <span class="panel-source">Run</span>
        <span class="panel-target">{jobId}</span>
      </h2>
      <p class="panel-outcome" role="status">
        {fault ?? 'Looking for it…'}
      </p>
    </header>
  );
}
