"""Earnings: payouts are idempotent per reference, resets per cycle, amounts exact to the cent."""

import asyncio
import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from psqlpy.exceptions import Error

from domain.actions.ledger.mark_paid_out import MarkedPayout, mark_paid_out
from domain.actions.ledger.reset_earnings import reset_earnings
from domain.actions.orders.complete_payout import complete_payout
from domain.errors import InvalidCommand, NotFound
from domain.ledger.earnings import Earnings
from domain.ledger.payouts import EarningsReset, Payout, payout
from domain.partners.codes import OwnCode
from domain.partners.partner import Partner
from domain.webhooks.events import EventType
from domain.webhooks.samples import sample_event
from gateway.runtime.clock import new_id
from persistence.postgres.ledger.earnings import PostgresEarningsRepository
from tests.support.builders.ledger import BTC_AT_62450, USD, Books
from tests.support.builders.records import stored_partner

CENT = USD // 100
MARKUP = 4_683_750 * USD // 10**6
"""What an order of 0.01 BTC earns at 62,450 USD and 75 basis points."""
ALL_EVENTS = frozenset(EventType) - {EventType.WEBHOOK_TEST}


async def subscribed_partner(books: Books, **changes: Any) -> Partner:
    settings = {"webhook_url": "https://wallet.example/hook", "webhook_events": ALL_EVENTS}
    return await stored_partner(books.admin, **{**settings, **changes})


async def earn(
    books: Books, partner: Partner, code: OwnCode | None = None, *, orders: int = 1, **of: Any
) -> None:
    books.knows(BTC_AT_62450)
    for _ in range(orders):
        order_id = await books.due(partner, code, **{"markup_bps": 75, **of})
        await complete_payout(books.ports, order_id, "tx")


async def pay(books: Books, partner: Partner, reference: str, **rest: Any) -> MarkedPayout:
    return await mark_paid_out(books.ledger, partner.id, reference, **rest)


async def account(books: Books, partner: Partner) -> Earnings:
    return await books.earnings.earnings(partner.id)


def enqueued(books: Books, event: str) -> list[dict[str, Any]]:
    rows = books.sql("SELECT body FROM webhook_events WHERE type = %s ORDER BY created_at", event)
    return [json.loads(row[0]) for row in rows]


def postings(books: Books, transaction: UUID) -> list[tuple[Any, ...]]:
    return books.sql(
        "SELECT account, partner_id, code_id, order_id, amount::text FROM ledger_postings"
        " WHERE transaction_id = %s ORDER BY position",
        transaction,
    )


def balanced(books: Books) -> bool:
    return books.sql("SELECT coalesce(sum(amount), 0) FROM ledger_postings") == [(0,)]


