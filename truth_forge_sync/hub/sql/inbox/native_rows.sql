-- The rows of one system that stand for the contacts asked for. Those that are gone are among them: they may be back.
SELECT bases.native_id, bases.gone AS is_gone, COALESCE(bases.changed_at, bases.known_at) AS changed_at
FROM {{ dataset }}.sync_bases AS bases
JOIN {{ dataset }}.sync_manifest_{{ asked }} AS wanted ON bases.contact_id = wanted.asked
WHERE bases.system = '{{ system }}' AND NOT COALESCE(bases.retired, FALSE);
