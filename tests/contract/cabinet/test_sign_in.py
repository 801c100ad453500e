"""Signing in and out, passwords and sessions, without scripts."""

import json
import re
from uuid import uuid4

import pytest

from tests.conftest import Running
from tests.support.clients.cabinet import CabinetPartner, Person, password_fields, person

OWN = "a good long password"


@pytest.fixture(scope="module")
def partner(up: Running) -> CabinetPartner:
    return CabinetPartner.new(up)


def test_the_demo_partner_signs_in_and_out(up: Running) -> None:
    demo = up.demo()
    browser = person(up)
    assert browser.get("/partner/account").location == "/partner/login?next=%2Fpartner%2Faccount"
    response = browser.sign_in(demo.cabinet_email, demo.cabinet_password, next="/partner/account")
    assert (response.status, response.location) == (303, "/partner/account")
    page = browser.get("/partner/account")
    assert page.status == 200
    assert demo.cabinet_email in page.text
    out = browser.send_form("/partner/account", "/partner/logout")
    assert out.location == "/partner/login?out=1"
    assert "You are signed out" in browser.get(out.location).text
    assert browser.get("/partner/account").status == 303


def test_the_cookie_is_limited_to_the_dashboards_path_and_hidden_from_scripts(up: Running) -> None:
    demo = up.demo()
    response = person(up).sign_in(demo.cabinet_email, demo.cabinet_password)
    (cookie,) = (one for one in response.set_cookies if one.startswith("cabinet="))
    assert re.fullmatch(
        r"cabinet=k1\.[0-9a-f]{32}\.[A-Za-z0-9_-]{43}\.[0-9a-f]{64}; Path=/partner; "
        r"Max-Age=43200; HttpOnly; SameSite=Lax",
        cookie,
    )


def test_the_sign_in_page_redirects_a_signed_in_member(up: Running) -> None:
    demo = up.demo()
    browser = person(up)
    browser.sign_in(demo.cabinet_email, demo.cabinet_password)
    assert browser.get("/partner/login").status == 303
    assert browser.get("/partner").status == 303
    assert browser.get("/partner/nothing").status == 404


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example/partner/",
        "/partner//evil.example",
        "/partner/../docs",
        "/partner/\\evil",
        "/partner/login?next=x",
        "/docs",
    ],
)
def test_sign_in_never_redirects_to_another_site(up: Running, elsewhere: str) -> None:
    demo = up.demo()
    response = person(up).sign_in(demo.cabinet_email, demo.cabinet_password, next=elsewhere)
    assert response.status == 303
    assert re.fullmatch(r"/partner/[a-z]+", response.location)


def test_a_one_time_password_only_permits_choosing_another(
    partner: CabinetPartner,
) -> None:
    browser = person(partner.up)
    one_time = partner.one_time_password()
    assert browser.sign_in(partner.email, one_time).status == 303
    assert browser.get("/partner/account").location == "/partner/new-password"
    assert browser.get("/partner/new-password").status == 200
    chosen = password_fields(one_time, OWN)
    short = browser.send_form("/partner/new-password", **password_fields(one_time, "s" * 11))
    assert short.status == 422
    assert "at least 12 characters" in short.text
    assert (
        browser.send_form("/partner/new-password", **chosen | {"repeated_password": "x"}).status
        == 422
    )
    same = browser.send_form("/partner/new-password", **password_fields(one_time, one_time))
    assert "This is your current password" in same.text
    wrong = browser.send_form("/partner/new-password", **chosen | {"current_password": "x"})
    assert "Wrong password" in wrong.text
    before = dict(browser.cookies)
    assert browser.send_form("/partner/new-password", **chosen).status == 303
    partner.password = OWN
    assert browser.cookies != before
    assert "Password changed" in browser.get("/partner/account").text
    assert "Password changed" not in browser.get("/partner/account").text
    assert person(partner.up).sign_in(partner.email, one_time).status == 403
    assert person(partner.up).sign_in(partner.email.upper(), OWN).status == 303


