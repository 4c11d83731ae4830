-- The contacts table and its tombstones, for Supabase and any PostgreSQL 14 or later.
-- Safe to run again, and on a table that exists: only what is missing is added, and no row is changed but for the
-- stamps a new column needs.

-- On Supabase a table in "public" answers to the anonymous key unless row-level security is on. That is decided only
-- when the table is made here: switching it on under an existing table would cut off whoever uses it.
DO $$
BEGIN
    IF to_regclass('"contacts_master"') IS NULL THEN
        CREATE TABLE "contacts_master" (id uuid PRIMARY KEY DEFAULT gen_random_uuid());
        IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'service_role') THEN
            ALTER TABLE "contacts_master" ENABLE ROW LEVEL SECURITY;
            GRANT SELECT, INSERT, UPDATE, DELETE ON "contacts_master" TO service_role;
        END IF;
    END IF;
END
$$;

ALTER TABLE "contacts_master"
    ADD COLUMN IF NOT EXISTS contact_id text,
    ADD COLUMN IF NOT EXISTS "first_name" text,
    ADD COLUMN IF NOT EXISTS "last_name" text,
    ADD COLUMN IF NOT EXISTS "middle_name" text,
    ADD COLUMN IF NOT EXISTS "nickname" text,
    ADD COLUMN IF NOT EXISTS "name_suffix" text,
    ADD COLUMN IF NOT EXISTS "title" text,
    ADD COLUMN IF NOT EXISTS "primary_email" text,
    ADD COLUMN IF NOT EXISTS "other_emails" jsonb,
    ADD COLUMN IF NOT EXISTS "primary_phone" text,
    ADD COLUMN IF NOT EXISTS "other_phones" jsonb,
    ADD COLUMN IF NOT EXISTS "organization" text,
    ADD COLUMN IF NOT EXISTS "job_title" text,
    ADD COLUMN IF NOT EXISTS "department" text,
    ADD COLUMN IF NOT EXISTS "city" text,
    ADD COLUMN IF NOT EXISTS "linkedin_url" text,
    ADD COLUMN IF NOT EXISTS "birthday" date,
    ADD COLUMN IF NOT EXISTS "notes" text,
    ADD COLUMN IF NOT EXISTS "category_code" text,
    ADD COLUMN IF NOT EXISTS "subcategory_code" text,
    ADD COLUMN IF NOT EXISTS "relationship_category" text,
    ADD COLUMN IF NOT EXISTS "is_business" boolean,
    ADD COLUMN IF NOT EXISTS "is_me" boolean,
    ADD COLUMN IF NOT EXISTS "llm_context" jsonb,
    ADD COLUMN IF NOT EXISTS "communication_stats" jsonb,
    ADD COLUMN IF NOT EXISTS "social_network" jsonb,
    ADD COLUMN IF NOT EXISTS "ai_insights" jsonb,
    ADD COLUMN IF NOT EXISTS "recommendations" jsonb,
    ADD COLUMN IF NOT EXISTS created_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN IF NOT EXISTS updated_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN IF NOT EXISTS deleted_at timestamptz;

-- A row without a stamp would never be read.
UPDATE "contacts_master" SET updated_at = now() WHERE updated_at IS NULL;

CREATE UNIQUE INDEX IF NOT EXISTS "contacts_master_contact_id_key" ON "contacts_master" (contact_id);

-- Changes are read in this order.
CREATE INDEX IF NOT EXISTS "contacts_master_updated_at_id_idx" ON "contacts_master" (updated_at, id);

-- One row a contact that was deleted for good.
DO $$
BEGIN
    IF to_regclass('"contacts_tombstones"') IS NULL THEN
        CREATE TABLE "contacts_tombstones" (
            id uuid PRIMARY KEY,
            contact_id text,
            deleted_at timestamptz NOT NULL DEFAULT now()
        );
        IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'service_role') THEN
            ALTER TABLE "contacts_tombstones" ENABLE ROW LEVEL SECURITY;
            GRANT SELECT, INSERT, UPDATE, DELETE ON "contacts_tombstones" TO service_role;
        END IF;
    END IF;
END
$$;

CREATE INDEX IF NOT EXISTS "contacts_tombstones_deleted_at_id_idx" ON "contacts_tombstones" (deleted_at, id);

