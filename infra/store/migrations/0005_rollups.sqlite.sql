CREATE TABLE rollup_marks (id INTEGER PRIMARY KEY AUTOINCREMENT, created_us BIGINT NOT NULL);
-- Whatever changes a request whose hour may have been summed up already leaves a mark, and the hour is summed up anew.
-- Recent ones leave none: their hour is not closed before they are ten minutes old.
CREATE TRIGGER requests_late_insert AFTER INSERT ON requests
WHEN NEW.state IN ('SETTLED', 'VOID') AND NEW.created_us < (CAST(strftime('%s', 'now') AS INTEGER) - 600) * 1000000
BEGIN INSERT INTO rollup_marks (created_us) VALUES (NEW.created_us); END;
CREATE TRIGGER requests_late_update AFTER UPDATE ON requests
WHEN NEW.state IN ('SETTLED', 'VOID') AND NEW.created_us < (CAST(strftime('%s', 'now') AS INTEGER) - 600) * 1000000
BEGIN INSERT INTO rollup_marks (created_us) VALUES (NEW.created_us); END;
