-- Who is inside at once: one row per name and process, which says how many.
DROP TABLE window_places;
CREATE TABLE window_places (
    name TEXT NOT NULL,
    instance TEXT NOT NULL,
    places BIGINT NOT NULL CHECK (places >= 0),
    PRIMARY KEY (name, instance)
);
