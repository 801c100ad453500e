"""The doctor reports what is wrong and what to do, within a time limit."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import msgspec
import psycopg
import pytest
from prometheus_client import CollectorRegistry, Counter, start_http_server
from valkey import Valkey

from cabinet_htmx import installation
from cabinet_htmx.shared.assets import STATIC
from domain.actions.operator.doctor.checks import (
    Check,
    CheckGroup,
    run_checks,
)
from domain.actions.operator.doctor.pages import PagesHealth, page_checks
from domain.errors import DomainError
from feeds.rates.health import SourcesHealth, VenueHealth, encode_health
from gateway.instance import Role, settings_for
from gateway.runtime.clock import SystemClock, new_id
from gateway.wiring.operator.doctor import check_groups, serves_metrics
from gateway.wiring.operator.ports import OperatorPorts
from persistence.valkey.rates import SOURCES
from tests.conftest import DatabaseUrls, Servers, free_port
from tests.support.clients.operator_command import Operator
from tests.support.clients.operator_doctor import (
    ALL_CHECKS,
    POSTGRES_CHECKS,
    change_instance,
    failed_checks,
    healthy_operator,
)


@pytest.fixture
def operator(database_urls: DatabaseUrls, servers: Servers, tmp_path: Path) -> Operator:
    return healthy_operator(database_urls, servers, tmp_path)


def test_missing_files_of_pages_are_named(
    operator: Operator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for file in STATIC.rglob("*"):
        if file.is_file() and file.name != "htmx.min.js":
            copy = tmp_path / "static" / file.relative_to(STATIC)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes())
    monkeypatch.setattr(installation, "STATIC", tmp_path / "static")
    assert "vendor/htmx.min.js missing" in failed_checks(operator, ok=False)["assets"]


@contextmanager
def temporarily(operator: Operator, statement: str, undo: str) -> Iterator[None]:
    """Run a statement as the superuser, and undo it afterwards."""
    with psycopg.connect(operator.urls.superuser, autocommit=True) as connection:
        connection.execute(statement.encode())
        try:
            yield
        finally:
            connection.execute(undo.encode())


def test_every_check_of_a_healthy_installation_passes(operator: Operator) -> None:
    assert failed_checks(operator, ok=True) == {}

    done = operator.run("doctor")
    assert done.exit_code == 0
    assert all(name in done.stdout for name in ALL_CHECKS)


def test_a_missing_migration_is_named(operator: Operator) -> None:
    operator.sql("DELETE FROM _yoyo_migration WHERE migration_id = '0006-webhooks'")

    assert failed_checks(operator, ok=False) == {
        "migrations": "Run `swapgate migrate`: 0006-webhooks is not applied"
    }


def test_an_empty_database_needs_migrations(operator: Operator, servers: Servers) -> None:
    name = f"empty_{uuid4().hex}"
    servers.postgres.create_database(name)
    try:
        url = servers.postgres.url(user="swapgate_admin", database=name)
        change_instance(operator, adminDatabaseUrl=url)

        advice = failed_checks(operator, ok=False)
        assert "migrate" in advice["migrations"]
        assert set(advice) <= set(POSTGRES_CHECKS)
    finally:
        servers.postgres.drop_database(name)


@pytest.mark.parametrize(
    ("statement", "undo", "advice"),
    [
        (
            "GRANT UPDATE ON orders TO swapgate_gateway",
            "REVOKE UPDATE ON orders FROM swapgate_gateway",
            "The database role swapgate_gateway may UPDATE orders.",
        ),
        (
            "REVOKE UPDATE (state) ON orders FROM swapgate_settlement",
            "GRANT UPDATE (state) ON orders TO swapgate_settlement",
            "Restore the right: GRANT UPDATE (state) ON orders TO swapgate_settlement",
        ),
        (
            "ALTER ROLE swapgate_gateway SUPERUSER",
            "ALTER ROLE swapgate_gateway NOSUPERUSER",
            "The database role swapgate_gateway is a superuser. Revoke the right: ALTER ROLE swap",
        ),
        (
            "ALTER ROLE swapgate_settlement RENAME TO swapgate_somebody",
            "ALTER ROLE swapgate_somebody RENAME TO swapgate_settlement",
            "Run `swapgate migrate`, which creates the missing role swapgate_settlement",
        ),
    ],
)
def test_roles_with_too_many_or_too_few_rights_are_reported(
    operator: Operator, statement: str, undo: str, advice: str
) -> None:
    with temporarily(operator, statement, undo):
        failed = failed_checks(operator, ok=False)
        assert list(failed) == ["roles"]
        assert failed["roles"].startswith(advice)


def test_a_key_ring_that_does_not_decrypt_every_secret_is_reported(operator: Operator) -> None:
    operator.write_keyring(b"1" * 32)
    email = operator.json("partner", "list")[0]["email"]

    assert failed_checks(operator, ok=False) == {
        "keyring": f"Restore the key ring that encrypted the secrets of {email}: "
        "without it they cannot sign"
    }
    operator.partner()
    assert "@example.org and 1 more: " in failed_checks(operator, ok=False)["keyring"]


def test_a_missing_key_ring_and_one_that_others_can_read_are_reported(operator: Operator) -> None:
    path = operator.data_dir / "keyring.json"
    path.chmod(0o644)
    assert "run `chmod 600`" in failed_checks(operator, ok=False)["keyring"]
    path.unlink()
    advice = failed_checks(operator, ok=False)
    assert list(advice) == ["keyring"]
    assert advice["keyring"].startswith("The key ring ")


def test_networks_with_few_free_addresses_are_named(operator: Operator) -> None:
    operator.sql("DELETE FROM pay_in_addresses WHERE network IN ('Tron', 'Dash')")
    assert failed_checks(operator, ok=False)["addresses"].startswith(
        "Pay-in addresses run out on Dash, Tron: "
    )

    operator.sql("UPDATE assets SET enabled = false WHERE network = 'Tron'")
    assert "on Dash:" in failed_checks(operator, ok=False)["addresses"]


def test_an_imported_pool_that_lasts_less_than_a_week_is_named_with_its_rate(
    operator: Operator,
) -> None:
    operator.order(id=new_id())
    operator.sql(
        "INSERT INTO pay_in_accounts (network, kind, public_key, next_index)"
        " VALUES ('Bitcoin', 'imported', '', 100)"
        " ON CONFLICT (network) DO UPDATE SET kind = 'imported'"
    )
    advice = failed_checks(operator, ok=False)["addresses"]
    (free,) = operator.sql(
        "SELECT count(*) FROM pay_in_addresses WHERE network = 'Bitcoin' AND order_id IS NULL"
    )[0]
    assert f"Bitcoin (1 addresses per day, {free}.0 days left)" in advice
    assert "pay-in import" in advice
    operator.sql(
        "INSERT INTO pay_in_addresses (network, address, derivation_index)"
        " SELECT 'Bitcoin', 'more ' || n, n FROM generate_series(100, 102) AS n"
    )
    assert failed_checks(operator, ok=True) == {}


EVENT = """
INSERT INTO webhook_events
  (id, partner_id, position, type, dedup_key, body, status, due_at, leased_until, created_at)
