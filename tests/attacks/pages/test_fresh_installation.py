"""An attacker finds an installation outside the sandbox that was just started."""

import pytest

from tests.attacks.conftest import PUBLIC_HOST
from tests.conftest import Running
from tests.support.clients.visitor import Visitor

FORM = {"from": "btc", "to": "eth", "send": "1", "step": "open"}


def test_there_is_no_demo_partner(live: Running) -> None:
    assert not (live.data_dir / "demo.json").exists()
    assert not [one for one in live.json("partner", "list") if "demo" in one["email"]]


def test_the_swap_page_states_that_there_is_nothing_to_swap(live: Running) -> None:
    page = Visitor(live.base_url).get("/?from=btc&to=eth&amount=1", Host=PUBLIC_HOST)
    assert page.status == 503
    assert "No coins can be swapped here at the moment." in page.words()
    assert page.headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("path", ["/", "/swap/form", "/swap/quote", "/swap/check/tag"])
def test_no_form_of_the_swap_page_causes_an_internal_error(live: Running, path: str) -> None:
    page = Visitor(live.base_url).post(path, FORM, Host=PUBLIC_HOST)
    assert page.status == 503
    assert "Try again later." in page.words()
