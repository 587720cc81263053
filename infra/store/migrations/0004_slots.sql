-- Which process holds how many slots of a backend, and who waits there for more (infra/backends/shares.py).
CREATE TABLE slot_shares (
    backend TEXT NOT NULL,
    instance TEXT NOT NULL,
    slots INTEGER NOT NULL CHECK (slots >= 0),
    waiting INTEGER NOT NULL,
    rank INTEGER NOT NULL,
    weight BIGINT NOT NULL,
    PRIMARY KEY (backend, instance)
);
