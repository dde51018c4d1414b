-- How often each key-encryption key has been used, by all nodes. A node reserves uses before it needs them.
-- Of earlier uses only the wrapped application keys can be counted.

CREATE TABLE key_uses (
    kid TEXT PRIMARY KEY,
    uses BIGINT NOT NULL
);

INSERT INTO key_uses (kid, uses)
    SELECT kek_id, COUNT(*) FROM applications WHERE kek_id IS NOT NULL GROUP BY kek_id;
