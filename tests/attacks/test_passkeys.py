"""An attacker who knows a member's password tries to get past the member's passkey."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from valkey import Valkey

from tests.conftest import Running
from tests.support.clients.authenticator import Authenticator, encoded
from tests.support.clients.cabinet import (
    FACTOR,
    HIDDEN,
    AuthenticatorApp,
    CabinetPartner,
    Person,
    enter_code,
    person,
)
from tests.support.clients.visitor import PageResponse

ACCOUNT, VERIFY = "/partner/account", "/partner/verify"
PASSKEYS = f"{ACCOUNT}/passkeys"
NEW = f"{PASSKEYS}/new"


class Member:
    """A member with a passkey, and a browser that is signed in."""

    def __init__(self, up: Running) -> None:
        self.partner = CabinetPartner.new(up)
        self.browser, self.app = self.partner.owner_with_factor()
        self.origin = up.base_url.replace("127.0.0.1", "localhost")
        self.key = Authenticator(self.origin)
        self.added = add(self.browser, self.key)

    def half_signed_in(self) -> Person:
        """Return a new browser in which only the password was entered."""
        return self.partner.owner()


@pytest.fixture
def member(up: Running) -> Member:
    return Member(up)


def creation_options(browser: Person) -> dict[str, Any]:
    return options_at(browser, f"{NEW}/options", NEW)


def use_options(browser: Person) -> dict[str, Any]:
    return options_at(browser, f"{VERIFY}/options", VERIFY)


def options_at(browser: Person, path: str, page: str) -> dict[str, Any]:
    response = browser.post(path, {"form_token": browser.token_of(page)})
    assert response.status == 200, response.words()
    assert response.headers["content-type"] == "application/json"
    options: dict[str, Any] = json.loads(response.text)
    return options


def add(browser: Person, key: Authenticator, name: str = "Work laptop") -> PageResponse:
    response = key.create(creation_options(browser))
    return browser.send_form(NEW, NEW, name=name, response=response)


def present(browser: Person, response: str) -> PageResponse:
    form = {"form_token": browser.token_of(VERIFY), "step_up_then": ACCOUNT}
    return browser.post(VERIFY, form | {"step_up_response": response})


def is_inside(browser: Person) -> bool:
    return browser.get(ACCOUNT).status == 200


@pytest.mark.parametrize("counts", [True, False], ids=["counts", "does not count"])
def test_a_passkey_completes_a_sign_in_and_a_sensitive_change(up: Running, counts: bool) -> None:
    member = Member(up)
    key = Authenticator(member.origin, counts=counts)
    assert add(member.browser, key, "Key").status == 303
    page = member.browser.get(FACTOR).words()
    assert "The passkey Key was added" in page
    assert "Work laptop" in page
    browser = member.half_signed_in()
    assert not is_inside(browser)
    done = present(browser, key.use(use_options(browser)))
    assert (done.status, done.location) == (303, ACCOUNT)
    assert is_inside(browser)
    browser.age_verification(up, seconds=400)
    challenge = browser.send_form(FACTOR, f"{FACTOR}/recovery-codes")
    assert challenge.status == 403
    fields = dict(HIDDEN.findall(challenge.text))
    fields["step_up_response"] = key.use(use_options(browser))
    again = browser.post(VERIFY, fields)
    assert again.status == 307
    assert browser.post(again.location, fields).status == 200
    log = member.browser.get("/partner/team/log").words()
    assert "Added a passkey Work laptop" in log


def test_adding_and_removing_a_passkey_requires_a_recent_code(member: Member) -> None:
    assert member.added.status == 303
    browser, page = member.browser, member.browser.get(FACTOR).text
    removal = page.partition(f'action="{PASSKEYS}/')[2].partition('"')[0]
    token = browser.token_of(FACTOR)
    options = creation_options(browser)
    browser.age_verification(member.partner.up, seconds=400)
    assert browser.get(NEW).location.startswith(VERIFY)
    response = Authenticator(member.origin).create(options)
    for path, fields in (
        (f"{NEW}/options", {}),
        (NEW, {"name": "Thief", "response": response}),
        (f"{PASSKEYS}/{removal}", {}),
    ):
        assert browser.post(path, {"form_token": token, **fields}).status == 403, path
    page = browser.get(FACTOR).words()
    assert "Thief" not in page
    assert "Work laptop" in page


def test_a_passkey_needs_two_factor_authentication_with_recovery_codes(up: Running) -> None:
    browser = CabinetPartner.new(up).owner()
    assert browser.get(NEW).location == FACTOR
    for path in (NEW, f"{NEW}/options"):
        response = browser.send_form(ACCOUNT, path, name="Key", response="{}")
        assert response.status == 403
        assert "Set up two-factor authentication first" in response.text


def test_a_response_is_accepted_once(member: Member) -> None:
    thief, browser = member.half_signed_in(), member.half_signed_in()
    options = use_options(browser)
    response = member.key.use(options)
    assert present(thief, response).status == 403, "the challenge of another session"
    use_options(thief)
    assert present(thief, response).status == 403
    assert present(browser, response).status == 303
    browser.send_form(ACCOUNT, "/partner/logout")
    again = member.half_signed_in()
    assert present(again, response).status == 403
    assert not is_inside(thief)


def test_of_concurrent_uses_of_a_response_only_one_is_accepted(member: Member) -> None:
    key = Authenticator(member.origin, counts=False)
    assert add(member.browser, key, "Synchronized").status == 303
    browser = member.half_signed_in()
    response, token = key.use(use_options(browser)), browser.token_of(VERIFY)
    form = {"form_token": token, "step_up_then": ACCOUNT, "step_up_response": response}
    with ThreadPoolExecutor(6) as threads:
        statuses = list(threads.map(lambda _: browser.post(VERIFY, form).status, range(6)))
    assert sorted(statuses) == [303] + [403] * 5


def test_a_challenge_copied_in_valkey_serves_no_other_session(member: Member) -> None:
    browser, thief = member.half_signed_in(), member.half_signed_in()
    response = member.key.use(use_options(browser))
    keys = [f"{{m:{one.member_id()}}}:session:{one.session_id()}" for one in (browser, thief)]
    with Valkey.from_url(member.partner.up.valkey_url()) as valkey:
        challenge = valkey.hget(keys[0], "challenge")
        assert isinstance(challenge, bytes)
        for forged in (challenge, b'{"purpose":"verify"}', b""):
            valkey.hset(keys[1], "challenge", forged)
            assert present(thief, response).status == 403
    assert present(browser, response).status == 303


def test_a_challenge_is_used_up_by_a_failed_attempt(member: Member) -> None:
    browser = member.half_signed_in()
    options = use_options(browser)
    assert present(browser, "{}").status == 403
    rejected = present(browser, member.key.use(options))
    assert rejected.status == 403
    assert "was not accepted" in rejected.text
    log = member.browser.get("/partner/team/log").words()
    assert "Used an invalid passkey" in log


def test_a_challenge_for_adding_does_not_serve_for_signing_in(member: Member) -> None:
    member.browser.age_verification(member.partner.up, seconds=60)
    options = creation_options(member.browser)
    assert present(member.browser, member.key.use(options)).status == 403


@pytest.mark.parametrize(
    "change",
    [
        {"origin": "https://swap.example.evil"},
        {"origin": "http://localhost"},
        {"rp_id": "evil.example"},
    ],
    ids=str,
)
def test_a_passkey_used_on_an_imitation_of_the_site_is_rejected(
    member: Member, change: dict[str, str]
) -> None:
    for name, value in change.items():
        setattr(member.key, name, value)
    browser = member.half_signed_in()
    assert present(browser, member.key.use(use_options(browser))).status == 403
    assert not is_inside(browser)


def test_another_members_passkey_is_rejected(up: Running, member: Member) -> None:
    attacker = Member(up)
    browser = member.half_signed_in()
    assert present(browser, attacker.key.use(use_options(browser))).status == 403
    attacker.key.credential_id = member.key.credential_id
    assert present(browser, attacker.key.use(use_options(browser))).status == 403
    assert add(attacker.browser, member.key).location == FACTOR
    assert "was not added" in attacker.browser.get(FACTOR).text


def test_a_cloned_authenticator_is_rejected(member: Member) -> None:
    browser = member.half_signed_in()
    member.key.count = 10
    assert present(browser, member.key.use(use_options(browser))).status == 303
    for count in (10, 3, -1):
        member.key.count = count
        clone = member.half_signed_in()
        assert present(clone, member.key.use(use_options(clone))).status == 403, count


@pytest.mark.parametrize(
    "response",
    [
        "x",
        "[]",
        '{"id":5}',
        '{"id":"\u00e9"}',
        '{"id":"AAAA","rawId":"AAAA","type":"public-key","response":{}}',
        '{"id":"%s"}' % ("A" * 30_000),
        "\U0001f511",
        "NaN",
        '{"id":null}',
    ],
    ids=range(9),
)
def test_a_malformed_response_is_rejected(member: Member, response: str) -> None:
    browser = member.half_signed_in()
    use_options(browser)
    assert present(browser, response).status == 403
    member.browser.send_form(NEW, NEW, name="Thief", response=response)
    creation_options(member.browser)
    rejected = member.browser.send_form(NEW, NEW, name="Thief", response=response)
    assert rejected.status == 422
    assert "Thief" not in member.browser.get(FACTOR).words()


def test_a_response_with_a_malformed_signature_is_rejected(member: Member) -> None:
    browser = member.half_signed_in()
    for field in ("signature", "authenticatorData", "clientDataJSON"):
        for value in ("", encoded(b"\x00" * 40), encoded(b"\xff" * 200), "!"):
            response = json.loads(member.key.use(use_options(browser)))
            response["response"][field] = value
            assert present(browser, json.dumps(response)).status == 403, (field, value)
    assert not is_inside(browser)


def test_a_removed_passkey_is_rejected(member: Member) -> None:
    browser = member.half_signed_in()
    response = member.key.use(use_options(browser))
    page = member.browser.get(FACTOR).text
    removal = page.partition(f'action="{PASSKEYS}/')[2].partition('"')[0]
    stranger = Member(member.partner.up).browser
    assert stranger.send_form(FACTOR, f"{PASSKEYS}/{removal}").status == 404
    assert member.browser.send_form(FACTOR, f"{PASSKEYS}/{removal}").status == 303
    assert present(browser, response).status == 403
    log = member.browser.get("/partner/team/log").words()
    assert "Removed a passkey Work laptop" in log


@pytest.mark.parametrize("who", ["the member", "the operator"])
def test_turning_off_two_factor_authentication_removes_passkeys(member: Member, who: str) -> None:
    if who == "the member":
        assert member.browser.send_form(FACTOR, f"{FACTOR}/off").status == 303
    else:
        member.partner.command("partner", "second-factor-off", member.partner.email)
    browser = member.partner.owner()
    assert is_inside(browser)
    assert (
        browser.post(f"{VERIFY}/options", {"form_token": browser.token_of(ACCOUNT)}).status == 404
    )


def test_a_name_is_required_and_at_most_ten_passkeys_are_stored(member: Member) -> None:
    for name in ("", " ", "x" * 51, "a\u202eb"):
        rejected = add(member.browser, Authenticator(member.origin), name)
        assert rejected.status == 422, name
    for number in range(2, 11):
        assert add(member.browser, Authenticator(member.origin), f"Key {number}").status == 303
    assert "Key 10" in member.browser.get(FACTOR).words()
    add(member.browser, Authenticator(member.origin), "Key 11")
    page = member.browser.get(FACTOR).words()
    assert "was not added" in page
    assert "Key 11" not in page


def test_a_code_is_accepted_beside_a_passkey(member: Member) -> None:
    browser = member.half_signed_in()
    assert "Use a passkey" in browser.get(VERIFY).text
    assert isinstance(member.app, AuthenticatorApp)
    assert enter_code(browser, VERIFY, member.app.code()).status == 303
    assert "Use a passkey" not in person(member.partner.up).get("/partner/login").text
