{% import '_macros.sql' as m with context %}
-- What changed: what each native row holds now beside what we knew it to hold (laws 3, 4, 6).
-- Nothing here knows a field by name.
--
-- All tables of a cycle but the plan are scratch, the same again whenever they are made anew. BigQuery keeps no rows of a
-- WITH clause, so what is named often is a table.

-- The native rows of {{ 'all contacts' if everything else 'the contacts that were matched, or are due' }}{{ ', as far as they are of this share' if share else '' }}: as known before, as
-- seen now, or both.
CREATE OR REPLACE TABLE {{ dataset }}.sync_native_{{ cycle }} {{ m.temporary() }} AS
WITH
-- Rows that were matched now, contacts that a command wants decided about, and what waited for its time (the brake counts
-- what still waits, too).
touched AS (
  SELECT contact_id
  FROM (
    SELECT contact_id FROM {{ dataset }}.sync_match_{{ cycle }} WHERE contact_id IS NOT NULL
    UNION DISTINCT
    SELECT contact_id FROM {{ dataset }}.sync_edits WHERE {{ m.taken() }}
    UNION DISTINCT
    SELECT contact_id FROM {{ dataset }}.sync_errors
    WHERE kind = 'refused' AND status <> 'resolved' AND next_attempt_at <= CURRENT_TIMESTAMP()
    UNION DISTINCT
    SELECT contact_id FROM {{ dataset }}.sync_holds
    {% if not counting %}
    WHERE release_at <= CURRENT_TIMESTAMP(){{ " OR reason = 'brake'" if release else '' }}
    {% endif %}
    {% if everything and share %}
    UNION DISTINCT
    SELECT contact_id FROM {{ dataset }}.sync_bases
    {% endif %}
  )
  {% if share %}
  WHERE {{ m.in_share('contact_id') }}
  {% endif %}
),

matched AS (
  SELECT
    contact_id, system, native_id, own_contact_id, version, changed_at, read_at, deleted, gone, fields, unread_fields, retires
  FROM {{ dataset }}.sync_match_{{ cycle }}
  WHERE contact_id IS NOT NULL{{ ' AND ' ~ m.in_share('contact_id') if share else '' }}
),

known AS (
  SELECT contact_id, system, native_id, version, changed_at, known_at, gone, retired, own_contact_id, unread, held
  FROM {{ dataset }}.sync_bases
  {% if share or not everything %}
  WHERE contact_id IN (SELECT contact_id FROM touched)
  {% endif %}
)

SELECT
  COALESCE(matched.contact_id, known.contact_id) AS contact_id,
  COALESCE(matched.system, known.system) AS system,
  COALESCE(matched.native_id, known.native_id) AS native_id,
  matched.native_id IS NOT NULL AS seen_now,
  known.native_id IS NULL AS is_new,
  COALESCE(matched.version, known.version) AS version,
  COALESCE(matched.changed_at, known.changed_at) AS changed_at,
  COALESCE(matched.read_at, known.known_at) AS known_at,
  COALESCE(matched.gone, known.gone) AS gone,
  COALESCE(known.retired, matched.retires, FALSE) AS retired,
  COALESCE(matched.deleted, FALSE) AS seen_deleted,
  matched.fields,
  known.held,
  IF(matched.native_id IS NULL, known.own_contact_id, matched.own_contact_id) AS own_contact_id,
  COALESCE(matched.unread_fields, known.unread, ARRAY<STRING>[]) AS unread_fields,
  COALESCE(ARRAY_LENGTH(known.unread), 0) > 0 AS was_unread,
  matched.native_id IS NOT NULL
    AND (known.native_id IS NULL OR COALESCE(matched.version, '') <> COALESCE(known.version, '') OR matched.gone <> known.gone) AS moved
FROM matched
FULL JOIN known ON known.system = matched.system AND known.native_id = matched.native_id;

