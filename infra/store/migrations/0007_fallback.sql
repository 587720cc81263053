-- A model may have another one that serves where its backends are gone; the request keeps both names.
ALTER TABLE models ADD COLUMN fallback TEXT;
ALTER TABLE requests ADD COLUMN served_model TEXT;
