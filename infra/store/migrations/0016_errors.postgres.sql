-- With all that the log can be asked for beside the text, so that a search reads this one index; an index row has at most
-- 2,704 bytes, so longer errors, of which there are few, are looked up in the table.
DROP INDEX requests_with_error;
CREATE INDEX requests_with_error ON requests (created_us, id)
INCLUDE (error, error_code, status, user_id, key_id, model, endpoint, backend, state, basis)
WHERE error IS NOT NULL AND octet_length(error || COALESCE(error_code, '')) <= 1000;
CREATE INDEX requests_with_long_error ON requests (created_us, id)
WHERE error IS NOT NULL AND octet_length(error || COALESCE(error_code, '')) > 1000;
