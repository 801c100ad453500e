"""Operators request credits of deposits that no scan detects; settlement records what is proven."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import psycopg
import pytest

from domain.chains.deposit_credits import DepositCredit
from domain.chains.outflows import SourceChainUnreliable
from domain.chains.transfers import ObservedTransfer, Transfer
from domain.errors import Unavailable
from domain.orders.deposits import ObservedDeposit
from feeds.settlement.chains.interface import NodeRejected, NodeUnavailable, ProofUnavailable
from feeds.settlement.deposits.confirmations import DepositConfirmations
from feeds.settlement.deposits.credits import DepositCredits
from feeds.settlement.deposits.deposit_recorder import DepositRecorder
from feeds.settlement.deposits.ports import WatchPorts
from feeds.settlement.deposits.watch import ChainWatch
from feeds.settlement.payouts.checks import PayoutChecks
from persistence.postgres.pool import Database
from tests.conftest import DatabaseUrls, Servers
from tests.support.clients.credit_world import AMOUNT, HEIGHT, NETWORK, PAY_IN, TX, CreditWorld
from tests.support.clients.operator_command import new_operator, with_database

if TYPE_CHECKING:
    from feeds.settlement.payouts.ports import PayoutPorts

REJECTED = "the transaction failed: it moved nothing"


@pytest.fixture
def world(database_urls: DatabaseUrls, servers: Servers, tmp_path: Path) -> CreditWorld:
    return CreditWorld(new_operator(database_urls, servers, tmp_path, sandbox=False))


def test_a_proven_deposit_is_credited_with_the_amount_of_the_proof(world: CreditWorld) -> None:
    assert world.request()["state"] == "pending"
    assert (world.state(), world.deposits()) == ("awaiting_deposit", [])
    decided = world.decide()
    assert (decided["state"], decided["amount"], decided["asset"]) == ("credited", "0.25", "eth")
    assert (decided["orderId"], decided["reason"]) == (world.order_id, "ticket 7")
    assert world.state() == "confirming"
    assert world.deposits() == [(TX, "0.25", False, False, False)]


def test_a_credited_deposit_is_confirmed_and_reconciled_like_others(world: CreditWorld) -> None:
    world.request()
    world.decide()
    assert world.confirm(HEIGHT) is None
    assert world.state() == "confirming"
    world.confirm()
    assert world.deposits() == [(TX, "0.25", True, False, False)]
    assert world.state() == "paying_out"
    assert world.operator.json("reconcile")["differences"] == []


def test_a_credited_deposit_counts_from_the_time_of_its_block(world: CreditWorld) -> None:
    world.nodes.time = datetime.now(UTC) + timedelta(hours=-1)
    world.operator.sql(
        "UPDATE orders SET created_at = now() - interval '2 hours' WHERE id = %s", world.order_id
    )
    world.request()
    world.decide()
    ((seen_at,),) = world.operator.sql("SELECT seen_at FROM deposits")
    assert seen_at == world.nodes.time


def test_an_address_is_found_in_any_case(world: CreditWorld) -> None:
    assert world.request(address=PAY_IN.lower())["payInAddress"] == PAY_IN


def test_a_recorded_deposit_cannot_be_credited_again(world: CreditWorld) -> None:
    world.request()
    world.decide()
    assert "recorded already" in world.rejected_request()
    assert len(world.operator.json("deposit", "credits")) == 1


def test_a_pending_request_is_stored_once(world: CreditWorld) -> None:
    assert [world.request()["state"] for _ in range(2)] == ["pending", "pending"]
    assert len(world.operator.json("deposit", "credits")) == 1
    world.decide()
    assert len(world.deposits()) == 1


def test_a_dropped_deposit_can_be_credited_again(world: CreditWorld) -> None:
    world.request()
    world.decide()
    world.operator.sql("UPDATE deposits SET dropped = true")
    world.request()
    assert world.decide()["state"] == "credited"
    assert world.deposits() == [(TX, "0.25", False, False, False)]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"proven": None, "failed": True}, "the transaction failed"),
        ({"proven": None, "failed": None}, "in no block"),
        ({"proven": None}, "brought nothing to the address"),
        ({"proven": None, "is_known_to_one": True}, "only one of the two nodes"),
        ({"failure": ProofUnavailable("node has no trace")}, "node has no trace"),
        ({"failure": NodeRejected("eth_call", -32000, "wrong")}, "wrong"),
        ({"failure": NodeUnavailable("node does not respond")}, "does not respond"),
    ],
)
def test_what_the_nodes_do_not_prove_is_rejected_with_its_reason(
    world: CreditWorld, changes: dict[str, Any], sentence: str
) -> None:
    for name, value in changes.items():
        setattr(world.nodes, name, value)
    world.request()
    decided = world.decide()
    assert (decided["state"], decided["amount"]) == ("rejected", None)
    assert sentence in decided["rejection"]
    assert (world.state(), world.deposits()) == ("awaiting_deposit", [])
    world.nodes.__init__()  # type: ignore[misc]
    world.request()
    assert world.decide()["state"] == "credited"


def test_a_request_is_in_the_audit_trail_with_what_was_decided_before(world: CreditWorld) -> None:
    world.nodes.failed, world.nodes.proven = True, None
    world.request()
    world.decide()
    world.request()
    action = world.operator.json("audit", "list")[0]
    assert (action["action"], action["subject"]) == ("deposit credit", TX)
    assert action["reason"] == "ticket 7"
    assert [one["rejection"] for one in action["before"]] == [REJECTED]
    assert [one["rejection"] for one in action["after"]] == [None, REJECTED]


def test_a_request_that_fails_delays_no_other(world: CreditWorld) -> None:
    world.request(tx_id="0x" + "00" * 32)
    world.request()
    world.nodes.failing = {"0x" + "00" * 32}
    world.decide()
    states = {one["txId"]: one["state"] for one in world.operator.json("deposit", "credits")}
    assert states == {"0x" + "00" * 32: "rejected", TX: "credited"}


def test_the_alarm_of_a_chain_states_what_cannot_be_proven_and_blocks_are_still_scanned(
    world: CreditWorld,
) -> None:
    world.request()
    world.decide()
    world.nodes.failure = ProofUnavailable("node has no trace")
    world.settle(lambda ports: ChainWatch(ports).round())
    (chain,) = world.operator.json("chain", "list")
    assert (chain["alarm"], chain["halted"]) == ("node has no trace", False)
    assert chain["height"] == HEIGHT
    world.nodes.failure = None
    world.settle(lambda ports: ChainWatch(ports).round())
    assert world.operator.json("chain", "list")[0]["alarm"] is None


def test_a_payout_waits_while_its_deposit_cannot_be_proven(world: CreditWorld) -> None:
    world.request()
    world.decide()

    async def check(ports: WatchPorts) -> bool:
        watch = ChainWatch(ports)
        await watch.round()
        world.nodes.failure = ProofUnavailable("node has no trace")
        stored = await ports.settlement.orders.read(UUID(world.order_id))
        assert stored is not None
        payout = SimpleNamespace(watches={NETWORK: watch}, chains=ports.chains)
        return await PayoutChecks(cast("PayoutPorts", payout)).is_deposit_confirmed(stored.order)

    with pytest.raises(SourceChainUnreliable, match="node has no trace"):
        world.settle(check)


@pytest.mark.parametrize("address", ["0x" + "11" * 20, "nonsense"])
def test_an_address_of_no_order_is_rejected(world: CreditWorld, address: str) -> None:
    assert "pay-in address" in world.rejected_request(address=address)


def test_a_network_without_internal_transfers_is_rejected(world: CreditWorld) -> None:
    order_id = world.operator.order()
    ((address,),) = world.operator.sql("SELECT pay_in_address FROM orders WHERE id = %s", order_id)
    assert "Bitcoin has no internal transfers" in world.rejected_request(address=address)


def test_a_network_that_settlement_does_not_follow_is_rejected(world: CreditWorld) -> None:
    world.settle(lambda ports: ports.chains.set_connected([]))
    assert "not connected" in world.rejected_request()


@pytest.mark.parametrize("tx_id", ["0x12", "ab" * 32, "0x" + "zz" * 32])
def test_a_malformed_transaction_id_is_rejected(world: CreditWorld, tx_id: str) -> None:
    assert "64 hexadecimal digits" in world.rejected_request(tx_id=tx_id)


def test_a_request_needs_a_reason(world: CreditWorld) -> None:
    given = ("deposit", "credit", TX, PAY_IN, "--wait", "0", "--reason", "  ")
    assert "reason" in world.operator.error(*given)
    assert world.operator.json("deposit", "credits") == []


def test_an_address_of_several_networks_needs_the_network(world: CreditWorld) -> None:
    world.operator.sql(
        "UPDATE pay_in_addresses SET network = 'Polygon', address = %s WHERE order_id = %s",
        *(PAY_IN, world.operator.order()),
    )
    assert "Ethereum, Polygon: add --network" in world.rejected_request()
    assert world.request("--network", "ethereum")["network"] == NETWORK


def test_a_settlement_that_ends_before_the_decision_is_stored_credits_once(
    world: CreditWorld,
) -> None:
    async def ends_before_the_decision(ports: WatchPorts) -> None:
        async def fail(*_: object) -> None:
            raise Unavailable("the process ends")

        chains = cast("Any", ports.chains)
        chains.mark_credited = fail
        with pytest.raises(Unavailable):
            await DepositCredits(ports, DepositRecorder(ports)).decide()

    world.request()
    world.settle(ends_before_the_decision)
    assert world.decide()["state"] == "credited"
    assert len(world.deposits()) == 1


def test_two_settlement_processes_credit_a_deposit_once(world: CreditWorld) -> None:
    async def both(ports: WatchPorts) -> None:
        recorder = DepositRecorder(ports)
        await asyncio.gather(*(DepositCredits(ports, recorder).decide() for _ in range(2)))

    world.request()
    world.settle(both)
    assert world.decide()["state"] == "credited"
    assert len(world.deposits()) == 1


def test_a_deposit_after_the_order_ended_is_late(world: CreditWorld) -> None:
    world.operator.sql("UPDATE orders SET state = 'completed' WHERE id = %s", world.order_id)
    world.request()
    assert world.decide()["state"] == "credited"
    assert world.deposits() == [(TX, "0.25", False, True, False)]


def test_coins_for_an_order_of_another_asset_are_an_unexpected_deposit(world: CreditWorld) -> None:
    world.operator.sql("UPDATE orders SET source = 'usdt_erc20' WHERE id = %s", world.order_id)
    world.request()
    assert world.decide()["state"] == "credited"
    assert world.deposits() == []
    (listed,) = world.operator.json("deposit", "list")
    assert (listed["txId"], Decimal(listed["amount"])) == (TX, Decimal("0.25"))
    assert (listed["asset"], listed["kind"]) == ("eth", "other asset")
    assert "recorded already" in world.rejected_request()


def test_a_deposit_that_a_node_cannot_prove_any_more_waits_and_is_not_dropped(
    world: CreditWorld,
) -> None:
    world.request()
    world.decide()
    world.nodes.failure = ProofUnavailable("node has no trace")

    async def check(ports: WatchPorts) -> list[str | None]:
        confirmations = DepositConfirmations(ports)
        alarms = [await confirmations.check(HEIGHT + 100)]
        world.seconds += 3_600
        return [*alarms, await confirmations.check(HEIGHT + 100)]

    assert world.settle(check) == ["node has no trace"] * 2
    assert world.deposits() == [(TX, "0.25", False, False, False)]
    world.nodes.failure = None
    assert world.confirm() is None
    assert world.deposits() == [(TX, "0.25", True, False, False)]


def test_a_deposit_that_a_reorganization_removed_is_dropped(world: CreditWorld) -> None:
    world.request()
    world.decide()
    world.nodes.proven = None

    async def check(ports: WatchPorts) -> None:
        confirmations = DepositConfirmations(ports)
        await confirmations.check(HEIGHT + 100)
        world.seconds += 3_600
        await confirmations.check(HEIGHT + 100)

    world.settle(check)
    assert world.deposits() == [(TX, "0.25", False, False, True)]


@pytest.mark.parametrize("proven", [None, ObservedTransfer(HEIGHT, AMOUNT - 1)])
def test_a_payout_requires_the_same_proof_again(
    world: CreditWorld, proven: ObservedTransfer | None
) -> None:
    async def is_confirmed(ports: WatchPorts) -> bool:
        return await ChainWatch(ports).is_transfer_confirmed(
            ObservedDeposit(TX, AMOUNT), address=PAY_IN, asset="eth", required={"eth": 1}
        )

    assert world.settle(is_confirmed) is True
    world.nodes.proven = proven
    assert world.settle(is_confirmed) is False


def test_a_decision_is_final_and_settlements_alone(world: CreditWorld) -> None:
    world.request()

    async def as_operator(admin: Database) -> None:
        await admin.fetch("UPDATE deposit_credits SET decided_at = now(), amount = 1")

    with pytest.raises(Exception, match="permission denied"):
        with_database(world.operator.urls.admin, as_operator)
    world.decide()

    async def again(ports: WatchPorts) -> None:
        (row,) = world.operator.sql("SELECT id, network, order_id FROM deposit_credits")
        credit = DepositCredit(
            id=row[0],
            network=row[1],
            tx_id=TX,
            address=PAY_IN,
            asset="eth",
            order_id=row[2],
            reason="",
            requested_by="",
            requested_at=datetime.now(UTC),
        )
        await ports.chains.reject_credit(credit, "changed its mind")
        await ports.chains.mark_credited(credit, Transfer(TX, PAY_IN, "eth", 1))

    world.settle(again)
    assert world.operator.json("deposit", "credits")[0]["amount"] == "0.25"
    for change in ("UPDATE deposit_credits SET amount = 1", "DELETE FROM deposit_credits"):
        with pytest.raises(psycopg.errors.RaiseException, match="decided once"):
            world.operator.sql(change)
    with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
        world.operator.sql("TRUNCATE deposit_credits")
