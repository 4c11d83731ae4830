{% import '_macros.sql' as m with context %}
-- What changed, what wins, and what each system lacks then (laws 3-6, 8, 13). Nothing here knows a field by name.
--
-- The cycle is decided when the last of these tables exists: the plan, one row a contact. The others are scratch, the same
-- again whenever they are made anew. BigQuery keeps no rows of a WITH clause, so what is named often is a table.

-- The native rows of {{ 'all contacts' if everything else 'the contacts that were matched, or are due' }}: as known before, as seen now, or both.
CREATE OR REPLACE TABLE {{ dataset }}.sync_native_{{ cycle }} {{ m.temporary() }} AS
WITH
-- Rows that were matched now, contacts that a command wants decided about, and what waited for its time.
touched AS (
  SELECT contact_id FROM {{ dataset }}.sync_match_{{ cycle }} WHERE contact_id IS NOT NULL
  UNION DISTINCT
  SELECT contact_id FROM {{ dataset }}.sync_edits WHERE {{ m.taken() }}
  UNION DISTINCT
  SELECT contact_id FROM {{ dataset }}.sync_errors
  WHERE kind = 'refused' AND status <> 'resolved' AND next_attempt_at <= CURRENT_TIMESTAMP()
  UNION DISTINCT
  SELECT contact_id FROM {{ dataset }}.sync_holds
  WHERE release_at <= CURRENT_TIMESTAMP(){{ " OR reason = 'brake'" if release else '' }}
),

matched AS (
  SELECT
    contact_id, system, native_id, own_contact_id, version, changed_at, read_at, deleted, gone, fields, unread_fields, retires
  FROM {{ dataset }}.sync_match_{{ cycle }}
  WHERE contact_id IS NOT NULL
),

known AS (
  SELECT contact_id, system, native_id, version, changed_at, known_at, gone, retired, own_contact_id, unread, held
  FROM {{ dataset }}.sync_bases
  {% if not everything %}
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
  COALESCE(matched.version, '') <> COALESCE(known.version, '') OR matched.gone <> known.gone AS moved
FROM matched
FULL JOIN known ON known.system = matched.system AND known.native_id = matched.native_id;

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
    SELECT system, native_id, f.path, f.value AS seen, CAST(NULL AS STRING) AS held, CAST(NULL AS STRING) AS sent
    FROM {{ dataset }}.sync_native_{{ cycle }} AS native_rows CROSS JOIN UNNEST(native_rows.fields) AS f
    WHERE seen_now AND NOT seen_deleted
    UNION ALL
    SELECT system, native_id, '{{ deleted }}' AS path, 'true' AS seen, CAST(NULL AS STRING) AS held, CAST(NULL AS STRING) AS sent
    FROM {{ dataset }}.sync_native_{{ cycle }} AS native_rows
    WHERE seen_now AND seen_deleted
    UNION ALL
    SELECT system, native_id, h.path, CAST(NULL AS STRING) AS seen, h.value AS held, h.sent
    FROM {{ dataset }}.sync_native_{{ cycle }} AS native_rows CROSS JOIN UNNEST(native_rows.held) AS h
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

-- What each path of each native row holds as of now: changes that must wait (law 14) count as not seen.
CREATE OR REPLACE TABLE {{ dataset }}.sync_cells_{{ cycle }} {{ m.temporary() }} AS
WITH
-- Paths that went to and fro: changed within the hour to values that they had had within it, too often.
flipping AS (
  SELECT contact_id, path
  FROM {{ dataset }}.sync_change_log
  WHERE recorded_at > TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 1 HOUR)
    AND contact_id IN (SELECT contact_id FROM {{ dataset }}.sync_seen_{{ cycle }} WHERE is_candidate)
  GROUP BY contact_id, path
  HAVING COUNT(*) - COUNT(DISTINCT COALESCE(new_value, '')) >= {{ flip_limit }}
),

