{% import '_macros.sql' as m with context %}
-- Which contact is each staged row? (law 15)
--
-- A row that is linked stays linked. Another one is what a person said it is; else it is linked by its own contact id, else
-- by an exact e-mail, else by an exact phone with the same name; with contacts that exist and with the other rows of this
-- cycle alike. Each of the three passes lets every row take over a label from the rows and contacts that share a key with
-- it; a row that two different contacts claim is left for review. Output: sync_match, one row a staged row; contact_id is
-- null where a person must say.
--
-- BigQuery keeps no rows of a WITH clause, it reads them anew wherever they are named. So what is named often is a table.

-- What two rows have in common, or a row and a contact (contact_id). A key that nobody shares brings nobody together.
CREATE OR REPLACE TABLE {{ dataset }}.sync_keys_{{ cycle }} {{ m.temporary() }} AS
WITH
-- Each value of a row beside the values that qualify it as a key.
named AS (
  SELECT
    staged.node,
    f.path,
    f.value,
    MAX(IF(f.path = 'first_name', f.value, NULL)) OVER (PARTITION BY staged.node) AS first_name,
    MAX(IF(f.path = 'last_name', f.value, NULL)) OVER (PARTITION BY staged.node) AS last_name,
    MAX(IF(f.path = 'is_business', f.value, NULL)) OVER (PARTITION BY staged.node) AS is_business
  FROM {{ dataset }}.sync_rows_{{ cycle }} AS staged
  CROSS JOIN UNNEST(staged.fields) AS f
  WHERE NOT staged.deleted
),

keys AS (
  SELECT node, CONCAT('id:', own_contact_id) AS key FROM {{ dataset }}.sync_rows_{{ cycle }} WHERE own_contact_id IS NOT NULL
  UNION ALL
  SELECT DISTINCT node, key
  FROM (SELECT node, {{ m.match_key('path', 'value', 'first_name', 'last_name', 'is_business') }} AS key FROM named)
  WHERE key IS NOT NULL
)

SELECT node, key, contact_id
FROM (
  SELECT node, key, CAST(NULL AS STRING) AS contact_id FROM keys
  UNION ALL
  SELECT CAST(NULL AS STRING), CONCAT('id:', registers.contact_id), registers.contact_id
  FROM {{ dataset }}.sync_registers AS registers
  WHERE registers.contact_id IN (SELECT own_contact_id FROM {{ dataset }}.sync_rows_{{ cycle }} WHERE own_contact_id IS NOT NULL)
  UNION ALL
  -- A contact that was merged into another one is that one now (which may have been merged, too).
  SELECT CAST(NULL AS STRING), CONCAT('id:', merges.absorbed_contact_id), COALESCE(later.kept_contact_id, merges.kept_contact_id)
  FROM {{ dataset }}.sync_merges AS merges
  LEFT JOIN {{ dataset }}.sync_merges AS later
    ON later.absorbed_contact_id = merges.kept_contact_id AND later.status IN ('merging', 'merged')
  WHERE merges.status IN ('merging', 'merged')
    AND merges.absorbed_contact_id IN (
      SELECT own_contact_id FROM {{ dataset }}.sync_rows_{{ cycle }} WHERE own_contact_id IS NOT NULL
    )
    AND COALESCE(later.kept_contact_id, merges.kept_contact_id) IN (SELECT contact_id FROM {{ dataset }}.sync_registers)
  UNION ALL
  SELECT DISTINCT CAST(NULL AS STRING), identifiers.match_key, identifiers.contact_id
  FROM {{ dataset }}.contact_identifiers AS identifiers
  WHERE identifiers.match_key IN (SELECT key FROM keys)
)
WHERE TRUE
QUALIFY COUNT(*) OVER (PARTITION BY key) > 1;

-- Each row with the contact it was found to be.
CREATE OR REPLACE TABLE {{ dataset }}.sync_named_{{ cycle }} {{ m.temporary() }} AS
WITH
-- Label of a row: the contact it is linked to, or itself. Settled: the label will not change any more; it is null where more
-- than one claims the row, or where another row of its system has the label already (then that is what it claimed).
begun AS (
  SELECT
    node,
    system,
    COALESCE(CONCAT('contact/', COALESCE(linked_contact_id, IF(word = 'linked', word_contact_id, NULL))), CONCAT('new/', node)) AS label,
    linked_contact_id IS NOT NULL OR word IS NOT NULL AS settled,
    CASE WHEN linked_contact_id IS NOT NULL THEN 'link' WHEN word IS NOT NULL THEN 'review' END AS rule,
    CAST(NULL AS STRING) AS claimed
  FROM {{ dataset }}.sync_rows_{{ cycle }}
),

-- Contacts that a row without a link may turn out to be.
sought AS (
  SELECT contact_id FROM {{ dataset }}.sync_keys_{{ cycle }} WHERE contact_id IS NOT NULL
  UNION DISTINCT
  SELECT staged.linked_contact_id
  FROM {{ dataset }}.sync_rows_{{ cycle }} AS staged
  JOIN {{ dataset }}.sync_keys_{{ cycle }} AS keys ON keys.node = staged.node
),

