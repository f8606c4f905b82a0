-- snag capture, schema 2: native stacks. What schema.sql says of ids and NULL holds here too.

ALTER TABLE threads ADD COLUMN stack TEXT NOT NULL DEFAULT 'unknown'; -- may it be trusted?
-- it stood in its wait all the while
ALTER TABLE threads ADD COLUMN stack_current INTEGER NOT NULL DEFAULT 0;
ALTER TABLE threads ADD COLUMN stack_why TEXT;
ALTER TABLE threads ADD COLUMN stack_end TEXT; -- why the walk ended where it did

CREATE TABLE codes (
	id INTEGER PRIMARY KEY,      -- a place in the code, in whatever process
	address INTEGER NOT NULL,    -- as the symbols of the module count; without one: the pc
	offset INTEGER NOT NULL,     -- from the start of the function, or else of the module
	symbol TEXT, module TEXT,
	missing TEXT,                -- why there is no symbol
	function INTEGER NOT NULL,   -- offset counts from the start of a function
	exact INTEGER NOT NULL,      -- not behind a call
	file TEXT,
	line INTEGER NOT NULL        -- 0 unknown
);

CREATE TABLE inlined (
	id INTEGER PRIMARY KEY,      -- those of a place stand side by side, the innermost first
	code INTEGER NOT NULL,       -- codes.id
	symbol TEXT, file TEXT,
	line INTEGER NOT NULL
);

CREATE TABLE frames (
	id INTEGER PRIMARY KEY,      -- those of a thread stand side by side, the innermost first
	thread INTEGER NOT NULL,     -- threads.id
	pc INTEGER NOT NULL,
	code INTEGER NOT NULL,       -- codes.id
	how TEXT NOT NULL,           -- how it was found
	signal INTEGER NOT NULL      -- the code that a signal handler returns to
);

CREATE TABLE kernel_frames (
	id INTEGER PRIMARY KEY,      -- as frames
	thread INTEGER NOT NULL,
	text TEXT NOT NULL
);
