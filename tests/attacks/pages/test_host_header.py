"""An attacker has the service make links to a host of the attacker's, with a forged Host header."""

from uuid import uuid4

import pytest

from tests.attacks.conftest import PUBLIC_HOST
from tests.conftest import Running
from tests.support.clients.cabinet import CabinetPartner
from tests.support.clients.partner import quote_request
from tests.support.clients.visitor import Visitor

FORGED = (
    "evil.example",
    "evil.example:443",
    "swap.example.evil.example",
    "evil.example/swap.example",
    "swap.example@evil.example",
    "swap.example:8443",
    "swap.example.",
    "127.0.0.1",
)
PAGES = ("/", "/docs", "/docs/quickstart", "/r/code", "/status/x", "/order/x", "/partner/login")


@pytest.mark.parametrize("path", PAGES)
def test_a_page_for_an_unknown_host_is_not_served(live: Running, path: str) -> None:
    for host in FORGED:
        response = Visitor(live.base_url).get(path, Host=host, X_Forwarded_Host=PUBLIC_HOST)
        assert response.status == 421, host
        assert "example" not in response.text
        assert not {"location", "set-cookie"} & set(response.headers)
    ours = Visitor(live.base_url).get(path, Host=PUBLIC_HOST, X_Forwarded_Host="evil.example")
    assert ours.status != 421
    assert "evil.example" not in ours.text


def test_links_of_the_cabinet_never_name_a_forged_host(up: Running) -> None:
    owner = CabinetPartner.new(up).owner()
    port = up.base_url.rpartition(":")[2]
    for host in ("evil.example", f"evil.example:{port}", "localhost"):
        for path in ("/partner/codes", "/partner/team"):
            page = owner.get(path, Host=host)
            assert page.status == 421, host
            assert "evil.example" not in page.text
    assert owner.get("/partner/codes", Host=f"localhost:{port}").status == 200


def test_links_begin_with_the_main_address_under_whichever_name_the_service_was_called(
    up: Running,
) -> None:
    owner = CabinetPartner.new(up).owner()
    port = up.base_url.rpartition(":")[2]
    created = owner.send_form("/partner/codes", code=f"c-{uuid4().hex[:10]}")
    for host in (f"127.0.0.1:{port}", f"localhost:{port}"):
        page = owner.get(created.location, Host=host).text
        assert f"http://localhost:{port}/r/" in page
        assert f"http://127.0.0.1:{port}" not in page


def test_a_signed_call_is_accepted_under_any_host(up: Running) -> None:
    partner = up.new_partner()
    for host in ("internal-name:8080", "evil.example"):
        assert partner.call("/price", quote_request(), Host=host).code == 0
