"""The API keys page with several keys: created, labelled, rotated with an overlap, revoked."""

import re

import pytest

from tests.conftest import Running
from tests.support.clients.cabinet import CabinetPartner, Person
from tests.support.clients.partner import Partner

KEYS = "/partner/keys"
NEW_KEY = re.compile(r'<code id="api-key">([A-Za-z0-9_-]{24})</code>')
NEW_SECRET = re.compile(r'<pre class="secret" id="new-secret"[^>]*>([A-Za-z0-9_-]{43})</pre>')
GENERATION = re.compile(r'name="generation" value="(\d+)"')
ID = re.compile(r'name="key" value="([0-9a-f-]{36})"')
TIME = re.compile(r"(\bnever\b|\b\d{1,2} [A-Z][a-z]{2} \d{4}, \d\d:\d\d\b) ?")


@pytest.fixture(scope="module")
def partner(up: Running) -> CabinetPartner:
    return CabinetPartner.new(up)


@pytest.fixture(scope="module")
def owner(partner: CabinetPartner) -> Person:
    return partner.owner_with_factor()[0]


def new_key(partner: CabinetPartner, owner: Person, **fields: str) -> tuple[str, Partner]:
    """Create a key on the page; return its id and a client that uses it."""
    page = owner.send_form(KEYS, f"{KEYS}/new", **{"scope": "full", **fields})
    key, secret = NEW_KEY.search(page.text), NEW_SECRET.search(page.text)
    link = re.search(rf"{KEYS}\?key=([0-9a-f-]{{36}})", page.text)
    assert key is not None
    assert secret is not None
    assert link is not None
    return link[1], Partner(partner.api.base_url, key[1], secret[1])


def test_a_created_key_works_at_once_within_its_scope(
    partner: CabinetPartner, owner: Person
) -> None:
    _, key = new_key(partner, owner, scope="read", label="Bookkeeping <b>")
    assert key.call("/pairs", {}).code == 0
    assert key.call("/create", {}).code == 16
    page = owner.get(KEYS)
    assert "Bookkeeping <b>" in page.words()
    assert "Bookkeeping <b>" not in page.text
    assert key.api_secret not in page.text
    log = owner.get("/partner/team/log").words()
    assert f"Created an API key {key.api_key}: Bookkeeping <b>, scope read" in log
    assert key.api_secret not in log


def test_a_revoked_key_is_rejected_at_once_and_listed_as_revoked(
    partner: CabinetPartner, owner: Person
) -> None:
    key_id, key = new_key(partner, owner, label="Old till")
    assert key.call("/pairs", {}).code == 0
    assert owner.send_form(KEYS, f"{KEYS}/revoke", key=key_id).location == KEYS
    assert [key.call("/pairs", {}).code for _ in range(10)] == [3] * 10
    assert "Old till" in owner.get(KEYS).words().partition("Revoked keys")[2]
    assert owner.get(f"{KEYS}?key={key_id}").status == 404
    assert f"Revoked an API key {key.api_key}" in owner.get("/partner/team/log").words()


def test_each_key_has_rules_of_its_own(partner: CabinetPartner, owner: Person) -> None:
    key_id, key = new_key(partner, owner)
    own = f"{KEYS}?key={key_id}"
    saved = owner.send_form(KEYS, f"{KEYS}/networks", key=key_id, networks="203.0.113.0/24")
    assert saved.location == own
    assert (key.call("/pairs", {}).code, partner.api.call("/pairs", {}).code) == (3, 0)
    owner.send_form(KEYS, f"{KEYS}/networks", key=key_id, networks="")
    owner.send_form(KEYS, f"{KEYS}/signatures", key=key_id, accept="v2")
    for one, code in ((key, 3), (partner.api, 0)):
        assert one.post("/pairs", b"{}", one.headers(b"{}")).code == code
    assert "Version 2 only" in owner.get(own).words()
    assert "Version 2 only" not in owner.get(KEYS).words()
    labelled = owner.send_form(KEYS, f"{KEYS}/label", key=key_id, label=" The app ")
    assert labelled.location == own
    assert "The app" in owner.get(own).words()