-- Systems in which more contacts were deleted or emptied at once than anybody does on purpose.
braked AS (
  SELECT system
  FROM (
    SELECT system, contact_id
    FROM {{ dataset }}.sync_seen_{{ cycle }}
    WHERE is_candidate AND is_loss AND NOT is_rejected
    UNION ALL
    SELECT system, contact_id
    FROM {{ dataset }}.sync_holds
    WHERE reason = 'brake' AND status = 'held' AND contact_id NOT IN (SELECT contact_id FROM {{ dataset }}.sync_seen_{{ cycle }})
  )
  CROSS JOIN (SELECT COUNT(*) AS contacts FROM {{ dataset }}.contacts_master WHERE deleted_at IS NULL) AS living
  GROUP BY system
  HAVING COUNT(DISTINCT contact_id) > {{ loss_limit_count }}
    AND COUNT(DISTINCT contact_id) * 10000 > {{ loss_limit_basis_points }} * ANY_VALUE(living.contacts)
    AND COUNT(DISTINCT contact_id) > {{ allowed_losses }}
),

judged AS (
  SELECT
    seen_now.*,
    CASE
      WHEN NOT is_candidate OR is_rejected THEN NULL
      WHEN flipping.path IS NOT NULL THEN 'flip_flop'
      WHEN is_loss AND braked.system IS NOT NULL THEN 'brake'
    END AS hold_reason
  FROM {{ dataset }}.sync_seen_{{ cycle }} AS seen_now
  LEFT JOIN flipping ON flipping.contact_id = seen_now.contact_id AND flipping.path = seen_now.path
  LEFT JOIN braked ON braked.system = seen_now.system
)

SELECT
  contact_id, system, native_id, path, changed_at, is_new, rank, held AS was, gone, held_at, hold_reason,
  seen AS shown,
  IF(hold_reason IS NULL, seen, held) AS value,
  IF(differs AND hold_reason IS NULL, NULL, sent) AS sent,
  moved OR is_new OR differs AND hold_reason IS NULL AS news,
  is_candidate AND NOT is_rejected AND hold_reason IS NULL AS is_change,
  is_candidate AND is_rejected AS is_rejected
FROM judged;

-- Every claim of every path, with the one that wins.
CREATE OR REPLACE TABLE {{ dataset }}.sync_claims_{{ cycle }} {{ m.temporary() }} AS
WITH
-- Everything that claims a path of a contact: its register, the changes, and what people asked for by command. lacks: the
  -- native row was not up to date when it was changed.
claims AS (
  SELECT
    registers.contact_id, r.path, r.value, r.changed_at, r.system, CAST(NULL AS STRING) AS native_id,
    FALSE AS is_change, FALSE AS is_new, CAST(NULL AS STRING) AS was, COALESCE(systems.rank, 99) AS rank, FALSE AS lacks,
    {{ m.authority('r.path', 'r.system') }} AS authority, CAST(NULL AS STRING) AS origin
  FROM {{ dataset }}.sync_registers AS registers
  CROSS JOIN UNNEST(registers.registers) AS r
  LEFT JOIN {{ dataset }}.sync_systems AS systems ON systems.system = r.system
  WHERE registers.contact_id IN (SELECT contact_id FROM {{ dataset }}.sync_native_{{ cycle }})
  UNION ALL
  SELECT
    cells.contact_id, cells.path, cells.value, cells.changed_at, cells.system, cells.native_id,
    TRUE, cells.is_new, cells.was, cells.rank, lacking.contact_id IS NOT NULL OR cells.held_at IS NOT NULL,
    {{ m.authority('cells.path', 'cells.system') }}, CAST(NULL AS STRING)
  FROM {{ dataset }}.sync_cells_{{ cycle }} AS cells
  LEFT JOIN (
    SELECT DISTINCT contact_id, system FROM {{ dataset }}.sync_intents WHERE status = 'open'
  ) AS lacking
    ON lacking.contact_id = cells.contact_id AND lacking.system = cells.system
  WHERE cells.is_change
  UNION ALL
  SELECT
    contact_id, path, CAST(NULL AS STRING), changed_at, 'bigquery', native_id,
    TRUE, FALSE, CAST(NULL AS STRING), 0, FALSE,
    0, 'reject'
  FROM {{ dataset }}.sync_cells_{{ cycle }}
  WHERE is_rejected AND path = '{{ deleted }}'
  UNION ALL
  SELECT
    contact_id, path, value, created_at, 'bigquery', edit_id,
    TRUE, FALSE, CAST(NULL AS STRING), 0, FALSE,
    0, origin
  FROM {{ dataset }}.sync_edits
  WHERE {{ m.taken() }} AND path IS NOT NULL
    AND contact_id IN (SELECT contact_id FROM {{ dataset }}.sync_registers)
),

