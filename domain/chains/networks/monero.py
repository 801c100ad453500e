"""Monero: standard addresses, integrated addresses and subaddresses."""

from typing import Final

from monero.address import address as parse_address
from monero.const import NET_MAIN

from domain.chains.network import AccountForm, Network, require
from domain.chains.pay_in import AccountKind


def _decode(address: str) -> None:
    require(parse_address(address).net == NET_MAIN)


NETWORKS: Final = (
    Network(
        name="Monero",
        chain="monero",
        coin="XMR",
        confirmations=10,
        explorer="https://xmrchain.net/tx/{}",
        block_ms=120_000,
        address_forms=(_decode,),
        accounts=(AccountForm(kind=AccountKind.MONERO_VIEW_KEY),),
    ),
)
