-- What was booked stays booked: docs/ledger.md, Shape.
CREATE TRIGGER entries_no_update BEFORE UPDATE ON entries BEGIN SELECT RAISE(ABORT, 'entries are append-only'); END;
CREATE TRIGGER entries_no_delete BEFORE DELETE ON entries BEGIN SELECT RAISE(ABORT, 'entries are append-only'); END;
CREATE TRIGGER prices_no_update BEFORE UPDATE ON price_versions BEGIN SELECT RAISE(ABORT, 'price versions are immutable'); END;
CREATE TRIGGER prices_no_delete BEFORE DELETE ON price_versions BEGIN SELECT RAISE(ABORT, 'price versions are immutable'); END;
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit_events BEGIN SELECT RAISE(ABORT, 'audit events are append-only'); END;
CREATE TRIGGER requests_terminal BEFORE UPDATE ON requests
WHEN OLD.state IN ('SETTLED', 'VOID') AND (NEW.state <> OLD.state OR NEW.charged <> OLD.charged OR NEW.refunded < OLD.refunded)
BEGIN SELECT RAISE(ABORT, 'a settled or void request is final'); END;
