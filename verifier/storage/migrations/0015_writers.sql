-- Each head names the nodes that wrote last, so that a node knows a head that was set back, however far others went on.

ALTER TABLE log_head ADD COLUMN writers BYTEA;
