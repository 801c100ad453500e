"""docs/wallets.md names tests that exist, and maps every chain and status as the adapters do."""

import re
from pathlib import Path

import pytest

from domain.chains.networks import NETWORKS
from domain.orders.states import Outcome, Status
from tests.clients.adapters.cake.currencies import CHAIN_BY_TICKER
from tests.clients.adapters.cake.trade import state_of

ROOT = Path(__file__).parents[3]
WALLETS = (ROOT / "docs/wallets.md").read_text()
EDGE_CHAINS = (ROOT / "tests/clients/adapters/edge/chains.ts").read_text()
ITEMS = ["general", "1", "2", "3", "4", "5", "6", "8"]
"""What Edge requires of the interface for swaps."""


def rows(heading: str) -> list[list[str]]:
    """Return the rows of the table whose first header cell is `heading`."""
    (table,) = re.findall(rf"^\| {heading} \|.*\n\|[-|]+\n((?:\|.*\n)+)", WALLETS, re.MULTILINE)
    return [
        [cell.strip().strip("`") for cell in line.strip("|").split("|")]
        for line in table.splitlines()
    ]


REQUIREMENTS = rows("item")


def test_every_item_is_answered_with_yes() -> None:
    assert list(dict.fromkeys(item for item, *_ in REQUIREMENTS)) == ITEMS
    assert {met for _, _, met, _ in REQUIREMENTS} == {"yes"}


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda row: f"{row[0]}: {row[1]}")
def test_the_test_that_proves_a_requirement_exists(requirement: list[str]) -> None:
    module, _, name = requirement[3].partition("::")
    assert re.search(rf"^def {name}\(", (ROOT / module).read_text(), re.MULTILINE)


def test_the_table_of_chains_is_that_of_the_code_and_of_both_adapters() -> None:
    documented = rows("chain")
    assert {chain: chain_id for chain, chain_id, *_ in documented} == {
        network.chain: str(network.chain_id or "") for network in NETWORKS.values()
    }
    assert {ticker: chain for chain, _, _, ticker in documented} == CHAIN_BY_TICKER
    edge = dict(re.findall(r'^  \["(\w+)", "(\w+)"\],$', EDGE_CHAINS, re.MULTILINE))
    assert {plugin_id: chain for chain, _, plugin_id, _ in documented} == edge


def test_the_table_of_statuses_has_each_status_and_outcome_as_cake_shows_it() -> None:
    documented = rows("status")
    assert {status for status, *_ in documented} == {status.value for status in Status}
    assert {outcome for _, outcome, *_ in documented if outcome} == {one.value for one in Outcome}
    for status, outcome, _, _, state in documented:
        assert state_of(status, outcome or None).value == state
