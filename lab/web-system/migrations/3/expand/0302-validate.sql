ALTER TABLE customers VALIDATE CONSTRAINT customers_names;
