-- The contacts table and its tombstones, for SQLite 3.35 or later. A Jinja2 template, rendered by
-- truth_forge_sync/systems/ddl.py: "table" is the table, "columns" the contact's fields, "missing" those
-- columns that an existing table lacks.
-- Safe to run again. One blank line ends each statement and none stands inside one: the renderer splits there.
--
-- A stamp is text of one form, 2026-11-22T23:09:56.783000+00:00: it sorts, and names its zone. SQLite's clock has
-- milliseconds; the last three digits count the edits of a row within one.

CREATE TABLE IF NOT EXISTS {{ table | identifier }} (
    id text NOT NULL PRIMARY KEY DEFAULT ({{ uuid }}),
    contact_id text,
{%- for column, type in columns %}
    {{ column | identifier }} {{ type }},
{%- endfor %}
    created_at text NOT NULL DEFAULT ({{ now }}),
    updated_at text NOT NULL DEFAULT ({{ now }}),
    deleted_at text
);

-- SQLite has no ADD COLUMN IF NOT EXISTS, nor a computed default for an added column.
{%- for column, type in missing %}

ALTER TABLE {{ table | identifier }} ADD COLUMN {{ column | identifier }} {{ type }};
{%- endfor %}

UPDATE {{ table | identifier }}
SET created_at = coalesce(created_at, {{ now }}), updated_at = coalesce(updated_at, {{ now }})
WHERE created_at IS NULL OR updated_at IS NULL;

CREATE UNIQUE INDEX IF NOT EXISTS {{ (table ~ "_contact_id_key") | identifier }} ON {{ table | identifier }} (contact_id);

-- Changes are read in this order.
CREATE INDEX IF NOT EXISTS {{ (table ~ "_updated_at_id_idx") | identifier }} ON {{ table | identifier }} (updated_at, id);

-- One row a contact that was deleted for good.
CREATE TABLE IF NOT EXISTS {{ tombstones | identifier }} (
    id text NOT NULL PRIMARY KEY,
    contact_id text,
    deleted_at text NOT NULL DEFAULT ({{ now }})
);

CREATE INDEX IF NOT EXISTS {{ (tombstones ~ "_deleted_at_id_idx") | identifier }} ON {{ tombstones | identifier }} (deleted_at, id);

-- Triggers are made anew, as they name the columns. A trigger's change does not show in the RETURNING of the statement
-- that fired it: read the row again.
DROP TRIGGER IF EXISTS truth_forge_stamp;

-- Any edit gets a stamp later than the last, so that the stamp serves as the row's version. The stamps are not among
-- the columns watched: the triggers' own updates would fire it again.
CREATE TRIGGER truth_forge_stamp AFTER UPDATE OF
    id, contact_id, {% for column, _ in columns %}{{ column | identifier }}, {% endfor %}deleted_at
ON {{ table | identifier }} FOR EACH ROW BEGIN
    UPDATE {{ table | identifier }}
    SET updated_at = CASE
        WHEN {{ now }} > coalesce(OLD.updated_at, '') THEN {{ now }}
        WHEN substr(OLD.updated_at, 24, 3) < '999'
        THEN substr(OLD.updated_at, 1, 23) || printf('%03d', substr(OLD.updated_at, 24, 3) + 1) || '+00:00'
        ELSE coalesce(
            strftime('%Y-%m-%dT%H:%M:%f', substr(OLD.updated_at, 1, 23), '+0.001 seconds') || '000+00:00', {{ now }}
        )
    END
    WHERE id = NEW.id;
END;

DROP TRIGGER IF EXISTS truth_forge_raise;

-- A contact that comes back under its old id is not deleted any more; and a stamp that somebody writes in another
-- form (CURRENT_TIMESTAMP, local time with an offset) is brought to ours, or the order of reading would be wrong.
CREATE TRIGGER truth_forge_raise AFTER INSERT ON {{ table | identifier }} FOR EACH ROW BEGIN
    DELETE FROM {{ tombstones | identifier }} WHERE id = NEW.id;
    UPDATE {{ table | identifier }}
    SET updated_at = coalesce(strftime('%Y-%m-%dT%H:%M:%f', NEW.updated_at) || '000+00:00', {{ now }}),
        created_at = coalesce(NEW.created_at, {{ now }})
    WHERE id = NEW.id
        AND coalesce(NEW.updated_at, '') NOT GLOB '????-??-??T??:??:??.??????+00:00';
END;

DROP TRIGGER IF EXISTS truth_forge_bury;

CREATE TRIGGER truth_forge_bury AFTER DELETE ON {{ table | identifier }} FOR EACH ROW BEGIN
    INSERT OR REPLACE INTO {{ tombstones | identifier }} (id, contact_id, deleted_at)
    VALUES (OLD.id, OLD.contact_id, {{ now }});
END;
