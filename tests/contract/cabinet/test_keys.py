"""The API keys page: rotation, last use, and the IP allowlist."""

import re
from uuid import uuid4

import pytest

from tests.conftest import Running
from tests.support.clients.cabinet import CabinetPartner, Person
from tests.support.clients.partner import Partner
from tests.support.waiting import ALL_WORKERS, wait_until

KEYS = "/partner/keys"
SHOWN = re.compile(r'<pre class="secret" id="new-secret"[^>]*>([A-Za-z0-9_-]{43})</pre>')
GENERATION = re.compile(r'name="generation" value="(\d+)"')
ELSEWHERE = "203.0.113.0/24"


@pytest.fixture(scope="module")
def partner(up: Running) -> CabinetPartner:
    return CabinetPartner.new(up)


@pytest.fixture(scope="module")
def owner(partner: CabinetPartner) -> Person:
    partner.api.until_active()
    return partner.owner_with_factor()[0]


def rotated(owner: Person, name: str, generation: str = "") -> str | None:
    page = owner.get(KEYS).text
    match = GENERATION.search(page)
    assert match is not None
    response = owner.send_form(KEYS, f"{KEYS}/rotate/{name}", generation=generation or match[1])
    shown = SHOWN.search(response.text)
    return shown[1] if shown else None


def test_a_rotated_api_secret_is_shown_once_and_works_immediately(
    partner: CabinetPartner, owner: Person
) -> None:
    former = partner.api
    secret = rotated(owner, "apiSecret")
    assert secret is not None
    assert secret not in owner.get(KEYS).text
    partner.api = Partner(former.base_url, former.api_key, secret)
    assert former.call("/pairs", {}).code == 3
    assert partner.api.call("/pairs", {}).code == 0
    log = owner.get("/partner/team/log").words()
    assert "Rotated the apiSecret" in log
    assert secret not in log


def test_a_rotation_form_submitted_twice_rotates_once(
    partner: CabinetPartner, owner: Person
) -> None:
    match = GENERATION.search(owner.get(KEYS).text)
    assert match is not None
    assert rotated(owner, "webhookSecret", match[1]) is not None
    again = owner.send_form(KEYS, f"{KEYS}/rotate/apiSecret", generation=match[1])
    assert again.location == KEYS
    assert "Someone rotated a secret after you opened this page" in owner.get(KEYS).text
    assert partner.api.call("/pairs", {}).code == 0
    for wrong in ("", "x", "-1", "9" * 30):
        response = owner.send_form(KEYS, f"{KEYS}/rotate/apiSecret", generation=wrong)
        assert response.status in (303, 400), wrong
    assert owner.send_form(KEYS, f"{KEYS}/rotate/nothing", generation="1").status == 404
    assert partner.api.call("/pairs", {}).code == 0


def test_the_last_use_is_shown_soon_after_a_call(partner: CabinetPartner, owner: Person) -> None:
    assert partner.api.call("/pairs", {}).code == 0
    wait_until(lambda: owner.get(KEYS).words(), lambda words: "Last used: never" not in words)


def test_calls_from_addresses_not_on_the_allowlist_are_rejected_like_forged_ones(
    partner: CabinetPartner, owner: Person
) -> None:
    listed = owner.send_form(KEYS, f"{KEYS}/networks", networks=f"{ELSEWHERE}\n2001:db8::/32")
    assert listed.location == KEYS
    partner.api.until(3)
    forged = Partner(partner.api.base_url, partner.api.api_key, "x" * 43).call("/pairs", {})
    rejected = partner.api.call("/pairs", {})
    assert (rejected.status, rejected.body) == (forged.status, forged.body)
    assert rejected.headers.keys() == forged.headers.keys()
    believed = partner.api.call("/pairs", {}, **{"X-Forwarded-For": "203.0.113.7"})
    assert believed.code == 3, "a forwarded address from an untrusted client is ignored"
    owner.send_form(KEYS, f"{KEYS}/networks", networks="127.0.0.1, ::1")
    partner.api.until(0)
    owner.send_form(KEYS, f"{KEYS}/networks", networks="")
    partner.api.until(0)
    assert "127.0.0.1/32, ::1/128" in owner.get("/partner/team/log").words()


def test_version_1_of_the_signature_is_rejected_and_accepted_by_choice(
    partner: CabinetPartner, owner: Person
) -> None:
    def signed_with_version_1() -> int:
        return partner.api.post("/pairs", b"{}", partner.api.headers(b"{}")).code

    assert "Require version 2" in owner.get(KEYS).words()
    for choice, code in (("v2", 3), ("all", 0)):
        assert owner.send_form(KEYS, f"{KEYS}/signatures", accept=choice).location == KEYS
        wait_until(signed_with_version_1, code.__eq__, consecutive=ALL_WORKERS)
        assert partner.api.call("/pairs", {}).code == 0
    assert owner.send_form(KEYS, f"{KEYS}/signatures", accept="none").status in (303, 400)
    log = owner.get("/partner/team/log").words()
    assert "Changed the accepted signatures version 2 only" in log


@pytest.mark.parametrize(
    ("entry", "error"),
    [
        ("10.0.0.1/8", "Did you mean 10.0.0.0/8?"),
        ("somewhere", "somewhere is not an IP address or network."),
        ("<b>", "is not an IP address or network."),
        ("::ffff:10.0.0.1", "is an IPv4-mapped address. Enter it as IPv4."),
        ("\n".join(f"10.0.0.{number}" for number in range(51)), "Enter at most 50 entries."),
    ],
)
def test_an_invalid_allowlist_is_rejected(owner: Person, entry: str, error: str) -> None:
    response = owner.send_form(KEYS, f"{KEYS}/networks", networks=entry)
    assert response.status == 422
    assert error in response.words()
    assert "<b>" not in response.text.partition("networks-heading")[2].partition("<p>")[0]
    assert "Signed calls are accepted from any address" in owner.get(KEYS).words()


def test_the_operator_turns_off_a_second_factor(up: Running) -> None:
    partner = CabinetPartner.new(up)
    owner, _ = partner.owner_with_factor()
    done = up.json("partner", "second-factor-off", partner.email)
    assert done == {"email": partner.email, "secondFactor": False}
    assert partner.owner().get("/partner/account").status == 200
    assert owner.get(KEYS).status == 200
    assert owner.send_form(KEYS, f"{KEYS}/rotate/apiSecret", generation="0").status == 403
    log = owner.get("/partner/team/log").words()
    assert f"operator Turned off two-factor authentication {partner.email}" in log
    for who in (partner.email, f"{uuid4()}@nobody.example"):
        rejected = up.command("partner", "second-factor-off", who)
        assert rejected.returncode == 1
        assert "has no second factor" in rejected.stderr or "No team member" in rejected.stderr
