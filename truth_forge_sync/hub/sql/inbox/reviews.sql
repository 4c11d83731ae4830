-- Rows that may be one of several contacts, newest first, with those contacts' names.
WITH
-- {{ 'Those whose ids begin as was typed: of each beginning two at most, the exact id first.' if asked else 'Those that are wanted.' }}
chosen AS (
  SELECT
    review.review_id, review.system, review.native_id, review.candidate_contact_ids, review.rule, review.status,
    review.contact_id, review.created_at, {{ 'typed.asked' if asked else 'CAST(NULL AS STRING)' }} AS asked
  FROM {{ dataset }}.sync_match_review AS review
  {% if asked %}
  JOIN {{ dataset }}.sync_manifest_{{ asked }} AS typed ON STARTS_WITH(review.review_id, typed.asked)
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY typed.asked ORDER BY IF(review.review_id = typed.asked, 0, 1), review.review_id
  ) <= 2
  {% else %}
  WHERE {{ 'TRUE' if everything else "review.status = 'open'" }}
  {% endif %}
),

-- Whom each row might be.
candidates AS (
  SELECT chosen.review_id, candidate AS contact_id, MIN(master.canonical_name) AS name
  FROM chosen
  CROSS JOIN UNNEST(chosen.candidate_contact_ids) AS candidate
  LEFT JOIN {{ dataset }}.contacts_master AS master ON master.contact_id = candidate
  GROUP BY chosen.review_id, candidate
)

SELECT
  chosen.review_id, chosen.system, chosen.native_id, chosen.rule, chosen.status, chosen.contact_id, chosen.created_at,
  chosen.asked, COALESCE(named.candidates, []) AS candidates
FROM chosen
LEFT JOIN (
  SELECT review_id, ARRAY_AGG(STRUCT(contact_id AS contact_id, name AS name) ORDER BY contact_id) AS candidates
  FROM candidates
  GROUP BY review_id
) AS named ON named.review_id = chosen.review_id
ORDER BY chosen.created_at DESC, chosen.review_id;
