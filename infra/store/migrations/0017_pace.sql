-- When the starts at a backend that has a pace will have leaked out of its bucket, whoever sent them (infra/backends/pace.py).
CREATE TABLE backend_pace (
    backend TEXT PRIMARY KEY,
    until_us BIGINT NOT NULL
);
