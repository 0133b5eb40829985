import { migrationScript, quoteIdentifier, type SchemaMigrations } from '@copyline/dws-client';

/**
 * The ledger's tables, version by version. A migration that has been released is never edited.
 * `copyline init --print-sql` prints exactly what is run here.
 */
const STEPS: readonly ((schema: string) => string)[] = [
  (schema) => `
-- One row for each target, as soon as something replaces its content: the loads of older
-- generations do not count as loaded any more.
CREATE TABLE ${schema}.target (
  target_oid  oid PRIMARY KEY,
  target_name text NOT NULL,
  generation  bigint NOT NULL DEFAULT 0
);

-- Who may load a source into a target right now. The row is locked for as long as a load runs; the
-- fence tells an older run that it has been overtaken.
CREATE TABLE ${schema}.claim (
  target_oid    oid NOT NULL,
  claim_key     text NOT NULL,
  target_name   text NOT NULL,
  source        text NOT NULL,
  slot          text NOT NULL,
  fence         bigint NOT NULL,
  load_id       uuid NOT NULL,
  backend_pid   bigint NOT NULL,
  backend_start timestamptz NOT NULL,
  claimed_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (target_oid, claim_key)
);

-- Every run of every load. state: running, done, deduplicated, failed, abandoned.
CREATE TABLE ${schema}.load (
  load_id            uuid PRIMARY KEY,
  state              text NOT NULL
    CHECK (state IN ('running', 'done', 'deduplicated', 'failed', 'abandoned')),
  target_oid         oid NOT NULL,
  target_name        text NOT NULL,
  generation         bigint NOT NULL,
  source             text NOT NULL,
  slot               text NOT NULL,
  claim_key          text NOT NULL,
  fence              bigint NOT NULL,
  -- The version of the source: what an unchanged file is recognised by without reading it.
  source_bytes       bigint NOT NULL,
  source_modified_ns numeric NOT NULL,
  source_changed_ns  numeric NOT NULL,
  source_inode       numeric NOT NULL,
  digest             text,
  fingerprint        text NOT NULL,
  -- Counts up when the same content is loaded again on purpose.
  repeat             integer NOT NULL DEFAULT 0,
  duplicate_of       uuid,
  rows_loaded        bigint,
  report             jsonb,
  error              jsonb,
  backend_pid        bigint NOT NULL,
  client             text NOT NULL,
  started_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
  finished_at        timestamptz
);

-- The promise itself: a content is done once for each target, slot and generation.
CREATE UNIQUE INDEX load_done ON ${schema}.load (target_oid, digest, slot, generation, repeat)
  WHERE state = 'done';
CREATE INDEX load_by_size ON ${schema}.load (target_oid, source_bytes);
CREATE INDEX load_by_claim ON ${schema}.load (target_oid, claim_key);
CREATE INDEX load_by_time ON ${schema}.load (started_at);
`,
  (schema) => `
-- On whose behalf a run was made, as its caller names it: the id of a submission, for example. Whoever
-- does not know what has become of a run finds it by this.
ALTER TABLE ${schema}.load ADD COLUMN owner text;
CREATE INDEX load_by_owner ON ${schema}.load (owner, started_at) WHERE owner IS NOT NULL;

-- Owners whose last word is spoken: whatever run of theirs still lives must not commit.
CREATE TABLE ${schema}.closed_owner (
  owner     text PRIMARY KEY,
  closed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
`,
  (schema) => `
-- Records that were refused by loads with --on-error continue, with the reasons. They are written by
-- the load's own transaction; \`copyline rejects --prune\` deletes old ones.
CREATE TABLE ${schema}.reject (
  load_id     uuid NOT NULL,
  record      bigint NOT NULL,
  line        bigint NOT NULL,
  byte_offset bigint,
  column_name text,
  code        text NOT NULL,
  sqlstate    text,
  reason      text NOT NULL,
  excerpt     text,
  -- The record as it stands in the source, its line end included.
  raw         bytea NOT NULL,
  -- False for a line beyond the size limit, of which raw is only the beginning.
  is_whole    boolean NOT NULL,
  PRIMARY KEY (load_id, record)
);

-- One row for each load with rejects: what a file of them, or a replay, is made with.
CREATE TABLE ${schema}.reject_set (
  load_id  uuid PRIMARY KEY,
  rejects  bigint NOT NULL,
  -- What stands in the source before its first record.
  preamble bytea NOT NULL,
  spec     jsonb NOT NULL,
  kept_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX reject_set_by_time ON ${schema}.reject_set (kept_at);
`,
];

export const LEDGER_VERSION = STEPS.length;

/** The ledger's tables in a schema of the target database. */
export function ledgerMigrations(schema: string): SchemaMigrations {
  return { schema, steps: STEPS, newer: { code: 'LEDGER_NEWER', what: 'The ledger' } };
}

/**
 * The whole script for a database administrator, with the privileges that a loading role needs.
 *
 * @param isDistributed whether it is for a server of many nodes. Default: false
 */
export function ledgerScript(schema: string, isDistributed = false): string {
  const quoted = quoteIdentifier(schema);
  return `-- The ledger of Copyline, version ${String(LEDGER_VERSION)}. Run it once in the target database.
BEGIN;
${migrationScript(ledgerMigrations(schema), isDistributed)}COMMIT;

-- Then, for each role that loads (put its name in the place of loader):
-- GRANT USAGE ON SCHEMA ${quoted} TO loader;
-- GRANT SELECT ON ${quoted}.migration TO loader;
-- GRANT SELECT, INSERT, UPDATE ON ${quoted}.target, ${quoted}.claim, ${quoted}.load TO loader;
-- GRANT SELECT, INSERT ON ${quoted}.closed_owner TO loader;
-- GRANT SELECT, INSERT, DELETE ON ${quoted}.reject, ${quoted}.reject_set TO loader;
`;
}
