import { signal } from '@preact/signals';

import { formatRoute, parseRoute, type Route } from './route.ts';

const current = signal<Route>(parseRoute(location.hash));

/** Where the page is; the address bar is the only place where that is kept. */
export function route(): Route {
  return current.value;
}

export function followAddress(): void {
  addEventListener('hashchange', () => {
    current.value = parseRoute(location.hash);
  });
}

/** Back to the list, with its filter. */
export function closePanel(): void {
  location.hash = formatRoute({ ...current.value, jobId: null });
}
