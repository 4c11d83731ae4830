-- The staged tables of a cycle's batches.
SELECT CONCAT('sync_staged_', batch_id) AS table_name
FROM {{ dataset }}.sync_batches
WHERE cycle_id = '{{ cycle }}' AND row_count > 0;
