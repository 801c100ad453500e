"""A restored database issues no pay-in address twice, and settlement does not run on it."""

from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
from valkey import Valkey

from domain.actions.operator.settlement.restored import SAFETY_GAP
from domain.chains.addresses import canonical
from tests.conftest import DatabaseUrls, Servers
from tests.support.clients.operator_command import new_operator
from tests.support.servers.dumps import dump, restore
from tests.support.servers.restored import NETWORK, WHY, Installation, urls_of
from tests.support.waiting import wait_until

BEFORE, AFTER = 3, 4
"""Orders before the backup and after it."""
START_SECONDS = 120
"""A process starts in two seconds, and in far more on a busy machine."""
CUSTOMER = "0x52908400098527886E0F7030069857D2E4169EE7"


@pytest.fixture
def installation(database_urls: DatabaseUrls, servers: Servers, tmp_path: Path) -> Installation:
    return Installation(new_operator(database_urls, servers, tmp_path, sandbox=False))


def to_another_database(
    installation: Installation, servers: Servers, backup: Path, more: Callable[[], set[str]]
) -> set[str]:
    dump(installation.operator.urls.owner, backup)
    issued = more()
    name = f"test_{uuid4().hex}"
    servers.postgres.create_database(name)
    restore(servers.postgres, backup, database=name)
    installation.use(urls_of(servers.postgres, name))
    return issued


def to_the_same_database(
    installation: Installation, servers: Servers, backup: Path, more: Callable[[], set[str]]
) -> set[str]:
    dump(installation.operator.urls.owner, backup)
    issued = more()
    name = installation.operator.urls.owner.partition("?")[0].rpartition("/")[2]
    restore(servers.postgres, backup, database=name, clean=True)
    return issued


def from_a_copy(
    installation: Installation, servers: Servers, _: Path, more: Callable[[], set[str]]
) -> set[str]:
    name = f"test_{uuid4().hex}"
    original = installation.operator.urls.owner.partition("?")[0].rpartition("/")[2]
    servers.postgres.create_database(name, template=original)
    issued = more()
    installation.use(urls_of(servers.postgres, name))
    return issued


@pytest.mark.parametrize(
    ("form", "valkey_is_lost"),
    [
        pytest.param(to_another_database, False, id="another database"),
        pytest.param(to_another_database, True, id="another database and an empty Valkey"),
        pytest.param(to_the_same_database, False, id="the same database"),
        pytest.param(from_a_copy, False, id="a copy"),
    ],
)
def test_a_restore_issues_no_address_twice(
    installation: Installation,
    servers: Servers,
    tmp_path: Path,
    form: Callable[..., set[str]],
    valkey_is_lost: bool,
) -> None:
    installation.settle()
    before = installation.create(BEFORE)

    def more() -> set[str]:
        issued = installation.create(AFTER)
        installation.settle()
        return issued | installation.create(AFTER)

    after = form(installation, servers, tmp_path / "backup", more)
    if valkey_is_lost:
        with Valkey.from_url(installation.operator.valkey_url) as client:
            client.flushdb()

    assert installation.refuses_creates()
    assert "swapgate pay-in restored" in installation.problem()
    assert installation.refuses_creates()
    health = installation.health()
    assert health["ok"] is False
    assert "swapgate pay-in restored" in str(health["advice"])

    installation.deal_with_restore()
    installation.settle()
    again = installation.create(2 * AFTER)
    assert len(before) == BEFORE
    assert len(after) == len(again) == 2 * AFTER
    assert again & (before | after) == set()
    assert installation.health()["ok"] is True


def test_deposits_to_retired_and_skipped_addresses_are_unexpected_and_can_be_refunded(
    installation: Installation, servers: Servers, tmp_path: Path
) -> None:
    installation.settle()
    dump(installation.operator.urls.owner, tmp_path / "backup")
    (of_the_pool,) = installation.create(1)
    installation.use_up_the_pool()
    installation.settle()
    (derived_later,) = installation.create(1)
    name = f"test_{uuid4().hex}"
    servers.postgres.create_database(name)
    restore(servers.postgres, tmp_path / "backup", database=name)
    installation.use(urls_of(servers.postgres, name))
    installation.deal_with_restore()
    installation.settle()

    paid = {installation.pay(one): one for one in (of_the_pool, derived_later)}
    installation.confirm_deposits()
    installation.operator.publish_rates()
    listed = installation.operator.json("deposit", "list")
    assert {one["txId"]: one["payInAddress"] for one in listed} == paid
    for one in listed:
        assert (one["kind"], one["orderId"], one["confirmed"]) == ("retired address", None, True)
        proposal = installation.operator.json(
            *("deposit", "refund", one["txId"], "--to", CUSTOMER, *WHY)
        )
        assert proposal["kind"] == "refund_deposit"
    assert [one["proposal"] is None for one in installation.operator.json("deposit", "list")] == [
        False,
        False,
    ]
    problem = installation.operator.error(
        *("deposit", "refund", listed[0]["txId"], "--to", of_the_pool, *WHY)
    )
    assert "pay-in address or a hot wallet of this installation" in problem
    assert installation.differences() == []


