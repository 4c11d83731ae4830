{% import '_macros.sql' as m with context %}
{% import '_looks.sql' as looks with context %}
-- The rows that a cycle has to decide about: of all that was staged, what is news.
--
-- Output: sync_rows, one row a native row, with the contact it is linked to, or what a person said it is (word: linked or
-- separate). Left out: rows that are as we know them (our own writes coming back, mostly), what was seen before we last wrote
-- the row (a stale look), and rows that were deleted before we ever knew them.
CREATE OR REPLACE TABLE {{ dataset }}.sync_rows_{{ cycle }} {{ m.temporary() }} AS
WITH
arrived AS (
{{ looks.arrived(batch_tables) -}}
),
{% if complete_batches %}

-- Rows that we know, or that an older look in another batch shows, and that no look since a complete read began does: they
-- are gone, and nobody left word when (law 13).
missing AS (
  SELECT
    known.system, known.native_id, CAST(NULL AS STRING) AS own_contact_id, '' AS version, known.changed_at, batches.read_at,
    TRUE AS deleted, TRUE AS gone,
    ARRAY<STRUCT<path STRING, value STRING, sent STRING>>[] AS fields, ARRAY<STRUCT<field STRING, reason STRING>>[] AS unread
  FROM {{ dataset }}.sync_batches AS batches
  JOIN (
    SELECT system, native_id, COALESCE(changed_at, known_at) AS changed_at
    FROM {{ dataset }}.sync_bases
    WHERE NOT gone
    UNION ALL
    SELECT system, native_id, changed_at FROM arrived WHERE NOT deleted
  ) AS known ON known.system = batches.system
  LEFT JOIN arrived
    ON arrived.system = known.system AND arrived.native_id = known.native_id AND arrived.read_at >= batches.read_at
  WHERE batches.batch_id IN ({{ m.texts(complete_batches) }}) AND arrived.native_id IS NULL
),
{% endif %}

-- The latest observation of each native row.
latest AS (
  SELECT {{ looks.observed }}
  FROM (
    SELECT {{ looks.observed }} FROM arrived
    {% if complete_batches %}
    UNION ALL
    SELECT {{ looks.observed }} FROM missing
    {% endif %}
  )
  WHERE TRUE
  QUALIFY {{ looks.is_latest() }}
),

linked AS (
  SELECT links.system, links.native_id, links.contact_id
  FROM {{ dataset }}.sync_links AS links
  JOIN latest ON links.native_id = latest.native_id AND links.system = latest.system
)

SELECT
  latest.system, latest.native_id, latest.own_contact_id, latest.version, latest.changed_at, latest.read_at, latest.deleted,
  latest.gone, latest.fields, latest.unread,
  links.contact_id AS linked_contact_id,
  IF(links.contact_id IS NULL AND (review.status = 'separate' OR review.contact_id IS NOT NULL), review.status, NULL) AS word,
  review.contact_id AS word_contact_id,
  CONCAT(latest.system, '/', latest.native_id) AS node
FROM latest
LEFT JOIN linked AS links
  ON links.native_id = latest.native_id AND links.system = latest.system
LEFT JOIN (
  SELECT contact_id, system, native_id, version, own_contact_id, known_at, gone, unread, held_digest
  FROM {{ dataset }}.sync_bases
  WHERE contact_id IN (SELECT contact_id FROM linked) AND native_id IN (SELECT native_id FROM linked)
) AS bases
  ON bases.contact_id = links.contact_id AND bases.system = latest.system AND bases.native_id = latest.native_id
LEFT JOIN {{ dataset }}.sync_match_review AS review
  ON review.system = latest.system AND review.native_id = latest.native_id AND review.status <> 'open'
WHERE COALESCE(latest.read_at >= bases.known_at, TRUE)
  AND NOT (links.contact_id IS NULL AND latest.deleted)
  AND (
    NOT COALESCE(
      NOT latest.deleted AND NOT bases.gone
        AND latest.version = bases.version
        AND COALESCE(latest.own_contact_id, '') = COALESCE(bases.own_contact_id, '')
        AND ARRAY_LENGTH(latest.unread) = 0 AND ARRAY_LENGTH(bases.unread) = 0
        AND {{ m.held_digest('latest.fields') }} = bases.held_digest,
      FALSE
    )
    {% if holds %}
    -- What is held back counts as shown until the row is seen again.
    OR CONCAT(latest.system, '/', latest.native_id) IN (
      SELECT CONCAT(system, '/', native_id) FROM {{ dataset }}.sync_holds
    )
    {% endif %}
  );
