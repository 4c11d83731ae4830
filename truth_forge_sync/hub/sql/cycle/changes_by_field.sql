-- What one cycle changed: how often each field (a JSON object's keys together), and where the change came from.
SELECT SPLIT(field, '/')[OFFSET(0)] AS field, system, COUNT(*) AS changes
FROM {{ dataset }}.sync_change_log
WHERE cycle_id = '{{ cycle }}' AND field IS NOT NULL AND recorded_at >= TIMESTAMP_MICROS({{ since }})
GROUP BY 1, 2;
