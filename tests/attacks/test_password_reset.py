"""An attacker tries to take an account over, or to find out who has one, by resetting passwords."""

import re
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from uuid import uuid4

import psycopg
import pytest
from valkey import Valkey

from gateway.instance import read_instance
from tests.conftest import Running
from tests.support.clients.cabinet import (
    CabinetPartner,
    Person,
    enter_code,
    password_fields,
    person,
)
from tests.support.clients.visitor import PageResponse
from tests.support.waiting import wait_until

REQUEST, CHOOSE = "/partner/reset", "/partner/reset/choose"
ACCOUNT = "/partner/account"
LINK = re.compile(r"http://localhost:\d+(/partner/reset/choose\?token=([A-Za-z0-9_-]{43}))\n")
NEW = "a new and good password"


@pytest.fixture
def victim(up: Running) -> CabinetPartner:
    return CabinetPartner.new(up)


def browser_from(victim: CabinetPartner, source: str = "") -> Person:
    return Person(victim.up.base_url, source=source)


def token_for(victim: CabinetPartner, browser: Person | None = None) -> str:
    """Request a link, and return its token from the email once that has arrived."""
    before = len(victim.mails())
    browser = browser or browser_from(victim, f"127.0.1.{uuid4().int % 250 + 1}")
    assert browser.post(REQUEST, {"email": victim.email}).status == 200
    newest = wait_until(victim.mails, lambda found: len(found) > before)[0]
    match = LINK.search(newest)
    assert match is not None, newest
    return match[2]


def choose(browser: Person, token: str, password: str = NEW) -> PageResponse:
    fields = {"token": token, "new_password": password, "repeated_password": password}
    return browser.post(CHOOSE, fields)


def test_a_link_resets_the_password_once_and_ends_sessions_and_devices(
    victim: CabinetPartner,
) -> None:
    elsewhere, here = victim.owner(), person(victim.up)
    token = token_for(victim)
    for _ in range(2):
        assert here.get(f"{CHOOSE}?token={token}").status == 200, "opening it does not use it up"
    assert elsewhere.get(ACCOUNT).status == 200
    done = choose(here, token)
    assert (done.status, done.location) == (303, "/partner/login?reset=1")
    assert "Your password was changed" in here.get(done.location).text
    assert here.get(ACCOUNT).status == 303, "nobody is signed in by a link"
    assert elsewhere.get(ACCOUNT).status == 303
    assert here.sign_in(victim.email, victim.password).status == 403
    assert here.sign_in(victim.email, NEW).status == 303
    assert choose(person(victim.up), token, "another good password").status == 403
    assert here.get(f"{CHOOSE}?token={token}").status == 403
    log = here.get("/partner/team/log").words()
    assert "Requested a link to reset the password" in log
    assert "Reset the password by email" in log


def test_of_concurrent_uses_of_a_link_only_one_succeeds(victim: CabinetPartner) -> None:
    token = token_for(victim)
    passwords = [f"{NEW} {number}" for number in range(6)]
    with ThreadPoolExecutor(6) as threads:
        uses = threads.map(lambda new: choose(person(victim.up), token, new).status, passwords)
        statuses = list(uses)
    assert sorted(statuses) == [303] + [403] * 5
    (chosen,) = (one for one, status in zip(passwords, statuses, strict=True) if status == 303)
    assert person(victim.up).sign_in(victim.email, chosen).status == 303


def test_a_link_does_not_replace_the_second_factor(victim: CabinetPartner) -> None:
    _, app = victim.owner_with_factor()
    thief = person(victim.up)
    assert choose(thief, token_for(victim)).status == 303
    assert thief.sign_in(victim.email, NEW).status == 303
    assert thief.get(ACCOUNT).location.startswith("/partner/verify")
    assert enter_code(thief, "/partner/verify", app.code()).status == 303


@pytest.mark.parametrize("event", ["a new password", "another link", "half an hour"])
def test_a_link_ends_with(victim: CabinetPartner, event: str) -> None:
    owner, token = victim.owner(), token_for(victim)
    if event == "a new password":
        fields = password_fields(victim.password, NEW)
        assert owner.send_form(ACCOUNT, f"{ACCOUNT}/password", **fields).status == 303
    elif event == "another link":
        assert choose(person(victim.up), token_for(victim)).status == 303
    else:
        digest = sha256(f"password reset {token}".encode()).hexdigest()
        expire(victim, digest)
    assert choose(person(victim.up), token, "another good password").status == 403


