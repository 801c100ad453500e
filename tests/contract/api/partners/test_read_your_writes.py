"""What a partner creates or changes is in effect in every worker from the response on."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.conftest import Running
from tests.support.clients.code_owner import Owner, name
from tests.support.clients.visitor import Visitor
from tests.support.servers.first_uses import stale_first_uses

TRIES = 50


@pytest.fixture(scope="module")
def owner(up: Running) -> Owner:
    return Owner(up, "--max-codes", "1000")


def test_the_first_use_of_a_new_code_has_its_markup(owner: Owner) -> None:
    assert stale_first_uses(owner, tries=TRIES, callers=4) == 0


def test_a_code_disabled_and_enabled_has_its_markup_again_at_once(owner: Owner) -> None:
    code = name()
    assert owner.create(code, afftaxBps=77).code == 0
    with ThreadPoolExecutor(4) as callers:
        for _ in range(10):
            assert owner.disable(code).code == 0
            assert set(callers.map(owner.markup, [code] * 4)) == {30}
            assert owner.enable(code).code == 0
            assert set(callers.map(owner.markup, [code] * 4)) == {77}


def test_settings_of_the_operator_are_in_effect_when_the_command_ends(
    up: Running, owner: Owner
) -> None:
    with ThreadPoolExecutor(4) as callers:
        for markup in (41, 42, 30):
            up.json("partner", "set", owner.email, "--markup-bps", str(markup))
            assert set(callers.map(owner.markup, [None] * 8)) == {markup}
        up.json("partner", "disable", owner.email)
        assert {owner.call("/pairs", {}).code for _ in range(8)} == {4}
        up.json("partner", "enable", owner.email)
        assert {owner.call("/pairs", {}).code for _ in range(8)} == {0}


def test_links_of_a_new_code_refer_visitors_at_once_even_if_followed_before(
    up: Running, owner: Owner
) -> None:
    def is_referred(code: str) -> bool:
        visitor = Visitor(up.base_url)
        visitor.get(f"/r/{code}")
        return bool(visitor.cookies)

    for _ in range(5):
        code = name()
        assert not any(is_referred(code) for _ in range(4))
        assert owner.create(code).code == 0
        assert all(is_referred(code) for _ in range(4))
