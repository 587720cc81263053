-- Tokens of the control room that were handed back before their time, until that time. No secret: without its signature a
-- claim opens nothing.
CREATE TABLE ended_sessions (
    claim TEXT PRIMARY KEY,
    until_s BIGINT NOT NULL
);
