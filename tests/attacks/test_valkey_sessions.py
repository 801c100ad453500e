"""An attacker who can write to Valkey tries to give a session of the cabinet more rights."""

import time
from collections.abc import Iterator
from uuid import uuid4

import pytest
from valkey import Valkey

from tests.conftest import Running
from tests.support.clients.cabinet import CabinetPartner, Person, password_fields

ACCOUNT, NEW_PASSWORD = "/partner/account", "/partner/new-password"
Fields = dict[bytes, bytes]


@pytest.fixture
def valkey(up: Running) -> Iterator[Valkey]:
    with Valkey.from_url(up.valkey_url()) as client:
        yield client


@pytest.fixture
def partner(up: Running) -> CabinetPartner:
    return CabinetPartner.new(up)


def key_of(browser: Person) -> str:
    return f"{{m:{browser.member_id()}}}:session:{browser.session_id()}"


def fields_of(valkey: Valkey, browser: Person) -> Fields:
    fields = valkey.hgetall(key_of(browser))
    assert isinstance(fields, dict)
    assert b"proved" in fields
    return fields


def is_let_in(browser: Person) -> bool:
    """Tell whether the account's page is shown, rather than asking to sign in or for a code."""
    status = browser.get(ACCOUNT).status
    assert status in (200, 303)
    return status == 200


def test_a_time_of_verification_written_to_valkey_does_not_replace_a_code(
    partner: CabinetPartner, valkey: Valkey
) -> None:
    partner.owner_with_factor()
    thief = partner.owner()  # knows the password, has no code
    assert not is_let_in(thief)
    for forged in (str(time.time()), str(time.time() + 1e6), str(int(time.time()))):
        valkey.hset(key_of(thief), "proved", forged)
        assert not is_let_in(thief)


def test_the_verification_of_another_session_cannot_be_copied(
    partner: CabinetPartner, valkey: Valkey
) -> None:
    owner, _ = partner.owner_with_factor()
    thief = partner.owner()
    verified, own = fields_of(valkey, owner), fields_of(valkey, thief)
    copies: list[Fields] = [
        {b"proved": verified[b"proved"]},
        {b"proved": own[b"seen"]},
        {b"proved": own[b"opened"]},
        verified,
    ]
    for copied in copies:
        valkey.hset(key_of(thief), mapping={**own, **copied})
        assert not is_let_in(thief)
    assert is_let_in(owner)


def test_the_session_of_another_member_cannot_be_copied(
    up: Running, partner: CabinetPartner, valkey: Valkey
) -> None:
    partner.owner_with_factor()
    thief = partner.owner()
    accomplice, _ = CabinetPartner.new(up).owner_with_factor()
    fields = fields_of(valkey, accomplice)
    valkey.hset(key_of(thief), mapping=fields)
    assert not is_let_in(thief)


def test_a_session_that_a_new_password_has_ended_cannot_be_revived(
    partner: CabinetPartner, valkey: Valkey
) -> None:
    owner, thief = partner.owner(), partner.owner()
    assert is_let_in(thief)
    password = f"own password {uuid4()}"
    changed = owner.send_form(NEW_PASSWORD, **password_fields(partner.password, password))
    assert changed.status == 303
    assert not is_let_in(thief)
    for epoch in range(8):
        valkey.hset(key_of(thief), "epoch", str(epoch))
        assert not is_let_in(thief)
    valkey.hset(key_of(thief), mapping={"epoch": fields_of(valkey, owner)[b"epoch"]})
    assert not is_let_in(thief)
    assert is_let_in(owner)


def test_a_message_written_to_valkey_is_not_shown(partner: CabinetPartner, valkey: Valkey) -> None:
    owner = partner.owner()
    planted = '{"text":"Call our support at 555-0100.","success":true}'
    valkey.hset(key_of(owner), "said", planted)
    assert "555-0100" not in owner.get(ACCOUNT).text


def test_valkey_does_not_contain_the_address_and_the_browser_of_a_session(
    partner: CabinetPartner, valkey: Valkey
) -> None:
    fields = fields_of(valkey, partner.owner())
    assert not any(b"127.0.0.1" in value for value in fields.values())
