DROP TRIGGER IF EXISTS customers_keep_names_in_step ON customers;
DROP FUNCTION IF EXISTS customers_keep_names_in_step();
ALTER TABLE customers DROP COLUMN IF EXISTS given_name, DROP COLUMN IF EXISTS family_name;
