-- A dialogue is about no application before its first step. Then it goes by the number that rings when one is erased.

ALTER TABLE ivr_sessions ADD COLUMN number_index BYTEA;
CREATE INDEX ivr_sessions_number ON ivr_sessions (number_index) WHERE application_id IS NULL;
