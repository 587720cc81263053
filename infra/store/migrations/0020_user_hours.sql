-- Sums by hour and user of the last days, for charts by user (docs/figures.md, Sums). Complete from user_hours_from_us
-- on: of what was summed up before this table was there it has nothing, until it is made anew.
ALTER TABLE rollup_state ADD COLUMN user_hours_from_us BIGINT NOT NULL DEFAULT 0;
UPDATE rollup_state SET user_hours_from_us = rolled_until_us;
