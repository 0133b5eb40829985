import { store } from '../state/store.ts';

/** What runs here, for whoever reports a fault. */
export function Footer() {
  const status = store.status.value;
  if (status === null) return null;
  const { version, queue } = status;
  return (
    <footer class="footer">
      Copyline {version} · queue in {queue.backend === 'redis' ? 'Redis' : 'PostgreSQL'}, {queue.at}
    </footer>
  );
}
