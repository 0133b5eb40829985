import { inState } from '../state/jobs.ts';
import { route } from '../state/navigation.ts';
import { store } from '../state/store.ts';
import { Banners } from './banners.tsx';
import { EmptyFilter, NoRuns } from './empty-states.tsx';
import { FilterChips } from './filter-chips.tsx';
import { Footer } from './footer.tsx';
import { Header } from './header.tsx';
import { OlderRuns } from './older-runs.tsx';
import { JobPanel } from './panel/job-panel.tsx';
import { RunsTable } from './runs-table.tsx';

/** The list of runs, and beside it the one that is open. */
export function RunsPage() {
  const { jobId } = route();
  const isStale = store.connection.value === 'lost';
  return (
    <div class="page" data-panel={jobId !== null} data-stale={isStale}>
      <Header />
      <Banners />
      <main class="runs">
        <h1 class="unseen">Runs</h1>
        {store.hasList.value ? <Runs /> : <p class="loading">Loading the runs…</p>}
      </main>
      {jobId !== null && <JobPanel key={jobId} jobId={jobId} />}
      <Footer />
    </div>
  );
}

function Runs() {
  const jobs = store.newest.value;
  const { state } = route();
  if (jobs.length === 0) return <NoRuns />;
  const shown = inState(jobs, state);
  return (
    <>
      <FilterChips />
      {state !== null && shown.length === 0 ? (
        <EmptyFilter state={state} />
      ) : (
        <RunsTable jobs={shown} />
      )}
      <OlderRuns />
    </>
  );
}
