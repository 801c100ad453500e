"""What litecoind calls dust, by form of address, and the dust limit of its network."""

from collections.abc import Iterator
from contextlib import ExitStack
from decimal import Decimal

import pytest
from bip_utils import SegwitBech32Encoder

from domain.chains.networks import NETWORKS
from tests.conftest import free_port
from tests.support.chains.nodes import Litecoind
from tests.support.chains.world import needs_nodes

pytestmark = needs_nodes

LIMIT = NETWORKS["Litecoin"].dust_limit
COIN = 10**8
FEE = Decimal("0.001")
LEAST = {"legacy": 5_460, "p2sh-segwit": 5_400, "bech32": 2_940, "taproot": 3_300}
"""The least output that is not dust, by form of address."""


@pytest.fixture(scope="module")
def litecoind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Litecoind]:
    with ExitStack() as started:
        yield Litecoind(free_port(), tmp_path_factory.mktemp("litecoind"), started)


def address_of(litecoind: Litecoind, form: str) -> str:
    if form == "taproot":
        return str(SegwitBech32Encoder.Encode("rltc", 1, bytes(range(32))))
    return str(litecoind.call("getnewaddress", "", form, wallet="user"))


def rejection(litecoind: Litecoind, address: str, units: int) -> str | None:
    """Return the node's reason not to accept a payment of units to an address; None if it does."""
    coin = litecoind.call("listunspent", 1, wallet="hot")[0]
    paid = Decimal(units) / COIN
    change = Decimal(coin["amount"]) - paid - FEE
    outputs = [{address: f"{paid:.8f}"}, {litecoind.address("hot"): f"{change:.8f}"}]
    raw = litecoind.call("createrawtransaction", [_outpoint(coin)], outputs)
    signed = litecoind.call("signrawtransactionwithwallet", raw, wallet="hot")
    (result,) = litecoind.call("testmempoolaccept", [signed["hex"]])
    return None if result["allowed"] else str(result["reject-reason"])


def _outpoint(coin: dict[str, object]) -> dict[str, object]:
    return {"txid": coin["txid"], "vout": coin["vout"]}


@pytest.mark.parametrize("form", LEAST)
def test_litecoind_accepts_the_dust_limit_to_every_form_of_address(
    litecoind: Litecoind, form: str
) -> None:
    assert rejection(litecoind, address_of(litecoind, form), LIMIT) is None


@pytest.mark.parametrize(("form", "least"), LEAST.items())
def test_litecoind_rejects_less_than_a_form_of_address_needs_as_dust(
    litecoind: Litecoind, form: str, least: int
) -> None:
    address = address_of(litecoind, form)
    assert rejection(litecoind, address, least - 1) == "dust"
    assert rejection(litecoind, address, least) is None


def test_one_unit_below_the_limit_is_dust_to_a_key_hash(litecoind: Litecoind) -> None:
    assert rejection(litecoind, address_of(litecoind, "legacy"), LIMIT - 1) == "dust"
