-- What a person said about rows in review, or those that are gone. Keyed by review: running it twice is running it once.

-- Nothing was created in the row's system for the contacts that it might have been: they are to be decided about again.
INSERT INTO {{ dataset }}.sync_edits (edit_id, contact_id, origin, created_at)
SELECT edit_id, candidate, origin, CURRENT_TIMESTAMP()
FROM (
  SELECT DISTINCT
    CONCAT('review/', review.review_id, '/', candidate) AS edit_id, candidate, CONCAT('review/', review.review_id) AS origin
  FROM {{ dataset }}.sync_match_review AS review
  CROSS JOIN UNNEST(review.candidate_contact_ids) AS candidate
  WHERE review.review_id IN (SELECT review_id FROM {{ dataset }}.sync_manifest_{{ batch }})
)
WHERE candidate IN (SELECT contact_id FROM {{ dataset }}.sync_registers)
  AND edit_id NOT IN (SELECT edit_id FROM {{ dataset }}.sync_edits);

MERGE INTO {{ dataset }}.sync_match_review AS t
USING {{ dataset }}.sync_manifest_{{ batch }} AS s
ON t.review_id = s.review_id
WHEN MATCHED AND t.status = 'open' THEN UPDATE SET status = s.status, contact_id = s.contact_id;
