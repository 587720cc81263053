-- Of a thousand requests some fifty are refused or fail: who looks for those that charged nothing walks through no others.
CREATE INDEX requests_void ON requests (created_us, id, status) WHERE state = 'VOID';
