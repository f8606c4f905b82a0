-- snag capture, schema 5: what calls of an interpreter are, and what they work on. schema.sql says
-- what ids and NULL are.

ALTER TABLE actors ADD COLUMN collecting INTEGER NOT NULL DEFAULT 0; -- garbage, its interpreter
ALTER TABLE threads ADD COLUMN script_gil TEXT NOT NULL DEFAULT '';  -- "held", "wanted"
ALTER TABLE threads ADD COLUMN script_work TEXT; -- "test test_a.py::test_b", or NULL

ALTER TABLE tasks ADD COLUMN gone_tid INTEGER NOT NULL DEFAULT 0;    -- of its loop, 0 none
ALTER TABLE tasks ADD COLUMN serves_fd INTEGER NOT NULL DEFAULT -1;  -- whose call it answers
ALTER TABLE tasks ADD COLUMN serves_call INTEGER NOT NULL DEFAULT 0; -- which call

ALTER TABLE waits ADD COLUMN doubt TEXT; -- how it could end though no term of it holds, or NULL

ALTER TABLE script_frames ADD COLUMN kind TEXT NOT NULL DEFAULT 'function'; -- "coroutine", ..
ALTER TABLE script_frames ADD COLUMN source TEXT;     -- the line of its file that it is at
ALTER TABLE script_frames ADD COLUMN source_why TEXT; -- why that is not told, if it was asked for
ALTER TABLE task_frames ADD COLUMN kind TEXT NOT NULL DEFAULT 'function';
ALTER TABLE task_frames ADD COLUMN source TEXT;
ALTER TABLE task_frames ADD COLUMN source_why TEXT;

CREATE TABLE locals (
	id INTEGER PRIMARY KEY,   -- those of a call side by side, in the order of the function
	script_frame INTEGER,     -- script_frames.id, or
	task_frame INTEGER,       -- task_frames.id
	name TEXT, type TEXT,
	value TEXT                -- as one would write it, cut
);

CREATE TABLE exceptions (
	id INTEGER PRIMARY KEY,   -- those of a thread or task side by side, the innermost first
	thread INTEGER,           -- threads.id, or
	task INTEGER,             -- tasks.id
	type TEXT, text TEXT,
	raised INTEGER NOT NULL   -- on its way up; 0: an except or finally clause has it
);
