"""The referral codes pages without scripts: creating, changing, links, figures, permissions."""

import re
from html import unescape
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from tests.conftest import Running
from tests.support.clients.cabinet import CabinetPartner, Person
from tests.support.clients.partner import order_request, quote_request
from tests.support.clients.team import own, signed_in
from tests.support.clients.visitor import Visitor
from tests.support.waiting import ALL_WORKERS, wait_until

CODES = "/partner/codes"
LINK = re.compile(r'<code id="link-url">([^<]+)</code>')
EVIL = "<script>alert('label')</script>"


@pytest.fixture(scope="module")
def partner(up: Running) -> CabinetPartner:
    return CabinetPartner.new(up)


@pytest.fixture(scope="module")
def owner(partner: CabinetPartner) -> Person:
    return partner.owner()


@pytest.fixture(scope="module")
def other(up: Running) -> CabinetPartner:
    return CabinetPartner.new(up)


def new_name() -> str:
    return f"c-{uuid4().hex[:12]}"


def create(person: Person, **fields: str) -> str:
    name = fields.get("code") or new_name()
    response = person.send_form(CODES, **{"code": name} | fields)
    assert response.location == f"{CODES}/{name}", response.words()
    return name


def test_the_empty_page_says_what_to_do_next(other: CabinetPartner) -> None:
    assert "No codes yet" in other.owner().get(CODES).text
    viewer = signed_in(other, "viewer").get(CODES)
    assert "Developers and owners of your team can create codes" in viewer.words()


def test_a_code_is_created_changed_disabled_and_enabled(partner: CabinetPartner) -> None:
    developer = signed_in(partner, "developer")
    name = create(developer, label="A blog", markup="1,25")
    page = developer.get(f"{CODES}/{name}").words()
    assert "A blog" in page
    assert "1.25%" in page
    changed = developer.send_form(f"{CODES}/{name}", label="", markup="")
    assert changed.location == f"{CODES}/{name}"
    assert own(partner, "SELECT label, markup_bps FROM codes WHERE code = %s", name) == [
        (None, None)
    ]
    developer.send_form(f"{CODES}/{name}", f"{CODES}/{name}/disable")
    assert "Disabled" in developer.get(f"{CODES}/{name}").words()
    developer.send_form(f"{CODES}/{name}", f"{CODES}/{name}/enable")
    assert own(partner, "SELECT enabled FROM codes WHERE code = %s", name) == [(True,)]
    actions = own(partner, "SELECT what FROM audit_log WHERE about LIKE %s ORDER BY id", f"{name}%")
    assert [action for (action,) in actions] == [
        "Created a code",
        "Changed a code",
        "Disabled a code",
        "Enabled a code",
    ]


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"code": "abc"}, "Use 4 to 32 letters, digits, underscores and hyphens"),
        ({"code": "né-code"}, "Use 4 to 32 letters, digits, underscores and hyphens"),
        ({"code": "good-name", "label": "x" * 65}, "Use at most 64 characters"),
        ({"code": "good-name", "label": "a\nb"}, "Use at most 64 characters"),
        ({"code": "good-name", "markup": "20.01"}, "Enter a percentage from 0 to 20"),
        ({"code": "good-name", "markup": "-1"}, "Enter a percentage from 0 to 20"),
        ({"code": "good-name", "markup": "1.255"}, "Enter a percentage from 0 to 20"),
    ],
)
def test_invalid_fields_are_shown_with_their_errors(
    owner: Person, fields: dict[str, str], error: str
) -> None:
    response = owner.send_form(CODES, **fields)
    assert response.status == 422
    assert error in response.words()
    assert 'aria-invalid="true"' in response.text


def test_a_taken_name_and_a_reached_quota_have_different_errors(
    partner: CabinetPartner, owner: Person, other: CabinetPartner
) -> None:
    theirs = create(other.owner())
    taken = owner.send_form(CODES, code=theirs)
    assert taken.status == 409
    assert "This name is already taken" in taken.words()
    (most,) = own(partner, "SELECT max_codes FROM partners WHERE id = %s", partner.id)[0]
    count = "(SELECT count(*) FROM codes WHERE partner_id = p.id)"
    own(partner, f"UPDATE partners p SET max_codes = {count} WHERE id = %s", partner.id)
    full = owner.get(CODES)
    assert "Contact the operator if you need more" in full.words()
    token = owner.token_of(CODES)
    rejected = owner.post(CODES, {"form_token": token, "code": new_name()})
    assert rejected.status == 409
    own(partner, "UPDATE partners SET max_codes = %s WHERE id = %s", most, partner.id)


