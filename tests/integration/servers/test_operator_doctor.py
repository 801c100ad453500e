"""The doctor finds what is wrong, says what to do, and never waits long."""

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from valkey import Valkey

from cabinet_htmx import installation
from cabinet_htmx.shared.assets import STATIC
from domain.actions.operator.doctor.chains import MIN_FREE_ADDRESSES
from domain.actions.operator.doctor.checks import (
    TIME_LIMIT_SECONDS,
    Check,
    CheckGroup,
    Probe,
    run_checks,
)
from domain.errors import DomainError
from feeds.rates.health import SourcesHealth, VenueHealth, encode_health
from gateway.runtime.clock import SystemClock
from gateway.settings import Role, settings_for
from gateway.wiring.operator.doctor import check_groups
from gateway.wiring.operator.ports import OperatorPorts
from persistence.valkey.rates import SOURCES
from tests.conftest import DatabaseUrls, Servers
from tests.support.builders.records import add_addresses
from tests.support.clients.operator_command import Operator, invoke, new_operator

OF_POSTGRES = [
    *("database", "database-clock", "migrations", "roles", "keyring", "addresses", "webhooks"),
    "endpoints",
    "chains",
    "connected-assets",
    "outflows",
]
OF_VALKEY = ["valkey", "valkey-memory", "valkey-clock", "rates", "rate-sources"]
NAMES = ["settings", *OF_POSTGRES, *OF_VALKEY, "assets"]


@pytest.fixture
def operator(database_urls: DatabaseUrls, servers: Servers, tmp_path: Path) -> Operator:
    """Return an instance that nothing is wrong with."""
    operator = new_operator(database_urls, servers, tmp_path)
    for (network,) in operator.sql("SELECT name FROM networks"):
        add_addresses(database_urls.owner, MIN_FREE_ADDRESSES, network=network)
    operator.publish_rates()
    operator.partner()
    return operator


def examined(operator: Operator, *, ok: bool) -> dict[str, str]:
    """Return the advice by name of check, of those that are not ok."""
    done = operator.run("doctor", "--json")
    document = msgspec.json.decode(done.stdout)
    assert (done.exit_code, document["ok"]) == ((0, True) if ok else (1, False)), document
    assert [check["name"] for check in document["checks"]] == NAMES
    assert all(set(check) == {"name", "ok", "advice"} for check in document["checks"])
    assert all(check["ok"] or check["advice"] for check in document["checks"])
    return {check["name"]: check["advice"] for check in document["checks"] if not check["ok"]}


def test_missing_files_of_pages_are_named(
    operator: Operator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for file in STATIC.rglob("*"):
        if file.is_file() and file.name != "htmx.min.js":
            copy = tmp_path / "static" / file.relative_to(STATIC)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes())
    monkeypatch.setattr(installation, "STATIC", tmp_path / "static")
    assert "vendor/htmx.min.js missing" in examined(operator, ok=False)["assets"]


def settings_changed(operator: Operator, **changes: str) -> None:
    path = operator.data_dir / "instance.json"
    instance = msgspec.json.decode(path.read_bytes())
    path.write_bytes(msgspec.json.encode({**instance, **changes}))


@contextmanager
def undone(operator: Operator, statement: str, undo: str) -> Iterator[None]:
    operator.sql(statement)
    try:
        yield
    finally:
        operator.sql(undo)


def test_a_sound_installation_is_found_sound(operator: Operator) -> None:
    assert examined(operator, ok=True) == {}

    done = operator.run("doctor")
    assert done.exit_code == 0
    assert all(name in done.stdout for name in NAMES)


def test_a_migration_that_is_missing_is_named(operator: Operator) -> None:
    operator.sql("DELETE FROM _yoyo_migration WHERE migration_id = '0006-webhooks'")

    assert examined(operator, ok=False) == {
        "migrations": "Run `swapgate migrate`: 0006-webhooks is not applied"
    }


