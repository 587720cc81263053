-- With the text itself, so that a search reads one index; PostgreSQL refuses index rows as long as an error may be.
DROP INDEX requests_with_error;
CREATE INDEX requests_with_error ON requests (created_us, id, error_code, error) WHERE error IS NOT NULL;
