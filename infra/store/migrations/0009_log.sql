-- What people look for in the request log and what is rare there: without these, looking for one of a thousand walks
-- through all. They are partial, so a request that went well writes none of them.
CREATE INDEX requests_failed ON requests (created_us, id, status) WHERE status >= 400;
CREATE INDEX requests_with_error ON requests (created_us, id) WHERE error IS NOT NULL;
CREATE INDEX requests_not_measured ON requests (created_us, id, basis) WHERE basis IN ('partial', 'estimated', 'recovered');
