"""Refunds of unexpected deposits: listed, proposed once, and above a bound approved by another."""

from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from tests.conftest import DatabaseUrls, Servers
from tests.support.clients.operator_command import Operator, new_operator
from tests.support.clients.operators import Person, two_operators

CUSTOMER = "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"
SMALL, LARGE = "0.001", "0.01"  # 62.50 and 625 USD


@pytest.fixture
def instance(database_urls: DatabaseUrls, servers: Servers, tmp_path: Path) -> Operator:
    instance = new_operator(database_urls, servers, tmp_path)
    instance.publish_rates()
    return instance


@pytest.fixture
def people(instance: Operator) -> tuple[Person, Person]:
    return two_operators(instance)


def late_deposit(instance: Operator, amount: str, *, confirmed: bool = True) -> str:
    """Store a late deposit of BTC; return its transaction."""
    order, tx_id = instance.order(), uuid4().hex * 2
    instance.sql(
        "INSERT INTO deposits (order_id, tx_id, position, amount, seen_at, confirmed_at, late)"
        " VALUES (%s, %s, 1, %s, now() - interval '3 days', CASE WHEN %s THEN now() END, true)",
        order,
        tx_id,
        Decimal(amount),
        confirmed,
    )
    return tx_id


def refund(tx_id: str, *options: str, to: str = CUSTOMER) -> list[str]:
    return ["deposit", "refund", tx_id, "--to", to, "--reason", "ticket 7", *options]


def test_a_late_deposit_is_listed_with_its_age_and_what_to_type(instance: Operator) -> None:
    tx_id = late_deposit(instance, LARGE)

    (found,) = instance.json("deposit", "list", "--unexpected")
    assert (found["txId"], found["kind"], found["asset"]) == (tx_id, "late", "btc")
    assert Decimal(found["amount"]) == Decimal(LARGE)
    assert found["age"] == "3d"
    assert found["next"] == f"swapgate deposit refund {tx_id} --to ADDRESS --reason TEXT"


def test_a_deposit_of_another_asset_is_listed_and_can_be_refunded(
    instance: Operator, people: tuple[Person, Person]
) -> None:
    order, tx_id = instance.order(), "ab" * 32
    instance.sql(
        "INSERT INTO unclaimed_deposits (network, tx_id, address, asset, amount, order_id,"
        " confirmed_at) VALUES ('Ethereum', %s, 'an address', 'eth', 1, %s, now())",
        tx_id,
        order,
    )

    (found,) = instance.json("deposit", "list")
    assert (found["kind"], found["network"]) == ("other asset", "Ethereum")
    eth = "0x9858EfFD232B4033E47d90003D41EC34EcaEda94"
    proposal = people[0].json(*refund(tx_id, to=eth))
    assert proposal["document"]["address"] == eth
    assert proposal["needsSecond"], "its coin has no price"


def test_up_to_the_bound_one_operator_suffices(
    instance: Operator, people: tuple[Person, Person]
) -> None:
    tx_id = late_deposit(instance, SMALL)

    proposal = people[0].json(*refund(tx_id))
    assert (proposal["state"], proposal["approvedBy"]) == ("approved", "ana")
    assert proposal["usd"] == "62.50"
    (found,) = instance.json("deposit", "list")
    assert (found["stage"], found["next"]) == ("approved", "")


def test_above_the_bound_another_operator_has_to_approve(
    instance: Operator, people: tuple[Person, Person]
) -> None:
    ana, ben = people
    tx_id = late_deposit(instance, LARGE)

    proposal = ana.json(*refund(tx_id))
    assert (proposal["state"], proposal["needsSecond"]) == ("proposed", True)
    (found,) = instance.json("deposit", "list")
    assert found["next"] == f"swapgate approve {proposal['id']}"
    assert "your own" in ana.error("approve", proposal["id"])
    assert ben.json("approve", proposal["id"])["approvedBy"] == "ben"
    assert "approved or withdrawn already" in ben.error("approve", proposal["id"])


def test_the_database_rejects_approval_by_the_operator_who_proposed(
    instance: Operator, people: tuple[Person, Person]
) -> None:
    proposal = people[0].json(*refund(late_deposit(instance, LARGE)))

    with pytest.raises(psycopg.errors.CheckViolation):
        instance.sql("UPDATE proposals SET approved_by = proposed_by, approved_at = now()")
    assert people[0].json("proposal", "show", proposal["id"])["state"] == "proposed"


