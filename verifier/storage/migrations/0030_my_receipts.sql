-- A customer lists their receipts, newest first. All ids end in the digits of a UUIDv7 after a prefix of 5 characters.
-- An erasure finds the call histories of a customer by the same index.

CREATE INDEX leaves_customer ON leaves (customer_index, substr(statement_id, 6)) WHERE customer_index IS NOT NULL;
DROP INDEX leaves_histories;
