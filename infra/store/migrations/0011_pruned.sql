-- What was pruned from the request log, by user and day: docs/figures.md, How long requests are kept.
CREATE TABLE pruned_days (
    user_id TEXT NOT NULL REFERENCES users (id),
    day BIGINT NOT NULL,
    requests BIGINT NOT NULL,
    bills BIGINT NOT NULL,
    charged BIGINT NOT NULL,
    refunded BIGINT NOT NULL,
    PRIMARY KEY (user_id, day)
);
