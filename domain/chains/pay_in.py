"""Where deposits go: a network's account, known by its public key alone, and its addresses."""

from typing import Final

import msgspec

IMPORTED: Final = "imported"
"""The kind of account that derives nothing: its addresses were made elsewhere."""


class PayInAccount(msgspec.Struct, frozen=True):
    """What a network's addresses are made from. `kind` names how; private keys never exist here."""

    network: str
    kind: str
    public_key: str


class PayInAddress(msgspec.Struct, frozen=True):
    """An address for one order; `tag` where all orders of a network share one address."""

    network: str
    address: str
    tag: str | None
    index: int
