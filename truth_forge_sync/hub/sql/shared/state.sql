-- Where the sync stands: what each system can hold, how far it is read, what waits. One row an item, as JSON, named for its
-- part. (One row with a subquery a part would be planned for a tenth of a second by DuckDB.)
{% include '_state.sql' %}
;
