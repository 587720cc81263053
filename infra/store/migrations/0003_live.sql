-- What processes on one database tell and ask each other while an owner looks: derived from what runs, worth nothing later.
CREATE TABLE live_boards (
    instance TEXT PRIMARY KEY,
    at_us BIGINT NOT NULL,
    body_json TEXT NOT NULL
);

CREATE TABLE live_asks (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('look', 'stop')),
    instance TEXT NOT NULL,
    body_json TEXT NOT NULL,
    until_us BIGINT NOT NULL,
    done_json TEXT
);
