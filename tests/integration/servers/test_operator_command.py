"""What all commands share: names, options, fast help, and messages instead of tracebacks."""

import socket
import subprocess
import sys
import time
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest

from gateway.instance import ValkeyUser
from persistence.postgres.pool import CONNECT_TIMEOUT_SECONDS
from tests.conftest import DatabaseUrls, Servers
from tests.support.clients.command import invoke
from tests.support.clients.operator_command import Operator, error_of, new_operator
from tests.support.clients.operator_commands import COMMANDS, PROCESSES, all_commands, name_of

READS_FILES = "sandbox mail"
"""The one command that needs no database."""


@pytest.fixture
def operator(database_urls: DatabaseUrls, servers: Servers, tmp_path: Path) -> Operator:
    return new_operator(database_urls, servers, tmp_path)


def test_every_command_has_an_example() -> None:
    assert set(all_commands()) == {name_of(command) for command in COMMANDS} | PROCESSES | {
        "init",
        "migrate",
        "doctor",
        "valkey acl",
    }


def test_every_command_takes_json_and_a_data_directory() -> None:
    for name, command in all_commands().items():
        options = {option for parameter in command.params for option in parameter.opts}
        assert "--data-dir" in options, name
        assert name in PROCESSES or "--json" in options, name


@pytest.mark.parametrize("command", [*COMMANDS, "migrate"])
def test_a_command_without_an_instance_explains_how_to_start_one(
    command: str, tmp_path: Path
) -> None:
    message = error_of(invoke(*command.split(), data_dir=tmp_path))

    assert message == (
        f"There is no instance in {tmp_path}: start one with `swapgate up`, name its directory "
        "with --data-dir, or set SWAPGATE_DATABASE_URL"
    )


@pytest.mark.parametrize("command", [one for one in COMMANDS if name_of(one) != READS_FILES])
def test_a_command_without_a_database_fails_at_once(
    command: str, servers: Servers, tmp_path: Path
) -> None:
    nowhere = DatabaseUrls(*(["postgresql://somebody:hidden@127.0.0.1:1/swapgate"] * 4))
    operator = Operator(nowhere, servers.valkey, tmp_path / "instance")
    operator.lose_valkey()
    began = time.monotonic()

    message = operator.error(*command.split())
    assert time.monotonic() - began < CONNECT_TIMEOUT_SECONDS, "a refused connection fails at once"
    assert message == (
        "The database cannot be reached (Connection refused (os error 111)): "
        "run `swapgate doctor` for advice"
    )


def test_a_database_that_does_not_respond_times_out_in_seconds(
    operator: Operator, tmp_path: Path
) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        url = f"postgresql://somebody@127.0.0.1:{listener.getsockname()[1]}/swapgate"
        mute = Operator(DatabaseUrls(*([url] * 4)), operator.valkey, tmp_path / "mute")
        began = time.monotonic()

        assert "no response in time" in mute.error("partner", "list")
        assert time.monotonic() - began < 20, "three seconds for each of few tries"


def test_a_database_without_migrations_is_reported(
    operator: Operator, servers: Servers, tmp_path: Path
) -> None:
    name = f"empty_{uuid4().hex}"
    servers.postgres.create_database(name)
    try:
        urls = DatabaseUrls(*([servers.postgres.url(database=name)] * 4))
        empty = Operator(urls, operator.valkey, tmp_path / "empty")
        assert empty.error("partner", "list") == (
            'The database rejected the statement (relation "partners" does not exist): '
            "run `swapgate doctor` for advice"
        )
    finally:
        servers.postgres.drop_database(name)


@pytest.mark.parametrize(
    ("name", "setting"),
    [("adminDatabaseUrl", "SWAPGATE_DATABASE_URL"), ("valkeyUrls", "SWAPGATE_VALKEY_URL")],
)
@pytest.mark.parametrize("url", ["hidden", "postgresql://a:hidden@[", "://hidden", "http://["])
def test_an_invalid_url_is_reported_and_not_repeated(
    operator: Operator, name: str, setting: str, url: str
) -> None:
    path = operator.data_dir / "instance.json"
    value = url if name == "adminDatabaseUrl" else dict.fromkeys(ValkeyUser, url)
    path.write_bytes(msgspec.json.encode({**msgspec.json.decode(path.read_bytes()), name: value}))

    message = operator.error("partner", "list")
    assert message.startswith(f"{setting} cannot be used: its form is ")
    assert "hidden" not in message


def test_a_damaged_instance_file_is_reported(operator: Operator) -> None:
    path = operator.data_dir / "instance.json"
    path.write_text("{")

    assert operator.error("partner", "list").startswith(f"{path} can't be read: ")


def test_the_environment_can_replace_an_instance(operator: Operator, tmp_path: Path) -> None:
    operator.partner(email="team@wallet.example")
    environment = {
        "SWAPGATE_DATABASE_URL": operator.urls.admin,
        "SWAPGATE_VALKEY_URL": operator.valkey_url,
        "SWAPGATE_KEYRING": str(operator.data_dir / "keyring.json"),
    }

    done = invoke("partner", "list", "--json", data_dir=tmp_path / "nothing", **environment)
    assert [one["email"] for one in msgspec.json.decode(done.stdout)] == ["team@wallet.example"]
    del environment["SWAPGATE_KEYRING"]
    done = invoke("partner", "list", data_dir=tmp_path / "nothing", **environment)
    assert error_of(done) == "SWAPGATE_KEYRING is not set"


def test_a_command_has_only_the_rights_of_its_role(operator: Operator) -> None:
    path = operator.data_dir / "instance.json"
    instance = msgspec.json.decode(path.read_bytes())
    order_id = operator.order()
    path.write_bytes(
        msgspec.json.encode(
            {
                **instance,
                "adminDatabaseUrl": operator.urls.gateway,
                "settlementDatabaseUrl": operator.urls.admin,
            }
        )
    )

    for arguments in (
        ["asset", "disable", "xmr"],
        ["maintenance", "on"],
        ["order", "resolve", order_id, "cancel"],
        ["sandbox", "deposit", order_id],
    ):
        assert "(permission denied for table " in operator.error(*arguments)


def test_help_imports_nothing_slow() -> None:
    heavy = [
        *("aiohttp", "bip_utils", "blacksheep", "cryptography", "granian", "monero", "psqlpy"),
        *("prometheus_client", "psycopg", "solders", "structlog", "valkey", "yoyo"),
    ]
    script = f"import sys, gateway.cli; print(sorted(set({heavy!r}) & sys.modules.keys()))"

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_the_command_runs_as_a_program(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "order", "list", "--data-dir", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("There is no instance in ")
    assert "Traceback" not in done.stderr