async def test_earnings_are_owed_until_they_are_paid(books: Books) -> None:
    partner = await subscribed_partner(books, base_fee_share_bps=2_000)
    await earn(books, partner, orders=3)
    owed = 3 * (MARKUP + 6_245 * USD // 10**4)
    before = await account(books, partner)
    assert before.owed == owed
    assert (before.accrued, before.paid_in_cycle, before.balance) == (1_592 * CENT, 0, 1_592 * CENT)

    marked = await pay(books, partner, " wire 7 ")
    assert not marked.repeated
    assert marked.payout.amount == 1_592 * CENT
    assert postings(books, marked.payout.id) == [
        ("settled_earnings", partner.id, None, None, "-15.920000000000000000"),
        ("payouts", partner.id, None, None, "15.920000000000000000"),
    ]
    after = await account(books, partner)
    assert after.owed == owed - 1_592 * CENT
    assert (after.accrued, after.paid_in_cycle, after.balance) == (1_592 * CENT, 1_592 * CENT, 0)
    assert balanced(books)


async def test_a_payout_enqueues_an_event(books: Books) -> None:
    partner = await subscribed_partner(books)
    await earn(books, partner)
    recorded = (await pay(books, partner, "wire 7")).payout
    (body,) = enqueued(books, "partner.paid_out")
    assert body["payout"] == {
        "id": str(recorded.id),
        "periodStart": "2026-05-01T12:00:00.000Z",
        "periodEnd": body["payout"]["paidOutAt"],
        "amountUsd": "4.68",
        "reference": "wire 7",
        "paidOutAt": body["payout"]["paidOutAt"],
    }
    assert datetime.fromisoformat(body["payout"]["paidOutAt"]) == recorded.period_end
    rows = books.sql(
        "SELECT dedup_key, partner_id, order_id, status FROM webhook_events"
        " WHERE type = 'partner.paid_out'"
    )
    key = f"paid_out:{body['payout']['paidOutAt']}"
    assert rows == [(key, partner.id, None, "pending")]


async def test_an_earnings_reset_enqueues_an_event(books: Books) -> None:
    partner = await subscribed_partner(books)
    await earn(books, partner)
    reset = await reset_earnings(books.ledger, partner.id)
    (body,) = enqueued(books, "earnings.cleared")
    assert body["earnings"]["amountUsd"] == "4.68"
    assert datetime.fromisoformat(body["earnings"]["clearedAt"]) == reset.period_end
    assert postings(books, reset.id) == [
        ("settled_earnings", partner.id, None, None, "-4.680000000000000000"),
        ("clearings", partner.id, None, None, "4.680000000000000000"),
    ]
    after = await account(books, partner)
    assert (after.accrued, after.paid_in_cycle, after.balance) == (0, 0, 0)
    assert after.owed == MARKUP - 468 * CENT


@pytest.mark.parametrize(
    "settings",
    [{"webhook_events": frozenset({EventType.ORDER_STATUS_CHANGED})}, {"webhook_url": None}],
    ids=["not subscribed", "no URL"],
)
async def test_no_event_is_enqueued_for_a_partner_that_does_not_subscribe(
    books: Books, settings: dict[str, Any]
) -> None:
    partner = await subscribed_partner(books, **settings)
    await earn(books, partner)
    await pay(books, partner, "wire 7")
    await earn(books, partner)
    await reset_earnings(books.ledger, partner.id)
    assert enqueued(books, "partner.paid_out") == enqueued(books, "earnings.cleared") == []
    assert books.sql("SELECT event_id FROM earnings_periods") == [(None,), (None,)]


async def test_a_repeated_reference_returns_the_recorded_payout(books: Books) -> None:
    partner = await subscribed_partner(books)
    await earn(books, partner)
    first = await pay(books, partner, "wire 7")
    await earn(books, partner)
    again = await pay(books, partner, "wire 7")
    assert again.repeated
    assert again.payout == first.payout
    assert (await account(books, partner)).balance == MARKUP * 2 // CENT * CENT - 468 * CENT
    assert len(enqueued(books, "partner.paid_out")) == 1


async def test_two_partners_can_be_paid_with_the_same_reference(books: Books) -> None:
    one, other = await subscribed_partner(books), await subscribed_partner(books)
    for partner in (one, other):
        await earn(books, partner)
        assert not (await pay(books, partner, "batch 7")).repeated


async def test_a_payout_can_be_less_than_the_balance_but_not_more(books: Books) -> None:
    partner = await subscribed_partner(books)
    await earn(books, partner)
    assert (await pay(books, partner, "part", amount=168 * CENT)).payout.amount == 168 * CENT
    assert (await pay(books, partner, "part", amount=168 * CENT)).repeated
    with pytest.raises(InvalidCommand, match=r"part has paid 1\.68 USD before, not 1\.69"):
        await pay(books, partner, "part", amount=169 * CENT)
    with pytest.raises(InvalidCommand, match=r"3\.01 USD is more than the 3\.00 USD owed"):
        await pay(books, partner, "rest", amount=301 * CENT)
    assert (await pay(books, partner, "rest")).payout.amount == 300 * CENT
    assert (await account(books, partner)).accrued == 468 * CENT


async def test_a_balance_of_zero_can_be_neither_paid_nor_reset(books: Books) -> None:
    partner = await subscribed_partner(books)
    with pytest.raises(InvalidCommand, match="nothing is owed"):
        await pay(books, partner, "wire 7")
    with pytest.raises(InvalidCommand, match="nothing to clear"):
        await reset_earnings(books.ledger, partner.id)
    await earn(books, partner, source_amount=1_000)  # worth 0.6245 USD: less than half a cent
    with pytest.raises(InvalidCommand, match="nothing is owed"):
        await pay(books, partner, "wire 7")
    assert books.sql("SELECT count(*) FROM earnings_periods") == [(0,)]


async def test_an_unknown_partner_is_not_found(books: Books) -> None:
    with pytest.raises(NotFound):
        await mark_paid_out(books.ledger, new_id(), "wire 7")
    with pytest.raises(NotFound):
        await reset_earnings(books.ledger, new_id())


async def test_a_fully_paid_cycle_can_be_reset_once_with_an_amount_of_zero(books: Books) -> None:
    partner = await subscribed_partner(books)
    await earn(books, partner)
    await pay(books, partner, "wire 7")
    reset = await reset_earnings(books.ledger, partner.id)
    assert reset.amount == 0
    assert postings(books, reset.id) == []
    assert enqueued(books, "earnings.cleared")[0]["earnings"]["amountUsd"] == "0.00"
    after = await account(books, partner)
    assert (after.accrued, after.paid_in_cycle, after.paid) == (0, 0, 468 * CENT)
    with pytest.raises(InvalidCommand, match="nothing to clear"):
        await reset_earnings(books.ledger, partner.id)


async def test_fractions_of_a_cent_are_carried_over_into_the_next_period(books: Books) -> None:
    partner = await subscribed_partner(books)
    paid = 0
    for number in range(3):
        await earn(books, partner)
        paid += (await pay(books, partner, f"wire {number}")).payout.amount
    assert paid == 3 * MARKUP // CENT * CENT == 1_405 * CENT


async def test_payouts_within_one_millisecond_end_at_different_times(books: Books) -> None:
    partner = await subscribed_partner(books)
    await earn(books, partner)
    at = books.ports.clock.now().replace(microsecond=123_456)
    moments = []
    for number in range(3):
        earnings = await account(books, partner)
        recorded = payout(
            earnings,
            payout_id=new_id(),
            partner_id=partner.id,
            reference=str(number),
            amount=CENT,
            now=at,
        )
        assert await end_period(books, recorded)
        moments.append(recorded.period_end)
    millisecond = timedelta(milliseconds=1)
    first = at.replace(microsecond=123_000)
    assert moments == [first, first + millisecond, first + 2 * millisecond]


async def end_period(books: Books, end: Payout | EarningsReset) -> bool:
    event = sample_event(EventType.WEBHOOK_TEST, new_id(), end.partner_id, at=end.period_end)
    return await books.earnings.end_period(end, event)


async def test_periods_list_the_earnings_of_each_code(books: Books) -> None:
    partner = await subscribed_partner(books, base_fee_share_bps=2_000)
    first, second = await books.code(partner), await books.code(partner)
    await earn(books, partner, first, orders=2)
    await earn(books, partner)
    await pay(books, partner, "wire 7")
    await earn(books, partner, second)
    await reset_earnings(books.ledger, partner.id)
    await earn(books, partner, first)
    share = 6_245 * USD // 10**4
    shown = [
        (
            period.end.ended_by.value if period.end else None,
            period.markup,
            period.base_fee_share,
            {one.code: one.markup for one in period.codes},
        )
        for period in await books.earnings.periods(partner.id, limit=9)
    ]
    assert shown == [
        (None, MARKUP, share, {first.code: MARKUP, second.code: 0}),
        ("reset", MARKUP, share, {first.code: 0, second.code: MARKUP}),
        ("payout", 3 * MARKUP, 3 * share, {first.code: 2 * MARKUP, second.code: 0}),
    ]
    listed = {
        one.code.code: one.statistics.earnings_usd
        for one in await books.codes.newest(partner.id, limit=9)
    }
    assert listed == {first.code: 3 * MARKUP, second.code: MARKUP}
    assert sum(period[1] for period in shown) == (await account(books, partner)).markup


async def test_pages_of_periods_and_payouts_are_contiguous(books: Books) -> None:
    partner = await subscribed_partner(books)
    await earn(books, partner)
    for number in range(5):
        await pay(books, partner, str(number), amount=CENT)
    newest = await books.earnings.payouts(partner.id, limit=3)
    older = await books.earnings.payouts(partner.id, limit=3, before=newest[-1].number)
    assert [one.reference for one in (*newest, *older)] == ["4", "3", "2", "1", "0"]
    all_of_them = list(await books.earnings.periods(partner.id, limit=9))
    page = list(await books.earnings.periods(partner.id, limit=3))
    last = page[-1].end
    assert last is not None
    page += await books.earnings.periods(partner.id, limit=3, before=last.number)
    assert page == all_of_them
    assert len(page) == 6
    assert [period.start for period in page[:-1]] == [
        period.end.period_end for period in page[1:] if period.end
    ]


async def test_concurrent_payouts_with_one_reference_pay_once(books: Books) -> None:
    partner = await subscribed_partner(books)
    await earn(books, partner)
    marked = await asyncio.gather(*(pay(books, partner, "wire 7") for _ in range(8)))
    assert sorted(one.repeated for one in marked) == [False] + [True] * 7
    assert len({one.payout.id for one in marked}) == 1
    assert len(enqueued(books, "partner.paid_out")) == 1


async def test_a_concurrent_payout_with_the_same_reference_is_returned(books: Books) -> None:
    """A concurrent payout with the same reference takes the balance before it is read."""
    partner = await subscribed_partner(books)
    await earn(books, partner)

    class Overtaking(PostgresEarningsRepository):
        async def earnings(self, partner_id: UUID) -> Earnings:
            await pay(books, partner, "wire 7")
            return await super().earnings(partner_id)

    ports = msgspec.structs.replace(books.ledger, repository=Overtaking(books.admin))
    marked = await mark_paid_out(ports, partner.id, "wire 7")
    assert marked.repeated
    assert marked.payout.amount == 468 * CENT


async def test_concurrent_payouts_and_resets_never_take_more_than_is_owed(books: Books) -> None:
    partner = await subscribed_partner(books)
    await earn(books, partner, orders=2)
    books.knows(BTC_AT_62450)
    due = [await books.due(partner, markup_bps=75) for _ in range(16)]
    ended = await asyncio.gather(
        *(complete_payout(books.ports, one, "tx") for one in due),
        *(pay(books, partner, f"all {number}") for number in range(16)),
        *(pay(books, partner, f"part {number}", amount=50 * CENT) for number in range(16)),
        *(reset_earnings(books.ledger, partner.id) for _ in range(16)),
        return_exceptions=True,
    )
    rejected = [one for one in ended if isinstance(one, BaseException)]
    assert all(isinstance(one, InvalidCommand) for one in rejected), rejected
    taken = [one.payout if isinstance(one, MarkedPayout) else one for one in ended]
    amount = sum(one.amount for one in taken if isinstance(one, Payout | EarningsReset))
    after = await account(books, partner)
    assert after.owed == 18 * MARKUP - amount >= 0
    assert after.paid + after.reset == amount
    assert balanced(books)
    rows = books.sql("SELECT number FROM earnings_periods ORDER BY number")
    assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
    assert len(enqueued(books, "partner.paid_out")) + len(
        enqueued(books, "earnings.cleared")
    ) == len(rows)


async def test_the_database_rejects_more_than_is_owed(books: Books) -> None:
    partner = await subscribed_partner(books)
    await earn(books, partner)
    earnings = await account(books, partner)
    ports = books.ledger
    recorded = payout(
        earnings,
        payout_id=new_id(),
        partner_id=partner.id,
        reference="wire 7",
        amount=None,
        now=ports.clock.now(),
    )
    for wrong in ({"amount": 469 * CENT}, {"amount": CENT // 10}):
        with pytest.raises(Error):
            await end_period(books, msgspec.structs.replace(recorded, **wrong))
    for late in ({"number": 2}, {"number": 0}):
        assert not await end_period(books, msgspec.structs.replace(recorded, **late))
    assert books.sql("SELECT count(*) FROM earnings_periods") == [(0,)]
    assert balanced(books)
