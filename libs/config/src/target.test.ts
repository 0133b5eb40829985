import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { readSettings, type Settings } from './settings.ts';
import { connectionNamed, connectionNames, controlTarget, resolveTarget } from './target.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'copyline-target-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

function settingsOf(text: string): Promise<Settings> {
  const path = join(directory, 'copyline.yaml');
  writeFileSync(path, text);
  return readSettings({ path, env: {}, cwd: directory });
}

const WAREHOUSE = 'connections:\n  warehouse: postgresql://etl:pw@db:5433/dwh\n';
const silent = (): void => undefined;

describe('a target', () => {
  it('is a configured connection by its name', async () => {
    const target = resolveTarget('warehouse', await settingsOf(WAREHOUSE), silent);
    expect(target).toMatchObject({ description: 'etl@db:5433/dwh', isEmbedded: false });
    expect(target.warnings).toEqual([expect.stringContaining('“warehouse”')]);
    expect(await target.parameters()).toMatchObject({ host: 'db', port: '5433', dbname: 'dwh' });
  });

  it('is the embedded database without a name, and by the name embedded', async () => {
    const settings = await settingsOf(WAREHOUSE);
    for (const given of [undefined, 'embedded']) {
      expect(resolveTarget(given, settings, silent)).toMatchObject({
        isEmbedded: true,
        description: `embedded database in ${join(directory, '.copyline')}`,
      });
    }
  });

  it('is what is configured as embedded, where somebody does that', async () => {
    const settings = await settingsOf('connections:\n  embedded: host=db user=u dbname=d\n');
    expect(connectionNamed('embedded', settings).description).toBe('u@db:5432/d');
    expect(connectionNames(settings)).toEqual(['embedded']);
  });

  it('is a conninfo, with a word about a password in it', async () => {
    const target = resolveTarget('postgresql://u:pw@h/d', await settingsOf(''), silent);
    expect(target.warnings).toEqual([expect.stringContaining('command line')]);
  });

  it('is nothing else', async () => {
    const settings = await settingsOf(WAREHOUSE);
    expect(() => resolveTarget('wharehouse', settings, silent)).toThrow(/no connection named/);
    expect(() => resolveTarget('constructor', settings, silent)).toThrow(/no connection named/);
  });
});

describe('the connection of a submitted load', () => {
  it.each(['host=evil', 'postgresql://u:pw@evil/d', 'nothing', 'toString', ''])(
    '%j is refused, with those that there are',
    async (name) => {
      const settings = await settingsOf(WAREHOUSE);
      const refused = expect.objectContaining({
        code: 'CONNECTION_UNKNOWN',
        place: { expected: 'one of embedded, warehouse' },
      }) as Error;
      expect(() => connectionNamed(name, settings)).toThrow(refused);
    },
  );

  it('is a name', async () => {
    const settings = await settingsOf(WAREHOUSE);
    expect(connectionNamed('warehouse', settings).description).toBe('etl@db:5433/dwh');
    expect(connectionNamed('embedded', settings).isEmbedded).toBe(true);
  });
});

describe('the control database', () => {
  it('is embedded, a name or a conninfo', async () => {
    expect(controlTarget(await settingsOf('')).isEmbedded).toBe(true);
    const named = await settingsOf(`${WAREHOUSE}control: warehouse\n`);
    expect(controlTarget(named).description).toBe('etl@db:5433/dwh');
    const conninfo = controlTarget(
      await settingsOf('control: host=c user=u dbname=d password=x\n'),
    );
    expect(conninfo.description).toBe('u@c:5432/d');
    expect(conninfo.warnings).toEqual([expect.stringContaining('configuration file')]);
  });

  it('is nothing else', async () => {
    const settings = await settingsOf('control: wharehouse\n');
    expect(() => controlTarget(settings)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }) as Error,
    );
  });
});
