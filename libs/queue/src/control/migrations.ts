import type { SchemaMigrations } from '@copyline/dws-client';

/**
 * The control database's tables, version by version. It holds what people have asked for and what has
 * become of it; whether rows are in a target is the ledger's business, in the target itself.
 */
const STEPS: readonly ((schema: string) => string)[] = [
  (schema) => `
-- What was asked for. Written before the queue hears of it, so that a queue may forget.
CREATE TABLE ${schema}.submission (
  id                  uuid PRIMARY KEY,
  idempotency_key     text UNIQUE,
  -- The load with names only: connections and sources, never a secret.
  request             jsonb NOT NULL,
  -- Tells a repetition of a request from another one under the same key.
  request_digest      text NOT NULL,
  state               text NOT NULL DEFAULT 'queued' CHECK (state IN
    ('queued', 'running', 'waiting', 'in-doubt', 'done', 'failed', 'cancelled')),
  schedule            text,
  nominal_at          timestamptz,
  -- The run that may speak for the submission; an older one that still lives may not.
  run_id              uuid,
  worker              text,
  -- The last sign of life of that run.
  seen_at             timestamptz,
  runs                integer NOT NULL DEFAULT 0,
  -- Runs that ended in a passing failure, and runs that never ended because their worker died.
  failures            integer NOT NULL DEFAULT 0,
  losses              integer NOT NULL DEFAULT 0,
  -- Runs in a row that found the source held by another run.
  busy                integer NOT NULL DEFAULT 0,
  progress            jsonb,
  report              jsonb,
  error               jsonb,
  created_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
  enqueued_at         timestamptz,
  started_at          timestamptz,
  finished_at         timestamptz,
  next_run_at         timestamptz,
  cancel_requested_at timestamptz,
  revision            integer NOT NULL DEFAULT 0,
  changed_at          timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX submission_by_time ON ${schema}.submission (created_at DESC, id);
CREATE INDEX submission_by_change ON ${schema}.submission (changed_at);
CREATE INDEX submission_unsettled ON ${schema}.submission (changed_at)
  WHERE state IN ('queued', 'running', 'waiting', 'in-doubt');

-- Whoever changes a submission changes its revision: no statement can forget to.
CREATE FUNCTION ${schema}.touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.revision := OLD.revision + 1;
  NEW.changed_at := clock_timestamp();
  RETURN NEW;
END $$;
CREATE TRIGGER touch BEFORE UPDATE ON ${schema}.submission
  FOR EACH ROW EXECUTE FUNCTION ${schema}.touch();

CREATE TABLE ${schema}.schedule (
  name       text PRIMARY KEY,
  spec       jsonb NOT NULL,
  paused     boolean NOT NULL,
  -- The nominal time of the next occurrence; null while paused.
  next_at    timestamptz,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- A nominal time of a schedule happens once, however many schedulers see it come.
CREATE TABLE ${schema}.occurrence (
  schedule      text NOT NULL REFERENCES ${schema}.schedule ON DELETE CASCADE,
  nominal_at    timestamptz NOT NULL,
  trigger       text NOT NULL CHECK (trigger IN ('cron', 'manual')),
  outcome       text NOT NULL CHECK (outcome IN ('submitted', 'skipped', 'missed', 'refused')),
  submission_id uuid,
  reason        text,
  created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (schedule, nominal_at)
);

-- Tokens and sessions as digests: whoever reads this table cannot sign in with it.
CREATE TABLE ${schema}.access_token (
  name       text PRIMARY KEY,
  digest     text NOT NULL UNIQUE,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE ${schema}.access_session (
  digest       text PRIMARY KEY,
  token_digest text NOT NULL,
  expires_at   timestamptz NOT NULL
);

CREATE TABLE ${schema}.worker (
  id          uuid PRIMARY KEY,
  name        text NOT NULL,
  concurrency integer NOT NULL,
  running     integer NOT NULL,
  started_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  seen_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);
`,
  (schema) => `
-- What the request asks for; whatever was submitted before there were extracts is a load.
ALTER TABLE ${schema}.submission
  ADD COLUMN type text NOT NULL DEFAULT 'load' CHECK (type IN ('load', 'extract'));
`,
  (schema) => `
-- A run has ended unheard of, or is still alive somewhere: it may have been committed, or may yet be.
ALTER TABLE ${schema}.submission ADD COLUMN uncertain boolean NOT NULL DEFAULT false;
UPDATE ${schema}.submission SET uncertain = true
 WHERE (losses > 0 OR state = 'in-doubt') AND state IN ('queued', 'running', 'waiting', 'in-doubt');
`,
];

/** Not the ledger's schema: one database may be control database and target at once. */
export const CONTROL_SCHEMA = 'copyline_control';

export function controlMigrations(schema: string): SchemaMigrations {
  return { schema, steps: STEPS, newer: { code: 'CONTROL_NEWER', what: 'The control database' } };
}
