-- From here on releases 1 and 2 cannot run any more.
DROP TRIGGER customers_keep_names_in_step ON customers;
DROP FUNCTION customers_keep_names_in_step();
ALTER TABLE customers DROP COLUMN full_name;
