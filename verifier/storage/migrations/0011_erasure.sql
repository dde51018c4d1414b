-- What goes when an application is erased: dialogues name it, and so do legs that several applications share.

ALTER TABLE ivr_sessions ADD COLUMN application_id TEXT;
CREATE INDEX ivr_sessions_application ON ivr_sessions (application_id);

ALTER TABLE stray_legs ADD COLUMN among TEXT;
CREATE INDEX stray_legs_among ON stray_legs (stray_id) WHERE among IS NOT NULL;

CREATE INDEX exceptions_application ON exceptions (application_id);
