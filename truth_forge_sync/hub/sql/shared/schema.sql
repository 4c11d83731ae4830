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
-- stale. own_contact_id: the row's own column. retired: another row of its system stands for the contact, since two contacts
-- were merged. unread: fields whose value could not be read. held.sent: what we asked for when the system stored another
-- value instead ('' for an erasure).
CREATE TABLE IF NOT EXISTS {{ dataset }}.sync_bases (
  system STRING NOT NULL,
  native_id STRING NOT NULL,
  contact_id STRING NOT NULL,
  version STRING,
  changed_at TIMESTAMP,
  known_at TIMESTAMP NOT NULL,
  gone BOOL NOT NULL,
  retired BOOL,
  own_contact_id STRING,
  unread ARRAY<STRING>,
  held ARRAY<STRUCT<path STRING, value STRING, sent STRING>>,
  held_digest INT64
) CLUSTER BY contact_id, system;

-- One row a contact: the accepted value of every path, with its clock (stamp and system). An erased path keeps its clock.
CREATE TABLE IF NOT EXISTS {{ dataset }}.sync_registers (
  contact_id STRING NOT NULL,
  created_at TIMESTAMP NOT NULL,
  version INT64 NOT NULL,
  registers ARRAY<STRUCT<path STRING, value STRING, changed_at TIMESTAMP, system STRING>>
) CLUSTER BY contact_id;

-- Writes that are recorded and not yet known to have happened. status: open (to be sent, or sent without an answer), or
-- superseded (never to be sent again, but it may have been).
CREATE TABLE IF NOT EXISTS {{ dataset }}.sync_intents (
  intent_id STRING NOT NULL,
  cycle_id STRING NOT NULL,
  system STRING NOT NULL,
  contact_id STRING NOT NULL,
  native_id STRING NOT NULL,
  kind STRING NOT NULL,
  changes ARRAY<STRUCT<path STRING, value STRING>>,
  status STRING NOT NULL,
  created_at TIMESTAMP NOT NULL,
  superseded_at TIMESTAMP
) CLUSTER BY contact_id, system;

-- Changes that were seen and are not acted on. reason: brake (too many deletes or erasures at once: a person must say), or
-- flip_flop (the path changes to and fro: until release_at). status: held, or rejected (the next cycle writes the accepted
-- value back). value: what the row showed instead of the accepted value; gone: the row itself is gone.
CREATE TABLE IF NOT EXISTS {{ dataset }}.sync_holds (
  system STRING NOT NULL,
  native_id STRING NOT NULL,
  contact_id STRING NOT NULL,
  path STRING NOT NULL,
  value STRING,
  changed_at TIMESTAMP NOT NULL,
  gone BOOL NOT NULL,
  reason STRING NOT NULL,
  status STRING NOT NULL,
  held_at TIMESTAMP NOT NULL,
  release_at TIMESTAMP
) CLUSTER BY contact_id, system;

-- Edits that a person made by command (a restored conflict, a rewind): the next cycle takes them as changes on top of the
-- accepted values. path: null only asks to decide about the contact again. origin: the command's reason, such as conflict/ID.
CREATE TABLE IF NOT EXISTS {{ dataset }}.sync_edits (
  edit_id STRING NOT NULL,
  contact_id STRING NOT NULL,
  path STRING,
  value STRING,
  origin STRING NOT NULL,
  created_at TIMESTAMP NOT NULL,
  cycle_id STRING
) CLUSTER BY cycle_id, contact_id;

