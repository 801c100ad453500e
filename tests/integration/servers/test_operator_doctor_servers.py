"""The doctor without a server, without settings, and within its time limit."""

import asyncio
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from domain.actions.operator.doctor.checks import (
    TIME_LIMIT_SECONDS,
    CheckGroup,
    Probe,
    run_checks,
)
from domain.errors import DomainError
from gateway.instance import ValkeyUser
from tests.conftest import DatabaseUrls, Servers
from tests.support.clients.command import invoke
from tests.support.clients.operator_command import Operator
from tests.support.clients.operator_doctor import (
    POSTGRES_CHECKS,
    VALKEY_CHECKS,
    change_instance,
    failed_checks,
    healthy_operator,
)


@pytest.fixture
def operator(database_urls: DatabaseUrls, servers: Servers, tmp_path: Path) -> Operator:
    return healthy_operator(database_urls, servers, tmp_path)


def closed_port() -> tuple[str, Callable[[], None]]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{listener.getsockname()[1]}", lambda: None


def unresponsive_server() -> tuple[str, Callable[[], None]]:
    """Return the address of a server that accepts connections and never responds."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(16)
    return f"127.0.0.1:{listener.getsockname()[1]}", listener.close


@pytest.mark.parametrize(
    ("server", "seconds"),
    [(closed_port, TIME_LIMIT_SECONDS), (unresponsive_server, 4 * TIME_LIMIT_SECONDS)],
)
def test_unavailable_servers_are_reported_in_time(
    operator: Operator, server: Callable[[], tuple[str, Callable[[], None]]], seconds: float
) -> None:
    address, close = server()
    change_instance(
        operator,
        adminDatabaseUrl=f"postgresql://admin:hidden@{address}/swapgate",
        valkeyUrls=dict.fromkeys(ValkeyUser, f"valkey://:hidden@{address}"),
    )
    began = time.monotonic()

    # a closed port fails at once; a server that does not respond, after the time limit
    advice = failed_checks(operator, ok=False)
    assert time.monotonic() - began < seconds
    close()
    assert list(advice) == [*POSTGRES_CHECKS, *VALKEY_CHECKS]
    assert advice["database"].startswith("PostgreSQL ")
    assert advice["valkey"].startswith("Valkey ")
    assert advice["rates"] == "Not checked: Valkey does not respond"
    assert "hidden" not in str(advice)


def test_one_server_is_checked_without_the_other(operator: Operator) -> None:
    operator.lose_valkey()

    assert list(failed_checks(operator, ok=False)) == VALKEY_CHECKS


def test_the_doctor_without_an_instance_explains_how_to_start_one(tmp_path: Path) -> None:
    done = invoke("doctor", "--json", data_dir=tmp_path)

    assert done.exit_code == 1
    document: dict[str, Any] = msgspec.json.decode(done.stdout)
    assert not document["ok"]
    (check,) = document["checks"]
    assert (check["name"], check["ok"]) == ("settings", False)
    assert check["advice"].startswith(f"There is no instance in {tmp_path}: start one with ")
    for_people = invoke("doctor", data_dir=tmp_path)
    assert for_people.exit_code == 1
    assert "swapgate up" in for_people.stdout


def test_invalid_settings_are_reported(operator: Operator) -> None:
    changes: tuple[tuple[str, object, str], ...] = (
        ("adminDatabaseUrl", "hidden", "SWAPGATE_DATABASE_URL"),
        ("valkeyUrls", dict.fromkeys(ValkeyUser, "hidden"), "SWAPGATE_VALKEY_URL"),
    )
    for name, value, setting in changes:
        change_instance(operator, **{name: value})
        document = msgspec.json.decode(operator.run("doctor", "--json").stdout)
        (check,) = document["checks"]
        assert check["advice"].startswith(f"{setting} cannot be used: ")
        assert "hidden" not in check["advice"]


async def test_a_server_that_does_not_respond_in_time_is_not_checked_further() -> None:
    started = []

    async def slow() -> str | None:
        started.append("slow")
        await asyncio.sleep(60)
        return None

    async def never() -> str | None:
        started.append("never")
        return None

    probes: list[tuple[str, Probe]] = [("slow", slow), ("next", never)]
    checks = await run_checks(CheckGroup("A server", DomainError, probes), seconds=0.05)
    assert started == ["slow"]
    assert [check.ok for check in checks] == [False, False]
    assert checks[0].advice == "A server does not respond in time: see its load and its log"
    assert checks[1].advice == "Not checked: A server does not respond"
