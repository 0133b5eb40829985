import { signal } from '@preact/signals';

const ticking = signal(Date.now());

/** The present, to the second; whoever reads it in a component is drawn again when it ticks. */
export function now(): number {
  return ticking.value;
}

export function startClock(): void {
  setInterval(() => {
    ticking.value = Date.now();
  }, 1000);
}
