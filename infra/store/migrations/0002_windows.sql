-- What several processes count together: the sliding windows of limits, and who is inside at once.
CREATE TABLE window_entries (
    name TEXT NOT NULL,
    id TEXT NOT NULL,
    at_us BIGINT NOT NULL,
    until_us BIGINT NOT NULL,
    amount BIGINT NOT NULL,
    PRIMARY KEY (name, at_us, id)
);
CREATE INDEX window_entries_gone ON window_entries (until_us);

CREATE TABLE window_places (
    name TEXT NOT NULL,
    id TEXT NOT NULL,
    instance TEXT NOT NULL,
    PRIMARY KEY (name, id)
);