def test_a_rotation_may_keep_the_secret_before_for_a_while(
    partner: CabinetPartner, owner: Person
) -> None:
    key_id, key = new_key(partner, owner)
    generation = GENERATION.search(owner.get(f"{KEYS}?key={key_id}").text)
    assert generation is not None
    page = owner.send_form(
        KEYS, f"{KEYS}/rotate/apiSecret", key=key_id, generation=generation[1], overlap="3600"
    )
    secret = NEW_SECRET.search(page.text)
    assert secret is not None
    new = Partner(key.base_url, key.api_key, secret[1])
    assert (key.call("/pairs", {}).code, new.call("/pairs", {}).code) == (0, 0)
    assert "The one before is accepted until" in owner.get(f"{KEYS}?key={key_id}").words()
    assert partner.api.call("/pairs", {}).code == 0


def listed_keys(owner: Person) -> str:
    """Return what the page shows of the keys, without times: a last use is recorded later."""
    return TIME.sub("a time", owner.get(KEYS).words().partition("New key")[2])


BAD_FORMS: dict[str, tuple[str, dict[str, str], tuple[int, ...]]] = {
    "a label with a line feed": ("/new", {"label": "a\nb", "scope": "full"}, (422,)),
    "a label with a bidi control": ("/new", {"label": "a\u202eb", "scope": "full"}, (422,)),
    "a label of 65 characters": ("/new", {"label": "x" * 65, "scope": "full"}, (422,)),
    "no scope": ("/new", {"label": "x"}, (303, 400)),
    "an unknown scope": ("/new", {"scope": "admin"}, (303, 400)),
    "a scope in capitals": ("/new", {"scope": "FULL"}, (303, 400)),
    "a new label with a control": ("/label", {"label": "a\x85b"}, (422,)),
    "a label for a malformed id": ("/label", {"label": "x", "key": "'"}, (404,)),
    "revoking no key": ("/revoke", {}, (404,)),
    "revoking an unknown key": ("/revoke", {"key": "0" * 36}, (404,)),
    "an overlap of a week": ("/rotate/apiSecret", {"overlap": "604800"}, (303, 400)),
    "a negative overlap": ("/rotate/apiSecret", {"overlap": "-1"}, (303, 400)),
    "an overlap in Arabic digits": ("/rotate/apiSecret", {"overlap": "\u0661"}, (303, 400)),
}


@pytest.mark.parametrize("case", BAD_FORMS)
def test_a_form_with_invalid_fields_changes_nothing(
    partner: CabinetPartner, owner: Person, case: str
) -> None:
    path, fields, statuses = BAD_FORMS[case]
    before = listed_keys(owner)
    generation = GENERATION.search(owner.get(KEYS).text)
    assert generation is not None
    sent = {"generation": generation[1], **fields}
    assert owner.send_form(KEYS, f"{KEYS}{path}", **sent).status in statuses
    assert partner.api.call("/pairs", {}).code == 0
    assert listed_keys(owner) == before


ACTIONS: dict[str, dict[str, str]] = {
    "label": {"label": "mine"},
    "revoke": {},
    "networks": {"networks": "203.0.113.0/24"},
    "signatures": {"accept": "v2"},
    "rotate/apiSecret": {"generation": "0"},
    "rotate/webhookSecret": {"generation": "0"},
}


@pytest.mark.parametrize("action", ACTIONS)
def test_keys_of_another_partner_cannot_be_changed(up: Running, owner: Person, action: str) -> None:
    (key,) = up.json("key", "list", up.demo().cabinet_email)
    for named in (key["id"], key["apiKey"]):
        response = owner.send_form(KEYS, f"{KEYS}/{action}", key=named, **ACTIONS[action])
        assert response.status == 404
    assert owner.get(f"{KEYS}?key={key['id']}").status == 404
    assert up.json("key", "list", up.demo().cabinet_email)[0] | {"usedAt": None} == key | {
        "usedAt": None
    }


def test_changes_of_keys_require_a_second_factor(up: Running) -> None:
    person = CabinetPartner.new(up).owner()
    for path in ("/new", "/label", "/revoke"):
        assert person.send_form(KEYS, f"{KEYS}{path}", scope="full").status == 403
