-- NOT VALID takes its lock for a moment only; the rows are looked at afterwards, beside the users.
ALTER TABLE customers ADD CONSTRAINT customers_names CHECK (given_name IS NOT NULL AND family_name IS NOT NULL) NOT VALID;
