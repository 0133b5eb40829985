import { testServers } from '@copyline/testkit';
import { describe, expect, it } from 'vitest';

import { useLoading } from './csv-loading.ts';

describe.each(testServers())('rejects on $name', (server) => {
  const loading = useLoading(server);

  it('first', async () => {
    await loading.db.sql('create table t (a int unique, b text not null, c date)');
    const path = await loading.write(
      'a,b,c\n1,x,2024-01-01\nabc,y,2024-01-01\n2,z,2023-02-31\n3,w\n4,"q"q,2024-01-01\n\n1,dup,2024-01-01\n5,,2024-01-01\n 6 ,asked,2024-01-01\n 1e ,asked,2024-01-01\n7,ok,2024-01-01\n\n',
    );
    const report = await loading.load(path, { onError: 'continue' });
    console.dir(report, { depth: null });
    console.log(
      await loading.db.sql('select * from t'),
      await loading.db.sql('select * from reject'),
    );
    expect(report.error).toBeNull();
  });
});
