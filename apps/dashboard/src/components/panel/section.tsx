import type { ComponentChildren } from 'preact';

interface SectionProps {
  readonly title: string;
  readonly testId: string;
  readonly children: ComponentChildren;
}

/** A part of the panel under its heading. */
export function Section({ title, testId, children }: SectionProps) {
  return (
    <section class="part" data-testid={testId} aria-label={title}>
      <h3>{title}</h3>
      {children}
    </section>
  );
}
