"""Attacks: cross-site forms, other partners' ids, insufficient roles, injected markup, guessing.

Tests that iterate over the route table cover future pages without changes.
"""

import re
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from urllib.parse import quote
from uuid import uuid4

import msgspec
import pytest
from valkey import Valkey

from domain.cabinet.members import Role
from gateway.cabinet.route_table import TABLE
from gateway.cabinet.routes import Route
from tests.conftest import Running
from tests.support.clients.cabinet import (
    FACTOR,
    TEAM,
    CabinetPartner,
    Person,
    person,
    set_up_factor,
)
from tests.support.clients.partner import order_request
from tests.support.clients.visitor import PageResponse
from tests.support.waiting import wait_until

ACCOUNT = "/partner/account"
MARKUP = "\"'><img src=x onerror=alert(1)><script>alert(1)</script>"
FORMS = [route for route in TABLE.routes if route.method == "POST"]
PAGES = [route for route in TABLE.routes if route.method == "GET"]
PARAMETERS = ("id", "before", "after", "order", "code", "event", "q", "cursor", "page")
SIGN_INS_EACH = 12
NEAR = 0.25
"""A skipped hash or an additional query would change the duration by more than this share."""


def name(route: Route) -> str:
    return f"{route.method} {route.path}"


def filled(path: str, value: str) -> str:
    return re.sub(r"{[^}]+}", value, path)


class Team(msgspec.Struct):
    """A partner's owner, developer and viewer, signed in with recently verified second factors."""

    partner: CabinetPartner
    members: dict[Role, Person]

    @property
    def owner(self) -> Person:
        return self.members[Role.OWNER]


@pytest.fixture(scope="module")
def team(up: Running) -> Team:
    partner = CabinetPartner.new(up)
    owner, _ = partner.owner_with_factor()
    members = {Role.OWNER: owner}
    for role in (Role.DEVELOPER, Role.VIEWER):
        members[role], _, password = partner.invite_member(owner, role.value)
        set_up_factor(members[role], password)
    return Team(partner, members)


class Victim(msgspec.Struct):
    """Another partner: its ids, and words that appear only on its own pages."""

    owner: Person
    ids: list[str]
    words: list[str]

    def is_exposed_by(self, page: PageResponse) -> bool:
        return any(word in page.text for word in self.words)


@pytest.fixture(scope="module")
def victim(up: Running) -> Victim:
    partner = CabinetPartner.new(up, "--name", f"Victim {uuid4().hex}")
    partner.api.until_active()
    owner = partner.owner()
    code = f"v-{uuid4().hex[:12]}"
    label = f"label {uuid4().hex}"
    created = partner.api.call("/codes", {"code": code, "label": label}).data
    order = partner.api.call("/create", order_request()).data
    member = re.search(rf"{TEAM}/([0-9a-f-]{{36}})/role", owner.get(TEAM).text)
    assert member is not None
    ids = [partner.id, created["id"], code, order["id"], member[1], owner.session_id()]
    words = [partner.email, label, code, order["id"], order["from"]["address"]]
    return Victim(owner, ids, words)


def test_every_page_requires_signing_in(up: Running) -> None:
    member = person(up)
    for route in TABLE.routes:
        send: Callable[[str], PageResponse] = member.get
        if route.method == "POST":
            send = lambda path: member.post(path, {})  # noqa: E731
        response = send(filled(route.path, str(uuid4())))
        assert response.status == 303, name(route)
        assert response.location.startswith("/partner/login"), name(route)


def test_every_role_is_denied_the_pages_of_higher_roles(team: Team) -> None:
    for role, member in team.members.items():
        token = member.token_of(ACCOUNT)
        for route in TABLE.routes:
            if role.includes(route.role):
                continue
            path = filled(route.path, str(uuid4()))
            response = (
                member.get(path)
                if route.method == "GET"
                else member.post(path, {"form_token": token})
            )
            assert response.status == 403, (role, name(route))
            assert "have permission" in response.text, (role, name(route))


def test_a_role_in_a_form_is_ignored(team: Team) -> None:
    viewer = team.members[Role.VIEWER]
    member = re.search(rf"{TEAM}/([0-9a-f-]{{36}})/role", team.owner.get(TEAM).text)
    assert member is not None
    forged = {"form_token": viewer.token_of(ACCOUNT), "role": "owner", "partner_id": str(uuid4())}
    assert viewer.post(f"{TEAM}/{member[1]}/role", forged).status == 403
    assert viewer.send_form(ACCOUNT, f"{ACCOUNT}/zone", zone="UTC", role="owner").status == 303
    assert viewer.get(f"{TEAM}/log").status == 403


