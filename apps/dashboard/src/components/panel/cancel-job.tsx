import type { Job } from '@copyline/contracts';
import { useRef, useState } from 'preact/hooks';

import { ApiError } from '../../api/client.ts';
import { cancelJob } from '../../state/store.ts';
import { endsOf } from '../../words/ends.ts';
import { cancelText } from '../../words/outcomes.ts';
import { isCancelling } from '../../words/states.ts';

/** The way to stop a run that has not ended, with a question before. */
export function CancelJob({ job }: { readonly job: Job }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [isSending, setSending] = useState(false);
  const [fault, setFault] = useState<string | null>(null);
  const { from, to, link } = endsOf(job);
  const isUnderWay = isSending || isCancelling(job);

  async function cancel(): Promise<void> {
    dialog.current?.close();
    // The button that opened the dialog is about to be disabled, and would lose the focus to nowhere.
    dialog.current?.closest<HTMLElement>('.panel')?.focus();
    setSending(true);
    setFault(null);
    try {
      await cancelJob(job.id);
    } catch (error) {
      setFault(faultText(error));
    } finally {
      setSending(false);
    }
  }

  return (
    <div class="cancel">
      <button
        type="button"
        class="button button-danger"
        disabled={isUnderWay}
        onClick={() => dialog.current?.showModal()}
      >
        {isUnderWay ? 'Cancelling…' : `Cancel ${job.type}…`}
      </button>
      <p class="field-fault" role="alert">
        {fault}
      </p>
      <dialog ref={dialog} class="dialog" aria-labelledby="cancel-title">
        <h2 id="cancel-title">Cancel this {job.type}?</h2>
        <p>
          <strong>{from}</strong> {link} {to}
        </p>
        <p>{cancelText(job)}</p>
        <div class="dialog-buttons">
          <button type="button" class="button" onClick={() => dialog.current?.close()}>
            Keep it
          </button>
          <button type="button" class="button button-danger" onClick={() => void cancel()}>
            Yes, cancel the {job.type}
          </button>
        </div>
      </dialog>
    </div>
  );
}

function faultText(error: unknown): string {
  if (!(error instanceof ApiError)) return 'Something went wrong. Try again.';
  return `${error.message} ${error.advice}`.trim();
}
