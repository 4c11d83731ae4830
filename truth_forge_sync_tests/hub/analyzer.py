"""Google's own judgement of a statement: the analyzer of GoogleSQL, with a catalog of the hub's tables.

PyPI ``zetasql`` is that analyzer as WebAssembly: about half a minute to load once, then 0.05 s a
statement. It knows more features than BigQuery has; those that would let a mistake of ours pass are switched off.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager

import pyarrow as pa
from google.cloud.bigquery import SchemaField
from zetasql.api import Analyzer, CatalogBuilder
from zetasql.core.exceptions import ZetaSQLError
from zetasql.types import (
    AnalyzerOptions,
    LanguageFeature,
    LanguageOptions,
    ProductMode,
    ResolvedAddColumnAction,
    ResolvedAlterTableStmt,
    ResolvedColumnDefinition,
    ResolvedCreateTableStmtBase,
    ResolvedDropStmt,
    SimpleCatalog,
    SimpleColumn,
    SimpleTable,
    ZetaSQLBuiltinFunctionOptions,
)

from truth_forge_sync.hub.bigquery_engine import bigquery_field

NOT_IN_BIGQUERY = {
    "FEATURE_AGGREGATE_FILTERING",
    "FEATURE_ARRAY_EQUALITY",
    "FEATURE_ARRAY_FIND_FUNCTIONS",
    "FEATURE_ARRAY_GREATEST_LEAST",
    "FEATURE_ARRAY_ORDERING",
    "FEATURE_ARRAY_ZIP",
    "FEATURE_CONCAT_MIXED_TYPES",
    "FEATURE_DML_RETURNING",
    "FEATURE_FIRST_AND_LAST_N",
    "FEATURE_INSERT_ON_CONFLICT_CLAUSE",
    "FEATURE_JSON_TYPE_COMPARISON",
    "FEATURE_LATERAL_JOIN",
    "FEATURE_MULTILEVEL_AGGREGATION",
    "FEATURE_MULTIWAY_UNNEST",
    "FEATURE_NULLIFZERO_ZEROIFNULL",
    "FEATURE_PIPES",  # BigQuery has them, our other engines do not
}

_TYPES = {"INTEGER": "INT64", "BOOLEAN": "BOOL", "FLOAT": "FLOAT64"}


class RefusedByGoogle(AssertionError):
    """The analyzer refused a statement."""


class GoogleSQL:
    """The analyzer, with the tables that the statements analyzed so far would have made in ``dataset``."""

    def __init__(self, dataset: str) -> None:
        language = LanguageOptions.maximum_features()
        names = {LanguageFeature(feature).name: feature for feature in language.enabled_language_features}
        if unknown := NOT_IN_BIGQUERY - names.keys():
            raise ValueError(f"not features of this zetasql: {sorted(unknown)}")
        language.enabled_language_features = [f for name, f in names.items() if name not in NOT_IN_BIGQUERY]
        language.product_mode = ProductMode.PRODUCT_EXTERNAL
        functions = ZetaSQLBuiltinFunctionOptions(language_options=language)
        self._tables = SimpleCatalog(name=dataset, table=[])
        catalog = CatalogBuilder("project").with_builtin_functions(functions).build()
        catalog.catalog = [self._tables]
        self._dataset = dataset
        self._analyzer = Analyzer(AnalyzerOptions(language_options=language), catalog)

    def analyze(self, statement: str) -> None:
        """Judge one statement; the catalog changes as the hub would. Raises :class:`RefusedByGoogle`."""
        try:
            resolved = self._analyzer.analyze_statement(statement)
        except ZetaSQLError as error:
            raise RefusedByGoogle(f"{error}\n{statement}") from error
        if isinstance(resolved, ResolvedCreateTableStmtBase):
            self._put(resolved.name_path, resolved.column_definition_list)
        elif isinstance(resolved, ResolvedAlterTableStmt):
            self._add_columns(resolved)
        elif isinstance(resolved, ResolvedDropStmt):
            self._existing(resolved.name_path, required=not resolved.is_if_exists)
            # The table stays known here: statements of other cycles are still to be judged.

    def loaded(self, table: str, schema: pa.Schema) -> None:
        """A table that a load job makes of a file with ``schema``."""
        columns = ", ".join(f"`{field.name}` {_type_of(bigquery_field(field))}" for field in schema)
        self.analyze(f"CREATE TABLE {self._dataset}.{table} ({columns})")

    def columns(self, table: str) -> list[str]:
        """The names of a known table's columns."""
        found = self._existing([self._dataset, table])
        return [column.name for column in found.column] if found else []

    @contextmanager
    def lacking(self, table: str, columns: Collection[str]) -> Iterator[None]:
        """As if the table were an older one, without these columns."""
        found = self._existing([self._dataset, table])
        assert found
        before = list(found.column)
        found.column[:] = [column for column in before if column.name not in columns]
        try:
            yield
        finally:
            found.column[:] = before

    def _put(self, path: list[str], definitions: Iterable[ResolvedColumnDefinition]) -> None:
        if known := self._existing(path, required=False):
            self._tables.table.remove(known)
        self._tables.table.append(
            SimpleTable(name=path[-1], column=[_column(definition) for definition in definitions])
        )

    def _add_columns(self, resolved: ResolvedAlterTableStmt) -> None:
        table = self._existing(resolved.name_path)
        known = {column.name.lower() for column in table.column} if table else set()
        for action in resolved.alter_action_list:
            if not isinstance(action, ResolvedAddColumnAction):
                raise TypeError(f"can't follow {type(action).__name__}")
            if action.column_definition.name.lower() not in known and table:
                table.column.append(_column(action.column_definition))

    def _existing(self, path: list[str], *, required: bool = True) -> SimpleTable | None:
        if path[:-1] != [self._dataset]:
            raise RefusedByGoogle(f"not in dataset {self._dataset}: {'.'.join(path)}")
        for table in self._tables.table:
            if table.name == path[-1]:
                return table
        if required:
            raise RefusedByGoogle(f"no such table: {'.'.join(path)}")
        return None


def _column(definition: ResolvedColumnDefinition) -> SimpleColumn:
    return SimpleColumn(name=definition.name, type=definition.type, is_writable_column=True)


def _type_of(field: SchemaField) -> str:
    name = _TYPES.get(field.field_type, field.field_type)
    if name == "RECORD":
        name = f"STRUCT<{', '.join(f'`{inner.name}` {_type_of(inner)}' for inner in field.fields)}>"
    return f"ARRAY<{name}>" if field.mode == "REPEATED" else name
