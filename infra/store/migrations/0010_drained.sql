-- Backends that the owner has taken out of service; what runs there finishes.
CREATE TABLE drained_backends (
    backend TEXT PRIMARY KEY,
    since_us BIGINT NOT NULL
);
