-- Which process may try an ejected backend again, and until when nobody else may (infra/backends/trial.py).
CREATE TABLE backend_trials (
    backend TEXT PRIMARY KEY,
    instance TEXT NOT NULL,
    until_us BIGINT NOT NULL
);
