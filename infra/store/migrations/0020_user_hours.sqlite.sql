CREATE TABLE user_hours (
    hour BIGINT NOT NULL,
    user_id TEXT NOT NULL,
    requests BIGINT NOT NULL,
    errors BIGINT NOT NULL,
    revenue BIGINT NOT NULL,
    input_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    PRIMARY KEY (hour, user_id)
) WITHOUT ROWID;
