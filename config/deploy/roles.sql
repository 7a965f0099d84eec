-- Who may what in PostgreSQL. As a superuser, once, in the product's database:
--   psql -d grs -f config/deploy/roles.sql
-- then give each role its way in (pg_hba.conf, or ALTER ROLE … PASSWORD) and run `grs db upgrade` or `grs setup`
-- as grs_owner. Run it again after an upgrade that adds tables.
--
--   grs_owner   owns the tables, migrates, restores. No service runs as it.
--   grs_web     the web server: adds to the history, changes and deletes nothing of it.
--   grs_worker  the jobs: the same, and takes personal words out of closed histories (only the words;
--               a trigger lets nothing else through, and what they were is still hashed).

DO $$
DECLARE wanted text;
BEGIN
  FOREACH wanted IN ARRAY ARRAY['grs_owner', 'grs_web', 'grs_worker'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
      EXECUTE format('CREATE ROLE %I LOGIN', wanted);
    END IF;
  END LOOP;
END $$;

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO grs_owner;
DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO grs_owner', current_database()); END $$;  -- for pg_trgm
GRANT USAGE ON SCHEMA public TO grs_web, grs_worker;

DO $$
DECLARE one record;
BEGIN
  FOR one IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
    EXECUTE format('ALTER TABLE %I OWNER TO grs_owner', one.tablename);
    EXECUTE format('REVOKE ALL ON %I FROM grs_web, grs_worker', one.tablename);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO grs_web, grs_worker', one.tablename);
  END LOOP;
  FOR one IN SELECT p.oid::regprocedure AS name FROM pg_proc p
             JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'public'
             AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e') LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO grs_owner', one.name);
  END LOOP;
END $$;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO grs_web, grs_worker;
ALTER DEFAULT PRIVILEGES FOR ROLE grs_owner IN SCHEMA public
  GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO grs_web, grs_worker;
ALTER DEFAULT PRIVILEGES FOR ROLE grs_owner IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO grs_web, grs_worker;

-- What is only added to, and the state of the schema, which only a migration changes.
DO $$
DECLARE history text;
BEGIN
  FOREACH history IN ARRAY ARRAY['step', 'seal', 'sealed_head', 'security_event', 'alembic_version'] LOOP
    IF to_regclass(history) IS NOT NULL THEN
      EXECUTE format('REVOKE UPDATE, DELETE ON %I FROM grs_web, grs_worker', history);
    END IF;
  END LOOP;
  IF to_regclass('step') IS NOT NULL THEN
    GRANT UPDATE (details) ON step TO grs_worker;
    REVOKE INSERT ON alembic_version FROM grs_web, grs_worker;
    REVOKE INSERT ON seal, sealed_head FROM grs_web;
  END IF;
END $$;
