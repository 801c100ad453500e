"""Bodies of events are stored compressed, and are read byte for byte as they were."""

import hashlib
import zlib
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.webhooks.events import EventType
from domain.webhooks.samples import sample_event
from persistence.postgres.webhooks import bodies
from persistence.postgres.webhooks.bodies import original_body, stored_body

ID = UUID("01935c2e-0000-7000-8000-000000000001")


def body_of(event_type: EventType) -> bytes:
    """Return the document of a type."""
    return sample_event(event_type, ID, ID, at=datetime(2026, 11, 30, tzinfo=UTC)).body


@given(st.binary())
def test_every_body_is_read_as_it_was(body: bytes) -> None:
    assert original_body(stored_body(body)) == body


@pytest.mark.parametrize("event_type", EventType)
def test_a_body_that_is_stored_as_it_is_is_read_as_it_is(event_type: EventType) -> None:
    assert original_body(body_of(event_type)) == body_of(event_type)


def test_the_body_of_an_order_takes_a_quarter() -> None:
    body = body_of(EventType.ORDER_STATUS_CHANGED)
    assert len(stored_body(body)) < len(body) / 4


def test_the_dictionary_is_the_one_that_stored_bodies_need() -> None:
    digest = hashlib.sha256(bodies._DICTIONARY_1).hexdigest()
    assert digest == "de5fc5deb7c60be526c341457d288662a16fadf8415ab84503013a8b70986751"


def test_a_damaged_body_is_never_returned() -> None:
    stored = stored_body(body_of(EventType.ORDER_STATUS_CHANGED))
    with pytest.raises(zlib.error):
        original_body(stored[:1] + b"\xff" + stored[2:])
