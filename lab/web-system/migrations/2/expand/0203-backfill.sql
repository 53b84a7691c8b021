-- repeat until no rows: small transactions, so that nobody waits long for a row
UPDATE customers SET given_name = given_name
WHERE (tenant, id) IN (
  SELECT tenant, id FROM customers WHERE given_name IS NULL ORDER BY tenant, id LIMIT 500 FOR UPDATE SKIP LOCKED
);
