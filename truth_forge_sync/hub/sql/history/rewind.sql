{% import '_macros.sql' as m with context %}
{# What is to be undone. What merging did is undone by unmerging. #}
{% macro in_scope() -%}
({{ "log.cycle_id = '" ~ cycle ~ "'" if cycle else 'log.recorded_at >= TIMESTAMP_MICROS(' ~ since ~ ')' }}
    {{- " AND log.system = '" ~ system ~ "'" if system else '' }})
{%- endmacro %}
{% set is_merge %}REGEXP_CONTAINS(COALESCE(log.origin, ''), r'^(un)?merge/'){% endset %}
{% macro was(value) %}IF({{ m.is_field('log.path', list_fields) }} AND {{ value }} IS NOT NULL, 'true', {{ value }}){% endmacro %}
-- What would undo that which {{ 'one cycle' if cycle else 'happened since a time' }} did{{ ', as far as one system did it' if system else '' }}: one row a path of a contact.
--
-- verdict: edit, delete or restore (value: what the path gets), or why it is left alone: edited_later (by somebody out of
-- scope), deleted_later, merge (hint: the merge that did it), absorbed (the contact is no more: it was merged into another).

-- The accepted changes of the contacts in question since the scope began, each with the last one of its path that is out of scope.
CREATE OR REPLACE TABLE {{ dataset }}.sync_rewind_events_{{ batch }} {{ m.temporary() }} AS
WITH
events AS (
  SELECT
    log.contact_id, log.path, log.event_id, log.change_type, log.recorded_at, log.origin,
    {{ was('log.old_value') }} AS old_value,
    {{ was('log.new_value') }} AS new_value,
    {{ in_scope() }} AND NOT {{ is_merge }} AS is_scoped,
    {{ in_scope() }} AND {{ is_merge }} AS is_merge
  FROM {{ dataset }}.sync_change_log AS log
  WHERE log.contact_id IN (SELECT log.contact_id FROM {{ dataset }}.sync_change_log AS log WHERE {{ in_scope() }})
    AND log.recorded_at >= (SELECT MIN(log.recorded_at) FROM {{ dataset }}.sync_change_log AS log WHERE {{ in_scope() }})
)

SELECT
  contact_id, path, event_id, change_type, recorded_at, origin, old_value, new_value, is_scoped, is_merge,
  COALESCE(
    MAX(IF(is_scoped, NULL, recorded_at)) OVER (PARTITION BY contact_id, path), TIMESTAMP_MICROS(0)
  ) AS others_at
FROM events;

CREATE OR REPLACE TABLE {{ dataset }}.sync_rewind_{{ batch }} {{ m.temporary() }} AS
WITH
-- What the scope did to each path since anybody else last changed it: the value before, and the one that it left.
runs AS (
  SELECT contact_id, path, value_before, value_left
  FROM (
    SELECT
      contact_id, path,
      FIRST_VALUE(old_value) OVER (PARTITION BY contact_id, path ORDER BY recorded_at, event_id) AS value_before,
      FIRST_VALUE(new_value) OVER (PARTITION BY contact_id, path ORDER BY recorded_at DESC, event_id DESC) AS value_left,
      ROW_NUMBER() OVER (PARTITION BY contact_id, path ORDER BY recorded_at, event_id) AS place
    FROM {{ dataset }}.sync_rewind_events_{{ batch }}
    WHERE is_scoped AND recorded_at > others_at
  )
  WHERE place = 1
),

-- Contacts that the scope alone created, and whether anybody else has edited them since.
created AS (
  SELECT contact_id, LOGICAL_OR(NOT is_scoped) AS is_edited
  FROM {{ dataset }}.sync_rewind_events_{{ batch }}
  GROUP BY contact_id
  HAVING LOGICAL_OR(is_scoped AND change_type = 'INSERT') AND NOT LOGICAL_OR(NOT is_scoped AND change_type = 'INSERT')
),

-- What the contacts hold now.
held AS (
  SELECT registers.contact_id, r.path, r.value
  FROM {{ dataset }}.sync_registers AS registers CROSS JOIN UNNEST(registers.registers) AS r
  WHERE registers.contact_id IN (SELECT contact_id FROM {{ dataset }}.sync_rewind_events_{{ batch }})
),

contacts AS (
  SELECT contact_id, LOGICAL_OR(path = '{{ deleted }}' AND value = 'true') AS is_deleted
  FROM held
  GROUP BY contact_id
),

-- Every path that the scope touched. A contact that it created is one thing: it goes or stays as a whole.
touched AS (
  SELECT DISTINCT
    events.contact_id, IF(created.contact_id IS NULL, events.path, '{{ deleted }}') AS path,
    created.contact_id IS NOT NULL AS is_created, COALESCE(created.is_edited, FALSE) AS is_edited
  FROM {{ dataset }}.sync_rewind_events_{{ batch }} AS events
  LEFT JOIN created ON created.contact_id = events.contact_id
  WHERE events.is_scoped
),

judged AS (
  SELECT
    touched.contact_id, touched.path, contacts.is_deleted,
    held.value AS value_now,
    IF(touched.is_created, 'true', runs.value_before) AS value,
    CASE
      WHEN contacts.contact_id IS NULL THEN 'absorbed'
      WHEN touched.is_created AND contacts.is_deleted THEN 'undone'
      WHEN touched.is_created AND touched.is_edited THEN 'edited_later'
      WHEN touched.is_created THEN 'delete'
      WHEN runs.contact_id IS NULL OR COALESCE(runs.value_left, '') <> COALESCE(held.value, '') THEN 'edited_later'
      WHEN COALESCE(runs.value_before, '') = COALESCE(held.value, '') THEN 'undone'
      WHEN touched.path <> '{{ deleted }}' THEN 'edit'
      WHEN runs.value_before IS NULL THEN 'restore'
      ELSE 'delete'
    END AS verdict
  FROM touched
  LEFT JOIN contacts ON contacts.contact_id = touched.contact_id
  LEFT JOIN held ON held.contact_id = touched.contact_id AND held.path = touched.path
  LEFT JOIN runs ON runs.contact_id = touched.contact_id AND runs.path = touched.path
)

-- An edit that is later than a delete would bring the contact back: only where that is undone, too.
SELECT
  contact_id, path, value_now, CAST(NULL AS STRING) AS hint,
  IF(verdict IN ('edit', 'delete', 'restore'), value, NULL) AS value,
  CASE
    WHEN verdict = 'edit' AND is_deleted
      AND NOT LOGICAL_OR(verdict = 'restore') OVER (PARTITION BY contact_id) THEN 'deleted_later'
    ELSE verdict
  END AS verdict
FROM judged
WHERE verdict <> 'undone'
UNION ALL
SELECT events.contact_id, events.path, held.value, SPLIT(events.origin, '/')[OFFSET(1)], CAST(NULL AS STRING), 'merge'
FROM {{ dataset }}.sync_rewind_events_{{ batch }} AS events
LEFT JOIN held ON held.contact_id = events.contact_id AND held.path = events.path
WHERE events.is_merge;