def expire(victim: CabinetPartner, token_hash: str) -> None:
    """Move the time at which a link was sent half an hour into the past."""
    instance = read_instance(victim.up.data_dir)
    assert instance is not None
    with psycopg.connect(instance.owner_database_url, autocommit=True) as connection:
        done = connection.execute(
            "UPDATE password_resets SET expires_at = expires_at - interval '30 minutes'"
            " WHERE token_hash = %s",
            (token_hash,),
        )
        assert done.rowcount == 1, "only the hash of the token is stored"


@pytest.mark.parametrize(
    "token", ["", "x" * 43, "%00", "..%2f", "' OR 1=1 --", "\U0001f511" * 43, "y" * 5000]
)
def test_an_invented_link_is_rejected(victim: CabinetPartner, token: str) -> None:
    browser = person(victim.up)
    assert choose(browser, token).status == 403
    assert "no longer valid" in choose(browser, token).text


def test_the_link_leads_to_the_configured_address_whatever_host_was_requested(
    victim: CabinetPartner,
) -> None:
    browser = browser_from(victim, "127.0.2.1")
    sent = browser.post(
        REQUEST, {"email": victim.email}, Host="evil.example", X_Forwarded_Host="evil.example"
    )
    mails = []
    if sent.status == 200:
        mails = wait_until(victim.mails, bool)
    assert all(LINK.search(text) and "evil" not in text for text in mails)


def test_nobody_learns_whether_an_address_is_registered(victim: CabinetPartner) -> None:
    browser = browser_from(victim, "127.0.2.2")
    emails = (victim.email, f"{uuid4().hex}@nobody.example", "not an address", "")
    pages = [browser.post(REQUEST, {"email": email}) for email in emails]
    assert {page.status for page in pages} == {200}
    assert len({page.text for page in pages}) == 1
    assert len({tuple(page.headers) for page in pages}) == 1


def test_requests_for_one_address_are_limited_whoever_makes_them(victim: CabinetPartner) -> None:
    stranger = f"{uuid4().hex}@nobody.example"
    for email in (victim.email, stranger):
        digest = sha256(email.encode()).hexdigest()[:32]
        first = browser_from(victim, "127.0.2.3").post(REQUEST, {"email": email})
        assert first.status == 200
        with Valkey.from_url(victim.up.valkey_url()) as valkey:
            valkey.hset(f"attempts:{{reset-email:{digest}}}", "failures", 40)
        browser = browser_from(victim, "127.0.2.4")
        assert browser.post(REQUEST, {"email": email}).status == 200
        limited = browser.post(REQUEST, {"email": email.upper()})
        assert limited.status == 429
        assert 0 < int(limited.headers["retry-after"]) <= 900, "a link is valid for longer"


def test_requests_of_one_client_address_are_limited(victim: CabinetPartner) -> None:
    source = "127.0.2.5"
    browser = browser_from(victim, source)
    assert browser.post(REQUEST, {"email": f"{uuid4().hex}@nobody.example"}).status == 200
    with Valkey.from_url(victim.up.valkey_url()) as valkey:
        valkey.hset(f"attempts:{{reset-ip:{source}}}", "failures", 40)
    assert browser.post(REQUEST, {"email": f"{uuid4().hex}@nobody.example"}).status == 200
    assert browser.post(REQUEST, {"email": victim.email}).status == 429
    other = browser_from(victim, "127.0.2.6")
    assert other.post(REQUEST, {"email": victim.email}).status == 200


def test_a_form_of_another_site_requests_nothing(victim: CabinetPartner) -> None:
    browser = browser_from(victim, "127.0.2.7")
    forged = browser.post(REQUEST, {"email": victim.email}, Sec_Fetch_Site="cross-site")
    assert forged.status == 403
    assert victim.mails() == []


@pytest.mark.parametrize(
    ("new", "error"),
    [("short", "at least 12 characters"), ("password1234", "too easy to guess")],
)
def test_a_weak_password_is_rejected_and_the_link_stays_valid(
    victim: CabinetPartner, new: str, error: str
) -> None:
    browser, token = person(victim.up), token_for(victim)
    rejected = choose(browser, token, new)
    assert rejected.status == 422
    assert error in rejected.text
    fields = {"token": token, "new_password": NEW, "repeated_password": f"{NEW}!"}
    assert browser.post(CHOOSE, fields).status == 422
    assert choose(browser, token).status == 303


def test_the_operator_sets_a_one_time_password_for_any_member(victim: CabinetPartner) -> None:
    owner, _ = victim.owner_with_factor()
    member, email, _ = victim.invite_member(owner, "developer")
    done = victim.command("partner", "password", email)
    assert done["email"] == email
    assert member.get(ACCOUNT).status == 303
    browser = person(victim.up)
    assert browser.sign_in(email, str(done["password"])).status == 303
    assert browser.get(ACCOUNT).location == "/partner/new-password"
    assert f"operator Set a one-time password {email}" in owner.get("/partner/team/log").words()
