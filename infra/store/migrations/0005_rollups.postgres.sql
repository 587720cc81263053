CREATE TABLE rollup_marks (id BIGSERIAL PRIMARY KEY, created_us BIGINT NOT NULL);
-- Whatever changes a request whose hour may have been summed up already leaves a mark, and the hour is summed up anew.
-- Recent ones leave none: their hour is not closed before they are ten minutes old. The table has no other key: a mark
-- never waits for one that is just being carried out, nor is taken for it.
CREATE FUNCTION aethergate_mark() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN EXECUTE format('INSERT INTO %I.rollup_marks (created_us) VALUES ($1)', TG_TABLE_SCHEMA) USING NEW.created_us; RETURN NULL; END $$;
CREATE TRIGGER requests_late AFTER INSERT OR UPDATE ON requests FOR EACH ROW
WHEN (NEW.state IN ('SETTLED', 'VOID') AND NEW.created_us < (extract(epoch FROM clock_timestamp())::bigint - 600) * 1000000)
EXECUTE FUNCTION aethergate_mark();
