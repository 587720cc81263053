-- Wide enough to answer from itself who failed at what: one in twenty requests is in it.
DROP INDEX requests_failed;
CREATE INDEX requests_failed ON requests (created_us, id, status, user_id, model, endpoint, backend) WHERE status >= 400;
