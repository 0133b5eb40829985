/** PostgreSQL's settings, with the reason beside each. */
import { CopylineError } from '@copyline/contracts';

export type Settings = Readonly<Record<string, string>>;

/** On the command line, where no configuration file can undo it: reachable from here only. */
export const LOOPBACK: Settings = {
  listen_addresses: '127.0.0.1',
  // A socket file needs a short path and a directory of its own; TCP on loopback does everywhere.
  unix_socket_directories: '',
};

/** For the database that holds people's data, on a laptop, filled in bulk. */
export const PERSISTENT_SETTINGS: Settings = {
  // What was committed stays, also after a power cut. The default, but a promise here.
  fsync: 'on',
  full_page_writes: 'on',
  synchronous_commit: 'on',
  // Twice the default, so that an upsert's indexes stay in memory; still small on an 8 GB laptop.
  shared_buffers: '256MB',
  // Building the indexes of a freshly loaded table is the one big sort of a load.
  maintenance_work_mem: '128MB',
  // A checkpoint in the middle of a load writes whole pages again; 4 GB keep a 2 GB file clear of
  // it, at the price of as much disk and some seconds of recovery after a crash.
  max_wal_size: '4GB',
  // Recycled WAL files are overwritten instead of created: the next load starts warm.
  min_wal_size: '512MB',
  checkpoint_timeout: '15min',
  // pglz is the only method in these binaries, and it costs more CPU than the disk it saves.
  wal_compression: 'off',
  // Nobody replicates this database. COPY into a table made in the same transaction then needs no
  // WAL at all: the file is synced at COMMIT instead.
  wal_level: 'minimal',
  max_wal_senders: '0',
  // Compiling a query costs more than the short queries of a loader take.
  jit: 'off',
  // Clients get their errors; in the log a load with rejects would write one per bad row, with
  // the row's data. Start, stop, checkpoints and crashes are still there.
  log_min_messages: 'log',
};

/** For tests: nothing has to survive, everything else as on a real server. */
export const TEMPORARY_SETTINGS: Settings = {
  fsync: 'off',
  // Torn pages only matter to what survives a crash.
  full_page_writes: 'off',
  // Costs nothing without fsync, and code that looks at it sees the real default.
  synchronous_commit: 'on',
  // Parallel test files share one server.
  max_connections: '100',
  shared_buffers: '128MB',
  jit: 'off',
};

/** The text of a configuration file. @throws {CopylineError} CONFIG_INVALID for a bad name. */
export function formatSettings(settings: Settings): string {
  const lines = Object.entries(settings).map(([name, value]) => {
    if (!/^[a-z_][\w.]*$/i.test(name) || /[\0\r\n]/.test(value)) {
      throw new CopylineError(
        'CONFIG_INVALID',
        `Not a PostgreSQL setting: ${JSON.stringify(name)}.`,
      );
    }
    // Inside the quotes of this file a backslash begins an escape.
    return `${name} = '${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'\n`;
  });
  return `# Written by Copyline at every start. Use ALTER SYSTEM for settings of your own.\n${lines.join('')}`;
}
