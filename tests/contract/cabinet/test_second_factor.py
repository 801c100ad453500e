"""The second factor: set up, asked for at sign-in and before what matters, lost and turned off."""

import pytest

from tests.conftest import Running
from tests.support.clients.cabinet import (
    FACTOR,
    SECRET,
    App,
    CabinetPartner,
    codes_on,
    give,
    person,
    set_up_factor,
)

OFF = f"{FACTOR}/off"
RENEW = f"{FACTOR}/recovery-codes"


@pytest.fixture
def partner(up: Running) -> CabinetPartner:
    return CabinetPartner.new(up)


def test_it_is_set_up_with_the_password_and_a_code(partner: CabinetPartner) -> None:
    owner = partner.owner()
    wrong = owner.send_form(FACTOR, f"{FACTOR}/begin", password="x")
    assert wrong.status == 422
    assert "t your present password" in wrong.text
    assert SECRET.search(owner.get(FACTOR).text) is None
    assert owner.send_form(FACTOR, f"{FACTOR}/confirm", code="123456").status == 303
    owner.send_form(FACTOR, f"{FACTOR}/begin", password=partner.password)
    found = SECRET.search(owner.get(FACTOR).text)
    assert found is not None
    secret = found[1].replace(" ", "")
    assert owner.send_form(FACTOR, f"{FACTOR}/confirm", code="12345x").status == 422
    done = owner.send_form(FACTOR, f"{FACTOR}/confirm", code=App(secret).code())
    assert len(set(codes_on(done))) == 10
    again = owner.get(FACTOR)
    assert "Your second factor is on" in again.text
    assert secret not in again.text.replace(" ", "")
    assert not codes_on(again)
    assert (
        "already"
        in owner.get(
            owner.send_form(FACTOR, f"{FACTOR}/begin", password=partner.password).location
        ).text
    )


def test_signing_in_asks_for_a_code_before_anything_else(partner: CabinetPartner) -> None:
    _, app = partner.owner_with_factor()
    visitor = partner.owner()
    for path in ("/partner/account", FACTOR):
        answer = visitor.get(path)
        assert answer.status == 303
        assert answer.location.startswith("/partner/verify?next=")
    zone = {"form_token": visitor.token_of("/partner/verify"), "zone": "Asia/Tokyo"}
    assert visitor.post("/partner/account/zone", zone).location == "/partner/verify"
    assert visitor.get("/partner/account", HX_Request="true").status == 401
    used = give(visitor, "/partner/verify", app.code_of(app.shown))
    assert used.status == 403, "the code that set it up was used by that"
    assert "used before" in used.text
    there = give(visitor, "/partner/verify?next=%2Fpartner%2Faccount", app.code())
    assert (there.status, there.location) == (303, "/partner/account")
    page = visitor.get("/partner/account")
    assert page.status == 200
    assert 'value="Asia/Tokyo" selected' not in page.text


def test_a_code_is_good_once_whoever_sees_it(partner: CabinetPartner) -> None:
    _, app = partner.owner_with_factor()
    first, second = partner.owner(), partner.owner()
    code = app.code()
    assert give(first, "/partner/verify", code).status == 303
    assert give(second, "/partner/verify", code).status == 403
    assert second.get("/partner/account").status == 303


def test_a_recovery_code_is_good_once(partner: CabinetPartner) -> None:
    owner = partner.owner()
    _, former = set_up_factor(owner, partner.password)
    codes = codes_on(owner.send_form(FACTOR, RENEW))
    assert not set(former) & set(codes)
    assert len(codes) == 10
    first, second = partner.owner(), partner.owner()
    there = give(first, "/partner/verify?next=%2Fpartner%2Faccount", codes[0].upper())
    assert there.status == 303
    assert "You have 9 more" in first.get(there.location).text
    assert give(second, "/partner/verify", codes[0]).status == 403
    assert give(second, "/partner/verify", codes[9].replace("-", "")).status == 303


def test_what_matters_asks_again_and_then_does_what_was_asked(partner: CabinetPartner) -> None:
    owner = partner.owner()
    _, former = set_up_factor(owner, partner.password)
    codes = codes_on(owner.send_form(FACTOR, RENEW))
    assert not set(former) & set(codes)
    owner.age_proof(partner.up, seconds=400)
    asked = owner.send_form(FACTOR, OFF, kept="<b>&amp;")
    assert asked.status == 403
    assert 'name="kept" value="&lt;b&gt;&amp;amp;"' in asked.text
    assert "Your second factor is on" in owner.get(FACTOR).text
    refused = give(owner, asked, "000000")
    assert refused.status == 403
    done = give(owner, refused, codes[0])
    assert (done.status, done.location) == (303, FACTOR)
    assert "The second factor is off" in owner.get(FACTOR).text


def test_without_one_a_page_that_needs_it_leads_to_it(partner: CabinetPartner) -> None:
    owner = partner.owner()
    answer = owner.send_form(FACTOR, RENEW)
    assert answer.status == 403
    assert "Set up a second factor first" in answer.text
    assert f'href="{FACTOR}"' in answer.text


def test_guesses_are_made_to_wait_in_all_sessions(partner: CabinetPartner) -> None:
    _, app = partner.owner_with_factor()
    first, second = partner.owner(), partner.owner()
    statuses: list[int] = []
    while len(statuses) < 12 and 429 not in statuses:  # each failure doubles a wait that was over
        statuses.append(give(first, "/partner/verify", "000000").status)
    assert statuses[:6] == [403] * 6
    assert statuses[-1] == 429
    late = give(second, "/partner/verify", app.code())
    assert late.status == 429
    assert "Try again in" in late.text


@pytest.mark.parametrize("elsewhere", ["//evil.example/", "https://evil.example/", "/docs", ""])
def test_nobody_is_led_elsewhere(partner: CabinetPartner, elsewhere: str) -> None:
    _, app = partner.owner_with_factor()
    visitor = partner.owner()
    token = visitor.token_of("/partner/verify")
    form = {
        "form_token": token,
        "step_up_code": app.code(),
        "step_up_then": elsewhere,
    }
    assert visitor.post("/partner/verify", form | {"step_up_again": "1"}).location == "/partner"


def test_a_changed_password_keeps_who_has_given_a_code_signed_in(partner: CabinetPartner) -> None:
    owner, _ = partner.owner_with_factor()
    new = {"former": partner.password, "chosen": "quite another one", "again": "quite another one"}
    assert owner.send_form("/partner/account", "/partner/account/password", **new).status == 303
    assert owner.get("/partner/account").status == 200


def test_who_comes_from_elsewhere_gets_no_code_taken(partner: CabinetPartner) -> None:
    _, app = partner.owner_with_factor()
    visitor = partner.owner()
    form = {"step_up_code": app.code(), "form_token": "x" * 43}
    assert visitor.post("/partner/verify", form).status == 403
    assert person(partner.up).post("/partner/verify", form).status == 303
    assert visitor.get("/partner/account").status == 303
