"""The doctor names what waits for a second person, or to be sent, and too few operators."""

from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import pytest

from tests.conftest import DatabaseUrls, Servers
from tests.support.clients.operator_command import Operator, new_operator

PROPOSAL = """
INSERT INTO proposals (id, kind, subject, document, usd, needs_second, reason, proposed_by,
  proposed_at, approved_by, approved_at)
VALUES (%s, 'refund_deposit', %s, '{"network": "Bitcoin", "asset": "btc", "amount": "1"}', 50, true,
  'ticket', 'ana', now() - make_interval(hours => %s),
  CASE WHEN %s::int IS NOT NULL THEN 'ben' END, now() - make_interval(hours => %s))
"""

CREDIT = """
INSERT INTO deposit_credits (id, network, tx_id, address, asset, order_id, reason, requested_by,
  requested_at)
VALUES (%s, 'Ethereum', %s, '0xAb', 'eth', %s, 'ticket', 'ana', now() - make_interval(hours => %s))
"""


@pytest.fixture
def instance(database_urls: DatabaseUrls, servers: Servers, tmp_path: Path) -> Operator:
    return new_operator(database_urls, servers, tmp_path, sandbox=False)


def propose(instance: Operator, *, hours: int, approved_hours: int | None = None) -> UUID:
    proposal = uuid4()
    values = (proposal, str(proposal), hours, approved_hours, approved_hours)
    instance.sql(PROPOSAL, *values)
    return proposal


def check(instance: Operator, name: str) -> tuple[bool, str]:
    document = msgspec.json.decode(instance.run("doctor", "--json").stdout)
    (found,) = (one for one in document["checks"] if one["name"] == name)
    return found["ok"], found["advice"]


def test_too_few_operators_are_named(instance: Operator) -> None:
    ok, advice = check(instance, "operators")
    assert (ok, advice.split(":")[0]) == (True, "No operators are registered")
    for number, name in enumerate(("ana", "ben")):
        instance.sql(
            "INSERT INTO operators (name, secret_hash, created_at) VALUES (%s, %s, now())",
            name,
            bytes([number]) * 32,
        )
        expected = ["Only one operator is registered", ""][number]
        assert check(instance, "operators")[1].split(":")[0] == expected


def test_a_proposal_that_waits_for_a_second_person_is_named_after_four_hours(
    instance: Operator,
) -> None:
    propose(instance, hours=3)
    assert check(instance, "approvals") == (True, "")
    late = propose(instance, hours=5)
    ok, advice = check(instance, "approvals")
    assert not ok
    assert f"swapgate approve {late}" in advice
    instance.sql("UPDATE proposals SET approved_by = 'ben', approved_at = now()")
    assert check(instance, "approvals") == (True, "")


def test_an_approved_refund_that_is_not_sent_is_named_after_two_hours(instance: Operator) -> None:
    propose(instance, hours=9, approved_hours=1)
    assert check(instance, "deposit-refunds") == (True, "")
    late = propose(instance, hours=9, approved_hours=3)
    ok, advice = check(instance, "deposit-refunds")
    assert not ok
    assert str(late) in advice


def test_a_requested_credit_that_is_not_decided_is_named_after_two_hours(
    instance: Operator,
) -> None:
    order_id = instance.order()
    for hours, transaction in ((1, "recent"), (3, "waiting")):
        assert check(instance, "deposit-credits") == (True, "")
        instance.sql(CREDIT, uuid4(), transaction, order_id, hours)
    ok, advice = check(instance, "deposit-credits")
    assert not ok
    assert "transaction waiting " in advice
