"""An attacker who knows a member's email address tries to keep the member out of the account."""

from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from uuid import uuid4

import pytest
from valkey import Valkey

from tests.conftest import Running
from tests.support.clients.cabinet import (
    CabinetPartner,
    Person,
    enter_code,
    password_fields,
    person,
)

ATTACKER = "127.0.0.66"
"""Another address of this machine."""
MANY = 40
BURST = 50
DEVICE = "cabinet-device"
ACCOUNT = "/partner/account"


@pytest.fixture
def victim(up: Running) -> CabinetPartner:
    return CabinetPartner.new(up)


def exhaust(victim: CabinetPartner) -> None:
    """Use up the tries of an account with wrong passwords from another address.

    The count of failures is moved on to where each further one makes the account wait for minutes.
    """
    attacker = Person(victim.up.base_url, source=ATTACKER)
    digest = sha256(victim.email.encode()).hexdigest()[:32]
    fail_often(attacker, victim, f"email:{digest}")


def fail_often(browser: Person, victim: CabinetPartner, key: str) -> None:
    assert browser.sign_in(victim.email, "a wrong password").status == 403
    with Valkey.from_url(victim.up.valkey_url()) as valkey:
        assert valkey.hset(f"attempts:{{{key}}}", "failures", MANY) == 0, "it was counted there"
    assert browser.sign_in(victim.email, "a wrong password").status == 403
    assert browser.sign_in(victim.email, victim.password).status == 429


def test_wrong_passwords_from_elsewhere_do_not_lock_a_known_device_out(
    victim: CabinetPartner,
) -> None:
    known = victim.owner()
    known.send_form(ACCOUNT, "/partner/logout")
    exhaust(victim)
    assert known.sign_in(victim.email, victim.password).status == 303
    assert known.sign_in(victim.email.upper(), victim.password).status == 303
    assert person(victim.up).sign_in(victim.email, victim.password).status == 429


def test_a_burst_of_sign_ins_waits_for_its_turn_and_is_not_rejected(victim: CabinetPartner) -> None:
    """Before, those that found the queue of passwords full got status 503, like everybody else."""

    def attempt(number: int) -> int:
        attacker = Person(victim.up.base_url, source=f"127.0.3.{number + 1}")
        return attacker.sign_in(f"{uuid4().hex}@nobody.example", "a wrong password").status

    with ThreadPoolExecutor(BURST) as threads:
        assert set(threads.map(attempt, range(BURST))) == {403}


def test_a_device_is_known_only_for_the_member_who_signed_in_on_it(
    up: Running, victim: CabinetPartner
) -> None:
    attacker = CabinetPartner.new(up).owner()
    assert DEVICE in attacker.cookies
    exhaust(victim)
    assert attacker.sign_in(victim.email, victim.password).status == 429


def test_a_forged_device_cookie_has_no_tries_of_its_own(victim: CabinetPartner) -> None:
    known = victim.owner()
    exhaust(victim)
    key, member, epoch, token, mac = known.cookies[DEVICE].split(".")
    forgeries = (
        f"{key}.{member}.{epoch}.{token}.{'0' * 64}",
        f"{key}.{member}.{epoch}.{token[::-1]}.{mac}",
        f"{key}.{member}.{int(epoch) + 1}.{token}.{mac}",
        f"other.{member}.{epoch}.{token}.{mac}",
        known.cookies["cabinet"],
        "",
    )
    for forged in forgeries:
        browser = person(victim.up)
        browser.cookies[DEVICE] = forged
        assert browser.sign_in(victim.email, victim.password).status == 429, forged


def test_a_device_is_not_known_before_the_second_factor(victim: CabinetPartner) -> None:
    owner, app = victim.owner_with_factor()
    thief = victim.owner()
    assert DEVICE not in thief.cookies
    stays = victim.owner()
    assert enter_code(stays, "/partner/verify", app.code()).status == 303
    exhaust(victim)
    assert thief.sign_in(victim.email, victim.password).status == 429
    assert owner.sign_in(victim.email, victim.password).status == 303
    assert stays.sign_in(victim.email, victim.password).status == 303


@pytest.mark.parametrize("way", ["sign out elsewhere", "a new password"])
def test_a_member_makes_all_other_devices_unknown(victim: CabinetPartner, way: str) -> None:
    here, stolen = victim.owner(), victim.owner()
    if way == "a new password":
        fields = password_fields(victim.password, f"new {victim.password}")
        assert here.send_form(ACCOUNT, f"{ACCOUNT}/password", **fields).status == 303
        victim.password = f"new {victim.password}"
    else:
        assert here.send_form(ACCOUNT, f"{ACCOUNT}/sessions/others/end").status == 303
    exhaust(victim)
    assert stolen.sign_in(victim.email, victim.password).status == 429
    assert here.sign_in(victim.email, victim.password).status == 303


def test_wrong_passwords_on_a_known_device_make_only_that_device_wait(
    victim: CabinetPartner,
) -> None:
    stolen, other = victim.owner(), victim.owner()
    token = stolen.cookies[DEVICE].split(".")[3]
    digest = sha256(f"device {token}".encode()).hexdigest()[:32]
    fail_often(stolen, victim, f"device:{digest}")
    assert other.sign_in(victim.email, victim.password).status == 303
    assert person(victim.up).sign_in(victim.email, victim.password).status == 303
