CREATE TABLE tenants (id text PRIMARY KEY, name text NOT NULL);
CREATE TABLE customers (
  tenant text NOT NULL REFERENCES tenants,
  id text NOT NULL,
  full_name text NOT NULL,
  revision integer NOT NULL,
  changed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant, id)
);
CREATE TABLE orders (
  tenant text NOT NULL,
  reference text NOT NULL,
  customer text NOT NULL,
  amount integer NOT NULL,
  placed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant, reference),
  FOREIGN KEY (tenant, customer) REFERENCES customers
);
