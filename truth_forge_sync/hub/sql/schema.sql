-- The hub's tables. Safe to run again: nothing is dropped, columns.sql adds what an older hub lacks.

-- One row a contact, wide, for people; they may INSERT, UPDATE and DELETE here, bumping nothing.
CREATE TABLE IF NOT EXISTS {{ dataset }}.contacts_master (
  contact_id STRING,
  {% for column in columns %}
  {{ column.name }} {{ column.sql_type }},
  {% endfor %}
  canonical_name STRING,
  created_at TIMESTAMP,
  updated_at TIMESTAMP,
  deleted_at TIMESTAMP,
  version INT64,
  updated_by STRING,
  source_systems ARRAY<STRING>
) CLUSTER BY contact_id;

-- E-mails and phones of live contacts. match_key is what identifies a person: null for shared mailboxes and businesses.
CREATE TABLE IF NOT EXISTS {{ dataset }}.contact_identifiers (
  contact_id STRING NOT NULL,
  identifier_type STRING NOT NULL,
  identifier_value STRING NOT NULL,
  identifier_normalized STRING NOT NULL,
  is_primary BOOL NOT NULL,
  match_key STRING
) CLUSTER BY match_key, contact_id;

-- What each configured system can hold, and its place in the tie-break order (1 first). due: it can hold more than when
-- every contact was last decided about.
CREATE TABLE IF NOT EXISTS {{ dataset }}.sync_systems (
  system STRING NOT NULL,
  rank INT64 NOT NULL,
  fields ARRAY<STRING>,
  active BOOL NOT NULL,
  due BOOL NOT NULL
);

-- Which contact a native row is: the way in from a system's own id.
CREATE TABLE IF NOT EXISTS {{ dataset }}.sync_links (
  system STRING NOT NULL,
  native_id STRING NOT NULL,
  contact_id STRING NOT NULL,
  linked_at TIMESTAMP NOT NULL
) CLUSTER BY native_id, system;

-- One row a native row: the values we know it holds. known_at: when we learnt it, by our clock; older observations are
-- stale. own_contact_id: the row's own column. unread: fields whose value could not be read. held.sent: what we asked for when the system stored another value instead ('' for an erasure).
CREATE TABLE IF NOT EXISTS {{ dataset }}.sync_bases (
  system STRING NOT NULL,
  native_id STRING NOT NULL,
  contact_id STRING NOT NULL,
  version STRING,
  changed_at TIMESTAMP,
  known_at TIMESTAMP NOT NULL,
  gone BOOL NOT NULL,
  own_contact_id STRING,
  unread ARRAY<STRING>,
  held ARRAY<STRUCT<path STRING, value STRING, sent STRING>>
) CLUSTER BY contact_id, system;

-- One row a contact: the accepted value of every path, with its clock (stamp and system). An erased path keeps its clock.
CREATE TABLE IF NOT EXISTS {{ dataset }}.sync_registers (
  contact_id STRING NOT NULL,
  created_at TIMESTAMP NOT NULL,
  version INT64 NOT NULL,
  registers ARRAY<STRUCT<path STRING, value STRING, changed_at TIMESTAMP, system STRING>>
) CLUSTER BY contact_id;

-- Writes that are recorded and not yet known to have happened. status: open (to be sent, or sent without an answer),
-- superseded (never to be sent again, but it may have been), parked (refused; a new value makes a new intent).
CREATE TABLE IF NOT EXISTS {{ dataset }}.sync_intents (
  intent_id STRING NOT NULL,
  cycle_id STRING NOT NULL,
  system STRING NOT NULL,
  contact_id STRING NOT NULL,
  native_id STRING NOT NULL,
  kind STRING NOT NULL,
  changes ARRAY<STRUCT<path STRING, value STRING>>,
  status STRING NOT NULL,
  attempts INT64 NOT NULL,
  next_attempt_at TIMESTAMP,
  created_at TIMESTAMP NOT NULL,
  superseded_at TIMESTAMP
) CLUSTER BY contact_id, system;

