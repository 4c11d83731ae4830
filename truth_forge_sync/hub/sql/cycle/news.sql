-- How many rows a cycle has to decide about.
SELECT COUNT(*) AS news FROM {{ dataset }}.sync_rows_{{ cycle }};
