-- snag capture, schema 3: tasks. What schema.sql says of ids and NULL holds here too.

CREATE TABLE tasks (
	id INTEGER PRIMARY KEY,      -- those of an actor stand side by side
	actor INTEGER NOT NULL,
	thread INTEGER,              -- threads.id: whose loop runs it
	address INTEGER NOT NULL,    -- of the runtime's own structure
	number INTEGER NOT NULL,     -- the runtime's own, 0 none
	runtime TEXT, name TEXT,
	parent INTEGER,              -- tasks.id
	nursery INTEGER,             -- nurseries.id: what waits for it
	scope INTEGER,               -- scopes.id: the innermost one
	state TEXT NOT NULL,
	main INTEGER NOT NULL,       -- what its loop was started for
	hint INTEGER NOT NULL,       -- its loop ran meanwhile: nothing of it is certain
	requested INTEGER, shielded INTEGER, delivered INTEGER, -- NULL: its runtime does not tell
	signals INTEGER NOT NULL,    -- of a main task: bit n-1, its loop did not hear of signal n
	cancel_by TEXT, cancel_reason TEXT,
	wait INTEGER,                -- waits.id
	stack_why TEXT               -- why it has no frames, or where they end
);

CREATE TABLE nurseries (
	id INTEGER PRIMARY KEY,
	actor INTEGER NOT NULL,
	address INTEGER NOT NULL,
	name TEXT,
	task INTEGER,                -- tasks.id: who opened it
	scope INTEGER,               -- scopes.id
	children INTEGER NOT NULL,   -- not done, -1 unknown
	waiting INTEGER NOT NULL     -- its task is at its end
);

CREATE TABLE scopes (
	id INTEGER PRIMARY KEY,
	actor INTEGER NOT NULL,
	address INTEGER NOT NULL,
	name TEXT,
	parent INTEGER,              -- scopes.id: the next one further out
	task INTEGER,                -- tasks.id: who entered it
	shield INTEGER NOT NULL,     -- stops a cancel from outside
	cancelled INTEGER NOT NULL,
	deadline_ms INTEGER NOT NULL, -- time left, 0 when it has passed; -1 none
	"by" TEXT, reason TEXT       -- who cancelled it and why
);

CREATE TABLE task_frames (
	id INTEGER PRIMARY KEY,      -- those of a task stand side by side, the innermost first
	task INTEGER NOT NULL,
	function TEXT, file TEXT,
	line INTEGER NOT NULL,       -- 0 unknown
	code INTEGER,                -- codes.id of a native one
	pc INTEGER NOT NULL
);