-- Which fields of which contacts to decide about: those that somebody changed, where the contact was settled before; else all
-- of them (field is null). A settled contact is alive, has a row in every system, and nothing of it waits or is on its way: then
-- its other fields are everywhere as they are accepted, and stay so.
CREATE OR REPLACE TABLE {{ dataset }}.sync_scope_{{ cycle }} {{ m.temporary() }} AS
WITH
unsettled AS (
  SELECT contact_id
  FROM {{ dataset }}.sync_native_{{ cycle }} AS native_rows
  LEFT JOIN {{ dataset }}.sync_systems AS systems ON systems.system = native_rows.system AND systems.active
  GROUP BY contact_id
  HAVING LOGICAL_OR(is_new OR gone OR seen_deleted OR retired OR was_unread OR ARRAY_LENGTH(unread_fields) > 0)
    OR COUNT(systems.system) < (SELECT COUNT(*) FROM {{ dataset }}.sync_systems WHERE active)
    {{ 'OR TRUE' if everything else '' }}
  UNION DISTINCT
  SELECT native_rows.contact_id
  FROM {{ dataset }}.sync_native_{{ cycle }} AS native_rows CROSS JOIN UNNEST(native_rows.held) AS h
  WHERE h.path = '{{ deleted }}'
  UNION DISTINCT
  SELECT contact_id FROM {{ dataset }}.sync_intents
  UNION DISTINCT
  SELECT contact_id FROM {{ dataset }}.sync_holds
  UNION DISTINCT
  SELECT contact_id FROM {{ dataset }}.sync_errors WHERE kind = 'refused' AND status <> 'resolved'
  UNION DISTINCT
  SELECT contact_id FROM {{ dataset }}.sync_edits WHERE {{ m.taken() }}
),

changed AS (
  SELECT contact_id, {{ m.field('path') }} AS field
  FROM (
    SELECT contact_id, system, native_id, f.path, f.value AS seen, CAST(NULL AS STRING) AS held
    FROM {{ dataset }}.sync_native_{{ cycle }} AS native_rows CROSS JOIN UNNEST(native_rows.fields) AS f
    WHERE seen_now AND NOT is_new
    UNION ALL
    SELECT contact_id, system, native_id, h.path, CAST(NULL AS STRING) AS seen, h.value AS held
    FROM {{ dataset }}.sync_native_{{ cycle }} AS native_rows CROSS JOIN UNNEST(native_rows.held) AS h
    WHERE seen_now
  )
  GROUP BY contact_id, system, native_id, path
  HAVING COALESCE(MAX(seen), '') <> COALESCE(MAX(held), '')
)

SELECT DISTINCT contact_id, CAST(NULL AS STRING) AS field
FROM {{ dataset }}.sync_native_{{ cycle }}
WHERE contact_id IN (SELECT contact_id FROM unsettled)
UNION ALL
SELECT DISTINCT contact_id, field
FROM changed
WHERE contact_id NOT IN (SELECT contact_id FROM unsettled);

-- What each path of each native row shows beside what we knew it to hold, and whether somebody seems to have changed it (law 3).
CREATE OR REPLACE TABLE {{ dataset }}.sync_seen_{{ cycle }} {{ m.temporary() }} AS
WITH
-- Changes that were seen earlier and held back.
holds AS (
  SELECT system, native_id, contact_id, path, value, changed_at, gone, reason, status, held_at, release_at
  FROM {{ dataset }}.sync_holds
  WHERE contact_id IN (SELECT contact_id FROM {{ dataset }}.sync_native_{{ cycle }})
),

-- One row a path of a native row: what it shows, what we knew it to hold, and what we asked for when it stored otherwise.
facts AS (
  SELECT system, native_id, path, MAX(seen) AS seen, MAX(held) AS held, MAX(sent) AS sent
  FROM (
    SELECT native_rows.system, native_rows.native_id, f.path, f.value AS seen, CAST(NULL AS STRING) AS held, CAST(NULL AS STRING) AS sent
    FROM {{ dataset }}.sync_native_{{ cycle }} AS native_rows CROSS JOIN UNNEST(native_rows.fields) AS f
    JOIN {{ dataset }}.sync_scope_{{ cycle }} AS scope
      ON {{ m.in_scope('native_rows.contact_id', 'f.path') }}
    WHERE native_rows.seen_now AND NOT native_rows.seen_deleted
    UNION ALL
    SELECT system, native_id, '{{ deleted }}' AS path, 'true' AS seen, CAST(NULL AS STRING) AS held, CAST(NULL AS STRING) AS sent
    FROM {{ dataset }}.sync_native_{{ cycle }} AS native_rows
    WHERE seen_now AND seen_deleted
    UNION ALL
    SELECT native_rows.system, native_rows.native_id, h.path, CAST(NULL AS STRING) AS seen, h.value AS held, h.sent
    FROM {{ dataset }}.sync_native_{{ cycle }} AS native_rows CROSS JOIN UNNEST(native_rows.held) AS h
    JOIN {{ dataset }}.sync_scope_{{ cycle }} AS scope
      ON {{ m.in_scope('native_rows.contact_id', 'h.path') }}
    UNION ALL
    SELECT system, native_id, path, CAST(NULL AS STRING) AS seen, CAST(NULL AS STRING) AS held, CAST(NULL AS STRING) AS sent
    FROM holds
  )
  GROUP BY system, native_id, path
),

