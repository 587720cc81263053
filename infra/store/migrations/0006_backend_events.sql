-- What happened to backends, so that an owner can look back; bounded per backend by the gateway.
CREATE TABLE backend_events (
    id TEXT PRIMARY KEY,
    at_us BIGINT NOT NULL,
    backend TEXT NOT NULL,
    kind TEXT NOT NULL,
    why TEXT,
    instance TEXT NOT NULL
);
CREATE INDEX backend_events_of_backend ON backend_events (backend, at_us, id);

-- More kinds of questions among processes than at first; nothing in it outlives a minute.
DROP TABLE live_asks;
CREATE TABLE live_asks (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    instance TEXT NOT NULL,
    body_json TEXT NOT NULL,
    until_us BIGINT NOT NULL,
    done_json TEXT
);