def test_a_retired_address_is_not_added_to_the_pool_again(installation: Installation) -> None:
    installation.settle()
    free = installation.free_addresses()
    assert len(free) > BEFORE
    installation.deal_with_restore()
    assert installation.free_addresses() == set()
    installation.derive_from_the_start()
    assert installation.free_addresses() == set()
    installation.settle()
    assert installation.free_addresses() & free == set()


def test_the_command_shows_what_it_will_do_and_is_audited(installation: Installation) -> None:
    installation.settle()
    installation.create(BEFORE)
    installation.settle()
    free, index = len(installation.free_addresses()), installation.next_index()
    shown = installation.operator.json("pay-in", "restored", "--dry-run")
    assert (shown["accepted"], shown["problem"], shown["hasMarker"]) == (False, None, True)
    expected = {
        "network": NETWORK,
        "kind": "bip44",
        "retired": free,
        "nextIndex": index,
        "knownNextIndex": index,
        "newNextIndex": index + SAFETY_GAP,
    }
    assert shown["networks"] == [expected]
    assert (len(installation.free_addresses()), installation.next_index()) == (free, index)

    known = {"knownNextIndex": 9_000, "newNextIndex": 9_000 + SAFETY_GAP}
    done = installation.deal_with_restore("--next-index", "ethereum=9000")
    assert done == {NETWORK: expected | known}
    assert installation.next_index() == 9_000 + SAFETY_GAP
    (action, *_) = installation.operator.json("audit", "list")
    assert (action["action"], action["reason"]) == ("pay-in restored", WHY[1])
    assert action["before"]["networks"][0]["next_index"] == index
    assert action["after"]["networks"][0]["next_index"] == 9_000 + SAFETY_GAP
    assert installation.operator.json("outflow", "show")["enabled"] is False


def test_the_command_rejects_what_it_cannot_do(installation: Installation) -> None:
    installation.settle()
    for arguments, problem in {
        (): "State why, with `--reason`",
        ("--next-index", "Ethereum", *WHY): "not of the form NETWORK=N",
        ("--next-index", "Litecoin=7", *WHY): "no pay-in account",
        ("--next-index", f"Ethereum={2**40}", *WHY): "A next index is below",
        ("--complete", "--dry-run", *WHY): "--complete changes no address",
    }.items():
        assert problem in installation.operator.error("pay-in", "restored", *arguments), arguments
    assert installation.health()["ok"] is True


def test_a_database_that_was_moved_completely_is_accepted_as_it_is(
    installation: Installation, servers: Servers, tmp_path: Path
) -> None:
    installation.settle()
    installation.create(BEFORE)
    installation.settle()
    from_a_copy(installation, servers, tmp_path, set)
    free = installation.free_addresses()
    assert "swapgate pay-in restored" in installation.problem()
    installation.operator.json("pay-in", "restored", "--complete", *WHY)
    installation.settle()
    assert installation.free_addresses() >= free
    assert installation.operator.json("outflow", "show")["enabled"] is True


def test_a_database_that_lacks_orders_is_not_accepted_as_complete(
    installation: Installation, servers: Servers, tmp_path: Path
) -> None:
    installation.settle()

    def more() -> set[str]:
        issued = installation.create(AFTER)
        installation.settle()
        return issued

    from_a_copy(installation, servers, tmp_path, more)
    problem = installation.operator.error("pay-in", "restored", "--complete", *WHY)
    assert "not complete" in problem
    assert installation.refuses_creates()


def test_addresses_imported_after_the_backup_are_watched_and_never_assigned(
    installation: Installation, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text(CUSTOMER)
    done = installation.operator.json(
        *("pay-in", "import", NETWORK, str(tmp_path / "file"), "--retired", *WHY)
    )
    assert (done["added"], done["knownBefore"]) == (1, 0)
    installation.pay(canonical(NETWORK, CUSTOMER))
    (listed,) = installation.operator.json("deposit", "list")
    assert listed["kind"] == "retired address"
    again = installation.operator.json(
        *("pay-in", "import", NETWORK, str(tmp_path / "file"), "--retired", *WHY)
    )
    assert (again["added"], again["knownBefore"]) == (0, 1)


def test_the_settlement_process_ends_on_a_database_on_hold_or_waits(
    installation: Installation,
) -> None:
    running = installation.start_settlement()
    wait_until(installation.free_addresses, seconds=START_SECONDS)
    installation.operator.sql("SELECT hold_database('a test says so')")
    message = running.communicate(timeout=START_SECONDS)[1]
    assert running.returncode == 1
    assert "a test says so): run `swapgate pay-in restored" in message

    waiting = installation.start_settlement("--wait")
    try:
        installation.deal_with_restore()
        wait_until(installation.free_addresses, seconds=START_SECONDS)
        installation.operator.sql("SELECT hold_database('a test says so')")
        installation.deal_with_restore()
        wait_until(installation.free_addresses, seconds=START_SECONDS)
        assert waiting.poll() is None
    finally:
        waiting.terminate()
        waiting.communicate(timeout=START_SECONDS)
