-- An erasure finds the call histories of a customer, and the kept answers that hold them.

CREATE INDEX leaves_histories ON leaves (customer_index) WHERE typ = 'call-history+jwt';
CREATE INDEX idempotency_leaf ON idempotency (leaf_index) WHERE application_id IS NULL AND leaf_index IS NOT NULL;
