"""Addresses of orders that were never paid are reused where that is allowed and safe."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from bip_utils import Bip44, Bip44Coins

from feeds.settlement.chains.interface import NodeUnavailable, ProofUnavailable
from tests.conftest import DatabaseUrls, Servers
from tests.support.chains.reuse_world import AMOUNT, NETWORK, WHY, ReuseWorld
from tests.support.chains.world import SEED
from tests.support.clients.operator_command import new_operator


@pytest.fixture
def world(database_urls: DatabaseUrls, servers: Servers, tmp_path: Path) -> ReuseWorld:
    return ReuseWorld(new_operator(database_urls, servers, tmp_path, sandbox=False))


def test_reuse_is_off_until_an_operator_allows_it_with_a_reason(world: ReuseWorld) -> None:
    order = world.unpaid_order()
    assert world.operator.json("pay-in", "reuse", "ethereum") == {
        "network": NETWORK,
        "reuse": False,
    }
    assert world.reuse() == 0
    assert world.allow() == {"network": NETWORK, "reuse": True}
    (action, *_) = world.operator.json("audit", "list")
    assert (action["action"], action["reason"]) == ("pay-in reuse", WHY[1])
    assert (action["before"]["reuse"], action["after"]["reuse"]) == (False, True)
    assert world.operator.json("pay-in", "list")[0]["reuse"] is True
    assert world.reuse() == 1
    assert world.holder(world.address(order)) is None
    assert world.differences() == {}


def test_reuse_is_not_allowed_where_nobody_can_prove_an_address_unused(world: ReuseWorld) -> None:
    world.operator.sql(
        "INSERT INTO pay_in_accounts (network, kind, public_key) VALUES"
        " ('XRP Ledger', 'one-address', 'r'), ('Litecoin', 'bip84', 'zpub')"
    )
    problems = {"XRP Ledger": "share one address", "Litecoin": "not connected to nodes"}
    for network, problem in problems.items():
        assert problem in world.operator.error("pay-in", "reuse", network, "on", *WHY)
        assert world.operator.json("pay-in", "reuse", network)["reuse"] is False


def test_an_address_is_free_again_90_days_after_its_order_ended(world: ReuseWorld) -> None:
    order = world.order()
    world.allow()
    assert world.reuse() == 0
    for days, released in ((0.1, 0), (89.9, 0), (90.1, 1)):
        world.end(order, days=days)
        assert world.reuse() == released
    second = world.order()
    assert (world.address(order), world.holder(world.address(order))) == (
        world.address(second),
        second,
    )


SEEN = {
    "a dropped deposit": (
        "INSERT INTO deposits (order_id, tx_id, position, amount, seen_at, late, dropped)"
        " VALUES (%(order)s, 'dropped', 0, 1, now(), false, true)"
    ),
    "dust": (
        "INSERT INTO unclaimed_deposits (network, tx_id, address, asset, amount, order_id)"
        " VALUES ('Ethereum', 'dust', %(address)s, 'eth', 1e-8, %(order)s)"
    ),
    "a requested credit": (
        "INSERT INTO deposit_credits (id, network, tx_id, address, asset, order_id, reason,"
        " requested_by, requested_at) VALUES (gen_random_uuid(), 'Ethereum', 'requested',"
        " %(address)s, 'eth', %(order)s, 'ticket', 'ada', now())"
    ),
    "a refund": "UPDATE orders SET state = 'refunded' WHERE id = %(order)s",
    "an order on hold": (
        "UPDATE orders SET state = 'held', emergency = '{EXPIRED}' WHERE id = %(order)s"
    ),
    "a payout": "UPDATE orders SET state = 'completed' WHERE id = %(order)s",
    "no end": "UPDATE orders SET finished_at = NULL WHERE id = %(order)s",
    "a recent expiry": (
        "UPDATE orders SET expires_at = now() - interval '10 days' WHERE id = %(order)s"
    ),
    "a memo": "UPDATE pay_in_addresses SET tag = '7' WHERE order_id = %(order)s",
    "another account": (
        "UPDATE pay_in_addresses SET derivation_index = 77 WHERE order_id = %(order)s"
    ),
}


def test_an_address_that_may_have_been_paid_to_or_is_shared_is_not_reused(
    world: ReuseWorld,
) -> None:
    world.allow()
    orders = []
    for statement in SEEN.values():
        world.add_address()
        orders.append(world.unpaid_order())
        keys = {"order": orders[-1], "address": world.address(orders[-1])}
        with psycopg.connect(world.operator.urls.owner) as connection:
            connection.execute(statement.encode(), keys)
    sound = world.unpaid_order()
    assert world.reuse() == 1
    assert world.holder(world.address(sound)) is None
    assert [world.holder(world.address(one)) for one in orders] == orders


def test_an_address_is_reused_only_if_both_nodes_prove_it_unused(world: ReuseWorld) -> None:
    world.add_address()
    paid, unpaid = world.unpaid_order(), world.unpaid_order()
    world.allow()
    for failure in (ProofUnavailable("no index"), NodeUnavailable("no response")):
        world.nodes.failure = failure
        assert world.reuse() == 0
    world.nodes.failure = None
    world.nodes.used = {world.address(paid)}
    assert world.reuse() == 1
    assert world.holder(world.address(paid)) == paid
    assert world.holder(world.address(unpaid)) is None


def test_addresses_of_an_account_before_the_present_one_are_not_reused(world: ReuseWorld) -> None:
    world.unpaid_order()
    account = Bip44.FromSeed(SEED, Bip44Coins.ETHEREUM).Purpose().Coin().Account(1)
    world.operator.json("pay-in", "set", NETWORK, str(account.PublicKey().ToExtended()))
    world.allow()
    assert world.reuse() == 0
    assert world.nodes.asked == []


def test_another_account_takes_over_no_address_that_is_free_again(world: ReuseWorld) -> None:
    order = world.unpaid_order()
    world.allow()
    assert world.reuse() == 1
    account = Bip44.FromSeed(SEED, Bip44Coins.ETHEREUM).Purpose().Coin().Account(1)
    world.operator.json("pay-in", "set", NETWORK, str(account.PublicKey().ToExtended()))
    assert world.operator.json("pay-in", "reuse", NETWORK)["reuse"] is False
    assert world.holder(world.address(order)) == order


def test_orders_get_their_addresses_back_when_reuse_is_stopped(world: ReuseWorld) -> None:
    order = world.unpaid_order()
    world.allow()
    assert world.reuse() == 1
    world.allow("off")
    assert world.holder(world.address(order)) == order
    assert world.reuse() == 0
    assert world.differences() == {}


def test_two_settlement_processes_set_an_address_free_once(world: ReuseWorld) -> None:
    world.unpaid_order()
    world.allow()
    assert world.reuse(processes=2) == 1
    assert world.operator.sql("SELECT count(*) FROM pay_in_releases") == [(1,)]


def test_a_payment_to_a_free_address_is_its_last_orders(world: ReuseWorld) -> None:
    order = world.unpaid_order()
    world.allow()
    assert world.reuse() == 1
    tx_id = world.pay(world.address(order), AMOUNT)
    assert world.holder(world.address(order)) == order
    assert world.deposits(order) == [(tx_id, "0.25", False)]
    assert world.reuse() == 0
    assert world.differences() == {}


def test_the_order_that_got_the_address_is_paid_with_exactly_its_amount(world: ReuseWorld) -> None:
    first, second = world.reused()
    tx_id = world.pay(world.address(second), 2 * AMOUNT)
    assert (world.state(second), world.deposits(second)) == ("confirming", [(tx_id, "0.5", False)])
    assert world.deposits(first) == []
    assert world.operator.json("deposit", "list") == []
    world.pay(world.address(second), 2 * AMOUNT, tx_id=tx_id)
    assert len(world.deposits(second)) == 1


def test_a_late_payment_for_the_first_order_is_credited_to_nobody_and_listed_with_both_orders(
    world: ReuseWorld,
) -> None:
    first, second = world.reused()
    tx_id = world.pay(world.address(first), AMOUNT)
    assert (world.state(second), world.deposits(second)) == ("awaiting_deposit", [])
    assert world.deposits(first) == []
    (listed,) = world.operator.json("deposit", "list")
    assert (listed["txId"], listed["kind"]) == (tx_id, "reused address")
    assert (listed["orderId"], listed["earlierOrders"]) == (second, [first])
    assert listed["next"].startswith(f"swapgate deposit refund {tx_id} ")
    # It stays with the operator, and the second order is still paid by its own customer.
    own = world.pay(world.address(second), 2 * AMOUNT)
    assert [row[0] for row in world.deposits(second)] == [own]
    world.pay(world.address(first), AMOUNT, tx_id=tx_id)
    assert [row[0] for row in world.deposits(second)] == [own]
    assert world.differences() == {}


def test_a_payment_from_before_the_second_order_is_for_the_operator(world: ReuseWorld) -> None:
    _, second = world.reused()
    before = datetime.now(UTC) - timedelta(hours=1)
    world.pay(world.address(second), 2 * AMOUNT, since=before)
    assert (world.state(second), world.deposits(second)) == ("awaiting_deposit", [])
    world.pay(world.address(second), 2 * AMOUNT, since=datetime.now(UTC))
    assert world.state(second) == "confirming"


def test_an_amount_that_both_orders_were_to_receive_is_for_the_operator(world: ReuseWorld) -> None:
    _, second = world.reused(amount=AMOUNT)
    world.pay(world.address(second), AMOUNT)
    assert (world.state(second), world.deposits(second)) == ("awaiting_deposit", [])
    assert world.operator.json("deposit", "list")[0]["kind"] == "reused address"


def test_a_payment_to_a_saved_address_after_the_second_order_is_for_the_operator(
    world: ReuseWorld,
) -> None:
    _, second = world.reused()
    for state in ("expired", "cancelled", "paying_out", "completed"):
        world.end(second, days=1, state=state)
        world.pay(world.address(second), 2 * AMOUNT)
        assert world.deposits(second) == []
    listed = world.operator.json("deposit", "list")
    assert [one["kind"] for one in listed] == ["reused address"] * 4


def test_what_was_once_for_the_operator_is_never_credited_later(world: ReuseWorld) -> None:
    _, second = world.reused()
    world.end(second, days=1)
    tx_id = world.pay(world.address(second), 2 * AMOUNT)
    world.operator.sql(
        "UPDATE orders SET state = 'awaiting_deposit', expires_at = now() + interval '1 hour',"
        " finished_at = NULL WHERE id = %s",
        second,
    )
    world.pay(world.address(second), 2 * AMOUNT, tx_id=tx_id)
    assert world.deposits(second) == []


def test_a_deleted_order_is_watched_and_reused_like_others(world: ReuseWorld) -> None:
    order = world.unpaid_order(days=80)
    world.operator.sql("UPDATE orders SET deleted_at = now()")
    world.allow()
    assert world.reuse() == 0
    world.end(order, days=91)
    assert world.reuse() == 1
    tx_id = world.pay(world.address(order), AMOUNT)
    assert world.deposits(order) == [(tx_id, "0.25", False)]


def test_an_address_is_reused_again_after_its_second_order(world: ReuseWorld) -> None:
    first, second = world.reused()
    world.end(first, days=300)
    world.end(second, days=91)
    assert world.reuse() == 1
    third = world.order(3 * AMOUNT)
    assert world.address(third) == world.address(first)
    world.pay(world.address(third), 2 * AMOUNT)
    (listed,) = world.operator.json("deposit", "list")
    assert (listed["orderId"], listed["earlierOrders"]) == (third, [second, first])
    assert world.differences() == {}


def test_a_restored_backup_credits_payments_for_lost_orders_to_nobody(world: ReuseWorld) -> None:
    """The backup was made while the address was free: the order that got it since is lost."""
    first = world.unpaid_order()
    world.allow()
    assert world.reuse() == 1
    third = world.order(3 * AMOUNT)
    world.pay(world.address(first), 2 * AMOUNT)
    assert world.deposits(third) == []
    assert world.operator.json("deposit", "list")[0]["kind"] == "reused address"


def test_a_deposit_is_not_recorded_for_an_order_that_has_just_lost_its_address(
    world: ReuseWorld,
) -> None:
    """Settlement has read the order's address before another process took it."""
    first, _ = world.reused()
    with pytest.raises(Exception, match="was released"):
        world.operator.sql(
            "INSERT INTO deposits (order_id, tx_id, position, amount, seen_at, late)"
            " VALUES (%s, 'tx', 0, 1, now(), false)",
            first,
        )
    with pytest.raises(Exception, match="was released"):
        world.operator.sql(
            "INSERT INTO unclaimed_deposits (network, tx_id, address, asset, amount, order_id)"
            " VALUES ('Ethereum', 'tx', 'address', 'eth', 1, %s)",
            first,
        )


def test_reconcile_reports_an_address_of_two_open_orders(world: ReuseWorld) -> None:
    first, second = world.reused()
    world.operator.sql(
        "UPDATE orders SET state = 'awaiting_deposit', finished_at = NULL,"
        " expires_at = now() + interval '1 hour' WHERE id = %s",
        first,
    )
    found = world.differences()
    assert set(found["open orders of a pay-in address"].split()) == {first, second}
    assert found["watch period of an order's address"] == f"given to {second}"
