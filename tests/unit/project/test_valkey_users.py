"""The users of Valkey: one declaration, for the embedded server and for others."""

import re
import stat
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from gateway.instance import ValkeyUser
from gateway.wiring.operator.valkey_users import PASSWORDS_FILE, urls_of_users
from persistence.valkey.acl import OTHERS_OFF, USERS, acl_file
from tests.support.clients.command import invoke
from tests.support.clients.operator_command import error_of

ADAPTERS = Path(__file__).parents[3] / "persistence" / "valkey"
CALL = re.compile(r"server\.call\('([A-Z]+)'")


def printed(passwords: Path) -> str:
    done = invoke("valkey", "acl", data_dir=passwords.parent)
    assert done.exit_code == 0, done.stderr
    return done.stdout


def stored(passwords: Path) -> Mapping[str, str]:
    return msgspec.json.decode(passwords.read_bytes(), type=dict[str, str])


def test_every_process_has_a_user_and_every_user_a_process() -> None:
    assert set(USERS) == set(ValkeyUser)


def test_a_printed_acl_is_that_of_the_embedded_server(tmp_path: Path) -> None:
    passwords = tmp_path / PASSWORDS_FILE
    assert printed(passwords) == acl_file(stored(passwords))
    assert printed(passwords).startswith(OTHERS_OFF)


def test_printing_again_keeps_the_passwords_and_adds_missing_ones(tmp_path: Path) -> None:
    passwords = tmp_path / PASSWORDS_FILE
    first = printed(passwords)
    assert printed(passwords) == first
    kept = dict(stored(passwords))
    del kept["rates"]
    passwords.write_bytes(msgspec.json.encode(kept))
    printed(passwords)
    assert {name: stored(passwords)[name] for name in kept} == kept
    assert stored(passwords)["rates"]


def test_passwords_are_long_different_private_and_not_printed(tmp_path: Path) -> None:
    passwords = tmp_path / PASSWORDS_FILE
    lines = printed(passwords)
    assert stat.S_IMODE(passwords.stat().st_mode) == 0o600
    values = list(stored(passwords).values())
    assert len(set(values)) == len(values) == len(USERS) + 1
    assert all(len(value) >= 43 and value not in lines for value in values)


@pytest.mark.parametrize("content", ["{", "[]", '{"owner": 1}', '{"owner": "short"}'])
def test_a_file_that_contains_no_passwords_is_reported_and_kept(
    tmp_path: Path, content: str
) -> None:
    passwords = tmp_path / PASSWORDS_FILE
    passwords.write_text(content)
    done = invoke("valkey", "acl", data_dir=tmp_path)
    assert error_of(done) == f"{passwords} does not contain passwords by user"
    assert passwords.read_text() == content


def test_what_a_script_calls_is_permitted_to_somebody() -> None:
    called = {
        command.lower()
        for path in (*ADAPTERS.rglob("*.lua"), *ADAPTERS.rglob("*.py"))
        for command in CALL.findall(path.read_text())
    }
    assert {"get", "zpopmin"} <= called
    assert called <= {command for rights in USERS.values() for command in rights.commands}


def test_up_gives_each_process_its_own_url_of_an_external_server(tmp_path: Path) -> None:
    url = "valkeys://cache.example:6380/2"
    assert set(urls_of_users(tmp_path, url).values()) == {url}
    passwords = tmp_path / PASSWORDS_FILE
    printed(passwords)
    urls = urls_of_users(tmp_path, url)
    for user in ValkeyUser:
        password = stored(passwords)[user]
        assert urls[user] == f"valkeys://swapgate_{user}:{password}@cache.example:6380/2"
    named = "valkey://somebody:secret@cache.example"
    assert set(urls_of_users(tmp_path, named).values()) == {named}
