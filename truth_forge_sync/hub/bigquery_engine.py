"""The hub in BigQuery, through Google's client and dagster-gcp's resource; or in a local emulator of it.

Every statement is a job of its own, or one of a script's. Short results are read over REST, longer ones through the
Storage Read API in one ordered stream, so that memory holds a batch and not the table.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import grpc
import pyarrow as pa
import requests
from dagster_gcp import BigQueryResource
from google.api_core.client_options import ClientOptions
from google.api_core.exceptions import GoogleAPIError
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import GoogleAuthError
from google.cloud import bigquery
from google.cloud.bigquery.retry import DEFAULT_JOB_RETRY, DEFAULT_RETRY
from google.cloud.bigquery_storage_v1 import BigQueryReadClient
from google.cloud.bigquery_storage_v1.services.big_query_read.transports import BigQueryReadGrpcTransport
from google.cloud.bigquery_storage_v1.types import DataFormat, ReadSession

from truth_forge_sync.hub.bigquery_errors import settled, sync_error
from truth_forge_sync.hub.bigquery_lease import TableLease
from truth_forge_sync.hub.engine import STAGED_FOR
from truth_forge_sync.hub.lease import Lease
from truth_forge_sync.settings import Settings
from truth_forge_sync.turn import installation

BATCH_ROWS = 10_000
"""Rows of a batch at most; results up to this size are read over REST, which costs no read session."""

_LABELS = {"application": "truth-forge-sync"}

# Google's own defaults are ten and forty minutes: the next cycle would be waiting behind a hub that is down.
_CALLS = DEFAULT_RETRY.with_timeout(60)
_JOBS = DEFAULT_JOB_RETRY.with_timeout(180)
_TIMEOUT = 300.0
"""Seconds without an answer to one call. (The emulator answers a submitted job when it is done.)"""

_log = logging.getLogger(__name__)


class HubResource(BigQueryResource):
    """dagster-gcp's resource that can also talk to an emulator: anonymously, at the given addresses."""

    emulator_host: str | None = None
    """REST base URL, such as ``http://127.0.0.1:9050``; None for the real service."""
    storage_emulator_host: str | None = None
    """``host:port`` of its Storage API (insecure gRPC); None reads over REST."""

    @contextmanager
    def get_client(self) -> Iterator[bigquery.Client]:
        config = bigquery.QueryJobConfig(labels=_LABELS)
        if self.emulator_host:
            client = bigquery.Client(
                project=self.project,
                location=self.location,
                credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
                client_options=ClientOptions(api_endpoint=self.emulator_host),
            )
            client.default_query_job_config = config
            with client:
                yield client
        else:
            with super().get_client() as client, client:
                client.default_query_job_config = config
                yield client

    @contextmanager
    def get_read_client(self, client: bigquery.Client) -> Iterator[BigQueryReadClient | None]:
        """A Storage API client beside ``client``; None for an emulator whose Storage API is not known."""
        if not self.emulator_host:
            reader = BigQueryReadClient(credentials=client._credentials)  # type: ignore[no-untyped-call]
            with reader:
                yield reader
        elif self.storage_emulator_host:
            with grpc.insecure_channel(self.storage_emulator_host, options=_GRPC_OPTIONS) as channel:
                transport = BigQueryReadGrpcTransport(channel=channel)
                yield BigQueryReadClient(transport=transport)  # type: ignore[no-untyped-call]
        else:
            yield None


# As Google's own transport sets it: a response may be larger than gRPC's 4 MB.
_GRPC_OPTIONS = [("grpc.max_receive_message_length", -1)]


