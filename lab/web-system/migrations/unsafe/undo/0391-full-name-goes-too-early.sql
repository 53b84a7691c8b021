ALTER TABLE customers RENAME COLUMN display_name TO full_name;
ALTER TABLE customers ALTER COLUMN full_name SET NOT NULL;
