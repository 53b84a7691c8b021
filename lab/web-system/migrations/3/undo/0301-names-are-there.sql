ALTER TABLE customers DROP CONSTRAINT IF EXISTS customers_names;
