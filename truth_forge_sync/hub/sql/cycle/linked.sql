{% import '_macros.sql' as m with context %}
-- Which contact is each staged row, where every one is linked (match.sql says it for those that are not).
CREATE OR REPLACE TABLE {{ dataset }}.sync_match_{{ cycle }} {{ m.temporary() }} AS
SELECT
  system, native_id, own_contact_id, version, changed_at, read_at, deleted, gone, fields, unread,
  ARRAY(SELECT u.field FROM UNNEST(unread) AS u) AS unread_fields,
  FALSE AS is_new,
  FALSE AS retires,
  linked_contact_id AS contact_id,
  'link' AS rule,
  ARRAY<STRING>[] AS candidates
FROM {{ dataset }}.sync_rows_{{ cycle }};
