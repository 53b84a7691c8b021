CREATE TABLE users (
  tenant text NOT NULL REFERENCES tenants,
  name text NOT NULL,
  salt text NOT NULL,
  hash text NOT NULL,
  PRIMARY KEY (tenant, name)
);
CREATE TABLE files (
  tenant text NOT NULL REFERENCES tenants,
  name text NOT NULL,
  sha256 text NOT NULL,
  size integer NOT NULL,
  uploaded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (tenant, name)
);
CREATE TABLE jobs (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant text NOT NULL,
  name text NOT NULL,
  sha256 text NOT NULL,
  size integer NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  done_at timestamptz,
  problem text
);
CREATE INDEX jobs_waiting ON jobs (id) WHERE done_at IS NULL;
