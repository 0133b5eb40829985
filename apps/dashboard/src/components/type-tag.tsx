import type { Job } from '@copyline/contracts';

/** Tells an extract from a load, which is the rule and has no tag. */
export function TypeTag({ job }: { readonly job: Job }) {
  if (job.type === 'load') return null;
  return (
    <span class="tag" data-testid="type" title="Rows of the database, written to files">
      <svg viewBox="0 0 16 16" width="12" height="12" aria-hidden="true">
        <path d="M2.5 9.5v4h11v-4M8 10.5v-8M4.8 5.7 8 2.5l3.2 3.2" />
      </svg>
      <span class="tag-name">extract</span>
    </span>
  );
}