-- A change made on top of the accepted value is later than it, whatever its clock says; likewise a delete of a row that
-- lacked nothing is later than every accepted value.
dated AS (
  SELECT
    *,
    CASE
      WHEN NOT follows THEN changed_at
      WHEN path = '{{ deleted }}' THEN GREATEST(changed_at, COALESCE(newest_at, changed_at))
      ELSE GREATEST(changed_at, COALESCE(accepted_at, changed_at))
    END AS stamp
  FROM (
    SELECT
      *,
      origin IS NOT NULL
        OR is_change AND NOT is_new
        AND (COALESCE(was, '') = COALESCE(accepted_value, '') OR path = '{{ deleted }}')
        AND NOT (path = '{{ deleted }}' AND lacks) AS follows
    FROM (
      SELECT
        *,
        MAX(IF(is_change, NULL, value)) OVER (PARTITION BY contact_id, path) AS accepted_value,
        MAX(IF(is_change, NULL, changed_at)) OVER (PARTITION BY contact_id, path) AS accepted_at,
        MAX(IF(is_change, NULL, changed_at)) OVER (PARTITION BY contact_id) AS newest_at
      FROM claims
    )
  )
),

-- Path by path the later claim wins, among those with the most say; ties go to the system that comes first in the
-- configured order (law 5).
verdicts AS (
  SELECT
    *,
    ROW_NUMBER() OVER ranking AS place,
    FIRST_VALUE(value) OVER ranking AS winning_value,
    FIRST_VALUE(system) OVER ranking AS winning_system,
    FIRST_VALUE(stamp) OVER ranking AS winning_stamp,
    FIRST_VALUE(authority) OVER ranking AS winning_authority
  FROM dated
  WINDOW ranking AS (
    PARTITION BY contact_id, path ORDER BY authority, stamp DESC, follows DESC, changed_at DESC, rank, native_id
  )
),

-- The newest edit of each contact, deletes aside: a delete that is older does not stand (law 13).
edits AS (
  SELECT contact_id, stamp AS edited_at, system AS edited_in
  FROM verdicts
  WHERE place = 1 AND path <> '{{ deleted }}'
  QUALIFY ROW_NUMBER() OVER (PARTITION BY contact_id ORDER BY stamp DESC, rank, path) = 1
)

SELECT
  verdicts.*,
  verdicts.path = '{{ deleted }}' AND winning_value = 'true' AND edits.edited_at > winning_stamp AS outlived,
  edits.edited_at,
  edits.edited_in
FROM verdicts
LEFT JOIN edits ON edits.contact_id = verdicts.contact_id;

-- The accepted value of each path of each contact after this cycle.
CREATE OR REPLACE TABLE {{ dataset }}.sync_settled_{{ cycle }} {{ m.temporary() }} AS
SELECT
  contact_id, path, rank,
  IF(outlived, NULL, value) AS value,
  IF(outlived, edited_at, stamp) AS changed_at,
  IF(outlived, edited_in, system) AS system,
  accepted_value,
  IF(outlived, NULL, origin) AS origin,
  is_change OR outlived AS is_decided,
  COALESCE(IF(outlived, NULL, value), '') <> COALESCE(accepted_value, '') AS is_accepted
FROM {{ dataset }}.sync_claims_{{ cycle }}
WHERE place = 1;

-- What each native row lacks then, path by path. is_parked: its system refused that value, and it is not yet time to ask again.
CREATE OR REPLACE TABLE {{ dataset }}.sync_lacking_{{ cycle }} {{ m.temporary() }} AS
WITH
contacts AS (
  SELECT contact_id, LOGICAL_OR(path = '{{ deleted }}' AND value = 'true') AS is_deleted
  FROM {{ dataset }}.sync_settled_{{ cycle }}
  GROUP BY contact_id
),

