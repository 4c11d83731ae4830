-- :count contacts with a dozen values each for a local database in SQLite, no two alike, the same every time.
WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < :count)
INSERT INTO contacts_master (
  id, first_name, last_name, primary_email, other_emails, organization, job_title, city, linkedin_url, birthday, notes,
  category_code, llm_context, created_at, updated_at
)
SELECT
  printf('00000000-0000-4000-8000-%012x', n),
  'First ' || n,
  'Last ' || n,
  'person.' || n || '@example.com',
  json_array('other.' || n || '@example.com'),
  'Company ' || n % 1000,
  'Job ' || n % 50,
  'City ' || n % 500,
  'https://www.linkedin.com/in/person-' || n,
  '1980-01-01',
  'Met at fair ' || n % 90,
  'A',
  json_object('summary', 'Number ' || n),
  '2025-01-01T00:00:00.000000+00:00',
  strftime('%Y-%m-%dT%H:%M:%f000+00:00', '2025-01-01', n || ' seconds')
FROM numbers
