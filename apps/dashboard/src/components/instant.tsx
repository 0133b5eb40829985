import { now } from '../state/clock.ts';
import { absoluteText, agoText } from '../words/times.ts';

/** A point in time, as long ago as it is; hovering tells it to the second. */
export function Instant({ at }: { readonly at: string }) {
  return (
    <time dateTime={at} title={absoluteText(at)}>
      {agoText(at, now())}
    </time>
  );
}
