{% import '_macros.sql' as m with context %}
-- What the systems answered to a push (law 9). Keyed by intent and native row: running it twice is running it once.
{% if written %}

MERGE INTO {{ dataset }}.sync_links AS t
USING (
  SELECT system, native_id, ANY_VALUE(contact_id) AS contact_id, MAX(answered_at) AS answered_at
  FROM {{ dataset }}.sync_outcomes_{{ push }}
  WHERE status = 'written'
  GROUP BY system, native_id
) AS s
ON t.native_id = s.native_id AND t.system = s.system
WHEN NOT MATCHED BY TARGET THEN
  INSERT (system, native_id, contact_id, linked_at) VALUES (s.system, s.native_id, s.contact_id, s.answered_at);

-- The paths that were written are known to hold what the system says it stored; the others stay as they were known.
MERGE INTO {{ dataset }}.sync_bases AS t
USING (
  SELECT
    system, native_id, contact_id, ANY_VALUE(version) AS version, ANY_VALUE(changed_at) AS changed_at,
    ANY_VALUE(own_contact_id) AS own_contact_id, MAX(answered_at) AS known_at,
    COALESCE(
      ARRAY_AGG(IF(value IS NULL AND sent IS NULL, NULL, STRUCT(path AS path, value AS value, sent AS sent)) IGNORE NULLS ORDER BY path),
      ARRAY<STRUCT<path STRING, value STRING, sent STRING>>[]
    ) AS held
  FROM (
    SELECT *
    FROM (
      SELECT
        outcomes.system, outcomes.native_id, outcomes.contact_id, outcomes.version, outcomes.changed_at, outcomes.answered_at,
        outcomes.own_contact_id, s.path, s.value, IF(COALESCE(s.value, '') = s.sent, NULL, s.sent) AS sent, 1 AS precedence
      FROM {{ dataset }}.sync_outcomes_{{ push }} AS outcomes CROSS JOIN UNNEST(outcomes.stored) AS s
      WHERE outcomes.status = 'written'
      UNION ALL
      SELECT
        outcomes.system, outcomes.native_id, outcomes.contact_id, outcomes.version, outcomes.changed_at, outcomes.answered_at,
        outcomes.own_contact_id, h.path, h.value, h.sent, 2 AS precedence
      FROM {{ dataset }}.sync_outcomes_{{ push }} AS outcomes
      JOIN {{ dataset }}.sync_bases AS bases
        ON bases.contact_id = outcomes.contact_id AND bases.system = outcomes.system AND bases.native_id = outcomes.native_id
      CROSS JOIN UNNEST(bases.held) AS h
      WHERE outcomes.status = 'written' AND outcomes.kind <> 'create'
    )
    WHERE TRUE
    QUALIFY ROW_NUMBER() OVER (PARTITION BY system, native_id, path ORDER BY precedence) = 1
  )
  GROUP BY system, native_id, contact_id
) AS s
ON t.contact_id = s.contact_id AND t.system = s.system AND t.native_id = s.native_id
WHEN MATCHED THEN
  UPDATE SET
    version = s.version, changed_at = s.changed_at, known_at = s.known_at, gone = FALSE, own_contact_id = s.own_contact_id,
    held = s.held, held_digest = {{ m.held_digest('s.held') }}
WHEN NOT MATCHED BY TARGET THEN
  INSERT (
    system, native_id, contact_id, version, changed_at, known_at, gone, retired, own_contact_id, unread, held, held_digest
  )
  VALUES (
    s.system, s.native_id, s.contact_id, s.version, s.changed_at, s.known_at, FALSE, FALSE, s.own_contact_id, [], s.held,
    {{ m.held_digest('s.held') }}
  );
{% endif %}

-- An intent of which every part was answered is settled; a row that answered settles what was superseded, too.
DELETE FROM {{ dataset }}.sync_intents
WHERE intent_id IN (
    SELECT intent_id FROM {{ dataset }}.sync_outcomes_{{ push }}
    GROUP BY intent_id
    HAVING LOGICAL_AND(status IN ('written', 'refused'))
  )
  OR status = 'superseded' AND CONCAT(system, '/', native_id) IN (
    SELECT CONCAT(system, '/', native_id) FROM {{ dataset }}.sync_outcomes_{{ push }} WHERE status = 'written'
  );
{% if written and earlier_holds %}

-- A change that waited in a path that we wrote since is outdated.
DELETE FROM {{ dataset }}.sync_holds
WHERE CONCAT(system, '/', native_id, '/', path) IN (
  SELECT CONCAT(outcomes.system, '/', outcomes.native_id, '/', s.path)
  FROM {{ dataset }}.sync_outcomes_{{ push }} AS outcomes CROSS JOIN UNNEST(outcomes.stored) AS s
  WHERE outcomes.status = 'written'
);
{% endif %}
{% if refused %}

-- A refused value is parked, path by path: 5 minutes after the first refusal, then twice as long each time, at most a day (law 10).
MERGE INTO {{ dataset }}.sync_errors AS t
USING (
  SELECT
    TO_HEX(MD5(CONCAT(outcomes.system, '/', outcomes.native_id, '/', r.path, '/refused'))) AS error_id,
    outcomes.system, outcomes.contact_id, outcomes.native_id, outcomes.answered_at, r.path, NULLIF(r.sent, '') AS value,
    {{ m.field('r.path') }} AS field, COALESCE(outcomes.message, 'refused') AS message,
    IF(parked.status <> 'resolved' AND COALESCE(parked.value, '') = r.sent, parked.attempts, 0) AS earlier_attempts
  FROM {{ dataset }}.sync_outcomes_{{ push }} AS outcomes CROSS JOIN UNNEST(outcomes.stored) AS r
  LEFT JOIN {{ dataset }}.sync_errors AS parked
    ON parked.error_id = TO_HEX(MD5(CONCAT(outcomes.system, '/', outcomes.native_id, '/', r.path, '/refused')))
  WHERE outcomes.status = 'refused'
) AS s
ON t.error_id = s.error_id
WHEN MATCHED AND COALESCE(t.last_attempt_at < s.answered_at, TRUE) THEN
  UPDATE SET
    status = 'parked', value = s.value, message = s.message, attempts = COALESCE(s.earlier_attempts, 0) + 1,
    last_attempt_at = s.answered_at,
    next_attempt_at = TIMESTAMP_ADD(s.answered_at, INTERVAL LEAST(1440, 5 * CAST(POW(2, LEAST(COALESCE(s.earlier_attempts, 0), 9)) AS INT64)) MINUTE)
WHEN NOT MATCHED BY TARGET THEN
  INSERT (
    error_id, system, contact_id, native_id, field, path, value, kind, message, attempts, last_attempt_at, next_attempt_at,
    status, created_at
  )
  VALUES (
    s.error_id, s.system, s.contact_id, s.native_id, s.field, s.path, s.value, 'refused', s.message, 1, s.answered_at,
    TIMESTAMP_ADD(s.answered_at, INTERVAL 5 MINUTE), 'parked', s.answered_at
  );
{% endif %}
{% if written and earlier_refusals %}

UPDATE {{ dataset }}.sync_errors SET status = 'resolved'
WHERE kind = 'refused' AND status <> 'resolved'
  AND CONCAT(system, '/', native_id, '/', path) IN (
    SELECT CONCAT(outcomes.system, '/', outcomes.native_id, '/', s.path)
    FROM {{ dataset }}.sync_outcomes_{{ push }} AS outcomes CROSS JOIN UNNEST(outcomes.stored) AS s
    WHERE outcomes.status = 'written'
  );
{% endif %}
