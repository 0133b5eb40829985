import type { ComponentChildren } from 'preact';

/** Names and values in two columns. */
export function Facts({ children }: { readonly children: ComponentChildren }) {
  return <dl class="facts">{children}</dl>;
}

interface FactProps {
  readonly label: string;
  readonly children: ComponentChildren;
  /** For what is copied or compared letter by letter. */
  readonly isCode?: boolean;
}

export function Fact({ label, children, isCode = false }: FactProps) {
  return (
    <div class="fact">
      <dt>{label}</dt>
      <dd class={isCode ? 'code' : undefined}>{children}</dd>
    </div>
  );
}
