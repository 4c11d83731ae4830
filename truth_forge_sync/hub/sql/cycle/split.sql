{% import '_macros.sql' as m with context %}
-- A large cycle is decided and carried out share by share: what the shares tell the brake, and each other.
CREATE OR REPLACE TABLE {{ dataset }}.sync_losses_{{ cycle }} (
  contact_id STRING, system STRING, is_candidate BOOL, is_loss BOOL, is_rejected BOOL
) {{ m.temporary() }};

-- What was done, a row a share (_told.sql).
CREATE OR REPLACE TABLE {{ dataset }}.sync_told_{{ cycle }} (
  first_contact STRING, created INT64, updated INT64, deleted INT64, conflicts INT64, held INT64, newly_living INT64, differing INT64
) {{ m.temporary() }};