-- How far each system is read. watermark: newest stamp seen, by the system's clock. marker: the system's change marker
-- before that read; marker_since: when we first read under it, by our clock. cycle_id: the cycle that moved the cursor.
CREATE TABLE IF NOT EXISTS {{ dataset }}.sync_cursors (
  system STRING NOT NULL,
  marker STRING,
  marker_since TIMESTAMP,
  watermark TIMESTAMP,
  read_at TIMESTAMP NOT NULL,
  cycle_id STRING
);

-- What each pull staged. fields: what the system can hold. cycle_id: the cycle that took it, null while it waits. live: it moves the cursor.
CREATE TABLE IF NOT EXISTS {{ dataset }}.sync_batches (
  batch_id STRING NOT NULL,
  system STRING NOT NULL,
  row_count INT64 NOT NULL,
  live BOOL NOT NULL,
  fields ARRAY<STRING>,
  marker STRING,
  marker_since TIMESTAMP,
  watermark TIMESTAMP,
  read_at TIMESTAMP NOT NULL,
  staged_at TIMESTAMP NOT NULL,
  requests INT64,
  seconds FLOAT64,
  cycle_id STRING
) PARTITION BY DATE(staged_at) CLUSTER BY cycle_id;

-- One row a reconcile that had something to decide. status: planned, applied, abandoned. systems: one entry a pull or push.
CREATE TABLE IF NOT EXISTS {{ dataset }}.sync_cycles (
  cycle_id STRING NOT NULL,
  run_id STRING,
  trigger STRING,
  started_at TIMESTAMP NOT NULL,
  finished_at TIMESTAMP,
  status STRING NOT NULL,
  contacts_created INT64,
  contacts_updated INT64,
  contacts_deleted INT64,
  conflicts INT64,
  reviews INT64,
  systems ARRAY<STRUCT<system STRING, phase STRING, read_rows INT64, created INT64, updated INT64, deleted INT64, refused INT64, requests INT64, seconds FLOAT64>>
) PARTITION BY DATE(started_at) CLUSTER BY status;

CREATE TABLE IF NOT EXISTS {{ dataset }}.sync_change_log (
  event_id STRING NOT NULL,
  cycle_id STRING NOT NULL,
  contact_id STRING NOT NULL,
  system STRING NOT NULL,
  change_type STRING NOT NULL,
  field STRING,
  old_value STRING,
  new_value STRING,
  changed_at TIMESTAMP NOT NULL,
  recorded_at TIMESTAMP NOT NULL
) PARTITION BY DATE(recorded_at) CLUSTER BY contact_id;

CREATE TABLE IF NOT EXISTS {{ dataset }}.sync_conflicts (
  conflict_id STRING NOT NULL,
  cycle_id STRING NOT NULL,
  contact_id STRING NOT NULL,
  field STRING NOT NULL,
  winning_system STRING NOT NULL,
  winning_value STRING,
  winning_changed_at TIMESTAMP NOT NULL,
  losing_system STRING NOT NULL,
  losing_value STRING,
  losing_changed_at TIMESTAMP NOT NULL,
  reason STRING NOT NULL,
  status STRING NOT NULL,
  created_at TIMESTAMP NOT NULL
) PARTITION BY DATE(created_at) CLUSTER BY contact_id;

CREATE TABLE IF NOT EXISTS {{ dataset }}.sync_errors (
  error_id STRING NOT NULL,
  cycle_id STRING,
  system STRING NOT NULL,
  contact_id STRING,
  native_id STRING,
  field STRING,
  kind STRING NOT NULL,
  message STRING NOT NULL,
  attempts INT64 NOT NULL,
  next_attempt_at TIMESTAMP,
  status STRING NOT NULL,
  created_at TIMESTAMP NOT NULL
) CLUSTER BY status, system;

CREATE TABLE IF NOT EXISTS {{ dataset }}.sync_match_review (
  review_id STRING NOT NULL,
  system STRING NOT NULL,
  native_id STRING NOT NULL,
  candidate_contact_ids ARRAY<STRING>,
  rule STRING NOT NULL,
  status STRING NOT NULL,
  created_at TIMESTAMP NOT NULL
) CLUSTER BY status, system;
