-- snag capture, schema 1. docs/FORMAT.md explains it. Ids count from 1 without gaps; NULL is "none"
-- or "unknown". Numbers of 64 bits without a sign are stored as SQLite's signed ones, bit for bit.
-- A released schema is never edited: what is new comes as a file of its own, see schema.c.

CREATE TABLE capture (
	id INTEGER PRIMARY KEY,      -- 1, the only row
	host TEXT, snag TEXT, reader TEXT, kernel TEXT,
	captured_ns INTEGER NOT NULL, -- CLOCK_REALTIME
	took_ms REAL NOT NULL,
	root INTEGER,                -- actors.id
	unstable INTEGER NOT NULL    -- descriptors changed hands at each of several looks
);

CREATE TABLE actors (
	id INTEGER PRIMARY KEY,
	kind TEXT NOT NULL,
	pid INTEGER NOT NULL,
	start INTEGER NOT NULL,      -- clock ticks since boot
	parent INTEGER,              -- actors.id, a smaller one
	ppid INTEGER NOT NULL,
	name TEXT, exe TEXT,
	argv TEXT,                   -- arguments separated by char(31)
	state TEXT,
	in_tree INTEGER NOT NULL, exited INTEGER NOT NULL, denied INTEGER NOT NULL,
	frozen INTEGER NOT NULL, timer_possible INTEGER NOT NULL, timers_known INTEGER NOT NULL,
	timer_ns INTEGER NOT NULL,
	joined TEXT,
	pgrp INTEGER NOT NULL, session INTEGER NOT NULL, tracer INTEGER NOT NULL,
	uid INTEGER NOT NULL,
	pid_ns INTEGER NOT NULL, net_ns INTEGER NOT NULL, mnt_ns INTEGER NOT NULL,
	cgroup TEXT,
	fd_total INTEGER NOT NULL,
	exit_code INTEGER NOT NULL,  -- -1 unknown
	spawn_method TEXT NOT NULL, spawn_backend TEXT, spawn_evidence TEXT,
	spawn_by_pid INTEGER NOT NULL, spawn_by_tid INTEGER NOT NULL,
	spawn_requested_by INTEGER,  -- actors.id
	runtime TEXT,
	sig_pending_blocked INTEGER NOT NULL, -- bit n-1 is signal n
	catches_sigchld INTEGER NOT NULL
);

CREATE TABLE threads (
	id INTEGER PRIMARY KEY,      -- those of an actor stand side by side, the leader first
	actor INTEGER NOT NULL,
	tid INTEGER NOT NULL,
	name TEXT, syscall TEXT,
	state TEXT,
	moved INTEGER NOT NULL, gone INTEGER NOT NULL, polls INTEGER NOT NULL,
	busy INTEGER NOT NULL, interruptible INTEGER NOT NULL,
	wait INTEGER,                -- waits.id
	since_ms INTEGER,
	wchan TEXT
);

CREATE TABLE objects (
	id INTEGER PRIMARY KEY,
	kind TEXT NOT NULL,
	key TEXT NOT NULL,           -- unique
	label TEXT,
	detail TEXT,                 -- a JSON object
	holders_seen TEXT NOT NULL,
	relevant INTEGER NOT NULL,
	peer INTEGER                 -- objects.id
);

CREATE TABLE holders (
	id INTEGER PRIMARY KEY,
	object INTEGER NOT NULL, actor INTEGER NOT NULL,
	fd INTEGER NOT NULL,         -- -1: not by a descriptor
	mode TEXT NOT NULL,
	inherited INTEGER NOT NULL,
	used INTEGER,
	description INTEGER NOT NULL -- equal ones are one open file description; 0 unknown
);

CREATE TABLE waits (
	id INTEGER PRIMARY KEY,
	actor INTEGER NOT NULL, thread INTEGER NOT NULL,
	task INTEGER NOT NULL,
	parent INTEGER,              -- waits.id, a smaller one: an item of that wait
	op TEXT,
	kind TEXT NOT NULL,
	object INTEGER,
	fd INTEGER NOT NULL,
	need INTEGER NOT NULL,       -- how many of its terms must hold
	timeout_ms INTEGER NOT NULL, -- -1 none
	since_ms INTEGER,
	text TEXT, external TEXT,
	completion INTEGER NOT NULL, input INTEGER NOT NULL,
	level TEXT NOT NULL
);

CREATE TABLE terms (
	id INTEGER PRIMARY KEY,      -- those of a wait stand side by side
	wait INTEGER NOT NULL,
	kind TEXT NOT NULL,
	role TEXT NOT NULL,
	mode TEXT NOT NULL,
	target INTEGER NOT NULL,     -- an id of what `kind` says; 0 none
	text TEXT
);

CREATE TABLE findings (
	id INTEGER PRIMARY KEY,
	kind TEXT NOT NULL,
	actor INTEGER, object INTEGER,
	fd INTEGER NOT NULL, signal INTEGER NOT NULL,
	effect TEXT, text TEXT
);

-- What could not be known, and why.
CREATE TABLE missing (id INTEGER PRIMARY KEY, text TEXT NOT NULL);

CREATE TABLE verdict (
	id INTEGER PRIMARY KEY,      -- 1, the only row
	kind TEXT NOT NULL, confidence TEXT NOT NULL,
	summary TEXT,
	since_ms INTEGER,
	focus INTEGER,               -- threads.id
	culprit_actor INTEGER, culprit_task INTEGER NOT NULL, culprit_object INTEGER,
	culprit_tid INTEGER NOT NULL,
	culprit_reason TEXT, culprit_text TEXT
);

CREATE TABLE verdict_chain (id INTEGER PRIMARY KEY, wait INTEGER NOT NULL);
CREATE TABLE verdict_members (id INTEGER PRIMARY KEY, actor INTEGER NOT NULL);
CREATE TABLE verdict_missing (id INTEGER PRIMARY KEY, text TEXT NOT NULL);
CREATE TABLE verdict_caveats (id INTEGER PRIMARY KEY, text TEXT NOT NULL);

CREATE TABLE sides (
	id INTEGER PRIMARY KEY,
	kind TEXT NOT NULL, confidence TEXT NOT NULL,
	thread INTEGER,
	condition TEXT,
	summary TEXT
);

CREATE TABLE side_members (
	id INTEGER PRIMARY KEY,
	side INTEGER NOT NULL, actor INTEGER NOT NULL
);
