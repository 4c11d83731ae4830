{# Rendered by truth_forge_sync/systems/ddl.py: "table" is the table, "columns" the contact's fields. One blank line ends
each statement and none stands inside one: the renderer splits there. The migration in supabase/migrations is this file for
the default table: make it anew after a change, with "truth-forge-sync init --print-sql supabase". -#}
-- The contacts table and its tombstones, for Supabase and any PostgreSQL 14 or later.
-- Safe to run again, and on a table that exists: only what is missing is added, and no row is changed but for the
-- stamps a new column needs.

-- On Supabase a table in "public" answers to the anonymous key unless row-level security is on. That is decided only
-- when the table is made here: switching it on under an existing table would cut off whoever uses it.
DO $$
BEGIN
    IF to_regclass('{{ table | identifier | literal }}') IS NULL THEN
        CREATE TABLE {{ table | identifier }} (id uuid PRIMARY KEY DEFAULT gen_random_uuid());
        IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'service_role') THEN
            ALTER TABLE {{ table | identifier }} ENABLE ROW LEVEL SECURITY;
            GRANT SELECT, INSERT, UPDATE, DELETE ON {{ table | identifier }} TO service_role;
        END IF;
    END IF;
END
$$;

ALTER TABLE {{ table | identifier }}
    ADD COLUMN IF NOT EXISTS contact_id text,
{%- for column, type in columns %}
    ADD COLUMN IF NOT EXISTS {{ column | identifier }} {{ type }},
{%- endfor %}
    ADD COLUMN IF NOT EXISTS created_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN IF NOT EXISTS updated_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN IF NOT EXISTS deleted_at timestamptz;

-- A row without a stamp would never be read.
UPDATE {{ table | identifier }} SET updated_at = now() WHERE updated_at IS NULL;

CREATE UNIQUE INDEX IF NOT EXISTS {{ (table ~ "_contact_id_key") | identifier }} ON {{ table | identifier }} (contact_id);

-- Changes are read in this order.
CREATE INDEX IF NOT EXISTS {{ (table ~ "_updated_at_id_idx") | identifier }} ON {{ table | identifier }} (updated_at, id);

-- One row a contact that was deleted for good.
DO $$
BEGIN
    IF to_regclass('{{ tombstones | identifier | literal }}') IS NULL THEN
        CREATE TABLE {{ tombstones | identifier }} (
            id uuid PRIMARY KEY,
            contact_id text,
            deleted_at timestamptz NOT NULL DEFAULT now()
        );
        IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'service_role') THEN
            ALTER TABLE {{ tombstones | identifier }} ENABLE ROW LEVEL SECURITY;
            GRANT SELECT, INSERT, UPDATE, DELETE ON {{ tombstones | identifier }} TO service_role;
        END IF;
    END IF;
END
$$;

CREATE INDEX IF NOT EXISTS {{ (tombstones ~ "_deleted_at_id_idx") | identifier }} ON {{ tombstones | identifier }} (deleted_at, id);

-- The usual now() is the start of the transaction: a transaction that began early and wrote late would stamp a row
-- older than what was read of it already, and the edit would never be seen. clock_timestamp() is taken under the
-- row's lock; with the microsecond, two edits of a row never share a stamp, so the stamp serves as the row's version.
CREATE OR REPLACE FUNCTION truth_forge_stamp() RETURNS trigger LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    NEW.updated_at := greatest(clock_timestamp(), OLD.updated_at + interval '1 microsecond');
    RETURN NEW;
END
$$;

CREATE OR REPLACE TRIGGER truth_forge_stamp BEFORE UPDATE ON {{ table | identifier }}
    FOR EACH ROW EXECUTE FUNCTION truth_forge_stamp();

-- With the definer's rights: whoever may delete a contact need not have any on the tombstones.
CREATE OR REPLACE FUNCTION truth_forge_bury() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO {{ tombstones | identifier }} (id, contact_id, deleted_at)
    VALUES (OLD.id, OLD.contact_id, clock_timestamp())
    ON CONFLICT (id) DO UPDATE SET contact_id = excluded.contact_id, deleted_at = excluded.deleted_at;
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER truth_forge_bury AFTER DELETE ON {{ table | identifier }}
    FOR EACH ROW EXECUTE FUNCTION truth_forge_bury();

-- A contact that comes back under its old id is not deleted any more.
CREATE OR REPLACE FUNCTION truth_forge_raise() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
BEGIN
    DELETE FROM {{ tombstones | identifier }} WHERE id = NEW.id;
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER truth_forge_raise AFTER INSERT ON {{ table | identifier }}
    FOR EACH ROW EXECUTE FUNCTION truth_forge_raise();

-- Many edits in one request, each of them only if the row still is as it was seen: a compare-and-swap, which an upsert
-- is not (that would also bring back a row deleted meanwhile). `edits` is a list of objects: `id`, `seen` (the stamp) and
-- `changes` (column and new value; a column left out is left alone). Answers the rows that took their edit.
-- With the caller's rights: row-level security holds here too.
DROP FUNCTION IF EXISTS truth_forge_apply(jsonb);

CREATE FUNCTION truth_forge_apply(edits jsonb) RETURNS SETOF {{ table | identifier }} LANGUAGE sql AS $$
    UPDATE {{ table | identifier }} AS held
    SET
        (contact_id, {% for column, _ in columns %}{{ column | identifier }}, {% endfor %}deleted_at)
        = (
            SELECT contact_id, {% for column, _ in columns %}{{ column | identifier }}, {% endfor %}deleted_at
            FROM jsonb_populate_record(held, edit.changes)
        )
    FROM jsonb_to_recordset(edits) AS edit (id uuid, seen timestamptz, changes jsonb)
    WHERE held.id = edit.id AND held.updated_at = edit.seen
    RETURNING held.*
$$;

-- What a REST client cannot see by itself: whether row-level security hides rows from its key, and which triggers exist.
CREATE OR REPLACE FUNCTION truth_forge_status() RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'sees_all', NOT row_security_active('{{ table | identifier | literal }}'),
        'triggers', (
            SELECT coalesce(jsonb_agg(tgname), '[]'::jsonb) FROM pg_trigger
            WHERE tgrelid = '{{ table | identifier | literal }}'::regclass AND NOT tgisinternal
        )
    )
$$;

-- The newest change and the newest hard delete, which is asked for every few seconds: one request, two looks into an index.
CREATE OR REPLACE FUNCTION truth_forge_marker() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT concat(
        (
            SELECT concat(updated_at, ' ', id) FROM {{ table | identifier }}
            WHERE updated_at IS NOT NULL ORDER BY updated_at DESC, id DESC LIMIT 1
        ),
        '|',
        (
            SELECT concat(deleted_at, ' ', id) FROM {{ tombstones | identifier }}
            WHERE deleted_at IS NOT NULL ORDER BY deleted_at DESC, id DESC LIMIT 1
        )
    )
$$;

-- Hosted projects reload PostgREST's picture of the database by themselves, self-hosted ones when told.
NOTIFY pgrst, 'reload schema';
