import { useEffect } from 'preact/hooks';

import { store } from '../state/store.ts';
import { LiveRegion } from './live-region.tsx';
import { RunsPage } from './runs-page.tsx';
import { SignIn } from './sign-in.tsx';

/** The page: the sign-in, or the runs. */
export function App() {
  const session = store.session.value;
  const running = store.newest.value.filter((job) => job.state === 'running').length;
  useEffect(() => {
    document.title = `${running > 0 ? `(${running}) ` : ''}Runs · Copyline`;
  }, [running]);
  // Less than a moment, as a rule; a flash of the sign-in would be worse than nothing.
  if (session === 'unknown') return null;
  return (
    <>
      {session === 'signed-in' ? <RunsPage /> : <SignIn />}
      <LiveRegion />
    </>
  );
}
