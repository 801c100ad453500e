"""Signing in to the cabinet and out of it, without scripts."""

import re
from uuid import uuid4

import pytest

from tests.conftest import Running
from tests.support.clients.cabinet import CabinetPartner, Person, person

OWN = "a good long password"


@pytest.fixture(scope="module")
def partner(up: Running) -> CabinetPartner:
    return CabinetPartner.new(up)


def test_the_demo_partner_signs_in_and_out(up: Running) -> None:
    demo = up.demo()
    visitor = person(up)
    assert visitor.get("/partner/account").location == "/partner/login?next=%2Fpartner%2Faccount"
    answer = visitor.sign_in(demo.cabinet_email, demo.cabinet_password, next="/partner/account")
    assert (answer.status, answer.location) == (303, "/partner/account")
    page = visitor.get("/partner/account")
    assert page.status == 200
    assert demo.cabinet_email in page.text
    out = visitor.send_form("/partner/account", "/partner/logout")
    assert out.location == "/partner/login?out=1"
    assert "You are signed out" in visitor.get(out.location).text
    assert visitor.get("/partner/account").status == 303


def test_the_cookie_is_bound_to_the_cabinet_and_hidden_from_scripts(up: Running) -> None:
    demo = up.demo()
    answer = person(up).sign_in(demo.cabinet_email, demo.cabinet_password)
    cookie = answer.headers["set-cookie"]
    assert re.fullmatch(
        r"cabinet=k1\.[0-9a-f]{32}\.[A-Za-z0-9_-]{43}\.[0-9a-f]{64}; Path=/partner; "
        r"Max-Age=43200; HttpOnly; SameSite=Lax",
        cookie,
    )


def test_who_is_signed_in_finds_no_sign_in_page(up: Running) -> None:
    demo = up.demo()
    visitor = person(up)
    visitor.sign_in(demo.cabinet_email, demo.cabinet_password)
    assert visitor.get("/partner/login").status == 303
    assert visitor.get("/partner").status == 303
    assert visitor.get("/partner/nothing").status == 404


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
def test_nobody_is_led_elsewhere_after_signing_in(up: Running, elsewhere: str) -> None:
    demo = up.demo()
    answer = person(up).sign_in(demo.cabinet_email, demo.cabinet_password, next=elsewhere)
    assert answer.status == 303
    assert re.fullmatch(r"/partner/[a-z]+", answer.location)


def test_a_one_time_password_opens_nothing_but_the_choice_of_another(
    partner: CabinetPartner,
) -> None:
    visitor = person(partner.up)
    given = partner.one_time_password()
    assert visitor.sign_in(partner.email, given).status == 303
    assert visitor.get("/partner/account").location == "/partner/new-password"
    assert visitor.get("/partner/new-password").status == 200
    chosen = {"former": given, "chosen": OWN, "again": OWN}
    short = visitor.send_form(
        "/partner/new-password", **chosen | {"chosen": "s" * 11, "again": "s" * 11}
    )
    assert short.status == 422
    assert "at least 12 characters" in short.text
    assert visitor.send_form("/partner/new-password", **chosen | {"again": "x"}).status == 422
    same = visitor.send_form("/partner/new-password", **chosen | {"chosen": given, "again": given})
    assert "is the password you have" in same.text
    wrong = visitor.send_form("/partner/new-password", **chosen | {"former": "x"})
    assert "t your present password" in wrong.text
    before = dict(visitor.cookies)
    assert visitor.send_form("/partner/new-password", **chosen).status == 303
    partner.password = OWN
    assert visitor.cookies != before
    assert "Your password is changed" in visitor.get("/partner/account").text
    assert "Your password is changed" not in visitor.get("/partner/account").text
    assert person(partner.up).sign_in(partner.email, given).status == 403
    assert person(partner.up).sign_in(partner.email.upper(), OWN).status == 303


def test_a_new_password_ends_all_other_sessions(partner: CabinetPartner) -> None:
    here, there = partner.owner(), partner.owner()
    assert there.get("/partner/account").status == 200
    new = f"another {uuid4()}"
    done = here.send_form(
        "/partner/account",
        "/partner/account/password",
        former=partner.password,
        chosen=new,
        again=new,
    )
    assert done.location == "/partner/account"
    partner.password = new
    assert here.get("/partner/account").status == 200
    assert there.get("/partner/account").status == 303


def test_a_disabled_partner_is_signed_out_for_good(partner: CabinetPartner) -> None:
    owner = partner.owner()
    partner.up.json("partner", "disable", partner.email)
    assert owner.get("/partner/account").status == 303
    refused = person(partner.up).sign_in(partner.email, partner.password)
    assert refused.status == 403
    assert "is disabled" in refused.text
    partner.up.json("partner", "enable", partner.email)
    assert owner.get("/partner/account").status == 303
    assert partner.owner().get("/partner/account").status == 200


def test_times_are_shown_in_ones_own_zone(partner: CabinetPartner) -> None:
    owner = partner.owner()
    assert (
        owner.send_form("/partner/account", "/partner/account/zone", zone="Mars/Crater").status
        == 422
    )
    done = owner.send_form("/partner/account", "/partner/account/zone", zone="Asia/Tokyo")
    assert done.status == 303
    assert 'value="Asia/Tokyo" selected' in owner.get("/partner/account").text


def test_easily_guessed_passwords_are_refused(partner: CabinetPartner) -> None:
    owner = partner.owner()
    name = partner.email.partition("@")[0]
    for chosen in ("password1234", "P@ssw0rd1234", "aaaaaaaaaaaaaaa", f"{name}1"):
        refused = owner.send_form(
            "/partner/account",
            "/partner/account/password",
            former=partner.password,
            chosen=chosen,
            again=chosen,
        )
        assert refused.status == 422, chosen
        assert "Too many people use this password" in refused.text


def test_ones_own_sessions_are_listed_and_ended(partner: CabinetPartner) -> None:
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
    assert "You are signed out everywhere else" in after
    assert re.findall(r"sessions/[0-9a-f]{64}/end", after) == []


def test_nobody_ends_anothers_session(up: Running, partner: CabinetPartner) -> None:
    other = CabinetPartner.new(up).owner()
    mine = partner.owner()
    assert other.send_form("/partner/account", session_end(mine)).status == 404
    assert mine.get("/partner/account").status == 200


def session_end(whose: Person) -> str:
    return f"/partner/account/sessions/{whose.session_id()}/end"
