-- Carry out what was decided. Every statement is keyed, so that running it twice is running it once; finish.sql marks the
-- cycle applied. What has nothing to do is left out (todo.sql).
{% import '_macros.sql' as m with context %}
{% import '_identifiers.sql' as identifiers with context %}
{% set base_columns = [
  'system', 'native_id', 'contact_id', 'version', 'changed_at', 'known_at', 'gone', 'retired', 'own_contact_id', 'unread', 'held'
] %}
{% macro learnt() -%}
  SELECT {{ base_columns | join(', ') }}
  FROM {{ dataset }}.sync_learnt_{{ cycle }}
  WHERE contact_id IN (SELECT contact_id FROM {{ dataset }}.sync_plan_{{ cycle }})
{%- endmacro %}
{% if todo.links %}

MERGE INTO {{ dataset }}.sync_links AS t
USING (
  SELECT learnt.system, learnt.native_id, plan.contact_id, plan.decided_at
  FROM {{ dataset }}.sync_learnt_{{ cycle }} AS learnt
  JOIN {{ dataset }}.sync_plan_{{ cycle }} AS plan ON plan.contact_id = learnt.contact_id
  WHERE learnt.is_new
) AS s
ON t.native_id = s.native_id AND t.system = s.system
WHEN NOT MATCHED BY TARGET THEN
  INSERT (system, native_id, contact_id, linked_at) VALUES (s.system, s.native_id, s.contact_id, s.decided_at);
{% endif %}
{% if todo.decided %}

MERGE INTO {{ dataset }}.sync_registers AS t
USING (
  SELECT contact_id, created_at, version, registers FROM {{ dataset }}.sync_plan_{{ cycle }} WHERE is_decided
) AS s
ON t.contact_id = s.contact_id
WHEN MATCHED THEN UPDATE SET version = s.version, registers = s.registers
WHEN NOT MATCHED BY TARGET THEN
  INSERT (contact_id, created_at, version, registers) VALUES (s.contact_id, s.created_at, s.version, s.registers);
{% endif %}
{% if todo.intents %}

-- Intents are recorded before anything is sent (law 8); a newer decision supersedes older ones, which still count as echoes.
MERGE INTO {{ dataset }}.sync_intents AS t
USING (
  SELECT plan.contact_id, plan.decided_at, writes.intent_id, writes.system, writes.native_id, writes.kind, writes.changes
  FROM {{ dataset }}.sync_writes_{{ cycle }} AS writes
  JOIN {{ dataset }}.sync_plan_{{ cycle }} AS plan ON plan.contact_id = writes.contact_id
) AS s
ON t.contact_id = s.contact_id AND t.system = s.system AND t.intent_id = s.intent_id
WHEN MATCHED AND t.status = 'superseded' THEN UPDATE SET status = 'open'
WHEN NOT MATCHED BY TARGET THEN
  INSERT (intent_id, cycle_id, system, contact_id, native_id, kind, changes, status, created_at)
  VALUES (s.intent_id, '{{ cycle }}', s.system, s.contact_id, s.native_id, s.kind, s.changes, 'open', s.decided_at);
{% endif %}
{% if todo.earlier_intents %}

UPDATE {{ dataset }}.sync_intents SET status = 'superseded', superseded_at = CURRENT_TIMESTAMP()
WHERE status = 'open'
  AND contact_id IN (SELECT contact_id FROM {{ dataset }}.sync_plan_{{ cycle }})
  AND intent_id NOT IN (SELECT intent_id FROM {{ dataset }}.sync_writes_{{ cycle }});

-- A write that was seen to have taken effect is no echo any more: the same value typed later is an edit. One that nobody
-- has seen within an hour never will be.
DELETE FROM {{ dataset }}.sync_intents
WHERE status = 'superseded' AND (
  superseded_at < TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 1 HOUR)
  OR intent_id IN (
    SELECT intents.intent_id
    FROM {{ dataset }}.sync_intents AS intents
    CROSS JOIN UNNEST(intents.changes) AS c
    JOIN {{ dataset }}.sync_learnt_{{ cycle }} AS seen
      ON seen.contact_id = intents.contact_id AND seen.system = intents.system AND seen.native_id = intents.native_id
    LEFT JOIN {{ dataset }}.sync_cells_{{ cycle }} AS held
      ON held.system = intents.system AND held.native_id = intents.native_id AND held.path = c.path
    WHERE intents.status = 'superseded'
    GROUP BY intents.intent_id
    HAVING LOGICAL_AND(COALESCE(c.value, '') = COALESCE(held.value, ''))
  )
);
{% endif %}
{% if todo.changes %}

