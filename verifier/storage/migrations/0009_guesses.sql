-- Wrong codes are counted in the limit of an application and channel, so that a wrong code writes the same row whether a
-- call is open or not. `call_id` is the call they were tried against, `wrong` how many on that channel.

ALTER TABLE limits ADD COLUMN call_id TEXT;
ALTER TABLE limits ADD COLUMN wrong BIGINT NOT NULL DEFAULT 0;

INSERT INTO limits (limit_key, tat, call_id, wrong)
    SELECT application_id || ':app', issued_at, call_id, app_wrong FROM calls
    WHERE due_at IS NOT NULL AND app_wrong > 0
    ON CONFLICT (limit_key) DO UPDATE SET call_id = excluded.call_id, wrong = excluded.wrong;
INSERT INTO limits (limit_key, tat, call_id, wrong)
    SELECT application_id || ':ivr', issued_at, call_id, ivr_wrong FROM calls
    WHERE due_at IS NOT NULL AND ivr_wrong > 0
    ON CONFLICT (limit_key) DO UPDATE SET call_id = excluded.call_id, wrong = excluded.wrong;

ALTER TABLE calls DROP COLUMN app_wrong;
ALTER TABLE calls DROP COLUMN ivr_wrong;