SELECT first_id_at(now()), id, 1, 'partner.paid_out', 'key', '', %s, %s, %s, now()
FROM partners WHERE id IN (SELECT partner_id FROM api_keys)
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
def test_undelivered_webhooks_are_reported(
    operator: Operator, status: str, due: int, leased: int | None, *, stuck: bool
) -> None:
    def moment(seconds: int | None) -> datetime | None:
        return None if seconds is None else datetime.now(UTC) + timedelta(seconds=seconds)

    operator.sql(EVENT, status, moment(due), moment(leased))
    advice = failed_checks(operator, ok=not stuck)
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
def test_chains_that_do_not_advance_are_reported(
    operator: Operator, alarm: str | None, seconds_ago: int, advice: str | None, *, halted: bool
) -> None:
    operator.sql(
        "INSERT INTO chains (network, height, alarm, halted, checked_at)"
        " VALUES ('Litecoin', 7, %s, %s, now() - %s * interval '1 second')",
        *(alarm, halted, seconds_ago),
    )
    advice_by_check = failed_checks(operator, ok=advice is None)
    assert list(advice_by_check) == (["chains"] if advice else [])
    assert advice is None or advice_by_check["chains"].startswith(advice)
    if halted:
        assert operator.json("chain", "resume", "litecoin") == {
            "network": "Litecoin",
            "halted": False,
        }
        assert failed_checks(operator, ok=True) == {}


def test_webhooks_behind_an_open_circuit_breaker_are_not_late(operator: Operator) -> None:
    late = datetime.now(UTC) - timedelta(seconds=90)
    operator.sql(EVENT, "pending", late, None)
    operator.sql(
        "INSERT INTO webhook_circuit_breakers (partner_id, concurrency, window_started_at,"
        " attempts, failures, opened_at, half_open_at)"
        " SELECT partner_id, 4, now(), 5, 5, now(), now() FROM api_keys"
    )
    assert failed_checks(operator, ok=True) == {}


