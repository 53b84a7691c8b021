-- While releases 1 and 2 run side by side each of them writes what it knows, and the other one must see it.
CREATE FUNCTION customers_keep_names_in_step() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  old_full text := CASE TG_OP WHEN 'UPDATE' THEN OLD.full_name END;
  old_given text := CASE TG_OP WHEN 'UPDATE' THEN OLD.given_name END;
  old_family text := CASE TG_OP WHEN 'UPDATE' THEN OLD.family_name END;
BEGIN
  IF (NEW.given_name, NEW.family_name) IS DISTINCT FROM (old_given, old_family) THEN
    NEW.full_name := rtrim(NEW.given_name || ' ' || NEW.family_name);
  ELSIF NEW.full_name IS DISTINCT FROM old_full OR NEW.given_name IS NULL THEN
    NEW.given_name := split_part(NEW.full_name, ' ', 1);
    NEW.family_name := ltrim(substr(NEW.full_name, length(NEW.given_name) + 1));
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER customers_keep_names_in_step BEFORE INSERT OR UPDATE ON customers
  FOR EACH ROW EXECUTE FUNCTION customers_keep_names_in_step();
