import { anyServer } from '@copyline/testkit';
import { describe, expect, it } from 'vitest';

import { useLoading } from './csv-loading.ts';

describe.each(anyServer())('a loader that is gone without a word, on $name', (server) => {
  const loading = useLoading(server);

  it('F16: is noticed by the server within two minutes, and no longer than its load', async () => {
    // Each row says what its own session does about a silent client.
    await loading.db.sql(`create table t (a int,
      idle text default current_setting('tcp_keepalives_idle'),
      every text default current_setting('tcp_keepalives_interval'),
      times text default current_setting('tcp_keepalives_count'))`);
    const report = await loading.load(await loading.write('a\n1\n'), { columns: ['a'] });
    expect(report.error).toBeNull();
    expect(await loading.db.sql('select * from t')).toEqual([
      { a: 1, idle: '60', every: '10', times: '6' },
    ]);
  });
});