def test_a_valkey_that_evicts_is_reported(operator: Operator) -> None:
    with Valkey.from_url(operator.valkey_url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        try:
            assert list(failed_checks(operator, ok=False)) == ["valkey-memory"]
        finally:
            client.config_set("maxmemory-policy", "noeviction")


def test_missing_and_stale_rates_are_reported(operator: Operator) -> None:
    with Valkey.from_url(operator.valkey_url) as client:
        client.flushdb()
    assert failed_checks(operator, ok=False) == {
        "rates": "Start `swapgate rates`: there are no rates"
    }

    operator.publish_rates(age=100)
    assert failed_checks(operator, ok=False) == {
        "rates": "Start `swapgate rates`: the newest are 100 s old"
    }


@pytest.mark.parametrize(("age", "is_recent"), [(5, True), (100, False)])
def test_exchanges_that_fail_and_coins_without_sources_are_named(
    operator: Operator, age: float, is_recent: bool
) -> None:
    venues = [
        VenueHealth(name, markets=3, books=3, streaming=True, age=0.2, error=error)
        for name, error in (("kraken", None), ("okx", "RequestTimeout: okx GET"))
    ]
    health = SourcesHealth(at=time.time() - age, venues=venues, withdrawn=["DASH", "XMR"])
    advice = (
        "See the log of `swapgate rates`: these exchanges fail: okx (RequestTimeout: okx GET); "
        "too few sources agree on these coins: DASH, XMR"
    )
    with Valkey.from_url(operator.valkey_url) as client:
        client.set(SOURCES, encode_health(health))
        try:
            assert failed_checks(operator, ok=not is_recent) == (
                {"rate-sources": advice} if is_recent else {}
            )
        finally:
            client.delete(SOURCES)


class FastClock(SystemClock):
    """A clock that is three seconds fast."""

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=3)


def test_clocks_that_differ_are_reported(operator: Operator) -> None:
    async def clock_checks() -> list[Check]:
        settings = settings_for(Role.ADMIN, data_dir=operator.data_dir, environment={})
        ports = OperatorPorts(settings)
        ports.clock = FastClock()
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


def test_an_endpoint_that_responded_410_is_reported_without_failing(operator: Operator) -> None:
    for name in ("one", "two"):
        operator.partner(email=f"{name}@wallet.example", webhook_url="https://wallet.example/")
    operator.sql("UPDATE partners SET webhook_gone_at = now() WHERE webhook_url IS NOT NULL")
    assert failed_checks(operator, ok=True) == {}
    checks = operator.json("doctor")["checks"]
    (check,) = [check for check in checks if check["advice"]]
    assert check["name"] == "endpoints"
    assert "@wallet.example and 1 more answered 410" in check["advice"]
    operator.sql("UPDATE partners SET webhook_url = 'https://wallet.example/new'")
    assert all(check["advice"] == "" for check in operator.json("doctor")["checks"])


def pages_of(**changes: object) -> PagesHealth:
    async def serves_metrics(origin: str) -> bool:
        await asyncio.sleep(0)
        return origin == "https://leaky.example"

    healthy = PagesHealth(
        sandbox=False,
        origins=["https://swap.example"],
        metrics_on_port=False,
        serves_metrics=serves_metrics,
        missing_files=list,
    )
    return msgspec.structs.replace(healthy, **changes)


@pytest.mark.parametrize(
    ("changes", "check", "advice"),
    [
        ({"metrics_on_port": True}, "public-metrics", "Unset SWAPGATE_METRICS_ON_PORT"),
        (
            {"origins": ["https://swap.example", "https://leaky.example"]},
            "public-metrics",
            "https://leaky.example/metrics can be read by anybody",
        ),
        ({"origins": []}, "public-origins", "Set SWAPGATE_PUBLIC_URL"),
    ],
)
async def test_public_metrics_and_missing_public_addresses_are_reported_outside_the_sandbox(
    changes: dict[str, object], check: str, advice: str
) -> None:
    async def found(health: PagesHealth) -> dict[str, str]:
        checks = await run_checks(CheckGroup("pages", OSError, page_checks(health)))
        return {one.name: one.advice for one in checks if one.advice}

    assert await found(pages_of()) == {}
    assert await found(pages_of(sandbox=True, **changes)) == {}
    advices = await found(pages_of(**changes))
    assert advices.keys() == {check}
    assert advices[check].startswith(advice)


def test_a_public_address_that_serves_metrics_is_recognized() -> None:
    registry = CollectorRegistry()
    Counter("swapgate_calls", "Calls.", registry=registry)
    port = free_port()
    server, thread = start_http_server(port, addr="127.0.0.1", registry=registry)
    try:
        assert serves_metrics(f"http://127.0.0.1:{port}")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert not serves_metrics(f"http://127.0.0.1:{port}")
