"""Two-factor authentication: setup, sign-in, sensitive actions, recovery codes, turning off."""

import pytest

from tests.conftest import Running
from tests.support.clients.cabinet import (
    FACTOR,
    SECRET,
    AuthenticatorApp,
    CabinetPartner,
    codes_on,
    enter_code,
    password_fields,
    person,
    set_up_factor,
)

OFF = f"{FACTOR}/off"
RENEW = f"{FACTOR}/recovery-codes"


@pytest.fixture
def partner(up: Running) -> CabinetPartner:
    return CabinetPartner.new(up)


def test_setup_requires_the_password_and_a_code(partner: CabinetPartner) -> None:
    owner = partner.owner()
    wrong = owner.send_form(FACTOR, f"{FACTOR}/begin", password="x")
    assert wrong.status == 422
    assert "Wrong password" in wrong.text
    assert SECRET.search(owner.get(FACTOR).text) is None
    assert owner.send_form(FACTOR, f"{FACTOR}/confirm", code="123456").status == 303
    owner.send_form(FACTOR, f"{FACTOR}/begin", password=partner.password)
    match = SECRET.search(owner.get(FACTOR).text)
    assert match is not None
    secret = match[1].replace(" ", "")
    assert owner.send_form(FACTOR, f"{FACTOR}/confirm", code="12345x").status == 422
    done = owner.send_form(FACTOR, f"{FACTOR}/confirm", code=AuthenticatorApp(secret).code())
    assert len(set(codes_on(done))) == 10
    again = owner.get(FACTOR)
    assert "Two-factor authentication is on" in again.text
    assert secret not in again.text.replace(" ", "")
    assert not codes_on(again)
    assert (
        "already"
        in owner.get(
            owner.send_form(FACTOR, f"{FACTOR}/begin", password=partner.password).location
        ).text
    )


def test_every_page_requires_a_code_after_sign_in(partner: CabinetPartner) -> None:
    _, app = partner.owner_with_factor()
    browser = partner.owner()
    for path in ("/partner/account", FACTOR):
        response = browser.get(path)
        assert response.status == 303
        assert response.location.startswith("/partner/verify?next=")
    zone = {"form_token": browser.token_of("/partner/verify"), "zone": "Asia/Tokyo"}
    assert browser.post("/partner/account/zone", zone).location == "/partner/verify"
    assert browser.get("/partner/account", HX_Request="true").status == 401
    used = enter_code(browser, "/partner/verify", app.code_of(app.last_step))
    assert used.status == 403, "the code of the setup was used"
    assert "already used" in used.text
    verified = enter_code(browser, "/partner/verify?next=%2Fpartner%2Faccount", app.code())
    assert (verified.status, verified.location) == (303, "/partner/account")
    page = browser.get("/partner/account")
    assert page.status == 200
    assert 'value="Asia/Tokyo" selected' not in page.text


def test_a_code_is_accepted_only_once(partner: CabinetPartner) -> None:
    _, app = partner.owner_with_factor()
    first, second = partner.owner(), partner.owner()
    code = app.code()
    assert enter_code(first, "/partner/verify", code).status == 303
    assert enter_code(second, "/partner/verify", code).status == 403
    assert second.get("/partner/account").status == 303


def test_a_recovery_code_is_accepted_only_once(partner: CabinetPartner) -> None:
    owner = partner.owner()
    _, former = set_up_factor(owner, partner.password)
    codes = codes_on(owner.send_form(FACTOR, RENEW))
    assert not set(former) & set(codes)
    assert len(codes) == 10
    first, second = partner.owner(), partner.owner()
    verified = enter_code(first, "/partner/verify?next=%2Fpartner%2Faccount", codes[0].upper())
    assert verified.status == 303
    assert "9 left" in first.get(verified.location).text
    assert enter_code(second, "/partner/verify", codes[0]).status == 403
    assert enter_code(second, "/partner/verify", codes[9].replace("-", "")).status == 303


def test_a_sensitive_action_requires_a_recent_code_and_is_then_performed(
    partner: CabinetPartner,
) -> None:
    owner = partner.owner()
    _, former = set_up_factor(owner, partner.password)
    codes = codes_on(owner.send_form(FACTOR, RENEW))
    assert not set(former) & set(codes)
    owner.age_verification(partner.up, seconds=400)
    challenge = owner.send_form(FACTOR, OFF, extra="<b>&amp;")
    assert challenge.status == 403
    assert 'name="extra" value="&lt;b&gt;&amp;amp;"' in challenge.text
    assert "Two-factor authentication is on" in owner.get(FACTOR).text
    rejected = enter_code(owner, challenge, "000000")
    assert rejected.status == 403
    done = enter_code(owner, rejected, codes[0])
    assert (done.status, done.location) == (303, FACTOR)
    assert "Two-factor authentication is off." in owner.get(FACTOR).text


def test_a_sensitive_action_without_a_second_factor_leads_to_its_setup(
    partner: CabinetPartner,
) -> None:
    owner = partner.owner()
    response = owner.send_form(FACTOR, RENEW)
    assert response.status == 403
    assert "Set up two-factor authentication first" in response.text
    assert f'href="{FACTOR}"' in response.text


def test_wrong_codes_are_throttled_across_all_sessions(partner: CabinetPartner) -> None:
    _, app = partner.owner_with_factor()
    first, second = partner.owner(), partner.owner()
    statuses: list[int] = []
    while len(statuses) < 12 and 429 not in statuses:  # each failure doubles a wait that was over
        statuses.append(enter_code(first, "/partner/verify", "000000").status)
    assert statuses[:6] == [403] * 6
    assert statuses[-1] == 429
    late = enter_code(second, "/partner/verify", app.code())
    assert late.status == 429
    assert "Try again in" in late.text


@pytest.mark.parametrize("elsewhere", ["//evil.example/", "https://evil.example/", "/docs", ""])
def test_the_step_up_page_never_redirects_to_another_site(
    partner: CabinetPartner, elsewhere: str
) -> None:
    _, app = partner.owner_with_factor()
    browser = partner.owner()
    token = browser.token_of("/partner/verify")
    form = {
        "form_token": token,
        "step_up_code": app.code(),
        "step_up_then": elsewhere,
    }
    assert browser.post("/partner/verify", form | {"step_up_again": "1"}).location == "/partner"


def test_a_session_stays_verified_after_a_password_change(partner: CabinetPartner) -> None:
    owner, _ = partner.owner_with_factor()
    new = password_fields(partner.password, "an entirely new one")
    assert owner.send_form("/partner/account", "/partner/account/password", **new).status == 303
    assert owner.get("/partner/account").status == 200


def test_a_code_in_a_cross_site_form_is_rejected(partner: CabinetPartner) -> None:
    _, app = partner.owner_with_factor()
    browser = partner.owner()
    form = {"step_up_code": app.code(), "form_token": "x" * 43}
    assert browser.post("/partner/verify", form).status == 403
    assert person(partner.up).post("/partner/verify", form).status == 303
    assert browser.get("/partner/account").status == 303
