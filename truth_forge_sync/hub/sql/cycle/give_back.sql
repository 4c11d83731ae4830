-- What a cycle took and did not decide about waits for the next one.
UPDATE {{ dataset }}.sync_batches SET cycle_id = NULL WHERE cycle_id = '{{ cycle }}';

UPDATE {{ dataset }}.sync_edits SET cycle_id = NULL WHERE cycle_id = '{{ cycle }}';
