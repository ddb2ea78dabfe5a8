-- The orchestrator's tables in the view. When this text changes, the view is rebuilt from the journal.

-- What sagas are found by and what lists show of them; `counted` is what the statistics counted for each, and what two
-- versions are compared by: its duration, its retries, and whether it was in incident (stats/facts.rs). The attempt
-- is that of the step in most trouble (inspect/trouble.rs), `undoing` if it compensates the step.
CREATE TABLE sagas(started INTEGER NOT NULL, id TEXT NOT NULL, definition TEXT NOT NULL, version INTEGER NOT NULL,
  status TEXT NOT NULL, step TEXT NOT NULL, customer TEXT, waiting INTEGER, updated INTEGER NOT NULL,
  retrying INTEGER NOT NULL, counted TEXT NOT NULL, mail TEXT, tracking TEXT, ending TEXT, ending_reason TEXT,
  attempt_step TEXT, attempt INTEGER, undoing INTEGER, error TEXT, amount INTEGER, currency TEXT,
  PRIMARY KEY(started, id)) WITHOUT ROWID;
CREATE INDEX sagas_by_status ON sagas(status, started);
CREATE INDEX sagas_by_customer ON sagas(customer, started) WHERE customer IS NOT NULL;
-- The end of the id, as lists show it:
CREATE INDEX sagas_by_tail ON sagas(substr(id, -8));
CREATE INDEX sagas_by_mail ON sagas(mail, started) WHERE mail IS NOT NULL;
CREATE INDEX sagas_by_tracking ON sagas(tracking, started) WHERE tracking IS NOT NULL;
CREATE INDEX sagas_that_retry ON sagas(retrying, started) WHERE retrying = 1;
CREATE INDEX sagas_that_wait ON sagas(waiting) WHERE waiting IS NOT NULL;
CREATE TABLE definitions(name TEXT NOT NULL, version INTEGER NOT NULL, text TEXT NOT NULL, PRIMARY KEY(name, version))
  WITHOUT ROWID;
CREATE TABLE rollouts(definition TEXT NOT NULL, partition INTEGER NOT NULL, version INTEGER NOT NULL,
  percent INTEGER NOT NULL, PRIMARY KEY(definition, partition)) WITHOUT ROWID;
-- The definitions that operators deployed.
CREATE TABLE deployed(name TEXT NOT NULL, version INTEGER NOT NULL, partition INTEGER NOT NULL, hash TEXT NOT NULL,
  revision INTEGER NOT NULL, active INTEGER NOT NULL, PRIMARY KEY(name, version, partition)) WITHOUT ROWID;
CREATE INDEX sagas_by_definition ON sagas(definition, version, started);

-- Dead letters that were put back.
CREATE TABLE letters(topic TEXT NOT NULL, partition INTEGER NOT NULL, offset INTEGER NOT NULL, by TEXT NOT NULL,
  why TEXT NOT NULL, source TEXT, at INTEGER NOT NULL, PRIMARY KEY(topic, partition, offset)) WITHOUT ROWID;

-- The acts of operators and customers: see view/audit.rs.
CREATE TABLE audit(at INTEGER NOT NULL, subject TEXT NOT NULL, id TEXT NOT NULL, action TEXT NOT NULL, by TEXT NOT NULL,
  why TEXT NOT NULL, source TEXT, refused TEXT, PRIMARY KEY(at, subject, id)) WITHOUT ROWID;
-- The acts of a bulk action: their ids begin with its id.
CREATE INDEX audit_by_id ON audit(id);

-- The open tasks of people, from the steps that wait: see view/tasks.rs. `rank` is the due time, or the end of time.
CREATE TABLE tasks(rank INTEGER NOT NULL, opened INTEGER NOT NULL, saga TEXT NOT NULL, step TEXT NOT NULL,
  definition TEXT NOT NULL, version INTEGER NOT NULL, role TEXT, claimed_by TEXT, claimed_at INTEGER,
  completed_by TEXT, completed_at INTEGER, PRIMARY KEY(rank, opened, saga, step)) WITHOUT ROWID;
CREATE INDEX tasks_by_saga ON tasks(saga);
CREATE INDEX tasks_by_step ON tasks(step, rank, opened);
CREATE INDEX tasks_by_role ON tasks(role, rank, opened) WHERE role IS NOT NULL;
CREATE INDEX tasks_by_claim ON tasks(claimed_by, rank, opened) WHERE claimed_by IS NOT NULL;
CREATE INDEX tasks_by_definition ON tasks(definition, rank, opened);

-- The statistics. The steps that open sagas wait for; a reason is without ids, so that errors that are alike are one:
CREATE TABLE waits(definition TEXT NOT NULL, version INTEGER NOT NULL, step TEXT NOT NULL, since INTEGER NOT NULL,
  id TEXT NOT NULL, started INTEGER NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL, undoing INTEGER NOT NULL,
  reached INTEGER NOT NULL, PRIMARY KEY(definition, version, step, since, id)) WITHOUT ROWID;
CREATE INDEX stuck ON waits(step, reason) WHERE state = 'stuck';
-- Sagas by status:
CREATE TABLE totals(definition TEXT NOT NULL, version INTEGER NOT NULL, status TEXT NOT NULL, n INTEGER NOT NULL,
  PRIMARY KEY(definition, version, status)) WITHOUT ROWID;
-- How many open sagas wait at a step, by the step's status; counted with `waits`:
CREATE TABLE waiting(definition TEXT NOT NULL, step TEXT NOT NULL, state TEXT NOT NULL, n INTEGER NOT NULL,
  PRIMARY KEY(definition, step, state)) WITHOUT ROWID;
-- How many of something (see `minutes`) ever, by the bucket of the time it took; never subtracted:
CREATE TABLE outcomes(definition TEXT NOT NULL, step TEXT NOT NULL, what INTEGER NOT NULL, bucket INTEGER NOT NULL,
  n INTEGER NOT NULL, PRIMARY KEY(definition, step, what, bucket)) WITHOUT ROWID;
-- How many of something (`what`, see stats/facts.rs) in a minute, by the bucket of the time it took; seven days of it. The
-- index finds the minutes to delete:
CREATE TABLE names(id INTEGER PRIMARY KEY, definition TEXT NOT NULL, version INTEGER NOT NULL, step TEXT NOT NULL,
  what INTEGER NOT NULL, UNIQUE(definition, version, step, what));
CREATE TABLE minutes(minute INTEGER NOT NULL, name INTEGER NOT NULL, bucket INTEGER NOT NULL, n INTEGER NOT NULL,
  PRIMARY KEY(name, minute, bucket)) WITHOUT ROWID;
CREATE INDEX minutes_by_minute ON minutes(minute);
