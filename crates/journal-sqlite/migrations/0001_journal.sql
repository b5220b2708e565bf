-- Discriminants are frozen: privacy 1 public, 2 personal; effect state 1 pending, 2 done, 3 dead.

CREATE TABLE meta (
    name TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE streams (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    privacy INTEGER NOT NULL CHECK (privacy IN (1, 2)),
    head_seq INTEGER NOT NULL CHECK (head_seq >= 1),
    head_digest BLOB NOT NULL CHECK (length(head_digest) = 32),
    wrapped_key BLOB,
    shredded INTEGER NOT NULL CHECK (shredded IN (0, 1)),
    CHECK ((wrapped_key IS NOT NULL) = (privacy = 2 AND shredded = 0))
) STRICT;

CREATE TABLE events (
    idx INTEGER PRIMARY KEY CHECK (idx >= 0),
    stream INTEGER NOT NULL REFERENCES streams (id),
    seq INTEGER NOT NULL CHECK (seq >= 1),
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    header BLOB NOT NULL,
    payload BLOB NOT NULL,
    UNIQUE (stream, seq)
) STRICT;

CREATE TABLE nodes (
    level INTEGER NOT NULL CHECK (level BETWEEN 1 AND 63),
    idx INTEGER NOT NULL CHECK (idx >= 0),
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (level, idx)
) STRICT, WITHOUT ROWID;

CREATE TABLE checkpoints (
    size INTEGER PRIMARY KEY CHECK (size >= 1),
    note TEXT NOT NULL
) STRICT;

CREATE TABLE records (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    stream INTEGER REFERENCES streams (id),
    fields TEXT NOT NULL,
    body BLOB NOT NULL,
    version INTEGER NOT NULL CHECK (version >= 0),
    PRIMARY KEY (kind, id)
) STRICT;
CREATE INDEX records_by_stream ON records (stream) WHERE stream IS NOT NULL;

CREATE TABLE record_fields (
    kind TEXT NOT NULL,
    field TEXT NOT NULL,
    value TEXT NOT NULL,
    id TEXT NOT NULL,
    PRIMARY KEY (kind, field, value, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX record_fields_by_record ON record_fields (kind, id);

CREATE TABLE effects (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    owner INTEGER REFERENCES streams (id),
    payload BLOB NOT NULL,
    state INTEGER NOT NULL CHECK (state IN (1, 2, 3)),
    attempts INTEGER NOT NULL CHECK (attempts >= 0),
    not_before_ms INTEGER NOT NULL,
    leased_until_ms INTEGER NOT NULL,
    error TEXT
) STRICT;
CREATE INDEX effects_by_state ON effects (state, id);
CREATE INDEX effects_pending ON effects (not_before_ms, id) WHERE state = 1;
CREATE INDEX effects_by_owner ON effects (owner) WHERE owner IS NOT NULL;

CREATE TABLE idempotency (
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    request BLOB NOT NULL CHECK (length(request) = 32),
    owner INTEGER REFERENCES streams (id),
    response BLOB NOT NULL,
    expires_ms INTEGER NOT NULL,
    first INTEGER NOT NULL CHECK (first >= 0),
    count INTEGER NOT NULL CHECK (count >= 0),
    PRIMARY KEY (scope, key)
) STRICT;
CREATE INDEX idempotency_by_expiry ON idempotency (expires_ms);
CREATE INDEX idempotency_by_owner ON idempotency (owner) WHERE owner IS NOT NULL;