class BigQueryEngine:
    """The hub in dataset ``dataset`` of the resource's project, in ``location``.

    The client is made when first used. Raises Stop where Google's credentials are missing or refused, or the dataset
    is not there; Throttled for rate limits and quotas; Retry for everything that may pass by itself.
    """

    def __init__(self, resource: HubResource, dataset: str, location: str, *, installation: str) -> None:
        self.dataset = dataset
        self.contacts_at_once: int | None = None
        self.lease: Lease | None = TableLease(lambda: self._client, dataset, installation, self._mapped)
        self.statements = 0
        self._resource = resource
        self._location = location
        self._open = ExitStack()
        self._turn = threading.Lock()
        self._connected: tuple[bigquery.Client, BigQueryReadClient | None] | None = None

    @classmethod
    def from_settings(cls, settings: Settings) -> BigQueryEngine:
        resource = HubResource(
            project=settings.bigquery_project,
            location=settings.bigquery_location,
            emulator_host=settings.bigquery_emulator_host,
            storage_emulator_host=settings.bigquery_storage_emulator_host,
        )
        ours = installation(settings.hub_path)
        return cls(resource, settings.bigquery_dataset, settings.bigquery_location, installation=ours)

    @contextmanager
    def session(self) -> Iterator[None]:
        yield  # nothing is held between jobs

    def query(self, sql: str) -> pa.Table:
        with self._mapped():
            rows = self._run(sql).result(retry=_CALLS, job_retry=_JOBS)
            return rows.to_arrow(create_bqstorage_client=False)

    def stream(self, sql: str) -> Iterator[pa.RecordBatch]:
        with self._mapped():
            if self._resource.emulator_host and self._reader is not None:
                yield from self._copied(sql, self._reader)
                return
            job = self._run(sql)
            rows = job.result(page_size=BATCH_ROWS, retry=_CALLS, job_retry=_JOBS)
            if self._reader is None or (rows.total_rows or 0) <= BATCH_ROWS:
                yield from rows.to_arrow_iterable()
            else:
                yield from self._read(job.destination, self._reader)

    def script(self, statements: Sequence[str]) -> None:
        """As of the protocol; run again from the first statement when another writer or a limit got in the way, so
        statements must be such that running them twice is running them once."""
        if not statements:
            return
        # The separator has a line of its own: the last line of a statement may be a comment.
        script = "\n;\n".join(statements)
        with self._mapped():
            settled(lambda: self._run(script).result(retry=_CALLS, job_retry=_JOBS))

    def load(self, table: str, schema: pa.Schema, parquet: Path) -> None:
        columns = [bigquery_field(field) for field in schema]
        options = bigquery.ParquetOptions()  # type: ignore[no-untyped-call]
        options.enable_list_inference = True
        config = bigquery.LoadJobConfig(
            source_format=bigquery.SourceFormat.PARQUET,
            schema=columns,
            parquet_options=options,
            write_disposition=bigquery.WriteDisposition.WRITE_EMPTY,
            labels=_LABELS,
        )
        with self._mapped():
            # A load job can't say when its table expires. The empty table comes first, so that none is left behind
            # for ever if we die in between.
            reference = bigquery.Table(f"{self._client.project}.{self.dataset}.{table}", schema=columns)
            reference.expires = datetime.now(UTC) + STAGED_FOR
            self._client.create_table(reference, exists_ok=True, retry=_CALLS, timeout=_TIMEOUT)
            with parquet.open("rb") as file:
                # Without `size`: a resumable upload. (The emulator refuses the other kind.)
                settled(lambda: self._load(file, reference, config))

    def tables(self, prefix: str) -> set[str]:
        with self._mapped():
            listed = self._client.list_tables(self._qualified, page_size=1000, retry=_CALLS, timeout=_TIMEOUT)
            return {item.table_id for item in listed if item.table_id.startswith(prefix)}

    def columns(self, table: str) -> set[str]:
        with self._mapped():
            found = self._client.get_table(f"{self._qualified}.{table}", retry=_CALLS, timeout=_TIMEOUT)
        return {field.name for field in found.schema}

    def drop(self, tables: Iterable[str]) -> None:
        with self._mapped():
            for table in tables:
                self._client.delete_table(
                    f"{self._qualified}.{table}", not_found_ok=True, retry=_CALLS, timeout=_TIMEOUT
                )

    def modified(self, table: str) -> str | None:
        if self._resource.emulator_host:  # its answer does not move with DML
            return None
        with self._mapped():
            changed = self._client.get_table(f"{self._qualified}.{table}", retry=_CALLS, timeout=_TIMEOUT).modified
        return changed.isoformat() if changed else None

    def create_dataset(self) -> None:
        with self._mapped():
            dataset = bigquery.Dataset(self._qualified)
            dataset.location = self._location
            self._client.create_dataset(dataset, exists_ok=True, retry=_CALLS, timeout=_TIMEOUT)

    def close(self) -> None:
        with self._turn:
            self._connected = None
            self._open.close()

    @property
    def _client(self) -> bigquery.Client:
        return self._clients[0]

    @property
    def _reader(self) -> BigQueryReadClient | None:
        return self._clients[1]

    @property
    def _clients(self) -> tuple[bigquery.Client, BigQueryReadClient | None]:
        with self._turn:
            if self._connected is None:
                client = self._open.enter_context(self._resource.get_client())
                self._connected = client, self._open.enter_context(self._resource.get_read_client(client))
            return self._connected

    @property
    def _qualified(self) -> str:
        return f"{self._client.project}.{self.dataset}"

    def _run(self, sql: str) -> bigquery.QueryJob:
        # Not query_and_wait(): the emulator answers an error there with an empty result.
        self.statements += 1
        return self._client.query(sql, retry=_CALLS, job_retry=_JOBS, timeout=_TIMEOUT)

    def _load(self, file: IO[bytes], table: bigquery.Table, config: bigquery.LoadJobConfig) -> None:
        self.statements += 1
        self._client.load_table_from_file(file, table, rewind=True, job_config=config, timeout=_TIMEOUT).result(
            retry=_CALLS
        )

    def _copied(self, sql: str, reader: BigQueryReadClient) -> Iterator[pa.RecordBatch]:
        """The rows by way of a table: the emulator keeps no query's result where its Storage API could read it."""
        table = bigquery.TableReference.from_string(f"{self._qualified}.sync_read_{uuid.uuid4().hex}")
        self._run(f"CREATE TABLE {self.dataset}.{table.table_id} AS\n{sql}").result(retry=_CALLS)
        try:
            yield from self._read(table, reader)
        finally:
            self._client.delete_table(table, not_found_ok=True, retry=_CALLS, timeout=_TIMEOUT)

    def _read(self, table: bigquery.TableReference, reader: BigQueryReadClient) -> Iterator[pa.RecordBatch]:
        session = reader.create_read_session(
            parent=f"projects/{self._client.project}",
            read_session=ReadSession(
                table=f"projects/{table.project}/datasets/{table.dataset_id}/tables/{table.table_id}",
                data_format=DataFormat.ARROW,
            ),
            max_stream_count=1,  # keeps the order of the rows
        )
        schema = pa.ipc.read_schema(pa.py_buffer(session.arrow_schema.serialized_schema))
        for part in session.streams:
            for response in reader.read_rows(part.name):  # type: ignore[no-untyped-call]
                batch = pa.ipc.read_record_batch(
                    pa.py_buffer(response.arrow_record_batch.serialized_record_batch), schema
                )
                for start in range(0, batch.num_rows, BATCH_ROWS):
                    yield batch.slice(start, BATCH_ROWS)

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        try:
            yield
        except (GoogleAPIError, GoogleAuthError, requests.RequestException, ConnectionError) as error:
            _log.debug("BigQuery failed", exc_info=error)
            # Without the original: Google's text quotes values, and tracebacks are kept where many can read them.
            raise sync_error(error, dataset=self.dataset, verbatim=bool(self._resource.emulator_host)) from None