-- Rows that wait for a person's word: nothing is created in their system for the contacts they might be.
awaited AS (
  SELECT system, candidate AS contact_id
  FROM {{ dataset }}.sync_match_{{ cycle }} AS unmatched CROSS JOIN UNNEST(unmatched.candidates) AS candidate
  WHERE unmatched.contact_id IS NULL
  UNION DISTINCT
  SELECT review.system, candidate
  FROM {{ dataset }}.sync_match_review AS review CROSS JOIN UNNEST(review.candidate_contact_ids) AS candidate
  WHERE review.status = 'open'
),

-- The native rows with whether they are deleted, or gone.
native_rows AS (
  SELECT
    native_rows.contact_id, native_rows.system, native_rows.native_id, native_rows.retired, native_rows.unread_fields,
    deletion.value = 'true' AND (native_rows.gone OR deletion.gone) AS gone,
    COALESCE(deletion.value = 'true', FALSE) AS is_deleted,
    deletion.hold_reason IS NOT NULL AS is_held
  FROM {{ dataset }}.sync_native_{{ cycle }} AS native_rows
  LEFT JOIN {{ dataset }}.sync_cells_{{ cycle }} AS deletion
    ON deletion.system = native_rows.system AND deletion.native_id = native_rows.native_id AND deletion.path = '{{ deleted }}'
),

-- Where each contact is to be held: its native rows, and the rows it still needs. A row that is gone is made anew under its
-- old id; one whose delete is held back is left alone.
targets AS (
  SELECT
    contacts.contact_id, contacts.is_deleted, systems.system, systems.fields, native_rows.native_id,
    native_rows.native_id IS NULL OR COALESCE(native_rows.gone, FALSE) AS is_missing,
    COALESCE(native_rows.unread_fields, ARRAY<STRING>[]) AS unread_fields,
    COALESCE(
      native_rows.native_id,
      IF(REGEXP_CONTAINS(contacts.contact_id, r'^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$')
          OR systems.system = 'bigquery',
        contacts.contact_id,
        {{ m.uuid('contacts.contact_id') }})
    ) AS chosen_id
  FROM contacts
  CROSS JOIN {{ dataset }}.sync_systems AS systems
  LEFT JOIN native_rows
    ON native_rows.contact_id = contacts.contact_id AND native_rows.system = systems.system AND NOT native_rows.retired
  LEFT JOIN awaited ON awaited.contact_id = contacts.contact_id AND awaited.system = systems.system
  WHERE systems.active
    AND NOT COALESCE(native_rows.is_held, FALSE)
    AND NOT (native_rows.native_id IS NULL AND awaited.contact_id IS NOT NULL)
    AND NOT (contacts.is_deleted AND (native_rows.native_id IS NULL OR COALESCE(native_rows.gone, FALSE)))
),

-- What it was sent before and stored as something else is not lacking (law 9), and what it holds and we could not read is
-- not overwritten. A row that a merge retired is only deleted, and gives up its e-mail, which may have to be unique.
lacking AS (
  SELECT targets.contact_id, targets.system, targets.chosen_id AS native_id, targets.is_missing, settled.path, settled.value
  FROM targets
  JOIN {{ dataset }}.sync_settled_{{ cycle }} AS settled ON settled.contact_id = targets.contact_id
  LEFT JOIN {{ dataset }}.sync_cells_{{ cycle }} AS cells
    ON cells.system = targets.system AND cells.native_id = targets.native_id AND cells.path = settled.path
    AND NOT targets.is_missing
  WHERE COALESCE(settled.value, '') <> COALESCE(cells.value, '')
    AND COALESCE(cells.sent <> COALESCE(settled.value, ''), TRUE)
    AND IF(targets.is_deleted OR settled.path = '{{ deleted }}',
      settled.path = '{{ deleted }}',
      {{ m.field('settled.path') }} IN UNNEST(targets.fields)
        AND {{ m.field('settled.path') }} NOT IN UNNEST(targets.unread_fields))
  UNION ALL
  SELECT native_rows.contact_id, native_rows.system, native_rows.native_id, FALSE, '{{ deleted }}', 'true'
  FROM native_rows
  JOIN {{ dataset }}.sync_systems AS systems ON systems.system = native_rows.system
  WHERE native_rows.retired AND NOT native_rows.is_deleted AND systems.active
  UNION ALL
  SELECT native_rows.contact_id, native_rows.system, native_rows.native_id, FALSE, cells.path, CAST(NULL AS STRING)
  FROM native_rows
  JOIN {{ dataset }}.sync_systems AS systems ON systems.system = native_rows.system
  JOIN {{ dataset }}.sync_cells_{{ cycle }} AS cells ON cells.system = native_rows.system AND cells.native_id = native_rows.native_id
  WHERE native_rows.retired AND NOT native_rows.is_deleted AND systems.active AND systems.system <> 'bigquery'
    AND cells.value IS NOT NULL AND STRPOS(cells.path, '/') = 0 AND {{ m.is_field('cells.path', email_fields) }}
)

