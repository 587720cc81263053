-- Types and checks that SQLite and PostgreSQL both understand; what differs is in the file of the dialect beside this one.
CREATE TABLE users (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    balance BIGINT NOT NULL DEFAULT 0 CHECK (balance >= 0),
    held BIGINT NOT NULL DEFAULT 0 CHECK (held >= 0),
    seq BIGINT NOT NULL DEFAULT 0 CHECK (seq >= 0),
    active BOOLEAN NOT NULL DEFAULT TRUE,
    weight INTEGER NOT NULL DEFAULT 1 CHECK (weight BETWEEN 1 AND 1000),
    limits_json TEXT NOT NULL DEFAULT '{}',
    created_us BIGINT NOT NULL,
    CHECK (held <= balance)
);

CREATE TABLE keys (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id),
    name TEXT NOT NULL,
    secret_hmac TEXT NOT NULL,
    prefix TEXT NOT NULL,
    active BOOLEAN NOT NULL DEFAULT TRUE,
    owner BOOLEAN NOT NULL DEFAULT FALSE,
    limits_json TEXT NOT NULL DEFAULT '{}',
    models_json TEXT,
    expires_us BIGINT,
    replaced_by TEXT,
    created_us BIGINT NOT NULL,
    last_used_us BIGINT
);
CREATE INDEX keys_of_user ON keys (user_id);

CREATE TABLE models (
    id TEXT PRIMARY KEY,
    targets_json TEXT NOT NULL,
    max_output INTEGER,
    active BOOLEAN NOT NULL DEFAULT TRUE,
    created_us BIGINT NOT NULL
);

CREATE TABLE price_versions (
    id TEXT PRIMARY KEY,
    model TEXT NOT NULL,
    endpoint TEXT NOT NULL DEFAULT '',
    version INTEGER NOT NULL,
    price_json TEXT NOT NULL,
    source TEXT NOT NULL CHECK (source IN ('file', 'owner')),
    actor TEXT NOT NULL,
    created_us BIGINT NOT NULL,
    UNIQUE (model, endpoint, version)
);

CREATE TABLE requests (
    id TEXT PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('HELD', 'STREAMING', 'SETTLED', 'VOID')),
    instance TEXT NOT NULL,
    user_id TEXT NOT NULL REFERENCES users (id),
    key_id TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    model TEXT NOT NULL,
    backend TEXT,
    upstream TEXT,
    price_id TEXT,
    stream BOOLEAN NOT NULL DEFAULT FALSE,
    held BIGINT NOT NULL DEFAULT 0 CHECK (held >= 0),
    charged BIGINT NOT NULL DEFAULT 0 CHECK (charged >= 0),
    shortfall BIGINT NOT NULL DEFAULT 0 CHECK (shortfall >= 0),
    refunded BIGINT NOT NULL DEFAULT 0 CHECK (refunded >= 0),
    progress BIGINT NOT NULL DEFAULT 0 CHECK (progress >= 0),
    basis TEXT,
    units_json TEXT NOT NULL DEFAULT '{}',
    input_tokens BIGINT NOT NULL DEFAULT 0,
    output_tokens BIGINT NOT NULL DEFAULT 0,
    status INTEGER,
    error_code TEXT,
    error TEXT,
    created_us BIGINT NOT NULL,
    held_us BIGINT,
    first_byte_us BIGINT,
    finished_us BIGINT,
    CHECK (refunded <= charged)
);
CREATE INDEX requests_by_time ON requests (created_us, id);
CREATE INDEX requests_of_user ON requests (user_id, created_us, id);
CREATE INDEX requests_of_model ON requests (model, created_us, id);
CREATE INDEX requests_open ON requests (state, instance) WHERE state IN ('HELD', 'STREAMING');

CREATE TABLE entries (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('usage', 'topup', 'refund', 'adjustment')),
    debit TEXT NOT NULL,
    credit TEXT NOT NULL,
    amount BIGINT NOT NULL CHECK (amount > 0),
    user_id TEXT NOT NULL REFERENCES users (id),
    seq BIGINT NOT NULL CHECK (seq > 0),
    balance_after BIGINT NOT NULL CHECK (balance_after >= 0),
    request_id TEXT,
    actor TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    created_us BIGINT NOT NULL,
    UNIQUE (user_id, seq),
    CHECK (debit <> credit)
);
CREATE INDEX entries_by_time ON entries (created_us, id);
CREATE INDEX entries_of_request ON entries (request_id);

CREATE TABLE instances (
    id TEXT PRIMARY KEY,
    url TEXT,
    started_us BIGINT NOT NULL,
    lease_until_us BIGINT NOT NULL
);

CREATE TABLE replays (
    id TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    status INTEGER,
    body TEXT,
    created_us BIGINT NOT NULL
);

CREATE TABLE audit_events (
    id TEXT PRIMARY KEY,
    at_us BIGINT NOT NULL,
    actor TEXT NOT NULL,
    address TEXT NOT NULL,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    before_json TEXT,
    after_json TEXT
);
CREATE INDEX audit_events_by_time ON audit_events (at_us, id);
