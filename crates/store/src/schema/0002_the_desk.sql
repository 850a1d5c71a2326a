-- What people act on. A `body` is the whole object as JSON, its moments in nanoseconds like all
-- others; the columns beside it are the parts of it that are searched for, and its `sum` is a hash
-- over it. Ids come from one sequence (see `counter`) and are never given out twice.

-- What the threshold memory of a state belongs to: 0 if it has none, or nobody said.
ALTER TABLE state ADD COLUMN rules_hash INTEGER NOT NULL DEFAULT 0;

-- The history of one host or service.
CREATE INDEX transition_history ON transition (checkable, at);

-- Tells two installations apart that speak to the same receiver. Made once, never changed.
CREATE TABLE installation (
    only    INTEGER PRIMARY KEY CHECK (only = 1),
    id      INTEGER NOT NULL,
    inverse INTEGER NOT NULL            -- of all bits of the id: shows if one has flipped
) STRICT;
INSERT INTO installation (only, id, inverse) VALUES (1, random(), 0);
UPDATE installation SET inverse = ~id;

-- `next-id`: the next one of the sequence.
CREATE TABLE counter (
    name    TEXT PRIMARY KEY,
    value   INTEGER NOT NULL,
    inverse INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE problem (
    id        INTEGER PRIMARY KEY,
    version   INTEGER NOT NULL,
    customer  TEXT NOT NULL,            -- empty: our own
    about     TEXT NOT NULL,            -- as people write it
    open      INTEGER NOT NULL,
    severity  INTEGER NOT NULL,         -- 1 warning, 2 unknown, 3 critical, 4 down
    opened_at INTEGER NOT NULL,
    ended_at  INTEGER,
    call_id   INTEGER,
    text      TEXT NOT NULL,            -- why
    body      TEXT NOT NULL,
    sum       INTEGER NOT NULL,
    CHECK (open = (ended_at IS NULL))
) STRICT;
CREATE INDEX problem_open ON problem (id) WHERE open = 1;
CREATE INDEX problem_open_customer ON problem (customer, severity) WHERE open = 1;
CREATE INDEX problem_ended ON problem (ended_at) WHERE open = 0;
CREATE INDEX problem_customer ON problem (customer);
CREATE INDEX problem_about ON problem (about);
CREATE INDEX problem_call ON problem (call_id) WHERE call_id IS NOT NULL;

CREATE TABLE proposal (
    id          INTEGER PRIMARY KEY,
    version     INTEGER NOT NULL,
    customer    TEXT NOT NULL,
    about       TEXT NOT NULL,
    state       TEXT NOT NULL
        CHECK (state IN ('open', 'accepted', 'merged', 'dismissed', 'withdrawn')),
    problem     INTEGER NOT NULL,
    proposed_at INTEGER NOT NULL,
    body        TEXT NOT NULL,
    sum         INTEGER NOT NULL
) STRICT;
CREATE INDEX proposal_open ON proposal (id) WHERE state = 'open';
CREATE INDEX proposal_open_customer ON proposal (customer) WHERE state = 'open';
CREATE INDEX proposal_customer ON proposal (customer);
CREATE INDEX proposal_idle ON proposal (proposed_at) WHERE state IN ('dismissed', 'withdrawn');

CREATE TABLE call (
    id        INTEGER PRIMARY KEY,
    version   INTEGER NOT NULL,
    customer  TEXT NOT NULL,
    title     TEXT NOT NULL,
    state     TEXT NOT NULL
        CHECK (state IN ('open', 'assigned', 'in-progress', 'suspended', 'closed')),
    assignee  TEXT,
    opened_at INTEGER NOT NULL,
    closed_at INTEGER,
    body      TEXT NOT NULL,
    sum       INTEGER NOT NULL
) STRICT;
CREATE INDEX call_open ON call (id) WHERE state <> 'closed';
CREATE INDEX call_open_customer ON call (customer, state) WHERE state <> 'closed';
CREATE INDEX call_closed ON call (closed_at) WHERE state = 'closed';
CREATE INDEX call_customer ON call (customer);
CREATE INDEX call_assignee ON call (assignee);

-- What is or was owed to somebody. A key stands for one alert for ever, and an alert about a
-- problem has one key for ever.
CREATE TABLE alert (
    place      INTEGER PRIMARY KEY,     -- in the order of owing
    key        TEXT NOT NULL UNIQUE,
    problem    INTEGER NOT NULL,        -- 0: about none
    step       INTEGER NOT NULL,
    channel    TEXT NOT NULL,
    contact    TEXT NOT NULL,
    ordinal    INTEGER NOT NULL,
    kind       TEXT NOT NULL,
    state      TEXT NOT NULL
        CHECK (state IN ('waiting', 'delivered', 'aggregated', 'withdrawn', 'dead')),
    customer   TEXT NOT NULL,
    owed_at    INTEGER NOT NULL,
    not_before INTEGER NOT NULL,
    body       TEXT NOT NULL,
    sum        INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX alert_identity ON alert (problem, step, channel, contact, ordinal)
    WHERE problem <> 0;
CREATE INDEX alert_state ON alert (state);
CREATE INDEX alert_customer ON alert (customer, state);
CREATE INDEX alert_waiting ON alert (channel, customer) WHERE state = 'waiting';
CREATE INDEX alert_owed ON alert (owed_at);

CREATE TABLE silence (
    id        INTEGER PRIMARY KEY,
    version   INTEGER NOT NULL,
    customers TEXT,                     -- a JSON list; NULL: everybody's
    from_at   INTEGER NOT NULL,
    until_at  INTEGER NOT NULL,
    body      TEXT NOT NULL,
    sum       INTEGER NOT NULL
) STRICT;
CREATE INDEX silence_until ON silence (until_at);

-- What differs from its rule in one occurrence of a window.
CREATE TABLE occurrence (
    window_name  TEXT NOT NULL,
    planned_from INTEGER NOT NULL,
    version      INTEGER NOT NULL,
    customer     TEXT NOT NULL,         -- empty: several customers'
    until_at     INTEGER NOT NULL,
    body         TEXT NOT NULL,
    sum          INTEGER NOT NULL,
    PRIMARY KEY (window_name, planned_from)
) STRICT;
CREATE INDEX occurrence_until ON occurrence (until_at);

-- Windows that were planned at run time.
CREATE TABLE planned (
    id       INTEGER PRIMARY KEY,
    customer TEXT,                      -- NULL: for all whom the scope names
    until_at INTEGER NOT NULL,
    body     TEXT NOT NULL,
    sum      INTEGER NOT NULL
) STRICT;
CREATE INDEX planned_until ON planned (until_at);

CREATE TABLE duty_override (
    id       INTEGER PRIMARY KEY,
    oncall   TEXT NOT NULL,
    until_at INTEGER NOT NULL,
    body     TEXT NOT NULL,
    sum      INTEGER NOT NULL
) STRICT;
CREATE INDEX duty_override_until ON duty_override (until_at);

CREATE TABLE token (
    id        INTEGER PRIMARY KEY,
    hash      BLOB NOT NULL UNIQUE,     -- SHA-256 of the secret
    customers TEXT,                     -- a JSON list; NULL: everybody's
    body      TEXT NOT NULL,
    sum       INTEGER NOT NULL
) STRICT;

-- Who did what. Only ever added to at the end, and cut off at the beginning. `chain` is SHA-256
-- over the chain of the row before and all columns of this one but `place`.
CREATE TABLE event (
    place    INTEGER PRIMARY KEY,
    id       INTEGER NOT NULL UNIQUE,
    at       INTEGER NOT NULL,
    customer TEXT NOT NULL,
    kind     TEXT NOT NULL,
    actor    TEXT NOT NULL,
    name     TEXT NOT NULL,
    subject  INTEGER NOT NULL,          -- 0: about none
    text     TEXT NOT NULL,
    chain    BLOB NOT NULL
) STRICT;
CREATE INDEX event_customer ON event (customer, id);
CREATE INDEX event_subject ON event (subject, id) WHERE subject <> 0;

-- The two ends of the chain: of the last row that was cut off, and of the last row there is.
CREATE TABLE event_chain (
    which TEXT PRIMARY KEY CHECK (which IN ('cut-off', 'last')),
    place INTEGER NOT NULL,
    chain BLOB NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO event_chain (which, place, chain) VALUES
    ('cut-off', 0, zeroblob(32)), ('last', 0, zeroblob(32));

-- Why somebody, or nobody, was told.
CREATE TABLE decision (
    id       INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,
    problem  INTEGER NOT NULL,          -- 0: none was opened
    name     TEXT NOT NULL,
    customer TEXT NOT NULL,
    body     TEXT NOT NULL,
    sum      INTEGER NOT NULL
) STRICT;
CREATE INDEX decision_name ON decision (name);
CREATE INDEX decision_problem ON decision (problem) WHERE problem <> 0;

-- Requests that were answered: a repeat gets the same answer.
CREATE TABLE answered (
    repeat_key TEXT PRIMARY KEY,
    at         INTEGER NOT NULL,
    id         TEXT NOT NULL,
    version    INTEGER NOT NULL,
    sum        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX answered_at ON answered (at);