-- Only these go through the passes: rows that share a key, and rows of contacts that another one may turn out to be.
social AS (
  SELECT node FROM {{ dataset }}.sync_keys_{{ cycle }} WHERE node IS NOT NULL
  UNION DISTINCT
  SELECT node
  FROM {{ dataset }}.sync_rows_{{ cycle }}
  WHERE word IS NOT NULL OR linked_contact_id IN (SELECT contact_id FROM sought)
),

pass_0 AS (
  SELECT node, system, label, settled, rule, claimed
  FROM begun
  WHERE node IN (SELECT node FROM social)
),

{% for rule in ['id', 'email', 'phone'] %}
{% set before = 'pass_' ~ loop.index0 %}
-- By {{ rule }}: rows and contacts that share a key.
{{ rule }}_0 AS (
  SELECT COALESCE(keys.key, CONCAT('self:', earlier.node)) AS key, earlier.*
  FROM {{ before }} AS earlier
  LEFT JOIN {{ dataset }}.sync_keys_{{ cycle }} AS keys ON keys.node = earlier.node AND STARTS_WITH(keys.key, '{{ rule }}:')
  UNION ALL
  SELECT
    key, CONCAT('contact/', contact_id) AS node, CAST(NULL AS STRING) AS system, CONCAT('contact/', contact_id) AS label,
    TRUE AS settled, 'link' AS rule, CAST(NULL AS STRING) AS claimed
  FROM {{ dataset }}.sync_keys_{{ cycle }}
  WHERE contact_id IS NOT NULL AND STARTS_WITH(key, '{{ rule }}:')
),
{% for round in [1, 2, 3] %}
{{ rule }}_{{ round }} AS (
  SELECT
    key, node, system,
    CASE
      WHEN settled THEN label
      WHEN first_label IS NULL THEN any_label
      WHEN first_label = last_label THEN first_label
    END AS label,
    settled OR first_label IS NOT NULL AS settled,
    CASE WHEN settled THEN rule WHEN first_label IS NOT NULL OR any_label <> label THEN '{{ rule }}' ELSE rule END AS rule,
    claimed
  FROM (
    SELECT
      key, node, system, label, settled, rule, claimed,
      MIN(key_any) OVER (PARTITION BY node) AS any_label,
      MIN(key_first) OVER (PARTITION BY node) AS first_label,
      MAX(key_last) OVER (PARTITION BY node) AS last_label
    FROM (
      SELECT
        *,
        MIN(label) OVER (PARTITION BY key) AS key_any,
        MIN(IF(settled, label, NULL)) OVER (PARTITION BY key) AS key_first,
        MAX(IF(settled, label, NULL)) OVER (PARTITION BY key) AS key_last
      FROM {{ rule }}_{{ round - 1 }}
    )
  )
),
{% endfor %}
-- One row a staged row again. Rows that found each other are settled. Of several new rows of one system the first is
-- taken (they carry the same key, so they are one person) and the others are left for review, as duplicates.
pass_{{ loop.index }} AS (
  SELECT
    node, system,
    IF(clashes, NULL, label) AS label,
    settled OR found AS settled,
    CASE WHEN clashes THEN 'duplicate_in_system' WHEN settled OR found THEN COALESCE(rule, '{{ rule }}') END AS rule,
    IF(clashes, label, claimed) AS claimed
  FROM (
    SELECT
      *,
      label IS NOT NULL AND COUNT(*) OVER (PARTITION BY label) > 1 AS found,
      label IS NOT NULL AND COALESCE(rule, '') NOT IN ('link', 'review')
        AND ROW_NUMBER() OVER (PARTITION BY label, system ORDER BY IF(rule IN ('link', 'review'), 0, 1), node) > 1 AS clashes
    FROM (
      SELECT
        node, system, MIN(label) AS label, LOGICAL_OR(settled) AS settled, MIN(rule) AS rule, MIN(claimed) AS claimed
      FROM {{ rule }}_3
      WHERE system IS NOT NULL
      GROUP BY node, system
    )
  )
),

{% endfor %}
labelled AS (
  SELECT node, label, rule, claimed FROM pass_3
  UNION ALL
  SELECT node, label, rule, claimed FROM begun WHERE node NOT IN (SELECT node FROM social)
)

-- Labels as contact ids: a new group takes the hub's own id, else one that a row brought along, else one made of its label.
SELECT
  staged.node, staged.system, staged.native_id, staged.linked_contact_id,
  passed.label,
  passed.claimed,
  COALESCE(passed.rule, 'new') AS rule,
  CASE
    WHEN passed.label IS NULL THEN NULL
    WHEN STARTS_WITH(passed.label, 'contact/') THEN SUBSTR(passed.label, 9)
    WHEN LOGICAL_OR(staged.word = 'separate') OVER (PARTITION BY passed.label) THEN COALESCE(
      MIN(IF(staged.system = 'bigquery', staged.native_id, NULL)) OVER (PARTITION BY passed.label),
      {{ m.uuid('passed.label') }}
    )
    ELSE COALESCE(
      MIN(IF(staged.system = 'bigquery', staged.own_contact_id, NULL)) OVER (PARTITION BY passed.label),
      MIN(staged.own_contact_id) OVER (PARTITION BY passed.label),
      {{ m.uuid('passed.label') }}
    )
  END AS contact_id