MERGE INTO {{ dataset }}.sync_change_log AS t
USING (
  SELECT
    plan.contact_id, plan.decided_at, settled.system, settled.changed_at, settled.path, settled.origin,
    TO_HEX(MD5(CONCAT('{{ cycle }}/', settled.contact_id, '/', settled.path))) AS event_id,
    CASE
      WHEN plan.is_new THEN 'INSERT'
      WHEN settled.path <> '{{ deleted }}' THEN 'UPDATE'
      WHEN settled.value = 'true' THEN 'DELETE'
      ELSE 'RESTORE'
    END AS change_type,
    {{ m.told_field('settled.path') }} AS field,
    {{ m.told_value('settled.path', 'settled.accepted_value') }} AS old_value,
    {{ m.told_value('settled.path', 'settled.value') }} AS new_value
  FROM {{ dataset }}.sync_settled_{{ cycle }} AS settled
  JOIN {{ dataset }}.sync_plan_{{ cycle }} AS plan ON plan.contact_id = settled.contact_id
  WHERE settled.is_accepted
) AS s
ON t.event_id = s.event_id AND t.contact_id = s.contact_id AND t.recorded_at >= TIMESTAMP_MICROS({{ todo.decided_at }})
WHEN NOT MATCHED BY TARGET THEN
  INSERT (
    event_id, cycle_id, contact_id, system, change_type, field, path, old_value, new_value, changed_at, recorded_at, origin
  )
  VALUES (
    s.event_id, '{{ cycle }}', s.contact_id, s.system, s.change_type, s.field, s.path, s.old_value, s.new_value, s.changed_at,
    s.decided_at, s.origin
  );
{% endif %}
{% if todo.conflicts %}

MERGE INTO {{ dataset }}.sync_conflicts AS t
USING (
  SELECT
    plan.contact_id, plan.decided_at, claims.path, claims.system AS losing_system, claims.changed_at AS losing_changed_at,
    TO_HEX(MD5(CONCAT('{{ cycle }}/', claims.contact_id, '/', claims.path, '/', claims.system, '/', claims.native_id))) AS conflict_id,
    IF(claims.outlived, claims.edited_in, claims.winning_system) AS winning_system,
    IF(claims.outlived, claims.edited_at, claims.winning_stamp) AS winning_changed_at,
    CASE
      WHEN claims.outlived THEN 'edited_later'
      WHEN claims.authority > claims.winning_authority THEN 'authority'
      WHEN claims.stamp = claims.winning_stamp THEN 'tie'
      ELSE 'older'
    END AS reason,
    {{ m.told_field('claims.path') }} AS field,
    {{ m.told_value('claims.path', 'IF(claims.outlived, NULL, claims.winning_value)') }} AS winning_value,
    {{ m.told_value('claims.path', 'claims.value') }} AS losing_value
  FROM {{ dataset }}.sync_claims_{{ cycle }} AS claims
  JOIN {{ dataset }}.sync_plan_{{ cycle }} AS plan ON plan.contact_id = claims.contact_id
  WHERE claims.is_lost
) AS s
ON t.conflict_id = s.conflict_id AND t.contact_id = s.contact_id AND t.created_at >= TIMESTAMP_MICROS({{ todo.decided_at }})
WHEN NOT MATCHED BY TARGET THEN
  INSERT (
    conflict_id, cycle_id, contact_id, field, path, winning_system, winning_value, winning_changed_at,
    losing_system, losing_value, losing_changed_at, reason, status, created_at
  )
  VALUES (
    s.conflict_id, '{{ cycle }}', s.contact_id, s.field, s.path, s.winning_system, s.winning_value, s.winning_changed_at,
    s.losing_system, s.losing_value, s.losing_changed_at, s.reason, 'open', s.decided_at
  );
{% endif %}
{% if todo.earlier_holds %}

-- What waits, whole for each contact of the plan, with since when. A delete that waits is later than what was accepted when it
-- was first seen.
DELETE FROM {{ dataset }}.sync_holds
WHERE contact_id IN (SELECT contact_id FROM {{ dataset }}.sync_plan_{{ cycle }});
{% endif %}
{% if todo.holds %}