-- The usual now() is the start of the transaction: a transaction that began early and wrote late would stamp a row
-- older than what was read of it already, and the edit would never be seen. clock_timestamp() is taken under the
-- row's lock; with the microsecond, two edits of a row never share a stamp, so the stamp serves as the row's version.
CREATE OR REPLACE FUNCTION truth_forge_stamp() RETURNS trigger LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    NEW.updated_at := greatest(clock_timestamp(), OLD.updated_at + interval '1 microsecond');
    RETURN NEW;
END
$$;

CREATE OR REPLACE TRIGGER truth_forge_stamp BEFORE UPDATE ON "contacts_master"
    FOR EACH ROW EXECUTE FUNCTION truth_forge_stamp();

-- With the definer's rights: whoever may delete a contact need not have any on the tombstones.
CREATE OR REPLACE FUNCTION truth_forge_bury() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO "contacts_tombstones" (id, contact_id, deleted_at)
    VALUES (OLD.id, OLD.contact_id, clock_timestamp())
    ON CONFLICT (id) DO UPDATE SET contact_id = excluded.contact_id, deleted_at = excluded.deleted_at;
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER truth_forge_bury AFTER DELETE ON "contacts_master"
    FOR EACH ROW EXECUTE FUNCTION truth_forge_bury();

-- A contact that comes back under its old id is not deleted any more.
CREATE OR REPLACE FUNCTION truth_forge_raise() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
BEGIN
    DELETE FROM "contacts_tombstones" WHERE id = NEW.id;
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER truth_forge_raise AFTER INSERT ON "contacts_master"
    FOR EACH ROW EXECUTE FUNCTION truth_forge_raise();

-- Many edits in one request, each of them only if the row still is as it was seen: a compare-and-swap, which an upsert
-- is not (that would also bring back a row deleted meanwhile). `edits` is a list of objects: `id`, `seen` (the stamp) and
-- `changes` (column and new value; a column left out is left alone). Answers the rows that took their edit.
-- With the caller's rights: row-level security holds here too.
DROP FUNCTION IF EXISTS truth_forge_apply(jsonb);

CREATE FUNCTION truth_forge_apply(edits jsonb) RETURNS SETOF "contacts_master" LANGUAGE sql AS $$
    UPDATE "contacts_master" AS held
    SET
        (contact_id, "first_name", "last_name", "middle_name", "nickname", "name_suffix", "title", "primary_email", "other_emails", "primary_phone", "other_phones", "organization", "job_title", "department", "city", "linkedin_url", "birthday", "notes", "category_code", "subcategory_code", "relationship_category", "is_business", "is_me", "llm_context", "communication_stats", "social_network", "ai_insights", "recommendations", deleted_at)
        = (
            SELECT contact_id, "first_name", "last_name", "middle_name", "nickname", "name_suffix", "title", "primary_email", "other_emails", "primary_phone", "other_phones", "organization", "job_title", "department", "city", "linkedin_url", "birthday", "notes", "category_code", "subcategory_code", "relationship_category", "is_business", "is_me", "llm_context", "communication_stats", "social_network", "ai_insights", "recommendations", deleted_at
            FROM jsonb_populate_record(held, edit.changes)
        )
    FROM jsonb_to_recordset(edits) AS edit (id uuid, seen timestamptz, changes jsonb)
    WHERE held.id = edit.id AND held.updated_at = edit.seen
    RETURNING held.*
$$;

-- What a REST client cannot see by itself: whether row-level security hides rows from its key, and which triggers exist.
CREATE OR REPLACE FUNCTION truth_forge_status() RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'sees_all', NOT row_security_active('"contacts_master"'),
        'triggers', (
            SELECT coalesce(jsonb_agg(tgname), '[]'::jsonb) FROM pg_trigger
            WHERE tgrelid = '"contacts_master"'::regclass AND NOT tgisinternal
        )
    )
$$;

-- The newest change and the newest hard delete, which is asked for every few seconds: one request, two looks into an index.
CREATE OR REPLACE FUNCTION truth_forge_marker() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT concat(
        (
            SELECT concat(updated_at, ' ', id) FROM "contacts_master"
            WHERE updated_at IS NOT NULL ORDER BY updated_at DESC, id DESC LIMIT 1
        ),
        '|',
        (
            SELECT concat(deleted_at, ' ', id) FROM "contacts_tombstones"
            WHERE deleted_at IS NOT NULL ORDER BY deleted_at DESC, id DESC LIMIT 1
        )
    )
$$;

-- Hosted projects reload PostgREST's picture of the database by themselves, self-hosted ones when told.
NOTIFY pgrst, 'reload schema';