FROM {{ dataset }}.sync_rows_{{ cycle }} AS staged
JOIN labelled AS passed ON passed.node = staged.node;

-- The outcome: contact_id where it is certain, else who it might be.
CREATE OR REPLACE TABLE {{ dataset }}.sync_match_{{ cycle }} {{ m.temporary() }} AS
WITH
-- Systems in which a contact has a living row already: the rows of the contacts that new rows were found to be, but for
-- the deleted ones.
places AS (
  SELECT contact_id, system, native_id, held
  FROM {{ dataset }}.sync_bases
  WHERE contact_id IN (SELECT contact_id FROM {{ dataset }}.sync_named_{{ cycle }} WHERE linked_contact_id IS NULL)
    AND NOT gone AND NOT COALESCE(retired, FALSE)
),

occupied AS (
  SELECT places.contact_id, places.system, MIN(places.native_id) AS native_id
  FROM places
  LEFT JOIN (
    SELECT places.system, places.native_id
    FROM places CROSS JOIN UNNEST(places.held) AS h
    WHERE h.path = '{{ deleted }}' AND h.value = 'true'
  ) AS buried ON buried.system = places.system AND buried.native_id = places.native_id
  WHERE buried.native_id IS NULL
  GROUP BY places.contact_id, places.system
),

-- is_second: the contact has its place in the row's system already (in the hub that is the row under its own id).
placed AS (
  SELECT
    named.node, named.linked_contact_id, named.claimed, named.rule, named.contact_id,
    named.linked_contact_id IS NULL AND named.contact_id IS NOT NULL
      AND (occupied.contact_id IS NOT NULL OR named.system = 'bigquery' AND named.native_id <> named.contact_id) AS is_second,
    ROW_NUMBER() OVER (PARTITION BY named.contact_id, named.system, named.rule ORDER BY named.native_id) AS place
  FROM {{ dataset }}.sync_named_{{ cycle }} AS named
  LEFT JOIN occupied
    ON occupied.contact_id = named.contact_id AND occupied.system = named.system AND occupied.native_id <> named.native_id
),

-- Everybody who has a key in common with a row that more than one claims.
candidates AS (
  SELECT doubtful.node, ARRAY_AGG(DISTINCT holders.contact_id ORDER BY holders.contact_id) AS contact_ids
  FROM {{ dataset }}.sync_named_{{ cycle }} AS doubtful
  JOIN {{ dataset }}.sync_keys_{{ cycle }} AS keys
    ON keys.node = doubtful.node AND STARTS_WITH(keys.key, CONCAT(doubtful.rule, ':'))
  JOIN (
    SELECT key, contact_id FROM {{ dataset }}.sync_keys_{{ cycle }} WHERE contact_id IS NOT NULL
    UNION ALL
    SELECT keys.key, named.contact_id
    FROM {{ dataset }}.sync_keys_{{ cycle }} AS keys
    JOIN {{ dataset }}.sync_named_{{ cycle }} AS named ON named.node = keys.node
    WHERE named.contact_id IS NOT NULL
  ) AS holders ON holders.key = keys.key
  WHERE doubtful.contact_id IS NULL AND doubtful.claimed IS NULL
  GROUP BY doubtful.node
),

-- The contact of each label.
labelled AS (
  SELECT DISTINCT label, contact_id FROM {{ dataset }}.sync_named_{{ cycle }} WHERE label IS NOT NULL
)

SELECT
  staged.system, staged.native_id, staged.own_contact_id, staged.version, staged.changed_at, staged.read_at, staged.deleted,
  staged.gone, staged.fields, staged.unread,
  ARRAY(SELECT u.field FROM UNNEST(staged.unread) AS u) AS unread_fields,
  placed.linked_contact_id IS NULL AS is_new,
  placed.rule = 'review' AND (placed.is_second OR placed.place > 1) AS retires,
  IF(placed.rule <> 'review' AND placed.is_second, NULL, placed.contact_id) AS contact_id,
  IF(placed.rule <> 'review' AND placed.is_second, 'duplicate_in_system', placed.rule) AS rule,
  CASE
    WHEN placed.is_second THEN [placed.contact_id]
    WHEN placed.contact_id IS NOT NULL THEN ARRAY<STRING>[]
    WHEN placed.claimed IS NULL THEN COALESCE(candidates.contact_ids, ARRAY<STRING>[])
    ELSE [COALESCE(labelled.contact_id, SUBSTR(placed.claimed, 9))]
  END AS candidates
FROM placed
JOIN {{ dataset }}.sync_rows_{{ cycle }} AS staged ON staged.node = placed.node
LEFT JOIN candidates ON candidates.node = placed.node
LEFT JOIN labelled ON labelled.label = placed.claimed;