INSERT INTO {{ dataset }}.sync_holds (
  system, native_id, contact_id, path, value, changed_at, gone, reason, status, held_at, release_at
)
SELECT
  cells.system, cells.native_id, cells.contact_id, cells.path, cells.shown,
  IF(cells.path = '{{ deleted }}' AND cells.held_at IS NULL, GREATEST(cells.changed_at, accepted.newest_at), cells.changed_at),
  native_rows.gone OR cells.gone, cells.hold_reason, 'held', COALESCE(cells.held_at, plan.decided_at),
  IF(cells.hold_reason = 'flip_flop', TIMESTAMP_ADD(plan.decided_at, INTERVAL 1 HOUR), NULL)
FROM {{ dataset }}.sync_cells_{{ cycle }} AS cells
JOIN {{ dataset }}.sync_plan_{{ cycle }} AS plan ON plan.contact_id = cells.contact_id
JOIN {{ dataset }}.sync_native_{{ cycle }} AS native_rows ON native_rows.system = cells.system AND native_rows.native_id = cells.native_id
JOIN (
  SELECT contact_id, MAX(changed_at) AS newest_at
  FROM {{ dataset }}.sync_claims_{{ cycle }}
  WHERE NOT is_change
  GROUP BY contact_id
) AS accepted ON accepted.contact_id = cells.contact_id
WHERE cells.hold_reason IS NOT NULL;
{% endif %}
{% if todo.earlier_errors %}

-- A value that is not lacking any more, or is another one by now, is no longer refused; one whose time has come is asked again.
UPDATE {{ dataset }}.sync_errors SET status = 'resolved'
WHERE kind = 'refused' AND status <> 'resolved'
  AND contact_id IN (SELECT contact_id FROM {{ dataset }}.sync_plan_{{ cycle }})
  AND error_id NOT IN (SELECT error_id FROM {{ dataset }}.sync_lacking_{{ cycle }} WHERE error_id IS NOT NULL);

UPDATE {{ dataset }}.sync_errors SET status = 'retrying'
WHERE kind = 'refused' AND status = 'parked' AND next_attempt_at <= CURRENT_TIMESTAMP()
  AND contact_id IN (SELECT contact_id FROM {{ dataset }}.sync_plan_{{ cycle }});
{% endif %}
{% if todo.hub_rows %}

-- The wide table: a row is touched only if it still is what the plan saw; a person's edit made meanwhile is the next
-- cycle's change.
MERGE INTO {{ dataset }}.contacts_master AS t
USING {{ dataset }}.sync_wide_{{ cycle }} AS s
ON t.contact_id = s.contact_id
WHEN MATCHED AND s.is_in_hub AND {{ m.digest('t') }} = s.hub_digest THEN
  UPDATE SET
    {% for column in columns %}
    {{ column.name }} = s.{{ column.name }},
    {% endfor %}
    canonical_name = s.canonical_name, updated_at = s.updated_at, deleted_at = s.deleted_at, version = s.version,
    updated_by = s.updated_by, source_systems = s.source_systems
WHEN NOT MATCHED BY TARGET AND NOT s.is_in_hub THEN
  INSERT (
    contact_id, {% for column in columns %}{{ column.name }}, {% endfor %}

    canonical_name, created_at, updated_at, deleted_at, version, updated_by, source_systems
  )
  VALUES (
    s.contact_id, {% for column in columns %}s.{{ column.name }}, {% endfor %}

    s.canonical_name, s.created_at, s.updated_at, s.deleted_at, s.version, s.updated_by, s.source_systems
  );
{% endif %}
{% if todo.bases or todo.hub_rows %}