def test_an_empty_database_asks_for_migrations(operator: Operator, servers: Servers) -> None:
    name = f"empty_{uuid4().hex}"
    servers.postgres.create_database(name)
    try:
        url = servers.postgres.url(user="swapgate_admin", database=name)
        settings_changed(operator, adminDatabaseUrl=url)

        advice = examined(operator, ok=False)
        assert "migrate" in advice["migrations"]
        assert set(advice) <= set(OF_POSTGRES)
    finally:
        servers.postgres.drop_database(name)


@pytest.mark.parametrize(
    ("statement", "undo", "advice"),
    [
        (
            "GRANT UPDATE ON orders TO swapgate_gateway",
            "REVOKE UPDATE ON orders FROM swapgate_gateway",
            "Revoke the right: REVOKE UPDATE ON orders FROM swapgate_gateway",
        ),
        (
            "REVOKE UPDATE (state) ON orders FROM swapgate_settlement",
            "GRANT UPDATE (state) ON orders TO swapgate_settlement",
            "Restore the right: GRANT UPDATE (state) ON orders TO swapgate_settlement",
        ),
        (
            "ALTER ROLE swapgate_gateway SUPERUSER",
            "ALTER ROLE swapgate_gateway NOSUPERUSER",
            "Revoke the role's rights: ALTER ROLE swapgate_gateway NOSUPERUSER",
        ),
        (
            "ALTER ROLE swapgate_settlement RENAME TO swapgate_somebody",
            "ALTER ROLE swapgate_somebody RENAME TO swapgate_settlement",
            "Run `swapgate migrate`, which creates the missing role swapgate_settlement",
        ),
    ],
)
def test_roles_with_too_many_rights_or_too_few_are_found(
    operator: Operator, statement: str, undo: str, advice: str
) -> None:
    with undone(operator, statement, undo):
        assert examined(operator, ok=False) == {"roles": advice}


def test_a_key_ring_that_opens_too_little_is_found(operator: Operator) -> None:
    operator.write_keyring(b"1" * 32)
    email = operator.json("partner", "list")[0]["email"]

    assert examined(operator, ok=False) == {
        "keyring": f"Restore the key ring that encrypted the secrets of {email}: "
        "without it they cannot sign"
    }
    operator.partner()
    assert "@example.org and 1 more: " in examined(operator, ok=False)["keyring"]


def test_a_key_ring_that_is_gone_is_found(operator: Operator) -> None:
    (operator.data_dir / "keyring.json").unlink()

    advice = examined(operator, ok=False)
    assert list(advice) == ["keyring"]
    assert advice["keyring"].startswith("The key ring ")


def test_networks_that_run_out_of_addresses_are_named(operator: Operator) -> None:
    operator.sql("DELETE FROM pay_in_addresses WHERE network IN ('Tron', 'Dash')")
    assert examined(operator, ok=False)["addresses"].startswith(
        "Pay-in addresses run out on Dash, Tron: "
    )

    operator.sql("UPDATE assets SET enabled = false WHERE network = 'Tron'")
    assert "on Dash:" in examined(operator, ok=False)["addresses"]


EVENT = """
INSERT INTO webhook_events
  (id, partner_id, position, type, dedup_key, body, status, due_at, leased_until, created_at)
SELECT gen_random_uuid(), id, 1, 'partner.paid_out', 'key', '', %s, %s, %s, now()
FROM partners WHERE api_secret_sealed <> ''
"""


@pytest.mark.parametrize(
    ("status", "due", "leased", "stuck"),
    [
        ("pending", -90, None, True),
        ("pending", -30, None, False),
        ("pending", 3600, None, False),
        ("queued", -90, -90, True),
        ("queued", -90, 10, False),
        ("delivered", -90, None, False),
        ("dead", -90, None, False),
    ],
)
def test_webhooks_that_nobody_delivers_are_found(
    operator: Operator, status: str, due: int, leased: int | None, *, stuck: bool
) -> None:
    def moment(seconds: int | None) -> datetime | None:
        return None if seconds is None else datetime.now(UTC) + timedelta(seconds=seconds)

    operator.sql(EVENT, status, moment(due), moment(leased))
    advice = examined(operator, ok=not stuck)
    assert list(advice) == (["webhooks"] if stuck else [])
    assert not stuck or advice["webhooks"].startswith("Start `swapgate webhooks`: ")


