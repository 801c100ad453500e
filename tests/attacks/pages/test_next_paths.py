"""An attacker sends a link to the sign-in page that continues outside the cabinet."""

from urllib.parse import quote

import pytest

from tests.conftest import Running
from tests.support.clients.cabinet import CabinetPartner, Person

ELSEWHERE = (
    "/partner/%2e%2e/r/attacker",
    "/partner/%2E./r/attacker",
    "/partner/.%2e/%2e%2e/r/attacker",
    "/partner/%252e%252e/r/attacker",
    "/partner/x/%2e%2e/%2e%2e/r/attacker",
    "/partner/%2f%2fattacker.example",
    "/partner/%5c%5cattacker.example",
    "/partner/%0d%0aLocation:%20https://attacker.example",
    "/partner%2f%2e%2e/r/attacker",
    "//attacker.example/partner/",
    "/\\attacker.example/partner/",
    "https://attacker.example/partner/",
    "/partner/../r/attacker",
)
LOOPS = ("/partner/login", "/partner/%6cogin", "/partner/LOGIN", "/partner/lo%67in?next=x")


@pytest.fixture(scope="module")
def owner(up: Running) -> Person:
    return CabinetPartner.new(up).owner()


@pytest.mark.parametrize("path", [*ELSEWHERE, *LOOPS])
def test_signing_in_continues_only_in_the_cabinet(owner: Person, path: str) -> None:
    response = owner.get(f"/partner/login?next={quote(path, safe='')}")
    assert response.status == 303
    assert response.location == "/partner/dashboard"


@pytest.mark.parametrize("path", ["/partner/keys", "/partner/orders?status=NEW&code=a%2Fb"])
def test_a_path_of_the_cabinet_is_kept(owner: Person, path: str) -> None:
    assert owner.get(f"/partner/login?next={quote(path, safe='')}").location == path