def bigquery_field(field: pa.Field) -> bigquery.SchemaField:
    """The BigQuery column of an Arrow one. Lists become REPEATED (never null there), structs RECORD.

    Raises ValueError for a type that the hub does not use.
    """
    if pa.types.is_list(field.type):
        element = bigquery_field(field.type.value_field)
        return bigquery.SchemaField(field.name, element.field_type, mode="REPEATED", fields=element.fields)
    mode = "NULLABLE" if field.nullable else "REQUIRED"
    if pa.types.is_struct(field.type):
        return bigquery.SchemaField(
            field.name, "RECORD", mode=mode, fields=[bigquery_field(f) for f in field.type.fields]
        )
    for matches, name in _TYPES:
        if matches(field.type):
            return bigquery.SchemaField(field.name, name, mode=mode)
    raise ValueError(f"column {field.name}: no BigQuery type for {field.type}")


_TYPES: tuple[tuple[Callable[[pa.DataType], bool], str], ...] = (
    (lambda kind: pa.types.is_string(kind) or pa.types.is_large_string(kind), "STRING"),
    (pa.types.is_integer, "INTEGER"),
    (pa.types.is_boolean, "BOOLEAN"),
    (pa.types.is_floating, "FLOAT"),
    (lambda kind: pa.types.is_timestamp(kind) and kind.tz is not None, "TIMESTAMP"),
    (pa.types.is_date, "DATE"),
)
