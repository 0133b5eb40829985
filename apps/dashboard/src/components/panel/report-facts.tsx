import type { ExtractReport, Job, LoadReport } from '@copyline/contracts';

import { bytesText, countText } from '../../words/numbers.ts';
import { Fact } from './facts.tsx';

/** What the worker has written down about the last run. */
export function ReportFacts({ job }: { readonly job: Job }) {
  if (job.report === null) return null;
  return job.type === 'load' ? (
    <LoadFacts report={job.report} />
  ) : (
    <ExtractFacts report={job.report} />
  );
}

function LoadFacts({ report }: { readonly report: LoadReport }) {
  const { target, files, lane } = report;
  return (
    <>
      <Fact label="Guarantee">{report.guarantee.replaceAll('-', ' ')}</Fact>
      <Fact label="Deduplicated">
        {report.deduplicated ? 'yes: the same content was loaded before' : 'no'}
      </Fact>
      {target.database !== null && (
        <Fact label="Database" isCode>
          {target.database}
        </Fact>
      )}
      {target.table !== null && (
        <Fact label="Table" isCode>
          {target.table}
          {target.created && ' (created by this load)'}
        </Fact>
      )}
      {files.map((file) => (
        <Fact key={file.source} label="File" isCode>
          {file.source}, {bytesText(file.bytes)}
          {file.digest !== null && <span class="digest">{file.digest}</span>}
        </Fact>
      ))}
      {lane !== null && (
        <Fact label="Lane">
          {lane.name}: {lane.reason}
        </Fact>
      )}
      {report.attempts > 0 && <Fact label="Attempts">{countText(report.attempts)}</Fact>}
      {report.loadId !== null && (
        <Fact label="Load" isCode>
          {report.loadId}
        </Fact>
      )}
    </>
  );
}

function ExtractFacts({ report }: { readonly report: ExtractReport }) {
  const { source, status, rowsRead, bytesRead } = report;
  return (
    <>
      {source.database !== null && (
        <Fact label="Database" isCode>
          {source.database}
        </Fact>
      )}
      {source.table !== null && (
        <Fact label="Table" isCode>
          {source.table}
        </Fact>
      )}
      {status !== 'extracted' && bytesRead > 0 && (
        <Fact label="Had come">
          {countText(rowsRead)} rows, {bytesText(bytesRead)}
        </Fact>
      )}
    </>
  );
}
