import type { TargetedSubmitEvent } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

import { ApiError } from '../api/client.ts';
import { signIn } from '../state/store.ts';
import { Brand } from './brand.tsx';

/** One field for the token, and where to find it. */
export function SignIn() {
  const [fault, setFault] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const field = useRef<HTMLInputElement>(null);

  // Not `autofocus`, which works only once for a page.
  useEffect(() => field.current?.focus(), []);

  async function submit(): Promise<void> {
    const token = field.current?.value.trim() ?? '';
    setBusy(true);
    setFault(null);
    try {
      await signIn(token);
    } catch (error) {
      setBusy(false);
      setFault(faultText(error));
      field.current?.select();
    }
  }

  function onSubmit(event: TargetedSubmitEvent<HTMLFormElement>): void {
    event.preventDefault();
    void submit();
  }

  return (
    <main class="sign-in">
      <form class="sign-in-card" onSubmit={onSubmit}>
        <h1>
          <Brand />
        </h1>
        {/* For password managers, which know a password by its user. */}
        <input
          type="text"
          name="username"
          value="copyline"
          autocomplete="username"
          readOnly
          hidden
        />
        <label for="token">Access token</label>
        <input
          ref={field}
          id="token"
          name="token"
          type="password"
          class="field"
          autocomplete="current-password"
          spellcheck={false}
          required
          aria-describedby={fault === null ? 'token-help' : 'token-fault token-help'}
          aria-invalid={fault !== null}
        />
        <p id="token-fault" class="field-fault" role="alert">
          {fault}
        </p>
        <p id="token-help" class="hint">
          It stands in <code>.copyline/token</code>, written at the first start.
        </p>
        <button type="submit" class="button button-strong" disabled={isBusy}>
          {isBusy ? 'Signing in…' : 'Sign in'}
        </button>
      </form>
    </main>
  );
}

function faultText(error: unknown): string {
  if (!(error instanceof ApiError)) return 'Something went wrong. Try again.';
  if (error.status === 401) return 'This is not the token of this scheduler.';
  return `${error.message} ${error.advice}`.trim();
}
