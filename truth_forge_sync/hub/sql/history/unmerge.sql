{% import '_macros.sql' as m with context %}
{% import '_identifiers.sql' as identifiers with context %}
{# The merge at work, and a column of it. #}
{% set unmerging %}{{ dataset }}.sync_merges AS merges WHERE merges.merge_id = '{{ merge }}' AND merges.status = 'unmerging'{% endset %}
{% macro its(column) %}(SELECT merges.{{ column }} FROM {{ unmerging }}){% endmacro %}
{# The native rows that the absorbed contact had. #}
{% set rows %}
SELECT l.system, l.native_id, COALESCE(l.retired, FALSE) AS retired, merges.absorbed_contact_id
  FROM {{ dataset }}.sync_merges AS merges CROSS JOIN UNNEST(merges.links) AS l
  WHERE merges.merge_id = '{{ merge }}' AND merges.status = 'unmerging'
{% endset %}
-- Take two merged contacts apart again, from the record of the merge alone. Each statement is keyed: running it again is
-- running it once, and what was interrupted is finished by running all of them.
UPDATE {{ dataset }}.sync_merges SET status = 'unmerging', unmerged_at = CURRENT_TIMESTAMP()
WHERE merge_id = '{{ merge }}' AND status = 'merged';

-- The absorbed contact is back as it was, and its not being deleted is news: its rows may be deleted by now.
INSERT INTO {{ dataset }}.sync_registers (contact_id, created_at, version, registers)
SELECT
  merges.absorbed_contact_id, COALESCE(merges.absorbed_created_at, merges.merged_at), merges.absorbed_version + 1,
  ARRAY_CONCAT(
    ARRAY(
      SELECT STRUCT(r.path AS path, r.value AS value, r.changed_at AS changed_at, r.system AS system)
      FROM UNNEST(merges.absorbed) AS r WHERE r.path <> '{{ deleted }}' ORDER BY r.path
    ),
    [STRUCT('{{ deleted }}' AS path, CAST(NULL AS STRING) AS value, merges.unmerged_at AS changed_at, 'bigquery' AS system)]
  )
FROM {{ unmerging }}
  AND NOT EXISTS (
    SELECT 1 FROM {{ dataset }}.sync_registers AS registers WHERE registers.contact_id = merges.absorbed_contact_id
  );

-- Its rows are its own again, the links first: a row of a living contact that is not known yet does no harm, whereas one that
-- is deleted would delete the kept contact.
MERGE INTO {{ dataset }}.sync_links AS t
USING (
  {{ rows }}
) AS s
ON t.native_id = s.native_id AND t.system = s.system
WHEN MATCHED THEN UPDATE SET contact_id = s.absorbed_contact_id;

DELETE FROM {{ dataset }}.sync_bases
WHERE contact_id = {{ its('kept_contact_id') }}
  AND CONCAT(system, '/', native_id) IN (
    SELECT CONCAT(known.system, '/', known.native_id) FROM {{ dataset }}.sync_bases AS known
    WHERE known.contact_id = {{ its('absorbed_contact_id') }}
  );

MERGE INTO {{ dataset }}.sync_bases AS t
USING (
  {{ rows }}
) AS s
ON t.native_id = s.native_id AND t.system = s.system
WHEN MATCHED THEN UPDATE SET contact_id = s.absorbed_contact_id, retired = s.retired;

-- Nothing is to be written to them as to retired rows any more, though it may have been.
MERGE INTO {{ dataset }}.sync_intents AS t
USING (
  {{ rows }}
) AS s
ON t.native_id = s.native_id AND t.system = s.system
WHEN MATCHED THEN
  UPDATE SET contact_id = s.absorbed_contact_id, status = 'superseded', superseded_at = CURRENT_TIMESTAMP();

MERGE INTO {{ dataset }}.sync_holds AS t
USING (
  {{ rows }}
) AS s
ON t.native_id = s.native_id AND t.system = s.system
WHEN MATCHED THEN UPDATE SET contact_id = s.absorbed_contact_id;

MERGE INTO {{ dataset }}.sync_errors AS t
USING (
  {{ rows }}
) AS s
ON t.native_id = s.native_id AND t.system = s.system
WHEN MATCHED THEN UPDATE SET contact_id = s.absorbed_contact_id, status = 'resolved';

{{ identifiers.renew('sync_registers', 'contact_id = ' ~ its('absorbed_contact_id')) }}

-- What the kept contact has from the merge and nobody has edited since goes back, as edits like any other. Not where the
-- contact was deleted since: an edit that is later than a delete would bring it back.
INSERT INTO {{ dataset }}.sync_edits (edit_id, contact_id, path, value, origin, created_at)
SELECT
  CONCAT('unmerge/{{ merge }}/', TO_HEX(MD5(given.path))), given.contact_id, given.path, given.value_before,
  'unmerge/{{ merge }}', CURRENT_TIMESTAMP()
FROM (
  SELECT
    merges.kept_contact_id AS contact_id, g.path, g.value,
    (SELECT MAX(k.value) FROM UNNEST(merges.kept) AS k WHERE k.path = g.path) AS value_before
  FROM {{ dataset }}.sync_merges AS merges CROSS JOIN UNNEST(merges.merged) AS g
  WHERE merges.merge_id = '{{ merge }}' AND merges.status = 'unmerging'
) AS given
JOIN (
  SELECT registers.contact_id, r.path, r.value,
    MAX(IF(r.path = '{{ deleted }}', r.value, NULL)) OVER (PARTITION BY registers.contact_id) AS deleted
  FROM {{ dataset }}.sync_registers AS registers CROSS JOIN UNNEST(registers.registers) AS r
  WHERE registers.contact_id = {{ its('kept_contact_id') }}
) AS held
  ON held.contact_id = given.contact_id AND held.path = given.path
WHERE COALESCE(given.value, '') <> COALESCE(given.value_before, '')
  AND COALESCE(held.value, '') = COALESCE(given.value, '') AND held.deleted IS NULL
  AND CONCAT('unmerge/{{ merge }}/', TO_HEX(MD5(given.path))) NOT IN (SELECT edit_id FROM {{ dataset }}.sync_edits);

-- The next cycle decides about both.
INSERT INTO {{ dataset }}.sync_edits (edit_id, contact_id, origin, created_at)
SELECT CONCAT('unmerge/{{ merge }}/', part), IF(part = 'kept', merges.kept_contact_id, merges.absorbed_contact_id),
  'unmerge/{{ merge }}', CURRENT_TIMESTAMP()
FROM {{ dataset }}.sync_merges AS merges
CROSS JOIN UNNEST(['kept', 'absorbed']) AS part
WHERE merges.merge_id = '{{ merge }}' AND merges.status = 'unmerging'
  AND CONCAT('unmerge/{{ merge }}/', part) NOT IN (SELECT edit_id FROM {{ dataset }}.sync_edits);

MERGE INTO {{ dataset }}.sync_change_log AS t
USING (
  SELECT merges.absorbed_contact_id AS contact_id, merges.unmerged_at FROM {{ unmerging }}
) AS s
ON t.contact_id = s.contact_id AND t.event_id = TO_HEX(MD5('unmerge/{{ merge }}'))
WHEN NOT MATCHED BY TARGET THEN
  INSERT (event_id, cycle_id, contact_id, system, change_type, field, path, old_value, changed_at, recorded_at, origin)
  VALUES (
    TO_HEX(MD5('unmerge/{{ merge }}')), '{{ merge }}', s.contact_id, 'bigquery', 'RESTORE', '{{ deleted }}', '{{ deleted }}',
    'true', s.unmerged_at, s.unmerged_at, 'unmerge/{{ merge }}'
  );

-- The conflicts that were its own are so again; those between the two are none any more.
UPDATE {{ dataset }}.sync_conflicts SET contact_id = {{ its('absorbed_contact_id') }}
WHERE status = 'open' AND contact_id = {{ its('kept_contact_id') }}
  AND conflict_id IN (
    SELECT conflict_id
    FROM {{ dataset }}.sync_merges AS merges CROSS JOIN UNNEST(merges.conflicts) AS conflict_id
    WHERE merges.merge_id = '{{ merge }}'
  );

UPDATE {{ dataset }}.sync_conflicts SET status = 'dismissed'
WHERE status = 'open' AND reason = 'merged' AND cycle_id = '{{ merge }}' AND contact_id = {{ its('kept_contact_id') }};

UPDATE {{ dataset }}.sync_merges SET status = 'unmerged'
WHERE merge_id = '{{ merge }}' AND status = 'unmerging';