-- What the rows that were read hold is known from now on. Of the hub's own rows, what the wide table really holds now is
-- acknowledged; what it does not hold stays an open intent.
MERGE INTO {{ dataset }}.sync_bases AS t
USING (
  {% if todo.hub_rows %}
  SELECT
    {% for column in base_columns %}
    IF(written.contact_id IS NULL, learnt.{{ column }}, written.{{ column }}) AS {{ column }},
    {% endfor %}
    written.contact_id IS NOT NULL AS is_written
  FROM ({{ learnt() }}) AS learnt
  FULL JOIN (
    SELECT
      'bigquery' AS system, wide.contact_id AS native_id, wide.contact_id, wide.digest AS version,
      wide.updated_at AS changed_at, TIMESTAMP_MICROS({{ now }}) AS known_at, FALSE AS gone, FALSE AS retired,
      wide.contact_id AS own_contact_id, wide.hub_unread AS unread, wide.held
    FROM {{ dataset }}.sync_wide_{{ cycle }} AS wide
    JOIN (
      SELECT DISTINCT stored.contact_id, {{ m.digest('stored') }} AS digest
      FROM {{ dataset }}.contacts_master AS stored
      WHERE stored.contact_id IN (SELECT contact_id FROM {{ dataset }}.sync_wide_{{ cycle }})
    ) AS held_now ON held_now.contact_id = wide.contact_id AND held_now.digest = wide.digest
  ) AS written
    ON learnt.contact_id = written.contact_id AND learnt.system = written.system AND learnt.native_id = written.native_id
  {% else %}
  {{ learnt() }}
  {% endif %}
) AS s
ON t.contact_id = s.contact_id AND t.system = s.system AND t.native_id = s.native_id
WHEN MATCHED AND ({% if todo.hub_rows %}s.is_written OR {% endif %}t.known_at <= s.known_at) THEN
  UPDATE SET
    version = s.version, changed_at = s.changed_at, known_at = s.known_at, gone = s.gone, own_contact_id = s.own_contact_id,
    unread = s.unread, held = s.held, held_digest = {{ m.held_digest('s.held') }}
WHEN NOT MATCHED BY TARGET THEN
  INSERT ({{ base_columns | join(', ') }}, held_digest)
  VALUES ({% for column in base_columns %}s.{{ column }}, {% endfor %}{{ m.held_digest('s.held') }});
{% endif %}
{% if todo.hub_new %}

MERGE INTO {{ dataset }}.sync_links AS t
USING (
  SELECT bases.contact_id FROM {{ dataset }}.sync_bases AS bases
  WHERE bases.contact_id IN (SELECT contact_id FROM {{ dataset }}.sync_wide_{{ cycle }})
    AND bases.system = 'bigquery' AND bases.known_at = TIMESTAMP_MICROS({{ now }})
) AS s
ON t.native_id = s.contact_id AND t.system = 'bigquery'
WHEN NOT MATCHED BY TARGET THEN
  INSERT (system, native_id, contact_id, linked_at) VALUES ('bigquery', s.contact_id, s.contact_id, TIMESTAMP_MICROS({{ now }}));
{% endif %}
{% if todo.hub_rows %}

DELETE FROM {{ dataset }}.sync_intents
WHERE system = 'bigquery' AND native_id = contact_id AND contact_id IN (
  SELECT bases.contact_id FROM {{ dataset }}.sync_bases AS bases
  WHERE bases.contact_id IN (SELECT contact_id FROM {{ dataset }}.sync_wide_{{ cycle }})
    AND bases.system = 'bigquery' AND bases.known_at = TIMESTAMP_MICROS({{ now }})
);
{% endif %}
{% if todo.hub_strays %}

-- A row of the hub that does not stand for its contact (two were merged into one) goes, if it still is what the plan saw.
DELETE FROM {{ dataset }}.contacts_master
WHERE contact_id IN (
  SELECT stored.contact_id
  FROM {{ dataset }}.sync_writes_{{ cycle }} AS writes
  JOIN {{ dataset }}.sync_bases AS bases
    ON bases.contact_id = writes.contact_id AND bases.system = writes.system AND bases.native_id = writes.native_id
  JOIN {{ dataset }}.contacts_master AS stored ON stored.contact_id = writes.native_id
  WHERE writes.system = 'bigquery' AND writes.native_id <> writes.contact_id AND {{ m.digest('stored') }} = bases.version
);

UPDATE {{ dataset }}.sync_bases
SET gone = TRUE, version = '', held = [STRUCT('{{ deleted }}' AS path, 'true' AS value, CAST(NULL AS STRING) AS sent)]
WHERE system = 'bigquery' AND retired AND NOT gone
  AND contact_id IN (SELECT contact_id FROM {{ dataset }}.sync_plan_{{ cycle }})
  AND native_id NOT IN (SELECT contact_id FROM {{ dataset }}.contacts_master);

DELETE FROM {{ dataset }}.sync_intents
WHERE system = 'bigquery' AND native_id <> contact_id
  AND native_id NOT IN (SELECT contact_id FROM {{ dataset }}.contacts_master);
{% endif %}
{% if todo.accepted %}

-- E-mails and phones of the contacts that changed.
{{ identifiers.renew('sync_plan_' ~ cycle, 'is_accepted') }}
{% endif %}