@pytest.mark.parametrize(
    ("alarm", "halted", "seconds_ago", "advice"),
    [
        (None, False, 0, None),
        ("node 2 is 9 blocks behind", False, 0, "Check the nodes of Litecoin: node 2 is 9 blocks"),
        ("they differ", True, 0, "Nothing is paid for Litecoin: they differ. Find the node"),
        (None, False, 600, "Start `swapgate settlement`: Litecoin has not been checked since"),
    ],
)
def test_chains_that_are_stuck_are_found(
    operator: Operator, alarm: str | None, seconds_ago: int, advice: str | None, *, halted: bool
) -> None:
    operator.sql(
        "INSERT INTO chains (network, height, alarm, halted, checked_at)"
        " VALUES ('Litecoin', 7, %s, %s, now() - %s * interval '1 second')",
        *(alarm, halted, seconds_ago),
    )
    found = examined(operator, ok=advice is None)
    assert list(found) == (["chains"] if advice else [])
    assert advice is None or found["chains"].startswith(advice)
    if halted:
        assert operator.json("chain", "resume", "litecoin") == {
            "network": "Litecoin",
            "halted": False,
        }
        assert examined(operator, ok=True) == {}


def test_webhooks_that_wait_for_a_dead_endpoint_are_not_late(operator: Operator) -> None:
    late = datetime.now(UTC) - timedelta(seconds=90)
    operator.sql(EVENT, "pending", late, None)
    operator.sql(
        "INSERT INTO webhook_circuit_breakers (partner_id, concurrency, window_started_at,"
        " attempts, failures, opened_at, half_open_at)"
        " SELECT id, 4, now(), 5, 5, now(), now() FROM partners WHERE api_secret_sealed <> ''"
    )
    assert examined(operator, ok=True) == {}


def test_a_valkey_that_forgets_is_found(operator: Operator) -> None:
    with Valkey.from_url(operator.valkey_url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        try:
            assert list(examined(operator, ok=False)) == ["valkey-memory"]
        finally:
            client.config_set("maxmemory-policy", "noeviction")


def test_rates_that_are_missing_or_stale_are_found(operator: Operator) -> None:
    with Valkey.from_url(operator.valkey_url) as client:
        client.flushdb()
    assert examined(operator, ok=False) == {"rates": "Start `swapgate rates`: there are no rates"}

    operator.publish_rates(age=100)
    assert examined(operator, ok=False) == {
        "rates": "Start `swapgate rates`: the newest are 100 s old"
    }


@pytest.mark.parametrize(("age", "found"), [(5, True), (100, False)])
def test_exchanges_that_fail_and_coins_without_sources_are_named(
    operator: Operator, age: float, found: bool
) -> None:
    venues = [
        VenueHealth(name, markets=3, books=3, streaming=True, age=0.2, error=error)
        for name, error in (("kraken", None), ("okx", "RequestTimeout: okx GET"))
    ]
    health = SourcesHealth(at=time.time() - age, venues=venues, withdrawn=["DASH", "XMR"])
    advice = (
        "See the log of `swapgate rates`: these exchanges fail: okx (RequestTimeout: okx GET); "
        "these coins have too few sources: DASH, XMR"
    )
    with Valkey.from_url(operator.valkey_url) as client:
        client.set(SOURCES, encode_health(health))
        try:
            assert examined(operator, ok=not found) == ({"rate-sources": advice} if found else {})
        finally:
            client.delete(SOURCES)


class Fast(SystemClock):
    """A clock that is three seconds fast."""

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=3)


def test_clocks_that_disagree_are_found(operator: Operator) -> None:
    async def clock_checks() -> list[Check]:
        settings = settings_for(Role.ADMIN, data_dir=operator.data_dir, environment={})
        ports = OperatorPorts(settings)
        ports.clock = Fast()
        probes = [one for group in check_groups(ports) for one in group.probes if "clock" in one[0]]
        try:
            return await run_checks(CheckGroup("A server", DomainError, probes))
        finally:
            await ports.close()

    checks = asyncio.run(clock_checks())
    assert len(checks) == 2
    for check in checks:
        assert not check.ok
        assert " clock is -3.0 s off ours" in check.advice