def test_markup_in_a_label_is_escaped(owner: Person) -> None:
    name = create(owner, label=EVIL)
    for path in (CODES, f"{CODES}/{name}"):
        page = owner.get(path).text
        assert "<script>alert" not in page
        assert EVIL in unescape(page)
    reflected = owner.send_form(CODES, code="<script>x", label='"><b>', markup="<i>")
    assert reflected.status == 422
    assert not re.search(r"<script>x|<b>$|<i>", reflected.text)


def test_viewers_see_codes_but_cannot_change_them(partner: CabinetPartner, owner: Person) -> None:
    name = create(owner)
    viewer = signed_in(partner, "viewer")
    page = viewer.get(f"{CODES}/{name}")
    assert page.status == 200
    assert "Label and markup" not in page.text
    assert 'id="new"' not in viewer.get(CODES).text
    token = viewer.token_of(CODES)
    for path in (CODES, *(f"{CODES}/{name}{end}" for end in ("", "/enable", "/disable"))):
        rejected = viewer.post(path, {"form_token": token, "code": new_name()})
        assert rejected.status == 403, path
    assert own(partner, "SELECT enabled FROM codes WHERE code = %s", name) == [(True,)]


def test_another_partners_code_is_not_found(owner: Person, other: CabinetPartner) -> None:
    theirs = create(other.owner(), label="theirs")
    for path in (f"{CODES}/{theirs}", f"{CODES}/{theirs}/qr.png", f"{CODES}/no such"):
        assert owner.get(path.replace(" ", "%20")).status == 404
    token = owner.token_of(CODES)
    for end in ("", "/enable", "/disable"):
        response = owner.post(f"{CODES}/{theirs}{end}", {"form_token": token, "label": "mine"})
        assert response.status == 404
    assert own(other, "SELECT label, enabled FROM codes WHERE code = %s", theirs) == [
        ("theirs", True)
    ]
    assert "theirs" not in owner.get(f"{CODES}?after={theirs}").text


def test_the_link_builder_preselects_a_pair(owner: Person, up: Running) -> None:
    name = create(owner)
    page = owner.get(f"{CODES}/{name}?from=btc&to=usdt_trc20")
    found = LINK.search(page.text)
    assert found is not None
    link = unescape(found[1])
    # However the cabinet was called: links begin with the address that `up` publishes.
    assert link == f"http://localhost:{urlsplit(up.base_url).port}/r/{name}?from=btc&to=usdt_trc20"
    followed = Visitor(up.base_url).get(f"/r/{name}?{urlsplit(link).query}")
    assert (followed.status, followed.location) == (302, "/?from=btc&to=usdt_trc20")
    assert "set-cookie" in followed.headers
    assert "This pair is currently unavailable" in unescape(
        owner.get(f"{CODES}/{name}?from=btc&to=btc").text
    )
    unknown = LINK.search(owner.get(f"{CODES}/{name}?from=%22%3E&to=nothing").text)
    assert unknown is not None
    assert urlsplit(unknown[1]).query == ""
    forged = owner.get(f"{CODES}/{name}", Host="evil.example/x?")
    assert "evil.example" not in forged.text
    picture = owner.get(f"{CODES}/{name}/qr.png?from=btc&to=usdt_trc20")
    assert picture.headers["content-type"] == "image/png"


def test_figures_equal_those_of_the_api(up: Running) -> None:
    demo = up.demo()
    browser = Person(up.base_url)
    browser.sign_in(demo.cabinet_email, demo.cabinet_password)
    name = create(browser, markup="1.5")
    partner = up.partner()
    wait_until(
        lambda: partner.call("/price", quote_request(), code=name).data["markupBps"],
        (150).__eq__,
        consecutive=ALL_WORKERS,
    )
    order = partner.call("/create", order_request(), code=name).data
    up.json("sandbox", "deposit", order["id"])

    def listed() -> dict[str, str]:
        found = partner.call("/codes", method="GET").data
        return dict(next(one for one in found if one["code"] == name))

    figures = wait_until(listed, lambda one: float(one["earningsUsd"]) > 5)
    for path in (CODES, f"{CODES}/{name}"):
        words = browser.get(path).words().replace(",", "")
        assert f"${figures['volumeUsd']}" in words
        assert f"${figures['earningsUsd']}" in words
