-- Who a process is on its machine (infra/ledger/life.py): processes beside it can prove that it lives, or does not any more.
ALTER TABLE instances ADD COLUMN place TEXT;
ALTER TABLE instances ADD COLUMN pid BIGINT;
ALTER TABLE instances ADD COLUMN born BIGINT;
