"""Each setting is declared once: the environment, child processes and documentation follow."""

import os
import re
from enum import EnumMeta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.declaration import NOT_SETTINGS
from gateway.instance import Instance, ValkeyUser
from gateway.settings import (
    RateMarket,
    Settings,
    SettingsError,
    environment_of,
    settings_from,
)
from gateway.settings_table import PATH, main, with_table
from gateway.wiring.children import child_processes

ROOT = Path(__file__).parents[3]
VARIABLE = re.compile(r"SWAPGATE_[A-Z][A-Z_]*")
PROGRAMS = ("domain", "persistence", "feeds", "cabinet_htmx", "gateway", "bench")
FIELDS = {field.name: field for field in msgspec.structs.fields(Settings)}
REQUIRED = Settings(
    database_url="postgresql:///swapgate", valkey_url="valkey://cache", keyring_path=Path("keys")
)
LINKED = msgspec.structs.replace(
    REQUIRED, public_url="https://swap.example", smtp_from="swap@swap.example"
)
"""What a mail server is only used with."""


@pytest.fixture
def logo(tmp_path: Path) -> Path:
    path = tmp_path / "logo.svg"
    path.write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    return path


def other_value(name: str, logo: Path) -> Any:
    """Return a valid value of a setting that is not its default."""
    checked = {
        "brand_colours": "accent=#0f766e",
        "brand_logo": logo,
        "trusted_proxies": "10.0.0.0/8, ::1",
        "public_url": "https://other.example:8443",
        "public_orders_reserved_percent": 40,
        "other_public_urls": "https://third.example",
        "mail_directory": Path("mail"),
        "rates": RateMarket.EXCHANGES,
        "tracing_endpoint": "http://127.0.0.1:4318/v1/traces",
    }
    if name in checked:
        return checked[name]
    value = getattr(REQUIRED, name)
    kind = type(value)
    if isinstance(kind, EnumMeta):
        return next(member for member in kind if member is not value)
    return not value if kind is bool else kind(f"{value}1")


@pytest.mark.parametrize("name", FIELDS)
def test_every_setting_survives_the_environment(name: str, logo: Path) -> None:
    value = other_value(name, logo)
    settings = msgspec.structs.replace(LINKED, **{name: value})
    assert settings != LINKED
    assert getattr(settings_from(environment_of(settings)), name) == value
    assert settings_from(environment_of(settings)) == settings


@pytest.mark.parametrize("name", FIELDS)
def test_every_setting_is_in_the_documentation(name: str) -> None:
    variable = FIELDS[name].encode_name
    (row,) = [
        line for line in PATH.read_text().splitlines() if line.startswith(f"| `{variable}` |")
    ]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert len(cells) == 4
    assert all(cells)


def test_table_in_the_documentation_is_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0
    assert capsys.readouterr().err == ""


def test_table_that_is_not_current_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "operations.md"
    path.write_text(PATH.read_text().replace("SWAPGATE_SIGN_IN_TRIES", "SWAPGATE_OLD"))
    monkeypatch.setattr("gateway.settings_table.PATH", path)
    assert main(["--check"]) == 1
    assert "make settings" in capsys.readouterr().err
    assert main([]) == 0
    assert path.read_text() == PATH.read_text()


def test_document_without_marks_is_not_written() -> None:
    with pytest.raises(ValueError, match="no marks"):
        with_table("# Operations")


def test_every_variable_that_a_program_names_is_declared() -> None:
    named = {
        variable
        for folder in PROGRAMS
        for path in (ROOT / folder).rglob("*.py")
        for variable in VARIABLE.findall(path.read_text())
    }
    declared = {field.encode_name for field in FIELDS.values()}
    assert named - declared == NOT_SETTINGS.keys()


@pytest.mark.parametrize("name", [name for name, field in FIELDS.items() if field.required])
@pytest.mark.parametrize("value", [None, ""])
def test_setting_without_a_default_must_be_given(name: str, value: str | None) -> None:
    variable = FIELDS[name].encode_name
    environment = environment_of(REQUIRED)
    del environment[variable]
    with pytest.raises(SettingsError, match=f"{variable} is not set"):
        settings_from(environment if value is None else {**environment, variable: value})


def test_invalid_setting_is_named() -> None:
    environment = {**environment_of(REQUIRED), "SWAPGATE_SIGN_IN_TRIES": "many"}
    with pytest.raises(SettingsError, match="SWAPGATE_SIGN_IN_TRIES"):
        settings_from(environment)


def test_urls_are_hidden_where_settings_are_printed() -> None:
    settings = msgspec.structs.replace(
        REQUIRED,
        database_url="postgresql://user:hunter2@host/db",
        valkey_url="valkey://:hunter2@host",
    )
    assert "hunter2" not in f"{settings} {settings!r}"


def test_no_process_inherits_the_secret_of_an_operator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWAPGATE_OPERATOR", "ana")
    monkeypatch.setenv("SWAPGATE_OPERATOR_SECRET", "hidden")
    url = "postgresql:///swapgate"
    instance = Instance(
        url, url, url, url, dict.fromkeys(ValkeyUser, "valkey://cache"), sandbox=True
    )

    children = child_processes(instance, tmp_path, serve=(), auto_settle=True)
    for child in children:
        inherited = {**os.environ, **child.env}
        assert inherited["SWAPGATE_OPERATOR"] == inherited["SWAPGATE_OPERATOR_SECRET"] == ""
    assert len(children) == 4


def test_only_the_process_that_sends_mail_gets_the_mail_servers_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWAPGATE_SMTP_PASSWORD", "hidden")
    url = "postgresql:///swapgate"
    instance = Instance(
        url, url, url, url, dict.fromkeys(ValkeyUser, "valkey://cache"), sandbox=False
    )
    children = child_processes(instance, tmp_path, serve=(), auto_settle=True)
    passwords = {child.name: child.env["SWAPGATE_SMTP_PASSWORD"] for child in children}
    assert passwords == {"rates": "", "serve": "", "settlement": "", "webhooks": "hidden"}


@pytest.mark.parametrize(
    "changes",
    [
        {"SWAPGATE_SMTP_HOST": "mail.example", "SWAPGATE_SMTP_FROM": "swap@swap.example"},
        {"SWAPGATE_SMTP_HOST": "mail.example", "SWAPGATE_PUBLIC_URL": "https://swap.example"},
        {"SWAPGATE_PUBLIC_URL": "https://swap.example/"},
        {"SWAPGATE_PUBLIC_URL": "https://swap.example\nhttps://evil.example"},
        {"SWAPGATE_PUBLIC_URL": "swap.example"},
    ],
)
def test_mail_needs_a_sender_and_the_address_that_links_lead_to(changes: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=r"SWAPGATE_(SMTP_HOST|PUBLIC_URL)"):
        settings_from({**environment_of(REQUIRED), **changes})


def test_links_are_offered_only_where_emails_can_be_sent() -> None:
    complete = {**environment_of(LINKED), "SWAPGATE_SMTP_HOST": "mail.example"}
    assert settings_from(complete).sends_mail
    assert not LINKED.sends_mail
    assert not msgspec.structs.replace(REQUIRED, mail_directory=Path("mail")).sends_mail
