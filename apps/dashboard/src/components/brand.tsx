/** The name of the product, with its mark. */
export function Brand() {
  return (
    <span class="brand">
      <svg viewBox="0 0 22 18" width="22" height="18" aria-hidden="true">
        <path class="brand-lines" d="M1 3h12M1 9h12M1 15h12" />
        <path class="brand-arrow" d="M15 4l5 5-5 5" />
      </svg>
      Copyline
    </span>
  );
}
