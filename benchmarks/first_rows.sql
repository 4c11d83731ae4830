-- The first $count contacts as a pull of one system would stage them.
SELECT
  $system AS system,
  $system || '-' || n AS native_id,
  NULL::VARCHAR AS own_contact_id,
  '0' AS version,
  TIMESTAMPTZ '2025-01-01 00:00:00+00' + to_seconds(n) AS changed_at,
  $read_at::TIMESTAMPTZ AS read_at,
  false AS deleted,
  false AS gone,
  list_transform([
    {'path': 'first_name', 'value': 'First ' || n},
    {'path': 'last_name', 'value': 'Last ' || n},
    {'path': 'primary_email', 'value': 'person.' || n || '@example.com'},
    {'path': 'other_emails/other.' || n || '@example.com', 'value': 'true'},
    {'path': 'organization', 'value': 'Company ' || n % 1000},
    {'path': 'job_title', 'value': 'Job ' || n % 50},
    {'path': 'city', 'value': 'City ' || n % 500},
    {'path': 'linkedin_url', 'value': 'https://www.linkedin.com/in/person-' || n},
    {'path': 'birthday', 'value': '1980-01-01'},
    {'path': 'notes', 'value': 'Met at fair ' || n % 90},
    {'path': 'category_code', 'value': 'A'},
    {'path': 'llm_context/summary', 'value': '"Number ' || n || '"'}
  ], lambda one: {'path': one.path, 'value': one.value, 'sent': NULL::VARCHAR}) AS fields,
  []::STRUCT(field VARCHAR, reason VARCHAR)[] AS unread
FROM range($count) AS numbers(n)
