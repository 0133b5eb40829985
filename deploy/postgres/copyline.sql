-- Run once, by psql, when the PostgreSQL of docker-compose.yml makes its data: the role that Copyline
-- works as, and its two databases. The role is no superuser: it owns what it works on, and no more.
\set password `cat /run/secrets/copyline_password`
CREATE ROLE copyline LOGIN PASSWORD :'password';

-- Submissions, schedules, access.
CREATE DATABASE copyline OWNER copyline;
REVOKE ALL ON DATABASE copyline FROM PUBLIC;

-- The first target, with its ledger.
CREATE DATABASE warehouse OWNER copyline;
REVOKE ALL ON DATABASE warehouse FROM PUBLIC;
