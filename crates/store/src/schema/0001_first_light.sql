-- Times are nanoseconds since 1970-01-01 UTC on the engine's own clock, durations nanoseconds,
-- unless a name says otherwise. A `sum` is a hash over its row: SQLite notices a torn page, but
-- not a flipped bit inside a value.

-- One row for each start of an engine on this file.
CREATE TABLE boot (
    number          INTEGER PRIMARY KEY,
    started_at_secs INTEGER NOT NULL,
    stopped_at_secs INTEGER             -- NULL: runs still, or did not stop cleanly
) STRICT;

-- Every host and service that anything was ever remembered about.
CREATE TABLE checkable (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    sum  INTEGER NOT NULL
) STRICT;

-- What is believed.
CREATE TABLE state (
    checkable     INTEGER PRIMARY KEY REFERENCES checkable (id),
    status        INTEGER NOT NULL,     -- 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN, 4 UP, 5 DOWN, 6 UNREACHABLE
    hard          INTEGER NOT NULL,
    attempt       INTEGER NOT NULL,
    known         INTEGER NOT NULL,
    hard_status   INTEGER NOT NULL,
    flapping      INTEGER NOT NULL,
    history       INTEGER NOT NULL,     -- 64 bits of the flap ring
    since         INTEGER NOT NULL,
    hard_since    INTEGER NOT NULL,
    attempt_at    INTEGER NOT NULL,
    host_was_down INTEGER NOT NULL,
    thresholds    BLOB NOT NULL,        -- 9 bytes a rule: since (little endian), raised
    cause_code    TEXT,
    cause_text    TEXT,
    epoch         INTEGER NOT NULL,     -- of the owner that wrote it; 1 while there is only one
    sum           INTEGER NOT NULL
) STRICT;

-- What changed, in the order of the shard that decided it.
CREATE TABLE transition (
    boot         INTEGER NOT NULL,
    shard        INTEGER NOT NULL,
    seq          INTEGER NOT NULL,
    at           INTEGER NOT NULL,
    checkable    INTEGER NOT NULL REFERENCES checkable (id),
    from_status  INTEGER NOT NULL,
    from_hard    INTEGER NOT NULL,
    from_attempt INTEGER NOT NULL,
    to_status    INTEGER NOT NULL,
    to_hard      INTEGER NOT NULL,
    to_attempt   INTEGER NOT NULL,
    was_flapping INTEGER NOT NULL,
    flapping     INTEGER NOT NULL,
    centipercent INTEGER NOT NULL,
    cause_code   TEXT,
    cause_text   TEXT,
    PRIMARY KEY (boot, shard, seq)
) STRICT, WITHOUT ROWID;

-- What was seen, where recording is on: enough to feed another engine exactly the same.
CREATE TABLE result (
    id         INTEGER PRIMARY KEY,     -- in the order of judging
    boot       INTEGER NOT NULL,
    shard      INTEGER NOT NULL,
    at         INTEGER NOT NULL,        -- when it was judged
    checkable  INTEGER NOT NULL REFERENCES checkable (id),
    run        INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    took       INTEGER NOT NULL,
    status     INTEGER,                 -- NULL: we could not look
    cause_code TEXT,
    cause_text TEXT,
    measures   BLOB NOT NULL
) STRICT;

-- How far each shard's stream has been kept.
CREATE TABLE position (
    shard INTEGER PRIMARY KEY,
    boot  INTEGER NOT NULL,
    seq   INTEGER NOT NULL
) STRICT;
