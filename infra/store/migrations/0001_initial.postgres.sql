-- What was booked stays booked: docs/ledger.md, Shape.
CREATE FUNCTION aethergate_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$;
CREATE TRIGGER entries_append_only BEFORE UPDATE OR DELETE ON entries FOR EACH ROW EXECUTE FUNCTION aethergate_refuse();
CREATE TRIGGER prices_append_only BEFORE UPDATE OR DELETE ON price_versions FOR EACH ROW EXECUTE FUNCTION aethergate_refuse();
CREATE TRIGGER audit_append_only BEFORE UPDATE ON audit_events FOR EACH ROW EXECUTE FUNCTION aethergate_refuse();
CREATE TRIGGER requests_terminal BEFORE UPDATE ON requests FOR EACH ROW
WHEN (OLD.state IN ('SETTLED', 'VOID') AND (NEW.state <> OLD.state OR NEW.charged <> OLD.charged OR NEW.refunded < OLD.refunded))
EXECUTE FUNCTION aethergate_refuse();