SELECT
  lacking.contact_id, lacking.system, lacking.native_id, lacking.is_missing, lacking.path, lacking.value, errors.error_id,
  COALESCE(errors.next_attempt_at > CURRENT_TIMESTAMP(), FALSE) AS is_parked
FROM lacking
LEFT JOIN {{ dataset }}.sync_errors AS errors
  ON errors.contact_id = lacking.contact_id AND errors.system = lacking.system AND errors.native_id = lacking.native_id
  AND errors.path = lacking.path AND COALESCE(errors.value, '') = COALESCE(lacking.value, '')
  AND errors.kind = 'refused' AND errors.status <> 'resolved';

-- The plan.
CREATE OR REPLACE TABLE {{ dataset }}.sync_plan_{{ cycle }} {{ m.temporary() }} AS
WITH
contacts AS (
  SELECT
    contact_id,
    ARRAY_AGG(STRUCT(path AS path, value AS value, changed_at AS changed_at, system AS system) ORDER BY path) AS registers,
    LOGICAL_OR(is_decided) AS is_decided,
    LOGICAL_OR(is_accepted) AS is_accepted,
    LOGICAL_OR(path = '{{ deleted }}' AND value = 'true') AS is_deleted,
    LOGICAL_OR(path = '{{ deleted }}' AND is_accepted) AS is_deletion
  FROM {{ dataset }}.sync_settled_{{ cycle }}
  GROUP BY contact_id
),

changes AS (
  SELECT
    settled.contact_id,
    ARRAY_AGG(STRUCT(
      TO_HEX(MD5(CONCAT('{{ cycle }}/', settled.contact_id, '/', settled.path))) AS event_id,
      settled.system AS system,
      CASE
        WHEN registers.contact_id IS NULL THEN 'INSERT'
        WHEN settled.path <> '{{ deleted }}' THEN 'UPDATE'
        WHEN settled.value = 'true' THEN 'DELETE'
        ELSE 'RESTORE'
      END AS change_type,
      settled.path AS path,
      settled.accepted_value AS old_value,
      settled.value AS new_value,
      settled.changed_at AS changed_at,
      settled.origin AS origin
    ) ORDER BY settled.path) AS changes
  FROM {{ dataset }}.sync_settled_{{ cycle }} AS settled
  LEFT JOIN {{ dataset }}.sync_registers AS registers ON registers.contact_id = settled.contact_id
  WHERE settled.is_accepted
  GROUP BY settled.contact_id
),

-- The system of each contact's newest accepted change, for updated_by.
newest AS (
  SELECT contact_id, system
  FROM {{ dataset }}.sync_settled_{{ cycle }}
  WHERE is_accepted
  QUALIFY ROW_NUMBER() OVER (PARTITION BY contact_id ORDER BY changed_at DESC, rank, path) = 1
),

