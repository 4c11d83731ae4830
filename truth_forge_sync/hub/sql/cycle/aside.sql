{% import '_macros.sql' as m with context %}
-- What of a cycle waits for a person: rows that may be one of several contacts, and values that could not be read.
{% if todo.reviews %}

MERGE INTO {{ dataset }}.sync_match_review AS t
USING (
  SELECT TO_HEX(MD5(CONCAT(system, '/', native_id))) AS review_id, system, native_id, candidates, rule
  FROM {{ dataset }}.sync_match_{{ cycle }}
  WHERE contact_id IS NULL
) AS s
ON t.review_id = s.review_id
WHEN MATCHED AND t.status = 'open' THEN UPDATE SET candidate_contact_ids = s.candidates, rule = s.rule
WHEN MATCHED AND (t.status = 'gone' OR t.status = 'linked' AND t.contact_id IS NULL) THEN
  UPDATE SET status = 'open', candidate_contact_ids = s.candidates, rule = s.rule, created_at = CURRENT_TIMESTAMP()
WHEN NOT MATCHED BY TARGET THEN
  INSERT (review_id, system, native_id, candidate_contact_ids, rule, status, created_at)
  VALUES (s.review_id, s.system, s.native_id, s.candidates, s.rule, 'open', CURRENT_TIMESTAMP());
{% endif %}
{% if todo.earlier_reviews %}

UPDATE {{ dataset }}.sync_match_review SET status = 'linked'
WHERE status = 'open' AND review_id IN (
  SELECT TO_HEX(MD5(CONCAT(system, '/', native_id))) FROM {{ dataset }}.sync_match_{{ cycle }} WHERE contact_id IS NOT NULL
);
{% endif %}
{% if todo.unread %}

-- Values that could not be read are reported until the row comes without them.
MERGE INTO {{ dataset }}.sync_errors AS t
USING (
  SELECT
    TO_HEX(MD5(CONCAT(matched.system, '/', matched.native_id, '/', u.field, '/unreadable'))) AS error_id,
    matched.system, matched.native_id, matched.contact_id, u.field, u.reason
  FROM {{ dataset }}.sync_match_{{ cycle }} AS matched CROSS JOIN UNNEST(matched.unread) AS u
) AS s
ON t.error_id = s.error_id
WHEN MATCHED AND t.status = 'resolved' THEN UPDATE SET status = 'parked', message = s.reason, cycle_id = '{{ cycle }}'
WHEN NOT MATCHED BY TARGET THEN
  INSERT (error_id, cycle_id, system, contact_id, native_id, field, kind, message, attempts, status, created_at)
  VALUES (
    s.error_id, '{{ cycle }}', s.system, s.contact_id, s.native_id, s.field, 'unreadable', s.reason, 1, 'parked',
    CURRENT_TIMESTAMP()
  );
{% endif %}
{% if todo.earlier_errors %}

UPDATE {{ dataset }}.sync_errors SET status = 'resolved'
WHERE status = 'parked' AND kind = 'unreadable'
  AND CONCAT(system, '/', native_id) IN (
    SELECT CONCAT(system, '/', native_id) FROM {{ dataset }}.sync_match_{{ cycle }}
  )
  AND error_id NOT IN (
    SELECT TO_HEX(MD5(CONCAT(matched.system, '/', matched.native_id, '/', u.field, '/unreadable')))
    FROM {{ dataset }}.sync_match_{{ cycle }} AS matched CROSS JOIN UNNEST(matched.unread) AS u
  );
{% endif %}
