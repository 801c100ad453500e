"""Another host below the domain sets cookies of our names, which browsers send beside ours."""

from uuid import uuid4

import pytest

from tests.attacks.conftest import PUBLIC_HOST
from tests.conftest import Running
from tests.support.clients.cabinet import CabinetPartner, Person
from tests.support.clients.visitor import PageResponse, Visitor

SESSION = "cabinet"


@pytest.fixture(scope="module")
def attacker(up: Running) -> Person:
    return CabinetPartner.new(up).owner()


@pytest.fixture(scope="module")
def victim(up: Running) -> CabinetPartner:
    return CabinetPartner.new(up)


def pair(first: str, second: str, *, name: str = SESSION) -> str:
    return f"{name}={first}; {name}={second}"


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("path", ["/partner/payout-history/details", "/partner/login", "/partner"])
def test_nobody_works_in_the_account_of_an_attacker(
    attacker: Person, victim: CabinetPartner, path: str, order: int
) -> None:
    cookies = [attacker.cookies[SESSION], victim.owner().cookies[SESSION]][::order]
    page = Visitor(victim.up.base_url).get(path, Cookie=pair(*cookies))
    assert page.status == 400
    assert "Delete the cookies of this website" in page.words()
    assert "set-cookie" not in page.headers


def test_signing_in_beside_a_tossed_cookie_says_what_to_do(
    attacker: Person, victim: CabinetPartner
) -> None:
    both = pair(attacker.cookies[SESSION], victim.owner().cookies[SESSION])
    fields = {"email": victim.email, "password": victim.password}
    again = Visitor(victim.up.base_url).post("/partner/login", fields, Cookie=both)
    assert again.status == 400
    assert not again.set_cookies
    assert attacker.get("/partner/dashboard").status == 200, "no session was ended"


@pytest.mark.parametrize("proof", [None, "of another session", "A" * 43])
def test_a_tossed_session_signs_nobody_in_who_is_signed_out(
    live: Running, proof: str | None
) -> None:
    """Another host can set the session's cookie, but none with the prefix `__Host-`."""
    name, member, other = "__Secure-cabinet", signed_in(live), signed_in(live)
    proofs = {None: {}, "of another session": {PROOF: other[PROOF]}}
    forged = {name: member[name], **proofs.get(proof, {PROOF: str(proof)})}
    assert opens(live, member).status == 200
    tossed = opens(live, forged)
    assert (tossed.status, tossed.location) == (
        303,
        "/partner/login?next=%2Fpartner%2Fnew-password",
    )


PROOF = "__Host-cabinet-proof"


def signed_in(live: Running) -> dict[str, str]:
    """Sign a new member in and return the cookies."""
    email = f"{uuid4().hex}@partners.example"
    live.json("partner", "create", "--email", email)
    password = live.json("partner", "password", email)["password"]
    browser = Visitor(live.base_url)
    form = {"email": email, "password": password}
    response = browser.post("/partner/login", form, Host=PUBLIC_HOST)
    assert response.status == 303
    assert [one for one in response.set_cookies if one.startswith(PROOF) and "Path=/;" in one]
    return browser.cookies


def opens(live: Running, cookies: dict[str, str]) -> PageResponse:
    """Open the page where a one-time password is replaced."""
    browser = Visitor(live.base_url)
    browser.cookies = dict(cookies)
    return browser.get("/partner/new-password", Host=PUBLIC_HOST)


def test_a_tossed_referral_earns_nothing(victim: CabinetPartner) -> None:
    code = f"tossed-{uuid4().hex[:8]}"
    victim.api.until_active()
    assert victim.api.call("/codes", {"code": code, "afftaxBps": 200}).code == 0
    thief = Visitor(victim.up.base_url)
    thief.get(f"/r/{code}")
    tossed = thief.cookies["ref"]

    def fee(cookie: str) -> str:
        page = Visitor(victim.up.base_url).get("/?from=btc&to=usdt_trc20", Cookie=cookie)
        assert page.status == 200
        return page.words().partition("in the rate ")[2].partition("%")[0]

    assert fee(f"ref={tossed}") == "2.5"
    assert fee(pair("ours", tossed, name="ref")) == "0.5"
    assert fee(pair(tossed, tossed, name="ref")) == "0.5"
