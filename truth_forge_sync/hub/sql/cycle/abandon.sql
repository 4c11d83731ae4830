-- A cycle ends that was never decided, or not for all of its contacts: its batches and edits wait for the next one.
UPDATE {{ dataset }}.sync_batches SET cycle_id = NULL WHERE cycle_id = '{{ cycle }}';

UPDATE {{ dataset }}.sync_edits SET cycle_id = NULL WHERE cycle_id = '{{ cycle }}';

UPDATE {{ dataset }}.sync_cycles SET status = 'abandoned', finished_at = CURRENT_TIMESTAMP() WHERE cycle_id = '{{ cycle }}';
