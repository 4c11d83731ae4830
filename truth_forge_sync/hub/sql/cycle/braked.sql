{% import '_macros.sql' as m with context %}
{% import '_brake.sql' as brake with context %}
-- The systems that the brake stops, once for all shares of a large cycle (law 14).
CREATE OR REPLACE TABLE {{ dataset }}.sync_braked_{{ cycle }} {{ m.temporary() }} AS
{{ brake.braked(dataset ~ '.sync_losses_' ~ cycle) }};
