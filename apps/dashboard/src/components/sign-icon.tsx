import type { JobState } from '@copyline/contracts';

/** Shapes that differ without their colours: filled when at work or ended, hollow while not. */
const SHAPES: Readonly<Record<JobState | 'line-cut', string>> = {
  running: 'M4 2.5v11l9.5-5.5z',
  queued: 'M8 2.8a5.2 5.2 0 1 0 0 10.4A5.2 5.2 0 0 0 8 2.8z',
  waiting:
    'M4 2.5h8M4 13.5h8M5 2.5c0 3.2 3 3.7 3 5.5S5 10.3 5 13.5M11 2.5c0 3.2-3 3.7-3 5.5s3 2.3 3 5.5',
  'in-doubt': 'M8 1.2 14.8 8 8 14.8 1.2 8zM8 4.8v3.9M8 10.9v.2',
  failed: 'M2.5 2.5h11v11h-11zM5.6 5.6l4.8 4.8M10.4 5.6l-4.8 4.8',
  done: 'M2.2 8.6l3.9 4 7.7-9.2',
  cancelled: 'M8 2.3a5.7 5.7 0 1 0 0 11.4A5.7 5.7 0 0 0 8 2.3zM4 12 12 4',
  'line-cut': 'M1 8h4M11 8h4M6.2 4.5l-.9-2.3M9.8 11.5l.9 2.3M9.8 4.5l.9-2.3M6.2 11.5l-.9 2.3',
};

const FILLED: readonly string[] = ['running'];

export function SignIcon({ name }: { readonly name: keyof typeof SHAPES }) {
  return (
    <svg
      class={FILLED.includes(name) ? 'sign sign-filled' : 'sign'}
      viewBox="0 0 16 16"
      width="16"
      height="16"
      aria-hidden="true"
    >
      <path d={SHAPES[name]} />
    </svg>
  );
}
