"""Cursors and times of lists, and what partners attach to orders."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cabinet_htmx.shared.order_status import confirmations_text, order_version
from domain.errors import InvalidRequest
from domain.orders.cursors import CursorSigner, ListPosition
from domain.orders.deposits import Deposits, ObservedDeposit
from domain.orders.query import OrderFilter
from domain.orders.references import checked_references
from domain.orders.states import OUTCOME_OF, Outcome, State, Status
from domain.orders.wire_times import parse_time
from tests.support.builders.order_states import NOW, new_order

PARTNER = UUID(int=5 << 76)
NONE = OrderFilter()
MOMENTS = st.integers(0, 32_503_680_000_000_000).map(
    lambda microseconds: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
)
KEY, OTHER_KEY = b"k" * 32, b"o" * 32


@given(st.uuids(), MOMENTS)
def test_a_cursor_is_read_as_the_position_that_was_written(order_id: UUID, at: datetime) -> None:
    position = ListPosition(order_id, at)
    cursor = CursorSigner([KEY]).write(position, PARTNER, NONE)
    assert CursorSigner([OTHER_KEY, KEY]).read(cursor, PARTNER, NONE) == position
    assert len(cursor) == 54


@given(st.data())
def test_no_altered_cursor_is_accepted(data: st.DataObject) -> None:
    signer = CursorSigner([KEY])
    cursor = signer.write(ListPosition(UUID(int=7 << 76), NOW), PARTNER, NONE)
    assert signer.read(cursor, PARTNER, NONE).changed_at == NOW
    index = data.draw(st.integers(0, len(cursor) - 1))
    letter = data.draw(
        st.sampled_from("ABab01-_=+/ \n\u00e9").filter(lambda one: one != cursor[index])
    )
    changed = cursor[:index] + letter + cursor[index + 1 :]
    with pytest.raises(InvalidRequest):
        signer.read(changed, PARTNER, NONE)


def test_a_cursor_is_bound_to_its_partner_filter_and_key() -> None:
    signer = CursorSigner([KEY])
    cursor = signer.write(ListPosition(uuid4(), NOW), PARTNER, NONE)
    others = [
        (signer, uuid4(), NONE),
        (CursorSigner([OTHER_KEY]), PARTNER, NONE),
        *(
            (signer, PARTNER, msgspec.structs.replace(NONE, **changed))
            for changed in (
                {"status": Status.NEW},
                {"outcome": Outcome.COMPLETED},
                {"external_id": "x"},
                {"code_id": uuid4()},
                {"since": NOW},
                {"until": NOW},
                {"changed_since": NOW},
                {"changed_until": NOW},
            )
        ),
    ]
    for other, partner, filters in others:
        with pytest.raises(InvalidRequest):
            other.read(cursor, partner, filters)


TIMES = {
    0: datetime(1970, 1, 1, tzinfo=UTC),
    1_716_800_000: datetime(2024, 5, 27, 8, 53, 20, tzinfo=UTC),
    32_503_679_999: datetime(2999, 12, 31, 23, 59, 59, tzinfo=UTC),
    "2024-05-27T08:53:20Z": datetime(2024, 5, 27, 8, 53, 20, tzinfo=UTC),
    "2024-05-27T08:53:20.5Z": datetime(2024, 5, 27, 8, 53, 20, 500_000, tzinfo=UTC),
    "2024-05-27T08:53:20.123456Z": datetime(2024, 5, 27, 8, 53, 20, 123_456, tzinfo=UTC),
    "2024-05-27T14:23:20+05:30": datetime(2024, 5, 27, 8, 53, 20, tzinfo=UTC),
    "1970-01-01T00:00:00-01:00": datetime(1970, 1, 1, 1, tzinfo=UTC),
}


@pytest.mark.parametrize("value", TIMES)
def test_times_are_unix_seconds_or_iso_8601(value: int | str) -> None:
    parsed = parse_time(value, field="createdFrom")
    assert parsed == TIMES[value]
    assert parsed is not None
    assert parsed.utcoffset() == timedelta(0)


@given(st.one_of(st.text(max_size=30), st.integers()))
def test_any_other_time_is_rejected(value: int | str) -> None:
    try:
        parsed = parse_time(value, field="createdFrom")
    except InvalidRequest:
        return
    assert parsed is not None
    assert datetime(1970, 1, 1, tzinfo=UTC) <= parsed < datetime(3000, 1, 1, tzinfo=UTC)


@given(st.dictionaries(st.text(max_size=80), st.text(max_size=200), max_size=20))
def test_metadata_is_limited_in_pairs_and_bytes(metadata: dict[str, str]) -> None:
    size = len("".join([*metadata, *metadata.values()]).encode())
    has_zero = any("\0" in text for text in [*metadata, *metadata.values()])
    if len(metadata) > 16 or size > 1_024 or has_zero:
        with pytest.raises(InvalidRequest):
            checked_references(None, metadata)
    else:
        assert checked_references(None, metadata).metadata == metadata


@given(st.text(max_size=70))
def test_an_external_id_is_printable_ascii(text: str) -> None:
    if 1 <= len(text) <= 64 and all(" " <= letter <= "~" for letter in text):
        assert checked_references(text, None).external_id == text
    else:
        with pytest.raises(InvalidRequest):
            checked_references(text, None)


def test_every_final_state_has_an_outcome_and_no_other() -> None:
    assert {state for state in State if state in OUTCOME_OF} == {
        State.COMPLETED,
        State.REFUNDED,
        State.EXPIRED,
        State.CANCELLED,
    }
    assert set(OUTCOME_OF.values()) == set(Outcome)


def counted(*numbers: int) -> Deposits:
    """Return unconfirmed deposits with these confirmations."""
    deposits = Deposits()
    for number in range(len(numbers)):
        deposits = deposits.with_seen(ObservedDeposit(f"tx{number}", 1), at=NOW)
    return Deposits(
        tuple(
            msgspec.structs.replace(one, confirmations=number)
            for one, number in zip(deposits.all, numbers, strict=True)
        )
    )


def test_confirmations_are_those_of_the_deposit_with_fewest() -> None:
    assert Deposits().confirmations(3) is None
    assert counted(0).confirmations(3) == 0
    assert counted(2).confirmations(3) == 2
    assert counted(5).confirmations(3) == 3
    two = counted(2, 1)
    assert two.confirmations(3) == 1
    confirmed = two.with_confirmed([ObservedDeposit("tx1", 1)], at=NOW)
    assert confirmed.confirmations(3) == 2
    all_confirmed = confirmed.with_confirmed([ObservedDeposit("tx0", 1)], at=NOW)
    assert all_confirmed.confirmations(3) == 3
    assert all_confirmed.with_dropped(["tx0", "tx1"]).confirmations(3) is None
    assert confirmed.with_unconfirmed(["tx1"]).confirmations(3) == 1


def test_pages_state_confirmations_while_a_deposit_is_confirmed() -> None:
    order = new_order()
    source = msgspec.structs.replace(order.source, confirmations=3)
    order = msgspec.structs.replace(order, source=source)
    assert confirmations_text(order) is None
    paid = order.deposit_seen(ObservedDeposit("tx", order.source_amount), at=NOW)
    assert confirmations_text(paid) == "0 of 3 confirmations"
    deposits = Deposits((msgspec.structs.replace(paid.deposits.all[0], confirmations=2),))
    counted_twice = msgspec.structs.replace(paid, deposits=deposits)
    assert confirmations_text(counted_twice) == "2 of 3 confirmations"
    assert order_version(counted_twice) != order_version(paid)
    one = msgspec.structs.replace(source, confirmations=1)
    assert confirmations_text(msgspec.structs.replace(paid, source=one)) == "0 of 1 confirmation"
