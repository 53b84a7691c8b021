ALTER TABLE customers ADD COLUMN given_name text, ADD COLUMN family_name text;
