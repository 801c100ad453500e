"""The team: invitations, roles, removal, the last owner, and the audit log."""

import re

import pytest

from tests.conftest import Running
from tests.support.clients.cabinet import (
    ONE_TIME,
    TEAM,
    CabinetPartner,
    Person,
    person,
    set_up_factor,
)


@pytest.fixture(scope="module")
def partner(up: Running) -> CabinetPartner:
    return CabinetPartner.new(up)


@pytest.fixture(scope="module")
def owner(partner: CabinetPartner) -> Person:
    return partner.owner_with_factor()[0]


def id_of(owner: Person, email: str) -> str:
    """Return a member's id from the forms of the page."""
    row = owner.get(TEAM).text.partition(email)[2]
    match = re.search(rf"{TEAM}/([0-9a-f-]{{36}})/role", row)
    assert match is not None
    return match[1]


def test_a_member_is_invited_changed_and_removed(partner: CabinetPartner, owner: Person) -> None:
    member, email, password = partner.invite_member(owner, "viewer")
    assert email in owner.get(TEAM).text
    assert member.get(TEAM).status == 200
    assert member.get("/partner/keys").status == 403
    member_id = id_of(owner, email)
    changed = owner.send_form(TEAM, f"{TEAM}/{member_id}/role", role="developer")
    assert changed.location == TEAM
    assert member.get(TEAM).status == 303, "a role change signs the member out"
    assert member.sign_in(email, password).status == 303
    assert member.get("/partner/keys").status == 200
    reset = owner.send_form(TEAM, f"{TEAM}/{member_id}/password")
    one_time = ONE_TIME.search(reset.text)
    assert one_time is not None
    assert one_time[1] not in owner.get(TEAM).text
    assert member.get(TEAM).status == 303
    assert member.sign_in(email, password).status == 403
    assert member.sign_in(email, one_time[1]).location
    assert member.get(TEAM).location == "/partner/new-password"
    assert owner.send_form(TEAM, f"{TEAM}/{member_id}/remove").location == TEAM
    assert member.get("/partner/new-password").status == 303
    assert member.sign_in(email, one_time[1]).status == 403
    log = owner.get(f"{TEAM}/log").words()
    for action in (
        "Invited a viewer",
        "Changed a role to developer",
        "Reset a password",
        "Removed a team member",
    ):
        assert action in log
    assert email in log


def test_the_last_owner_cannot_be_removed_or_demoted(
    partner: CabinetPartner, owner: Person
) -> None:
    own = id_of(owner, partner.email)
    for action, fields in (("role", {"role": "viewer"}), ("remove", {})):
        assert owner.send_form(TEAM, f"{TEAM}/{own}/{action}", **fields).location == TEAM
        assert "A team needs at least one owner" in owner.get(TEAM).text
    assert owner.send_form(TEAM, f"{TEAM}/{own}/password").status == 400
    assert owner.get(TEAM).status == 200


@pytest.mark.parametrize("email", ["nobody", "a b@example.org", ""])
def test_an_invalid_address_is_not_invited(owner: Person, email: str) -> None:
    response = owner.send_form(TEAM, f"{TEAM}/invite", email=email, role="viewer")
    assert response.status == 422
    assert "Enter a valid email address" in response.text


def test_registered_addresses_cannot_be_enumerated_by_invitations(
    up: Running, owner: Person
) -> None:
    known = up.demo().cabinet_email
    responses = [
        owner.send_form(TEAM, f"{TEAM}/invite", email=known, role="owner") for _ in range(7)
    ]
    assert [response.status for response in responses] == [422] * 6 + [429]
    assert "it is already registered" in responses[0].text
    assert person(up).sign_in(known, up.demo().cabinet_password).status == 303


def test_a_developer_sees_the_team_but_cannot_change_it(
    partner: CabinetPartner, up: Running
) -> None:
    other = CabinetPartner.new(up)
    boss, _ = other.owner_with_factor()
    developer, _, password = other.invite_member(boss, "developer")
    set_up_factor(developer, password)
    assert developer.get(f"{TEAM}/log").status == 200
    page = developer.get(TEAM)
    assert "Invite a team member" not in page.text
    own = id_of(boss, other.email)
    attempts = {
        f"{TEAM}/invite": {"email": "x@evil.example", "role": "owner"},
        f"{TEAM}/{own}/role": {"role": "viewer"},
        f"{TEAM}/{own}/remove": {},
        f"{TEAM}/{own}/password": {},
    }
    for path, fields in attempts.items():
        token = developer.token_of(TEAM)
        rejected = developer.post(path, {"form_token": token, **fields})
        assert rejected.status == 403, path
        assert "have permission" in rejected.text
    assert boss.get(TEAM).status == 200
    assert partner.id != other.id


def test_members_of_another_team_cannot_be_changed(owner: Person, up: Running) -> None:
    stranger = CabinetPartner.new(up)
    theirs = id_of(stranger.owner(), stranger.email)
    for action, fields in (("role", {"role": "viewer"}), ("remove", {}), ("password", {})):
        assert owner.send_form(TEAM, f"{TEAM}/{theirs}/{action}", **fields).status == 404
    assert stranger.email not in owner.get(TEAM).text
    assert stranger.email not in owner.get(f"{TEAM}/log").text
    assert stranger.owner().get(TEAM).status == 200


def test_the_audit_log_is_paginated(owner: Person) -> None:
    for _ in range(30):
        owner.send_form("/partner/account", "/partner/account/sessions/others/end")
    newest = owner.get(f"{TEAM}/log")
    assert newest.text.count("<tr>") > 30
    assert owner.get(f"{TEAM}/log?before=x").status == 404
    nothing = owner.get(f"{TEAM}/log?before=00000000-0000-0000-0000-000000000000")
    assert "No entries" in nothing.text
