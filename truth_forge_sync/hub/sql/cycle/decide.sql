{% import '_macros.sql' as m with context %}
-- What wins, path by path (laws 4, 5, 7, 13).

-- What was accepted so far. is_open: it is to be decided about.
CREATE OR REPLACE TABLE {{ dataset }}.sync_accepted_{{ cycle }} {{ m.temporary() }} AS
SELECT registers.contact_id, r.path, r.value, r.changed_at, r.system, scope.contact_id IS NOT NULL AS is_open
FROM (
  SELECT contact_id, registers
  FROM {{ dataset }}.sync_registers
  WHERE contact_id IN (SELECT contact_id FROM {{ dataset }}.sync_native_{{ cycle }})
) AS registers
CROSS JOIN UNNEST(registers.registers) AS r
LEFT JOIN {{ dataset }}.sync_scope_{{ cycle }} AS scope
  ON {{ m.in_scope('registers.contact_id', 'r.path') }};

-- Every claim of every path, with the one that wins.
CREATE OR REPLACE TABLE {{ dataset }}.sync_claims_{{ cycle }} {{ m.temporary() }} AS
WITH
-- Everything that claims a path of a contact: its register, the changes, and what people asked for by command. lacks: the
-- native row was not up to date when it was changed.
claims AS (
  SELECT
    accepted.contact_id, accepted.path, accepted.value, accepted.changed_at, accepted.system, CAST(NULL AS STRING) AS native_id,
    FALSE AS is_change, FALSE AS is_new, CAST(NULL AS STRING) AS was, COALESCE(systems.rank, 99) AS rank, FALSE AS lacks,
    {{ m.authority('accepted.path', 'accepted.system') }} AS authority, CAST(NULL AS STRING) AS origin
  FROM {{ dataset }}.sync_accepted_{{ cycle }} AS accepted
  LEFT JOIN {{ dataset }}.sync_systems AS systems ON systems.system = accepted.system
  WHERE accepted.is_open
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
    {% if share %}
    AND {{ m.in_share('contact_id') }}
    {% endif %}
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

-- is_lost: a change that lost (law 7). outlived: a delete that does not stand.
SELECT
  judged.*,
  is_change AND (outlived OR place > 1)
    AND COALESCE(value, '') <> COALESCE(IF(outlived, NULL, winning_value), '') AS is_lost
FROM (
  SELECT
    verdicts.*,
    verdicts.path = '{{ deleted }}' AND winning_value = 'true' AND COALESCE(edits.edited_at > winning_stamp, FALSE) AS outlived,
    edits.edited_at,
    edits.edited_in
  FROM verdicts
  LEFT JOIN edits ON edits.contact_id = verdicts.contact_id
) AS judged;

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