-- Every change that lost, with both values (law 7).
conflicts AS (
  SELECT
    contact_id,
    ARRAY_AGG(STRUCT(
      TO_HEX(MD5(CONCAT('{{ cycle }}/', contact_id, '/', path, '/', system, '/', native_id))) AS conflict_id,
      path AS path,
      IF(outlived, edited_in, winning_system) AS winning_system,
      IF(outlived, NULL, winning_value) AS winning_value,
      IF(outlived, edited_at, winning_stamp) AS winning_changed_at,
      system AS losing_system,
      value AS losing_value,
      changed_at AS losing_changed_at,
      CASE
        WHEN outlived THEN 'edited_later'
        WHEN authority > winning_authority THEN 'authority'
        WHEN stamp = winning_stamp THEN 'tie'
        ELSE 'older'
      END AS reason
    ) ORDER BY path, system, native_id) AS conflicts
  FROM {{ dataset }}.sync_claims_{{ cycle }}
  WHERE is_change AND (outlived OR place > 1) AND COALESCE(value, '') <> COALESCE(IF(outlived, NULL, winning_value), '')
  GROUP BY contact_id
),

-- What we know each native row to hold now, for the rows that brought news.
bases AS (
  SELECT
    contact_id,
    ARRAY_AGG(STRUCT(
      system AS system, native_id AS native_id, version AS version, changed_at AS changed_at, known_at AS known_at,
      gone AS gone, retired AS retired, is_new AS is_new, own_contact_id AS own_contact_id, unread AS unread, held AS held
    ) ORDER BY system, native_id) AS bases
  FROM (
    SELECT
      native_rows.contact_id, native_rows.system, native_rows.native_id, ANY_VALUE(native_rows.version) AS version,
      ANY_VALUE(native_rows.changed_at) AS changed_at, ANY_VALUE(native_rows.known_at) AS known_at,
      COALESCE(LOGICAL_OR(cells.path = '{{ deleted }}' AND cells.value = 'true' AND (native_rows.gone OR cells.gone)), FALSE) AS gone,
      ANY_VALUE(native_rows.retired) AS retired,
      ANY_VALUE(native_rows.is_new) AS is_new,
      ANY_VALUE(native_rows.own_contact_id) AS own_contact_id, ANY_VALUE(native_rows.unread_fields) AS unread,
      COALESCE(ARRAY_AGG(
        IF(cells.value IS NULL AND cells.sent IS NULL, NULL, STRUCT(cells.path AS path, cells.value AS value, cells.sent AS sent))
        IGNORE NULLS ORDER BY cells.path
      ), ARRAY<STRUCT<path STRING, value STRING, sent STRING>>[]) AS held
    FROM {{ dataset }}.sync_native_{{ cycle }} AS native_rows
    LEFT JOIN {{ dataset }}.sync_cells_{{ cycle }} AS cells ON cells.system = native_rows.system AND cells.native_id = native_rows.native_id
    GROUP BY native_rows.contact_id, native_rows.system, native_rows.native_id
    HAVING LOGICAL_OR(native_rows.seen_now AND (native_rows.moved OR native_rows.is_new)) OR COALESCE(LOGICAL_OR(cells.news), FALSE)
  )
  GROUP BY contact_id
),

-- Changes that wait, with when they began to. A delete that waits is later than what was accepted when it was first seen.
holds AS (
  SELECT
    cells.contact_id,
    ARRAY_AGG(STRUCT(
      cells.system AS system, cells.native_id AS native_id, cells.path AS path, cells.shown AS value,
      IF(cells.path = '{{ deleted }}' AND cells.held_at IS NULL, GREATEST(cells.changed_at, accepted.newest_at), cells.changed_at)
        AS changed_at,
      native_rows.gone OR cells.gone AS gone, cells.hold_reason AS reason, cells.held_at AS held_at
    ) ORDER BY cells.system, cells.native_id, cells.path) AS holds,
    LOGICAL_OR(cells.held_at IS NULL) AS is_news
  FROM {{ dataset }}.sync_cells_{{ cycle }} AS cells
  JOIN {{ dataset }}.sync_native_{{ cycle }} AS native_rows ON native_rows.system = cells.system AND native_rows.native_id = cells.native_id
  JOIN (
    SELECT contact_id, MAX(changed_at) AS newest_at FROM {{ dataset }}.sync_claims_{{ cycle }} WHERE NOT is_change GROUP BY contact_id
  ) AS accepted ON accepted.contact_id = cells.contact_id
  WHERE cells.hold_reason IS NOT NULL
  GROUP BY cells.contact_id
),

