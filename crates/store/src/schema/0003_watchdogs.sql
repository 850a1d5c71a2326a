-- The ledger of promised runs. As in the tables of the desk, a `body` is the whole object and its
-- `sum` a hash over it; the columns beside it are what is searched for.

-- One expected run of a job.
CREATE TABLE slot (
    job       TEXT NOT NULL,            -- full name
    at        INTEGER NOT NULL,         -- when the run is expected to end: names the slot
    version   INTEGER NOT NULL,
    customer  TEXT NOT NULL,
    standing  TEXT NOT NULL,
    close_at  INTEGER NOT NULL,
    body      TEXT NOT NULL,
    sum       INTEGER NOT NULL,
    PRIMARY KEY (job, at)
) STRICT;
CREATE INDEX slot_at ON slot (at);
CREATE INDEX slot_open ON slot (job, at) WHERE standing = 'open';
CREATE INDEX slot_customer ON slot (customer, at);

-- What was heard.
CREATE TABLE report (
    id        INTEGER PRIMARY KEY,
    version   INTEGER NOT NULL,
    job       TEXT,                     -- NULL: nobody has claimed it
    customer  TEXT NOT NULL,            -- empty: nobody has claimed it
    at        INTEGER NOT NULL,         -- when it came in
    class     TEXT NOT NULL,
    slot_at   INTEGER,
    mail      BLOB,
    body      TEXT NOT NULL,
    sum       INTEGER NOT NULL
) STRICT;
CREATE INDEX report_job ON report (job, id) WHERE job IS NOT NULL;
CREATE INDEX report_unclaimed ON report (id) WHERE class = 'unclaimed';
CREATE INDEX report_customer ON report (customer, id);
CREATE INDEX report_mail ON report (mail) WHERE mail IS NOT NULL;

-- What makes a report the same as another one: hashes of 16 bytes.
CREATE TABLE report_key (
    key    BLOB PRIMARY KEY,
    report INTEGER NOT NULL,
    at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX report_key_at ON report_key (at);

-- Mails as they came, packed. The key is SHA-256 of the mail itself.
CREATE TABLE mail (
    key    BLOB PRIMARY KEY,
    at     INTEGER NOT NULL,
    packed BLOB NOT NULL
) STRICT;
CREATE INDEX mail_at ON mail (at);

-- What is remembered of a job besides its slots.
CREATE TABLE job_memory (
    job     TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    body    TEXT NOT NULL,
    sum     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Mails in each hour since 1970.
CREATE TABLE mail_hour (
    hour  INTEGER PRIMARY KEY,
    count INTEGER NOT NULL
) STRICT;

-- Where reading a mailbox goes on.
CREATE TABLE cursor (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