-- Contacts that were merged: what is needed to do it, and to take them apart again. kept and absorbed: the registers before, and
-- their versions; merged: what is kept of both; lost: values of either that are not among them; links: the native rows of the
-- absorbed contact, retired those that were so before; conflicts: its open ones. status: decided, merging (the absorbed contact
-- is no more, the rest is to be carried out), merged, unmerging, unmerged, or abandoned (a contact changed before it was merged).
CREATE TABLE IF NOT EXISTS {{ dataset }}.sync_merges (
  merge_id STRING NOT NULL,
  kept_contact_id STRING NOT NULL,
  absorbed_contact_id STRING NOT NULL,
  kept_version INT64 NOT NULL,
  absorbed_version INT64 NOT NULL,
  absorbed_created_at TIMESTAMP,
  kept ARRAY<STRUCT<path STRING, value STRING, changed_at TIMESTAMP, system STRING>>,
  absorbed ARRAY<STRUCT<path STRING, value STRING, changed_at TIMESTAMP, system STRING>>,
  merged ARRAY<STRUCT<path STRING, value STRING, changed_at TIMESTAMP, system STRING>>,
  lost ARRAY<STRUCT<path STRING, value STRING, changed_at TIMESTAMP, system STRING>>,
  links ARRAY<STRUCT<system STRING, native_id STRING, retired BOOL>>,
  conflicts ARRAY<STRING>,
  status STRING NOT NULL,
  merged_at TIMESTAMP NOT NULL,
  unmerged_at TIMESTAMP
) CLUSTER BY merge_id;

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

-- What each pull staged. fields: what the system can hold. cycle_id: the cycle that took it, null while it waits. live: it moves
-- the cursor. complete: it holds every row of the system, so that a row that is missing in it is gone.
CREATE TABLE IF NOT EXISTS {{ dataset }}.sync_batches (
  batch_id STRING NOT NULL,
  system STRING NOT NULL,
  row_count INT64 NOT NULL,
  live BOOL NOT NULL,
  complete BOOL,
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
-- contacts_compared, contacts_aligned: living contacts, and those of them found equal everywhere; null but for a sweep.
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
  held INT64,
  contacts_compared INT64,
  contacts_aligned INT64,
  systems ARRAY<STRUCT<system STRING, phase STRING, read_rows INT64, created INT64, updated INT64, deleted INT64, refused INT64, requests INT64, seconds FLOAT64>>
) PARTITION BY DATE(started_at) CLUSTER BY status;

-- Every accepted change. field: as people name it; path: as the engine does. origin: the command that made it, else null.
CREATE TABLE IF NOT EXISTS {{ dataset }}.sync_change_log (
  event_id STRING NOT NULL,
  cycle_id STRING NOT NULL,
  contact_id STRING NOT NULL,
  system STRING NOT NULL,
  change_type STRING NOT NULL,
  field STRING,
  path STRING,
  old_value STRING,
  new_value STRING,
  changed_at TIMESTAMP NOT NULL,
  recorded_at TIMESTAMP NOT NULL,
  origin STRING
) PARTITION BY DATE(recorded_at) CLUSTER BY contact_id;

-- Every change that lost. reason: older, tie, authority, edited_later (a delete), merged.
CREATE TABLE IF NOT EXISTS {{ dataset }}.sync_conflicts (
  conflict_id STRING NOT NULL,
  cycle_id STRING NOT NULL,
  contact_id STRING NOT NULL,
  field STRING NOT NULL,
  path STRING,
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

-- Values that a system refused (kind refused: path and value are parked until next_attempt_at) or that could not be read
-- (kind unreadable). status: parked, retrying, resolved.
CREATE TABLE IF NOT EXISTS {{ dataset }}.sync_errors (
  error_id STRING NOT NULL,
  cycle_id STRING,
  system STRING NOT NULL,
  contact_id STRING,
  native_id STRING,
  field STRING,
  path STRING,
  value STRING,
  kind STRING NOT NULL,
  message STRING NOT NULL,
  attempts INT64 NOT NULL,
  last_attempt_at TIMESTAMP,
  next_attempt_at TIMESTAMP,
  status STRING NOT NULL,
  created_at TIMESTAMP NOT NULL
) CLUSTER BY status, system;

-- Rows that may be one of several contacts. contact_id: the one that a person said it is. status: open, linked, separate, or
-- gone (the row is not there any more).
CREATE TABLE IF NOT EXISTS {{ dataset }}.sync_match_review (
  review_id STRING NOT NULL,
  system STRING NOT NULL,
  native_id STRING NOT NULL,
  candidate_contact_ids ARRAY<STRING>,
  rule STRING NOT NULL,
  status STRING NOT NULL,
  contact_id STRING,
  created_at TIMESTAMP NOT NULL
) CLUSTER BY status, system;
