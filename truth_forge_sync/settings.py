"""Settings, from the environment and a ``.env`` beside ``dagster.yaml`` (CONTRACT: Settings).

All wrong values are reported at once, each with the variable's name, what was wrong and an example. Secrets are
``SecretStr``: they never appear in a repr, a log or an error.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import phonenumbers
from pydantic import AfterValidator, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from truth_forge_sync.errors import Stop

SystemName = Literal["bigquery", "twenty", "supabase", "local"]
SYSTEMS: tuple[SystemName, ...] = ("bigquery", "twenty", "supabase", "local")


def _http_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ValueError("expected a web address such as https://crm.example.com")
    return value.rstrip("/")


def _identifier(value: str) -> str:
    if not value.replace("_", "a").isalnum() or not value.isascii() or value[0].isdigit():
        raise ValueError("expected letters, digits and underscores such as contacts_master")
    return value


HttpUrl = Annotated[str, AfterValidator(_http_url)]
Identifier = Annotated[str, AfterValidator(_identifier)]


class Settings(BaseSettings):
    """Every setting of CONTRACT.md under its lower-cased name, without the ``TRUTH_FORGE_`` prefix."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", populate_by_name=True)

    bigquery_project: str | None = None
    bigquery_dataset: Identifier = "identity"
    bigquery_location: str = "US"
    bigquery_emulator_host: HttpUrl | None = None
    bigquery_storage_emulator_host: str | None = None
    hub_path: Path = Field(Path(".truth_forge/hub.duckdb"), validation_alias="TRUTH_FORGE_HUB_PATH")

    twenty_url: HttpUrl | None = None
    twenty_api_key: SecretStr | None = None
    twenty_requests_per_minute: Annotated[int, Field(ge=0)] = 100
    twenty_webhook_secret: SecretStr | None = None

    supabase_url: HttpUrl | None = None
    supabase_key: SecretStr | None = None
    supabase_contacts_table: Identifier = "contacts_master"
    supabase_webhook_secret: SecretStr | None = None

    local_database_url: SecretStr | None = None

    system_order: Annotated[tuple[SystemName, ...], NoDecode] = Field(
        SYSTEMS, validation_alias="TRUTH_FORGE_SYSTEM_ORDER"
    )
    default_region: str = Field("US", validation_alias="TRUTH_FORGE_DEFAULT_REGION")
    delete_limit_percent: Annotated[float, Field(ge=0, le=100)] = Field(
        10, validation_alias="TRUTH_FORGE_DELETE_LIMIT_PERCENT"
    )
    delete_limit_count: Annotated[int, Field(ge=0)] = Field(20, validation_alias="TRUTH_FORGE_DELETE_LIMIT_COUNT")
    flip_limit: Annotated[int, Field(ge=1)] = Field(6, validation_alias="TRUTH_FORGE_FLIP_LIMIT")
    notify_urls: Annotated[tuple[SecretStr, ...], NoDecode] = Field((), validation_alias="TRUTH_FORGE_NOTIFY_URLS")

    ping_url: SecretStr | None = Field(None, validation_alias="TRUTH_FORGE_PING_URL")

    @model_validator(mode="before")
    @classmethod
    def _without_empty(cls, values: dict[str, object]) -> dict[str, object]:
        """An empty variable is an unset one, and hides what ``.env`` says."""
        return {name: value for name, value in values.items() if value != ""}

    @field_validator("system_order", "notify_urls", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("system_order")
    @classmethod
    def _complete_order(cls, value: tuple[SystemName, ...]) -> tuple[SystemName, ...]:
        if sorted(value) != sorted(SYSTEMS):
            raise ValueError(f"expected each of {','.join(SYSTEMS)} once")
        return value

    @field_validator("ping_url")
    @classmethod
    def _web_address(cls, value: SecretStr | None) -> SecretStr | None:
        if value:
            _http_url(value.get_secret_value())
        return value

    @field_validator("default_region")
    @classmethod
    def _known_region(cls, value: str) -> str:
        if value.upper() not in phonenumbers.SUPPORTED_REGIONS:
            raise ValueError("expected a two-letter country code such as US")
        return value.upper()

    @field_validator("local_database_url")
    @classmethod
    def _sqlite_or_postgresql(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not value.get_secret_value().startswith(("sqlite:", "sqlite+", "postgresql:", "postgresql+")):
            raise ValueError("expected an SQLAlchemy URL such as sqlite:///contacts.db or postgresql+psycopg://host/db")
        return value

    @model_validator(mode="after")
    def _pairs(self) -> Settings:
        for url, key in (("twenty_url", "twenty_api_key"), ("supabase_url", "supabase_key")):
            if (getattr(self, url) is None) != (getattr(self, key) is None):
                raise ValueError(f"{url.upper()} and {key.upper()} go together: set both or neither")
        if self.bigquery_emulator_host and not self.bigquery_project:
            raise ValueError("BIGQUERY_EMULATOR_HOST needs BIGQUERY_PROJECT, such as test-project")
        return self

    @property
    def configured(self) -> tuple[SystemName, ...]:
        """The systems to keep in step, in tie-break order; the hub is always one of them."""
        there = {
            "bigquery": True,
            "twenty": self.twenty_url is not None,
            "supabase": self.supabase_url is not None,
            "local": self.local_database_url is not None,
        }
        return tuple(name for name in self.system_order if there[name])


def load_settings(env_file: str | Path | None = ".env") -> Settings:
    """Settings of this process. Raises :class:`Stop` that lists every wrong variable, without its value."""
    try:
        return Settings(_env_file=env_file)  # type: ignore[call-arg]
    except ValidationError as error:
        problems = "; ".join(
            f"{_variable(item['loc'])}{item['msg'].removeprefix('Value error, ')}" for item in error.errors()
        )
        raise Stop(problems, remedy="correct the environment or .env (.env.example lists every setting)") from None


def _variable(location: tuple[int | str, ...]) -> str:
    return f"{str(location[0]).upper()}: " if location else ""