@pytest.mark.parametrize("route", FORMS, ids=name)
def test_a_form_of_another_site_or_session_is_rejected(team: Team, route: Route) -> None:
    owner, path = team.owner, filled(route.path, str(uuid4()))
    token = owner.token_of(ACCOUNT)
    others = team.members[Role.VIEWER].token_of(ACCOUNT)
    host = team.partner.up.base_url.removeprefix("http://")
    own = {"form_token": token}
    rejected = [
        owner.post(path, {}),
        owner.post(path, {"form_token": "x" * 43}),
        owner.post(path, {"form_token": others}),
        owner.post(path, own, Sec_Fetch_Site="cross-site"),
        owner.post(path, own, Sec_Fetch_Site="same-site"),
        owner.post(path, own, Sec_Fetch_Site="none"),
        owner.post(path, own, Sec_Fetch_Site="", Origin="https://evil.example"),
        owner.post(path, own, Sec_Fetch_Site="", Origin=f"https://{host}.evil.example"),
        owner.post(path, own, Sec_Fetch_Site="", Origin="null"),
    ]
    assert [response.status for response in rejected] == [403] * len(rejected)
    assert all("Please try again" in response.text for response in rejected)
    assert owner.post(path, own, Content_Type="text/plain").status in (400, 403)
    assert owner.get(ACCOUNT).status == 200


def test_another_partners_ids_in_a_path_are_not_found(team: Team, victim: Victim) -> None:
    owner = team.owner
    token = owner.token_of(ACCOUNT)
    for route in TABLE.routes:
        if "{" not in route.path:
            continue
        for foreign in victim.ids:
            path = filled(route.path, foreign)
            response = (
                owner.get(path)
                if route.method == "GET"
                else owner.post(path, {"form_token": token, "role": "viewer", "generation": "0"})
            )
            assert response.status in (400, 404, 422), (name(route), foreign, response.status)
            assert not victim.is_exposed_by(response), (name(route), foreign)
    assert victim.owner.get(ACCOUNT).status == 200


def test_another_partners_ids_in_a_query_string_show_nothing(team: Team, victim: Victim) -> None:
    for route in PAGES:
        if "{" in route.path:
            continue
        for foreign in victim.ids:
            query = "&".join(f"{parameter}={foreign}" for parameter in PARAMETERS)
            page = team.owner.get(f"{route.path}?{query}")
            assert page.status < 500, (name(route), foreign)
            shown = page.text.replace(foreign, "")  # a form field may repeat the query string
            words = [word for word in victim.words if word != foreign]
            assert not any(word in shown for word in words), (name(route), foreign)


def test_injected_markup_is_escaped_on_every_page(up: Running) -> None:
    partner = CabinetPartner.new(up, "--name", MARKUP[:100])
    partner.api.until_active()
    owner, _ = partner.owner_with_factor()
    code = f"x-{uuid4().hex[:10]}"
    partner.api.call("/codes", {"code": code, "label": MARKUP[:64]})
    owner.post(
        f"{TEAM}/invite",
        {"form_token": owner.token_of(TEAM), "email": f"<b>{uuid4().hex}@x.y", "role": "viewer"},
    )
    browser = person(up)
    browser.post(
        "/partner/login",
        {"email": partner.email, "password": partner.password},
        User_Agent=MARKUP,
    )
    reflected = [
        browser.get(f"/partner/login?next={ACCOUNT}%3F%22%3E%3Cscript%3E"),
        person(up).sign_in(MARKUP, MARKUP, next=f"{ACCOUNT}?{MARKUP}"),
        owner.send_form("/partner/keys", "/partner/keys/networks", networks=MARKUP),
        owner.send_form(TEAM, f"{TEAM}/invite", email=MARKUP, role="viewer"),
        owner.get(f"/partner/{quote(MARKUP, safe='')}"),
    ]
    owner.age_verification(up, seconds=400)
    reflected.append(owner.send_form(FACTOR, f"{FACTOR}/off", planted=MARKUP))
    assert reflected[-1].status == 403
    stored = [owner.get(route.path) for route in PAGES if "{" not in route.path]
    for page in [*reflected, *stored]:
        assert "<script>alert" not in page.text
        assert "<img src=x" not in page.text
        assert "<b>" not in re.sub(r"<b><bdi>[^<]*</bdi></b><span>", "", page.text)
        policy = page.headers["content-security-policy"]
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert "*" not in policy


