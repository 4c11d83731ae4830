-- How much a rewind would do, and how much it leaves alone, by verdict (rewind.sql).
SELECT verdict, hint, COUNT(*) AS paths, COUNT(DISTINCT contact_id) AS contacts
FROM {{ dataset }}.sync_rewind_{{ batch }}
GROUP BY verdict, hint
ORDER BY verdict, hint;
