-- What an expand migration must not do: the running release still needs this column.
ALTER TABLE customers ALTER COLUMN full_name DROP NOT NULL;
ALTER TABLE customers RENAME COLUMN full_name TO display_name;
