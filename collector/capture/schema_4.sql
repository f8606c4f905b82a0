-- snag capture, schema 4: what interpreters run. schema.sql says what ids and NULL are.

ALTER TABLE threads ADD COLUMN script_title TEXT;   -- the name that the program gave the thread
ALTER TABLE threads ADD COLUMN script_runtime TEXT; -- whose frames it has: "python"
ALTER TABLE threads ADD COLUMN script_why TEXT;     -- why it has none, or where they end
ALTER TABLE threads ADD COLUMN script_note TEXT;    -- "holds the GIL"

ALTER TABLE actors ADD COLUMN host_thread INTEGER;  -- threads.id: who runs an interpreter

CREATE TABLE script_frames (
	id INTEGER PRIMARY KEY,   -- those of a thread stand side by side, the innermost first
	thread INTEGER NOT NULL,
	function TEXT, qualified TEXT, file TEXT,
	line INTEGER NOT NULL,    -- 0 unknown
	entry INTEGER NOT NULL    -- native code called it
);
