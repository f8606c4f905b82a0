-- snag capture, schema 6: who waits for work that was given to whom, and which task asked for a
-- child. schema.sql says what ids and NULL are.

ALTER TABLE actors ADD COLUMN spawn_requested_task INTEGER; -- tasks.id of spawn_requested_by

CREATE TABLE debts (
	id INTEGER PRIMARY KEY,   -- in the order of their threads
	thread INTEGER NOT NULL,  -- threads.id: who waits
	"by" INTEGER,             -- threads.id: who has it; NULL: nobody any more
	kind TEXT NOT NULL,
	what TEXT,                -- "the result of map() of its Pool (job 0)"
	lost TEXT                 -- why nobody has it, or NULL
);
