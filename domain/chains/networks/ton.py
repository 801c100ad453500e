"""TON: user-friendly addresses (TEP-2) with an optional comment."""

import base64
import binascii
from typing import Final

from bip_utils import TonAddrEncoder

from domain.chains.network import AccountForm, Curve, Network, TagForm, is_text, require
from domain.chains.pay_in import AccountKind

MAX_COMMENT_LENGTH: Final = 120

_BYTES = 36
_NOT_BOUNCEABLE = 0x51
_MAINNET_FLAGS = (0x11, _NOT_BOUNCEABLE)  # 0x11: bounceable
_WORKCHAINS = (0x00, 0xFF)
_URL_SAFE = str.maketrans("-_", "+/")


def _decode(address: str) -> None:
    """Decode a user-friendly address.

    The raw form is not accepted: it has no checksum, so a typing error would lose the money.
    """
    decoded = base64.b64decode(address.translate(_URL_SAFE), validate=True)
    require(len(decoded) == _BYTES and decoded[0] in _MAINNET_FLAGS)
    require(decoded[1] in _WORKCHAINS)
    if binascii.crc_hqx(decoded[:-2], 0) != int.from_bytes(decoded[-2:], "big"):
        raise ValueError("Invalid checksum")


class TonNetwork(Network, frozen=True, kw_only=True):
    """A network whose addresses state how wallets should pay to them, beside the account."""

    def canonical(self, address: str) -> str:
        """See Network: not bounceable, in base64url."""
        account = base64.b64decode(address.translate(_URL_SAFE))[1:-2]
        body = bytes((_NOT_BOUNCEABLE,)) + account
        checksum = binascii.crc_hqx(body, 0).to_bytes(2, "big")
        return base64.urlsafe_b64encode(body + checksum).decode()


NETWORKS: Final = (
    TonNetwork(
        name="TON",
        chain="ton",
        coin="TON",
        confirmations=1,
        explorer="https://tonviewer.com/transaction/{}",
        block_ms=5_000,
        address_forms=(_decode,),
        accounts=(
            AccountForm(
                kind=AccountKind.ONE_ADDRESS,
                encode=TonAddrEncoder.EncodeKey,
                curve=Curve.ED25519,
            ),
        ),
        tag=TagForm("Comment", lambda tag: is_text(tag, max_length=MAX_COMMENT_LENGTH)),
    ),
)
