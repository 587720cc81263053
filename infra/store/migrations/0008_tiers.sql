-- Which service tier a request was served in, and the millionths of its price version that the tier cost.
ALTER TABLE requests ADD COLUMN tier TEXT NOT NULL DEFAULT 'default';
ALTER TABLE requests ADD COLUMN price_factor_ppm BIGINT NOT NULL DEFAULT 1000000;
