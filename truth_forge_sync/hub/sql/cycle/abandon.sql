-- A cycle ends that was never decided.
UPDATE {{ dataset }}.sync_cycles SET status = 'abandoned', finished_at = CURRENT_TIMESTAMP() WHERE cycle_id = '{{ cycle }}';
