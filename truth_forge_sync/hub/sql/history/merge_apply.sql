{% import '_macros.sql' as m with context %}
{% import '_identifiers.sql' as identifiers with context %}
{# The merge at work, and a column of it. #}
{% set merging %}{{ dataset }}.sync_merges AS merges WHERE merges.merge_id = '{{ merge }}' AND merges.status = 'merging'{% endset %}
{% macro its(column) %}(SELECT merges.{{ column }} FROM {{ merging }}){% endmacro %}
-- Carry out one merge, from its record alone. Each statement is keyed: running it again is running it once, and what was
-- interrupted is finished by running all of them.
--
-- The first statement is the merge: one contact has what is kept of both, the other is no more; unless one of them is not
-- any more as the record saw it, then nothing happens. The rest is bookkeeping. A cycle that comes in between does nothing to
-- the rows of a contact that is no more, as long as nobody edits them.
MERGE INTO {{ dataset }}.sync_registers AS t
USING (
  SELECT
    contacts.contact_id, contacts.contact_id = merges.kept_contact_id AS is_kept, merges.kept_version + 1 AS version,
    merges.merged
  FROM {{ dataset }}.sync_merges AS merges
  JOIN {{ dataset }}.sync_registers AS kept
    ON kept.contact_id = merges.kept_contact_id AND kept.version = merges.kept_version
  JOIN {{ dataset }}.sync_registers AS absorbed
    ON absorbed.contact_id = merges.absorbed_contact_id AND absorbed.version = merges.absorbed_version
  JOIN {{ dataset }}.sync_registers AS contacts
    ON contacts.contact_id = merges.kept_contact_id OR contacts.contact_id = merges.absorbed_contact_id
  WHERE merges.merge_id = '{{ merge }}' AND merges.status = 'decided'
) AS s
ON t.contact_id = s.contact_id
WHEN MATCHED AND s.is_kept THEN UPDATE SET version = s.version, registers = s.merged
WHEN MATCHED THEN DELETE;

UPDATE {{ dataset }}.sync_merges
SET status = IF(absorbed_contact_id IN (SELECT contact_id FROM {{ dataset }}.sync_registers), 'abandoned', 'merging')
WHERE merge_id = '{{ merge }}' AND status = 'decided';

-- Its rows are rows of the kept contact now. One that was about to be created may be there already.
MERGE INTO {{ dataset }}.sync_links AS t
USING (
  SELECT l.system, l.native_id, merges.kept_contact_id, merges.merged_at
  FROM {{ dataset }}.sync_merges AS merges CROSS JOIN UNNEST(merges.links) AS l
  WHERE merges.merge_id = '{{ merge }}' AND merges.status = 'merging'
) AS s
ON t.native_id = s.native_id AND t.system = s.system
WHEN MATCHED THEN UPDATE SET contact_id = s.kept_contact_id
WHEN NOT MATCHED BY TARGET THEN
  INSERT (system, native_id, contact_id, linked_at) VALUES (s.system, s.native_id, s.kept_contact_id, s.merged_at);

-- (Where a cycle came in between, it may have learnt of a row a second time.)
DELETE FROM {{ dataset }}.sync_bases
WHERE contact_id = {{ its('absorbed_contact_id') }}
  AND CONCAT(system, '/', native_id) IN (
    SELECT CONCAT(known.system, '/', known.native_id) FROM {{ dataset }}.sync_bases AS known
    WHERE known.contact_id = {{ its('kept_contact_id') }}
  );

-- They are retired: the next cycle deletes them in their systems, the hub's own one too. What is edited there before that
-- still counts.
MERGE INTO {{ dataset }}.sync_bases AS t
USING (
  SELECT l.system, l.native_id, merges.kept_contact_id, merges.merged_at
  FROM {{ dataset }}.sync_merges AS merges CROSS JOIN UNNEST(merges.links) AS l
  WHERE merges.merge_id = '{{ merge }}' AND merges.status = 'merging'
) AS s
ON t.native_id = s.native_id AND t.system = s.system
WHEN MATCHED THEN UPDATE SET contact_id = s.kept_contact_id, retired = TRUE
WHEN NOT MATCHED BY TARGET THEN
  INSERT (system, native_id, contact_id, known_at, gone, retired, unread, held)
  VALUES (
    s.system, s.native_id, s.kept_contact_id, s.merged_at, FALSE, TRUE, [], ARRAY<STRUCT<path STRING, value STRING, sent STRING>>[]
  );

-- What identifies the kept contact now.
DELETE FROM {{ dataset }}.contact_identifiers WHERE contact_id = {{ its('absorbed_contact_id') }};

{{ identifiers.renew('sync_registers', 'contact_id = ' ~ its('kept_contact_id')) }}

-- What changed in the one, and that the other is no more.
MERGE INTO {{ dataset }}.sync_change_log AS t
USING (
  SELECT
    TO_HEX(MD5(CONCAT('{{ merge }}/', changed.path))) AS event_id, changed.contact_id, changed.system, 'UPDATE' AS change_type,
    changed.path, changed.changed_at, changed.merged_at,
    {{ m.told_field('changed.path') }} AS field,
    {{ m.told_value('changed.path', 'changed.value_before') }} AS old_value,
    {{ m.told_value('changed.path', 'changed.value') }} AS new_value
  FROM (
    SELECT
      merges.kept_contact_id AS contact_id, merges.merged_at, r.path, r.value, r.changed_at, r.system,
      (SELECT MAX(k.value) FROM UNNEST(merges.kept) AS k WHERE k.path = r.path) AS value_before
    FROM {{ dataset }}.sync_merges AS merges CROSS JOIN UNNEST(merges.merged) AS r
    WHERE merges.merge_id = '{{ merge }}' AND merges.status = 'merging'
  ) AS changed
  WHERE COALESCE(changed.value, '') <> COALESCE(changed.value_before, '')
  UNION ALL
  SELECT
    TO_HEX(MD5('{{ merge }}/')) AS event_id, merges.absorbed_contact_id, 'bigquery', 'DELETE', '{{ deleted }}',
    merges.merged_at, merges.merged_at, '{{ deleted }}', CAST(NULL AS STRING), 'true'
  FROM {{ merging }}
) AS s
ON t.event_id = s.event_id AND t.contact_id = s.contact_id
WHEN NOT MATCHED BY TARGET THEN
  INSERT (
    event_id, cycle_id, contact_id, system, change_type, field, path, old_value, new_value, changed_at, recorded_at, origin
  )
  VALUES (
    s.event_id, '{{ merge }}', s.contact_id, s.system, s.change_type, s.field, s.path, s.old_value, s.new_value, s.changed_at,
    s.merged_at, 'merge/{{ merge }}'
  );

-- Every value that is in neither of them any more (law 7).
MERGE INTO {{ dataset }}.sync_conflicts AS t
USING (
  SELECT
    TO_HEX(MD5(CONCAT('{{ merge }}/', l.path))) AS conflict_id, merges.kept_contact_id AS contact_id, merges.merged_at,
    l.path, l.system AS losing_system, l.changed_at AS losing_changed_at, r.system AS winning_system,
    r.changed_at AS winning_changed_at,
    {{ m.told_field('l.path') }} AS field,
    {{ m.told_value('l.path', 'l.value') }} AS losing_value,
    {{ m.told_value('r.path', 'r.value') }} AS winning_value
  FROM {{ dataset }}.sync_merges AS merges
  CROSS JOIN UNNEST(merges.lost) AS l
  CROSS JOIN UNNEST(merges.merged) AS r
  WHERE merges.merge_id = '{{ merge }}' AND merges.status = 'merging' AND r.path = l.path
) AS s
ON t.conflict_id = s.conflict_id AND t.contact_id = s.contact_id
WHEN NOT MATCHED BY TARGET THEN
  INSERT (
    conflict_id, cycle_id, contact_id, field, path, winning_system, winning_value, winning_changed_at,
    losing_system, losing_value, losing_changed_at, reason, status, created_at
  )
  VALUES (
    s.conflict_id, '{{ merge }}', s.contact_id, s.field, s.path, s.winning_system, s.winning_value, s.winning_changed_at,
    s.losing_system, s.losing_value, s.losing_changed_at, 'merged', 'open', s.merged_at
  );

-- What was open about the absorbed contact is the kept one's: its conflicts, changes that wait, rows to review. Nothing is to
-- be written to its rows any more, though it may have been; so nothing is refused either.
UPDATE {{ dataset }}.sync_conflicts SET contact_id = {{ its('kept_contact_id') }}
WHERE contact_id = {{ its('absorbed_contact_id') }} AND status = 'open';

UPDATE {{ dataset }}.sync_holds SET contact_id = {{ its('kept_contact_id') }}
WHERE contact_id = {{ its('absorbed_contact_id') }};

MERGE INTO {{ dataset }}.sync_match_review AS t
USING (
  SELECT
    review.review_id,
    ARRAY(
      SELECT one
      FROM (
        SELECT DISTINCT IF(candidate = merges.absorbed_contact_id, merges.kept_contact_id, candidate) AS one
        FROM UNNEST(review.candidate_contact_ids) AS candidate
      )
      ORDER BY one
    ) AS candidates,
    IF(review.contact_id = merges.absorbed_contact_id, merges.kept_contact_id, review.contact_id) AS contact_id
  FROM {{ dataset }}.sync_match_review AS review
  JOIN {{ dataset }}.sync_merges AS merges
    ON review.contact_id = merges.absorbed_contact_id OR merges.absorbed_contact_id IN UNNEST(review.candidate_contact_ids)
  WHERE merges.merge_id = '{{ merge }}' AND merges.status = 'merging'
) AS s
ON t.review_id = s.review_id
WHEN MATCHED THEN UPDATE SET candidate_contact_ids = s.candidates, contact_id = s.contact_id;

UPDATE {{ dataset }}.sync_intents
SET contact_id = {{ its('kept_contact_id') }}, status = 'superseded', superseded_at = CURRENT_TIMESTAMP()
WHERE contact_id = {{ its('absorbed_contact_id') }};

UPDATE {{ dataset }}.sync_errors SET status = 'resolved'
WHERE contact_id = {{ its('absorbed_contact_id') }} AND status <> 'resolved';

-- The next cycle decides about the kept contact: it writes what its own rows lack, and deletes the others.
INSERT INTO {{ dataset }}.sync_edits (edit_id, contact_id, origin, created_at)
SELECT 'merge/{{ merge }}', merges.kept_contact_id, 'merge/{{ merge }}', CURRENT_TIMESTAMP()
FROM {{ merging }}
  AND NOT EXISTS (SELECT 1 FROM {{ dataset }}.sync_edits WHERE edit_id = 'merge/{{ merge }}');

UPDATE {{ dataset }}.sync_merges SET status = 'merged'
WHERE merge_id = '{{ merge }}' AND status = 'merging';
