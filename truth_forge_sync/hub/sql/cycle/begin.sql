{% import '_macros.sql' as m with context %}
-- A cycle begins: it takes every batch and every edit that waits. May run twice.
INSERT INTO {{ dataset }}.sync_cycles (cycle_id, run_id, trigger, started_at, status)
SELECT '{{ cycle }}', '{{ run }}', '{{ trigger }}', CURRENT_TIMESTAMP(), 'planned'
FROM (SELECT 1)
WHERE NOT EXISTS (SELECT 1 FROM {{ dataset }}.sync_cycles WHERE cycle_id = '{{ cycle }}');
{% if edits %}

UPDATE {{ dataset }}.sync_edits SET cycle_id = '{{ cycle }}' WHERE cycle_id IS NULL;
{% endif %}
{% if batches %}

UPDATE {{ dataset }}.sync_batches SET cycle_id = '{{ cycle }}' WHERE cycle_id IS NULL AND batch_id IN ({{ m.texts(batches) }});
{% endif %}