-- One write a native row (law 8). The same write has the same id, so that deciding it again is no news.
intents AS (
  SELECT
    contact_id,
    ARRAY_AGG(STRUCT(
      TO_HEX(MD5(CONCAT(system, '/', native_id, '/', kind, '/', TO_JSON_STRING(changes)))) AS intent_id,
      system AS system, native_id AS native_id, kind AS kind, changes AS changes
    ) ORDER BY system, native_id) AS intents
  FROM (
    SELECT
      contact_id, system, native_id,
      CASE
        WHEN LOGICAL_OR(is_missing) THEN 'create'
        WHEN LOGICAL_OR(path = '{{ deleted }}' AND value = 'true') THEN 'delete'
        WHEN LOGICAL_OR(path = '{{ deleted }}') THEN 'restore'
        ELSE 'patch'
      END AS kind,
      ARRAY_AGG(STRUCT(path AS path, value AS value) ORDER BY path) AS changes
    FROM {{ dataset }}.sync_lacking_{{ cycle }}
    WHERE NOT is_parked
    GROUP BY contact_id, system, native_id
  )
  GROUP BY contact_id
),

-- Refusals that still stand: the value is still lacking, and still the same.
refusals AS (
  SELECT contact_id, ARRAY_AGG(error_id ORDER BY error_id) AS refusals
  FROM {{ dataset }}.sync_lacking_{{ cycle }}
  WHERE error_id IS NOT NULL
  GROUP BY contact_id
)

SELECT
  contacts.contact_id,
  CURRENT_TIMESTAMP() AS decided_at,
  registers.contact_id IS NULL AS is_new,
  contacts.is_decided,
  contacts.is_accepted,
  contacts.is_deleted,
  contacts.is_deletion,
  COALESCE(registers.created_at, CURRENT_TIMESTAMP()) AS created_at,
  COALESCE(registers.version, 0) + IF(contacts.is_accepted, 1, 0) AS version,
  newest.system AS updated_by,
  contacts.registers,
  COALESCE(changes.changes, []) AS changes,
  COALESCE(conflicts.conflicts, []) AS conflicts,
  COALESCE(bases.bases, []) AS bases,
  COALESCE(intents.intents, []) AS intents,
  COALESCE(holds.holds, []) AS holds,
  COALESCE(refusals.refusals, []) AS refusals,
  hub_rows.version AS hub_digest,
  COALESCE(hub_rows.unread_fields, ARRAY<STRING>[]) AS hub_unread,
  hub_rows.native_id IS NOT NULL AND NOT (hub_rows.gone OR COALESCE(hub_deletion.gone, FALSE)) AS is_in_hub
FROM contacts
LEFT JOIN {{ dataset }}.sync_registers AS registers ON registers.contact_id = contacts.contact_id
LEFT JOIN changes ON changes.contact_id = contacts.contact_id
LEFT JOIN newest ON newest.contact_id = contacts.contact_id
LEFT JOIN conflicts ON conflicts.contact_id = contacts.contact_id
LEFT JOIN bases ON bases.contact_id = contacts.contact_id
LEFT JOIN intents ON intents.contact_id = contacts.contact_id
LEFT JOIN holds ON holds.contact_id = contacts.contact_id
LEFT JOIN refusals ON refusals.contact_id = contacts.contact_id
LEFT JOIN {{ dataset }}.sync_native_{{ cycle }} AS hub_rows
  ON hub_rows.contact_id = contacts.contact_id AND hub_rows.system = 'bigquery' AND NOT hub_rows.retired
LEFT JOIN {{ dataset }}.sync_cells_{{ cycle }} AS hub_deletion
  ON hub_deletion.system = hub_rows.system AND hub_deletion.native_id = hub_rows.native_id AND hub_deletion.path = '{{ deleted }}'
WHERE contacts.is_decided OR bases.contact_id IS NOT NULL OR intents.contact_id IS NOT NULL OR conflicts.contact_id IS NOT NULL
  OR COALESCE(holds.is_news, FALSE);