def refusing() -> tuple[str, Callable[[], None]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}", lambda: None


def silent() -> tuple[str, Callable[[], None]]:
    """Return the address of a server that takes connections and never says anything."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(16)
    return f"127.0.0.1:{listener.getsockname()[1]}", listener.close


@pytest.mark.parametrize(
    ("away", "seconds"), [(refusing, TIME_LIMIT_SECONDS), (silent, 4 * TIME_LIMIT_SECONDS)]
)
def test_servers_that_are_away_are_told_of_in_time(
    operator: Operator, away: Callable[[], tuple[str, Callable[[], None]]], seconds: float
) -> None:
    address, close = away()
    settings_changed(
        operator,
        adminDatabaseUrl=f"postgresql://admin:hidden@{address}/swapgate",
        valkeyUrl=f"valkey://:hidden@{address}",
    )
    began = time.monotonic()

    # a refusal isn't waited for, silence for as long as a check may take: more is a busy core's
    advice = examined(operator, ok=False)
    assert time.monotonic() - began < seconds
    close()
    assert list(advice) == [*OF_POSTGRES, *OF_VALKEY]
    assert advice["database"].startswith("PostgreSQL ")
    assert advice["valkey"].startswith("Valkey ")
    assert advice["rates"] == "Not checked: Valkey does not respond"
    assert "hidden" not in str(advice)


def test_one_server_is_examined_without_the_other(operator: Operator) -> None:
    settings_changed(operator, valkeyUrl="valkey://127.0.0.1:1")

    assert list(examined(operator, ok=False)) == OF_VALKEY


def test_without_an_instance_the_doctor_says_how_to_get_one(tmp_path: Path) -> None:
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


def test_settings_that_cannot_be_used_are_found(operator: Operator) -> None:
    for name, setting in (
        ("adminDatabaseUrl", "SWAPGATE_DATABASE_URL"),
        ("valkeyUrl", "SWAPGATE_VALKEY_URL"),
    ):
        settings_changed(operator, **{name: "hidden"})
        document = msgspec.json.decode(operator.run("doctor", "--json").stdout)
        (check,) = document["checks"]
        assert check["advice"].startswith(f"{setting} cannot be used: ")
        assert "hidden" not in check["advice"]


async def test_a_server_that_does_not_respond_in_time_is_not_checked_further() -> None:
    probed = []

    async def slow() -> str | None:
        probed.append("slow")
        await asyncio.sleep(60)
        return None

    async def never() -> str | None:
        probed.append("never")
        return None

    probes: list[tuple[str, Probe]] = [("slow", slow), ("next", never)]
    checks = await run_checks(CheckGroup("A server", DomainError, probes), seconds=0.05)
    assert probed == ["slow"]
    assert [check.ok for check in checks] == [False, False]
    assert checks[0].advice == "A server does not respond in time: see its load and its log"
    assert checks[1].advice == "Not checked: A server does not respond"


def test_an_endpoint_that_is_gone_is_mentioned_and_nothing_is_wrong(operator: Operator) -> None:
    for name in ("one", "two"):
        operator.partner(email=f"{name}@wallet.example", webhook_url="https://wallet.example/")
    operator.sql("UPDATE partners SET webhook_gone_at = now() WHERE webhook_url IS NOT NULL")
    assert examined(operator, ok=True) == {}
    checks = operator.json("doctor")["checks"]
    (mentioned,) = [check for check in checks if check["advice"]]
    assert mentioned["name"] == "endpoints"
    assert "@wallet.example and 1 more answered 410" in mentioned["advice"]
    operator.sql("UPDATE partners SET webhook_url = 'https://wallet.example/new'")
    assert all(check["advice"] == "" for check in operator.json("doctor")["checks"])
