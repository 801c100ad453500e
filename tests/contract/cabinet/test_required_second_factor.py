"""Changes that need a code where a second factor is on, and teams that require one of everybody."""

import re

import pytest

from domain.cabinet.members import Role
from gateway.cabinet.route_table import TABLE
from tests.conftest import Running
from tests.support.clients.cabinet import (
    FACTOR,
    TEAM,
    CabinetPartner,
    Person,
    choose_password,
    enter_code,
    person,
    set_up_factor,
)

WEBHOOKS = "/partner/webhooks"
REQUIREMENT = f"{TEAM}/second-factor"
URL = "https://webhooks.example.org/swaps"


@pytest.fixture
def partner(up: Running) -> CabinetPartner:
    return CabinetPartner.new(up)


def save_url(browser: Person, url: str = URL) -> int:
    return browser.send_form(WEBHOOKS, url=url).status


def stored_url(partner: CabinetPartner) -> object:
    return partner.command("partner", "show", partner.email)["webhookUrl"]


def test_webhook_settings_need_a_recent_code_once_a_second_factor_is_on(
    partner: CabinetPartner,
) -> None:
    owner = partner.owner()
    assert save_url(owner) == 303
    app, _ = set_up_factor(owner, partner.password)
    owner.age_verification(partner.up, seconds=400)
    challenge = owner.send_form(WEBHOOKS, url=f"{URL}/changed")
    assert challenge.status == 403
    assert stored_url(partner) == URL
    assert enter_code(owner, challenge, app.code()).status == 303
    assert stored_url(partner) == f"{URL}/changed"


def test_only_an_owner_with_a_second_factor_can_require_it(partner: CabinetPartner) -> None:
    owner = partner.owner()
    refused = owner.send_form(TEAM, REQUIREMENT, required="yes")
    assert refused.status == 403
    assert "Set up two-factor authentication first" in refused.text
    set_up_factor(owner, partner.password)
    developer, _, _ = partner.invite_member(owner, "developer")
    assert developer.send_form(TEAM, REQUIREMENT, required="yes").status == 403
    assert owner.send_form(TEAM, REQUIREMENT, required="perhaps").status == 400
    assert developer.get(WEBHOOKS).status == 200
    done = owner.send_form(TEAM, REQUIREMENT, required="yes")
    assert (done.status, done.location) == (303, TEAM)
    assert "now needs two-factor authentication" in owner.get(TEAM).text
    log = owner.get(f"{TEAM}/log").words()
    assert "Required two-factor authentication of the team" in log


def test_members_of_a_team_that_requires_it_can_only_set_it_up(partner: CabinetPartner) -> None:
    owner, _ = partner.owner_with_factor()
    member, _, password = partner.invite_member(owner, "developer")
    owner.send_form(TEAM, REQUIREMENT, required="yes")
    form = {"form_token": member.token_of(FACTOR), "url": URL}
    for route in TABLE.routes:
        if not Role.DEVELOPER.includes(route.role) or route.without_second_factor:
            continue
        path = re.sub(r"{[^}]+}", "x", route.path)
        response = member.get(path) if route.method == "GET" else member.post(path, form)
        assert (response.status, response.location) == (303, FACTOR), route.path
    assert stored_url(partner) is None
    assert "Your team requires two-factor authentication" in member.get(FACTOR).text
    set_up_factor(member, password)
    assert member.get(WEBHOOKS).status == 200
    assert save_url(member) == 303


def test_a_new_member_chooses_a_password_and_then_sets_it_up(partner: CabinetPartner) -> None:
    owner, _ = partner.owner_with_factor()
    owner.send_form(TEAM, REQUIREMENT, required="yes")
    member = person(partner.up)
    invited = owner.send_form(TEAM, f"{TEAM}/invite", email="new@team.example", role="viewer")
    match = re.search(r'id="password">([A-Za-z0-9_-]{20})<', invited.text)
    assert match is not None
    member.sign_in("new@team.example", match[1])
    assert member.get(FACTOR).location == "/partner/new-password"
    choose_password(member, match[1], "an own good password")
    assert member.get("/partner/account").location == FACTOR
    assert member.send_form(FACTOR, "/partner/logout").status == 303


def test_it_cannot_be_turned_off_while_the_team_requires_it(partner: CabinetPartner) -> None:
    owner, _ = partner.owner_with_factor()
    token = owner.token_of(FACTOR)
    owner.send_form(TEAM, REQUIREMENT, required="yes")
    assert owner.post(f"{FACTOR}/off", {"form_token": token}).status == 303
    assert "can't be turned off" in owner.get(FACTOR).words()
    assert "Two-factor authentication is on" in owner.get(FACTOR).words()
    owner.send_form(TEAM, REQUIREMENT, required="no")
    assert owner.post(f"{FACTOR}/off", {"form_token": token}).status == 303
    assert "Two-factor authentication is off" in owner.get(FACTOR).words()