def test_a_forged_cookie_is_rejected(team: Team, victim: Victim) -> None:
    cookie = team.owner.cookies["cabinet"]
    key, member, token, mac = cookie.split(".")
    other = victim.owner.cookies["cabinet"].split(".")
    forged = [
        f"{key}.{other[1]}.{token}.{mac}",
        f"{key}.{member}.{other[2]}.{mac}",
        f"{key}.{other[1]}.{other[2]}.{mac}",
        f"{key}.{member}.{token}.{other[3]}",
        f"k2.{member}.{token}.{mac}",
        f"{key}.{member}.{token}.{'0' * 64}",
        f"{key}.{member}.{token}",
        f"{key}.{member.upper()}.{token}.{mac}",
        f"{cookie}x",
        "x" * 5000,
        "\xe9",
        "",
    ]
    for value in forged:
        browser = person(team.partner.up)
        browser.cookies["cabinet"] = value
        assert browser.get(ACCOUNT).status == 303, value
    assert team.owner.get(ACCOUNT).status == 200


def test_signing_in_replaces_a_planted_session(up: Running, victim: Victim) -> None:
    demo = up.demo()
    attacker, browser = person(up), person(up)
    attacker.sign_in(demo.cabinet_email, demo.cabinet_password)
    planted = attacker.cookies["cabinet"]
    browser.cookies["cabinet"] = planted
    partner = CabinetPartner.new(up)
    browser.sign_in(partner.email, partner.password)
    assert browser.cookies["cabinet"] != planted
    assert partner.email in browser.get(ACCOUNT).text
    assert attacker.get(ACCOUNT).status == 303, "the planted session has ended"
    assert victim.owner.get(ACCOUNT).status == 200


def reset_throttle(valkey: Valkey, email: str) -> None:
    valkey.delete(f"attempts:{{email:{sha256(email.encode()).hexdigest()[:32]}}}")


@pytest.fixture
def valkey(up: Running) -> Iterator[Valkey]:
    with Valkey.from_url(up.valkey_url()) as client:
        yield client


def test_a_registered_and_an_unknown_address_are_indistinguishable_at_sign_in(
    up: Running, victim: Victim, valkey: Valkey
) -> None:
    """The status and the body are equal, and so is the duration in the best of several rounds."""
    known, member = victim.words[0], person(up)

    def seconds(email: str) -> float:
        reset_throttle(valkey, email)
        began = time.perf_counter()
        response = member.sign_in(email, "not the password")
        took = time.perf_counter() - began
        assert response.status == 403
        assert response.text.replace(email, "") == visitor_body(member, valkey)
        return took

    def difference() -> float:
        took: dict[bool, list[float]] = {True: [], False: []}
        for _ in range(SIGN_INS_EACH):
            took[True].append(seconds(known))
            took[False].append(seconds(f"{uuid4().hex}@partners.example"))
        return abs(statistics.median(took[True]) / statistics.median(took[False]) - 1)

    wait_until(difference, lambda found: found < NEAR)


_BODIES: dict[str, str] = {}


def visitor_body(member: Person, valkey: Valkey) -> str:
    """Return the body for an address that is certainly not registered, requested once."""
    if "nobody" not in _BODIES:
        email = f"{uuid4().hex}@nobody.example"
        reset_throttle(valkey, email)
        _BODIES["nobody"] = member.sign_in(email, "not the password").text.replace(email, "")
    return _BODIES["nobody"]


def test_registered_and_unknown_addresses_are_throttled_alike(
    up: Running, victim: Victim, valkey: Valkey
) -> None:
    reset_throttle(valkey, victim.words[0])
    for email in (victim.words[0], f"{uuid4().hex}@partners.example"):
        member = person(up)
        statuses: list[int] = []
        while len(statuses) < 20 and 429 not in statuses:
            statuses.append(member.sign_in(email.upper(), "wrong").status)
        assert statuses[:6] == [403] * 6
        assert statuses[-1] == 429


FLOOD = 200
"""More sign-ins than two workers let wait, on fewer connections than one address may have."""


def test_a_flood_of_sign_ins_is_shed_and_does_not_affect_the_api(up: Running) -> None:
    demo, partner = up.demo(), CabinetPartner.new(up)
    partner.command("partner", "set", partner.email, "--budget", "1000000")
    api = partner.api.until_active()

    def sign_in(number: int) -> int:
        return person(up).sign_in(f"{number}-{uuid4().hex}@flood.example", "wrong").status

    with ThreadPoolExecutor(FLOOD) as pool:
        pending = [pool.submit(sign_in, number) for number in range(FLOOD)]
        codes = []
        while not all(one.done() for one in pending):
            codes.append(api.call("/pairs", {}).code)
        statuses = [one.result() for one in pending]
    assert set(statuses) == {403, 503}, (
        "sign-ins beyond the queue of the password pool are rejected"
    )
    assert set(codes) == {0}
    assert person(up).sign_in(demo.cabinet_email, demo.cabinet_password).status == 303