def test_without_registered_operators_nothing_above_the_bound_can_be_proposed(
    instance: Operator,
) -> None:
    small, large = late_deposit(instance, SMALL), late_deposit(instance, LARGE)

    assert instance.json(*refund(small))["state"] == "approved"
    assert "register both" in instance.error(*refund(large))


def test_without_prices_another_operator_has_to_approve(
    instance: Operator, people: tuple[Person, Person]
) -> None:
    instance.publish_rates(age=3_600)

    assert people[0].json(*refund(late_deposit(instance, SMALL)))["needsSecond"]


def test_a_deposit_is_refunded_at_most_once(
    instance: Operator, people: tuple[Person, Person]
) -> None:
    ana, ben = people
    tx_id = late_deposit(instance, SMALL)
    ana.json(*refund(tx_id))

    assert "has a proposal already" in ben.error(*refund(tx_id))
    with pytest.raises(psycopg.errors.RaiseException, match="decided once"):
        instance.sql("DELETE FROM proposals")
    with pytest.raises(psycopg.errors.RaiseException, match="decided once"):
        instance.sql("UPDATE proposals SET withdrawn_by = 'ana', withdrawn_at = now()")


def test_a_withdrawn_proposal_makes_room_for_another(
    instance: Operator, people: tuple[Person, Person]
) -> None:
    ana, ben = people
    tx_id = late_deposit(instance, LARGE)
    proposal = ana.json(*refund(tx_id))

    assert ben.json("proposal", "withdraw", proposal["id"])["state"] == "withdrawn"
    assert "approved or withdrawn already" in ben.error("approve", proposal["id"])
    assert ana.json(*refund(tx_id))["state"] == "proposed"


@pytest.mark.parametrize(
    "to", ["bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyv", "", "0x9858EfFD232B4033E47d90003D41EC34"]
)
def test_an_address_that_cannot_be_paid_to_is_rejected(instance: Operator, to: str) -> None:
    assert "address" in instance.error(*refund(late_deposit(instance, SMALL), to=to)).lower()


def test_a_pay_in_address_of_ours_is_rejected(instance: Operator) -> None:
    tx_id = late_deposit(instance, SMALL)
    instance.sql("UPDATE pay_in_addresses SET address = %s WHERE order_id IS NOT NULL", CUSTOMER)

    assert "pay-in address" in instance.error(*refund(tx_id))


@pytest.mark.parametrize(
    ("amount", "confirmed", "message"),
    [("0.01", False, "not confirmed"), ("0.00000001", True, "does not cover the network fee")],
)
def test_what_cannot_be_refunded_is_rejected(
    instance: Operator, amount: str, confirmed: bool, message: str
) -> None:
    assert message in instance.error(*refund(late_deposit(instance, amount, confirmed=confirmed)))


def test_a_reason_is_required(instance: Operator) -> None:
    tx_id = late_deposit(instance, SMALL)

    message = instance.error("deposit", "refund", tx_id, "--to", CUSTOMER)
    assert message.startswith("State why, with `--reason`")


def test_lowering_the_bound_takes_one_operator_and_raising_it_two(
    instance: Operator, people: tuple[Person, Person]
) -> None:
    ana, ben = people

    assert ana.json("proposal", "bound", "50") == {"usd": "50.00", "proposal": None}
    raised = ana.json("proposal", "bound", "5000", "--reason", "as agreed")
    assert raised["usd"] == "50.00"
    ben.json("approve", raised["proposal"])
    assert instance.json("proposal", "bound") == {"usd": "5000.00"}


def test_the_audit_trail_names_both_operators(
    instance: Operator, people: tuple[Person, Person]
) -> None:
    ana, ben = people
    proposal = ana.json(*refund(late_deposit(instance, LARGE)))
    ben.json("approve", proposal["id"], "--reason", "compared with the explorer")

    approved, proposed = instance.json("audit", "list", "--limit", "2")
    assert (proposed["operator"], proposed["action"]) == ("ana", "deposit refund")
    assert (approved["operator"], approved["action"]) == ("ben", "approve")
    assert approved["reason"] == "compared with the explorer"
    assert approved["before"]["approved_at"] is None
    assert approved["after"]["approved_by"] == "ben"
