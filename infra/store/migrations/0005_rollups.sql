-- Sums of ended requests, derived from them and rebuilt from them: docs/figures.md, Sums.
-- Hours and days are counted from 1970, UTC. Latencies are histograms: {"mark": count}.
CREATE TABLE usage_hours (
    hour BIGINT NOT NULL,
    model TEXT NOT NULL,
    backend TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    requests BIGINT NOT NULL,
    errors BIGINT NOT NULL,
    revenue BIGINT NOT NULL,
    input_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    PRIMARY KEY (hour, model, backend, endpoint)
);

CREATE TABLE usage_days (
    day BIGINT NOT NULL,
    user_id TEXT NOT NULL,
    key_id TEXT NOT NULL,
    model TEXT NOT NULL,
    requests BIGINT NOT NULL,
    errors BIGINT NOT NULL,
    revenue BIGINT NOT NULL,
    input_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    PRIMARY KEY (day, user_id, key_id, model)
);
CREATE INDEX usage_days_of_user ON usage_days (user_id, day);

CREATE TABLE speed_days (
    day BIGINT NOT NULL,
    model TEXT NOT NULL,
    backend TEXT NOT NULL,
    first_json TEXT NOT NULL,
    rate_json TEXT NOT NULL,
    busy_us BIGINT NOT NULL,
    PRIMARY KEY (day, model, backend)
);

CREATE TABLE rollup_state (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    version BIGINT NOT NULL,
    rolled_until_us BIGINT NOT NULL,
    pruned_until_us BIGINT NOT NULL
);