-- Values that are on their way to a system: seen there, they are our own writes coming back (law 4).
echoes AS (
  SELECT DISTINCT system, contact_id, c.path, COALESCE(c.value, '') AS value
  FROM {{ dataset }}.sync_intents AS outstanding CROSS JOIN UNNEST(outstanding.changes) AS c
  WHERE contact_id IN (SELECT contact_id FROM {{ dataset }}.sync_native_{{ cycle }})
),

-- A path counts as observed when its row was seen now, its field can be held and was read, and the row is not deleted: absence
-- of the rest is not an edit (law 6).
observed AS (
  SELECT
    native_rows.contact_id, facts.system, facts.native_id, facts.path, facts.seen, facts.held, facts.sent,
    native_rows.changed_at, native_rows.is_new, native_rows.seen_now, native_rows.moved, native_rows.retired, systems.rank,
    echoes.value IS NOT NULL AS is_echo,
    native_rows.seen_now AND (
      facts.path = '{{ deleted }}'
      OR NOT native_rows.seen_deleted
        AND {{ m.field('facts.path') }} IN UNNEST(systems.fields)
        AND {{ m.field('facts.path') }} NOT IN UNNEST(native_rows.unread_fields)
    ) AS is_observed
  FROM facts
  JOIN {{ dataset }}.sync_native_{{ cycle }} AS native_rows ON native_rows.system = facts.system AND native_rows.native_id = facts.native_id
  JOIN {{ dataset }}.sync_systems AS systems ON systems.system = facts.system
  LEFT JOIN echoes
    ON echoes.system = facts.system AND echoes.contact_id = native_rows.contact_id
    AND echoes.path = facts.path AND echoes.value = COALESCE(facts.seen, '')
),

-- What was held back counts as seen, until the row is seen again.
shown AS (
  SELECT
    observed.contact_id, observed.system, observed.native_id, observed.path, observed.held, observed.sent, observed.is_new,
    observed.moved, observed.retired, observed.rank, observed.is_echo AND observed.is_observed AS is_echo,
    IF(observed.is_observed OR holds.path IS NULL, observed.changed_at, holds.changed_at) AS changed_at,
    observed.is_observed OR holds.path IS NOT NULL AS is_observed,
    CASE WHEN observed.is_observed THEN observed.seen WHEN holds.path IS NOT NULL THEN holds.value ELSE observed.held END AS seen,
    holds.status = 'rejected' AND (NOT observed.is_observed OR COALESCE(observed.seen, '') = COALESCE(holds.value, '')) AS is_rejected,
    COALESCE(holds.gone, FALSE) AS gone,
    holds.held_at
  FROM observed
  LEFT JOIN holds ON holds.system = observed.system AND holds.native_id = observed.native_id AND holds.path = observed.path
)

SELECT
  contact_id, system, native_id, path, held, sent, is_new, moved, rank, changed_at, seen, gone, held_at,
  COALESCE(is_rejected, FALSE) AS is_rejected,
  is_observed AND COALESCE(seen, '') <> COALESCE(held, '') AS differs,
  -- The rows that a merge retired say nothing about whether the contact exists.
  is_observed AND NOT is_echo AND COALESCE(seen, '') <> COALESCE(held, '')
    AND NOT (retired AND (path = '{{ deleted }}' OR seen IS NULL)) AS is_candidate,
  -- A delete, or a field that held something and is empty now.
  path = '{{ deleted }}' AND seen IS NOT NULL
    OR path <> '{{ deleted }}' AND MAX(seen) OVER (PARTITION BY system, native_id, {{ m.field('path') }}) IS NULL AS is_loss
FROM shown;
