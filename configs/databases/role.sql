-- Makes the exporter's role, as an admin. Variables: role, database, owner (the stack), limit.
\set ON_ERROR_STOP on
\set QUIET on
-- Anything that is said is a failure.
SET client_min_messages = error;
SELECT count(*) = 0 AS missing FROM pg_roles WHERE rolname = :'role' \gset
SELECT coalesce((SELECT shobj_description(oid, 'pg_authid') = :'owner' FROM pg_roles WHERE rolname = :'role'), false) AS ours \gset
\if :missing
  -- What a role may not do is not named: only a superuser may, and it is the default.
  CREATE ROLE :"role" LOGIN CONNECTION LIMIT :limit;
  COMMENT ON ROLE :"role" IS :'owner';
\elif :ours
  ALTER ROLE :"role" LOGIN CONNECTION LIMIT :limit;
\else
  \warn 'the role' :role 'is there already, and this stack did not make it: its password would be changed.'
  \warn 'Name another one in `user`; or keep it, give its password in `password` and leave `adminPassword` out.'
  \q
\endif
GRANT pg_monitor TO :"role";
GRANT CONNECT ON DATABASE :"database" TO :"role";
