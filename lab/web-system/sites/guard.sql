-- Nobody writes into this database, over the API or beside it, unless the site's keeper has renewed the lease: looked at
-- when a statement begins and again when its transaction commits. The keeper writes the file beside the data.
CREATE SCHEMA IF NOT EXISTS site;
CREATE OR REPLACE FUNCTION site.may_write() RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  lease_until numeric := nullif(pg_read_file('site.lease', 0, 100, true), '')::numeric;
BEGIN
  RETURN (pg_stat_file('site.drained', true)).size IS NULL
    AND coalesce(extract(epoch FROM clock_timestamp()) * 1000 < lease_until, false);
END $$;
CREATE OR REPLACE FUNCTION site.guard() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
  IF NOT site.may_write() THEN
    RAISE EXCEPTION 'this site may not write: it does not hold the lease' USING ERRCODE = 'WS001';
  END IF;
  RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION site.may_write(), site.guard() FROM PUBLIC;
DO $$
DECLARE
  named regclass;
BEGIN
  FOR named IN SELECT format('public.%I', tablename)::regclass FROM pg_tables WHERE schemaname = 'public' LOOP
    EXECUTE format('CREATE OR REPLACE TRIGGER site_guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s
      FOR EACH STATEMENT EXECUTE FUNCTION site.guard()', named);
    EXECUTE format('DROP TRIGGER IF EXISTS site_guard_commit ON %s', named);
    EXECUTE format('CREATE CONSTRAINT TRIGGER site_guard_commit AFTER INSERT OR UPDATE OR DELETE ON %s
      DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION site.guard()', named);
  END LOOP;
END $$;
