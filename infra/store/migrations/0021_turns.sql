-- How much of a backend those who wait in a process have had, for the weight of their users (infra/backends/shares.py).
ALTER TABLE slot_shares ADD COLUMN passed BIGINT NOT NULL DEFAULT 0;