def test_a_new_password_ends_all_other_sessions(partner: CabinetPartner) -> None:
    here, there = partner.owner(), partner.owner()
    assert there.get("/partner/account").status == 200
    new = f"another {uuid4()}"
    done = here.send_form(
        "/partner/account",
        "/partner/account/password",
        **password_fields(partner.password, new),
    )
    assert done.location == "/partner/account"
    partner.password = new
    assert here.get("/partner/account").status == 200
    assert there.get("/partner/account").status == 303


def test_disabling_a_partner_ends_all_its_sessions(partner: CabinetPartner) -> None:
    owner = partner.owner()
    partner.up.json("partner", "disable", partner.email)
    assert owner.get("/partner/account").status == 303
    rejected = person(partner.up).sign_in(partner.email, partner.password)
    assert rejected.status == 403
    assert "is disabled" in rejected.text
    partner.up.json("partner", "enable", partner.email)
    assert owner.get("/partner/account").status == 303
    assert partner.owner().get("/partner/account").status == 200


def test_the_time_zone_is_saved_and_an_unknown_one_is_rejected(partner: CabinetPartner) -> None:
    owner = partner.owner()
    assert (
        owner.send_form("/partner/account", "/partner/account/zone", zone="Mars/Crater").status
        == 422
    )
    done = owner.send_form("/partner/account", "/partner/account/zone", zone="Asia/Tokyo")
    assert done.status == 303
    assert 'value="Asia/Tokyo" selected' in owner.get("/partner/account").text


def test_easily_guessed_passwords_are_rejected(partner: CabinetPartner) -> None:
    owner = partner.owner()
    name = partner.email.partition("@")[0]
    for chosen in ("password1234", "P@ssw0rd1234", "aaaaaaaaaaaaaaa", f"{name}1"):
        rejected = owner.send_form(
            "/partner/account",
            "/partner/account/password",
            **password_fields(partner.password, chosen),
        )
        assert rejected.status == 422, chosen
        assert "too easy to guess" in rejected.text


def test_a_member_lists_and_ends_their_own_sessions(partner: CabinetPartner) -> None:
    here, there, elsewhere = partner.owner(), partner.owner(), partner.owner()
    page = here.get("/partner/account").text
    ends = re.findall(r'action="(/partner/account/sessions/[0-9a-f]{64}/end)"', page)
    assert len(ends) >= 2
    assert page.count("This browser") == 1
    done = here.send_form("/partner/account", session_end(there))
    assert done.location == "/partner/account"
    assert there.get("/partner/account").status == 303
    assert elsewhere.get("/partner/account").status == 200
    before = dict(here.cookies)
    assert here.send_form("/partner/account", "/partner/account/sessions/others/end").status == 303
    assert here.cookies != before
    assert elsewhere.get("/partner/account").status == 303
    after = here.get("/partner/account").text
    assert "All other browsers were signed out" in after
    assert re.findall(r"sessions/[0-9a-f]{64}/end", after) == []


def test_a_session_of_another_member_cannot_be_ended(up: Running, partner: CabinetPartner) -> None:
    other = CabinetPartner.new(up).owner()
    mine = partner.owner()
    assert other.send_form("/partner/account", session_end(mine)).status == 404
    assert mine.get("/partner/account").status == 200


def session_end(whose: Person) -> str:
    return f"/partner/account/sessions/{whose.session_id()}/end"


def logged(up: Running) -> str:
    return (up.data_dir / "logs" / "serve.log").read_text()


def test_a_rejected_sign_in_is_logged_with_its_address_and_without_what_was_entered(
    up: Running,
) -> None:
    before, email = logged(up), f"{uuid4().hex}@wallet.example"
    assert person(up).sign_in(email, "a wrong password").status == 403
    (line,) = logged(up)[len(before) :].splitlines()
    entry = json.loads(line)
    assert (entry["event"], entry["reason"]) == ("sign-in rejected", "wrong credentials")
    assert entry["address"] == "127.0.0.1"
    assert email not in line
