import { durationText } from '../../words/times.ts';
import { Section } from './section.tsx';

/** Where the time went. */
export function JobPhases({ phases }: { readonly phases: Readonly<Record<string, number>> }) {
  const entries = Object.entries(phases);
  const longest = Math.max(1, ...entries.map(([, ms]) => ms));
  if (entries.length === 0) return null;
  return (
    <Section title="Phases" testId="panel-phases">
      <table class="phases">
        <tbody>
          {entries.map(([name, ms]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td class="phase-bar" aria-hidden="true">
                <span style={{ inlineSize: `${(ms / longest) * 100}%` }} />
              </td>
              <td class="number">{durationText(ms)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Section>
  );
}
