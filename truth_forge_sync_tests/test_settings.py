"""A wrong setting is refused with its name, what was wrong and an example; a secret is never printed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from truth_forge_sync.errors import Stop
from truth_forge_sync.settings import SYSTEMS, load_settings
from truth_forge_sync_tests.project import VARIABLES, clean_environment

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    ("settings", "name", "hint"),
    [
        ({"BIGQUERY_DATASET": "my-data"}, "BIGQUERY_DATASET", "letters, digits and underscores"),
        ({"BIGQUERY_DATASET": "1st"}, "BIGQUERY_DATASET", "letters, digits and underscores"),
        ({"BIGQUERY_EMULATOR_HOST": "127.0.0.1:9050", "BIGQUERY_PROJECT": "p"}, "BIGQUERY_EMULATOR_HOST", "https://"),
        ({"BIGQUERY_EMULATOR_HOST": "http://127.0.0.1:1"}, "BIGQUERY_EMULATOR_HOST", "BIGQUERY_PROJECT"),
        ({"TWENTY_URL": "crm.example.com", "TWENTY_API_KEY": "hidden"}, "TWENTY_URL", "https://crm.example.com"),
        ({"TWENTY_URL": "https://crm.example.com"}, "TWENTY_API_KEY", "set both or neither"),
        ({"TWENTY_API_KEY": "hidden"}, "TWENTY_URL", "set both or neither"),
        ({"TWENTY_REQUESTS_PER_MINUTE": "-1"}, "TWENTY_REQUESTS_PER_MINUTE", "greater than or equal to 0"),
        ({"TWENTY_REQUESTS_PER_MINUTE": "many"}, "TWENTY_REQUESTS_PER_MINUTE", "integer"),
        ({"SUPABASE_URL": "ftp://x.example.com", "SUPABASE_KEY": "hidden"}, "SUPABASE_URL", "web address"),
        ({"SUPABASE_KEY": "hidden"}, "SUPABASE_URL", "set both or neither"),
        ({"SUPABASE_CONTACTS_TABLE": 'x"; DROP'}, "SUPABASE_CONTACTS_TABLE", "contacts_master"),
        ({"LOCAL_DATABASE_URL": "mysql://u:hidden@host/db"}, "LOCAL_DATABASE_URL", "sqlite:///contacts.db"),
        ({"TRUTH_FORGE_SYSTEM_ORDER": "twenty,local"}, "TRUTH_FORGE_SYSTEM_ORDER", "bigquery,twenty,supabase,local"),
        ({"TRUTH_FORGE_SYSTEM_ORDER": "twenty,local,supabase,sap"}, "TRUTH_FORGE_SYSTEM_ORDER", "'bigquery'"),
        ({"TRUTH_FORGE_DEFAULT_REGION": "Austria"}, "TRUTH_FORGE_DEFAULT_REGION", "such as US"),
        ({"TRUTH_FORGE_DELETE_LIMIT_PERCENT": "101"}, "TRUTH_FORGE_DELETE_LIMIT_PERCENT", "100"),
        ({"TRUTH_FORGE_DELETE_LIMIT_COUNT": "-1"}, "TRUTH_FORGE_DELETE_LIMIT_COUNT", "0"),
    ],
)
def test_a_wrong_value_is_refused(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], name: str, hint: str
) -> None:
    clean_environment(monkeypatch, settings)
    with pytest.raises(Stop) as caught:
        load_settings(None)
    assert name in str(caught.value)
    assert hint in str(caught.value)
    assert "hidden" not in f"{caught.value!r}{caught.value}"
    assert caught.value.__context__ is None or caught.value.__suppress_context__


def test_all_wrong_values_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    clean_environment(monkeypatch, {"TRUTH_FORGE_DEFAULT_REGION": "x", "TWENTY_REQUESTS_PER_MINUTE": "x"})
    with pytest.raises(Stop, match=r"(?s)TWENTY_REQUESTS_PER_MINUTE.*TRUTH_FORGE_DEFAULT_REGION"):
        load_settings(None)


def test_without_settings_there_is_the_embedded_hub_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    clean_environment(monkeypatch)
    settings = load_settings(None)
    assert settings.configured == ("bigquery",)
    assert settings.bigquery_project is None
    assert settings.hub_path == Path(".truth_forge/hub.duckdb")


def test_the_environment_wins_over_the_file_and_an_empty_value_is_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / ".env"
    file.write_text(
        "TRUTH_FORGE_DEFAULT_REGION=AT\nTWENTY_URL=\nTRUTH_FORGE_SYSTEM_ORDER=local,twenty,supabase,bigquery\n"
    )
    clean_environment(monkeypatch, {"TRUTH_FORGE_DEFAULT_REGION": "de"})
    settings = load_settings(file)
    assert (settings.default_region, settings.twenty_url) == ("DE", None)
    assert settings.configured == ("bigquery",)
    assert set(settings.system_order) == set(SYSTEMS)


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "hidden-secret"
    clean_environment(
        monkeypatch,
        {
            "TWENTY_URL": "https://a.example.com", "TWENTY_API_KEY": secret, "SUPABASE_URL": "https://b.example.com",
            "SUPABASE_KEY": secret, "LOCAL_DATABASE_URL": f"postgresql://u:{secret}@h/d",
            "TRUTH_FORGE_NOTIFY_URLS": f"slack://{secret},mailto://{secret}",
        },
    )  # fmt: skip
    settings = load_settings(None)
    assert secret not in repr(settings)
    assert len(settings.notify_urls) == 2


def test_the_example_file_lists_every_setting_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    example = ROOT / ".env.example"
    assert set(re.findall(r"^#([A-Z_]+)=", example.read_text(), re.MULTILINE)) == set(VARIABLES)
    clean_environment(monkeypatch)
    assert load_settings(example) == load_settings(None)
