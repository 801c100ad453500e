"""Whether an address, and its tag, can be paid to on a network."""

import re

from domain.chains.networks import NETWORKS
from domain.errors import InvalidAddress
from domain.reasons import Reason

_PRINTABLE = re.compile(r"[!-~]{10,200}", re.ASCII)


def check_address(network: str, address: str) -> None:
    """Raise InvalidAddress unless `address` can be paid to on `network`. Mainnet only."""
    declared = NETWORKS.get(network)
    if declared is None:
        raise InvalidAddress(f"no addresses are known on {network!r}", reason=Reason.NETWORK)
    if _PRINTABLE.fullmatch(address) is None:
        raise InvalidAddress(
            "an address is 10 to 200 printable ASCII characters", reason=Reason.FORMAT
        )
    if not declared.accepts(address):
        is_of_another = any(other.accepts(address) for other in NETWORKS.values())
        raise InvalidAddress(
            f"not an address on {network}",
            reason=Reason.NETWORK if is_of_another else Reason.FORMAT,
        )


def check_tag(network: str, tag: str | None) -> None:
    """Raise InvalidAddress unless `tag` is valid on `network`, or None.

    None is always valid: only the owner of an address knows whether it needs a tag. On networks
    without tags nothing else is.
    """
    if tag is None:
        return
    declared = NETWORKS.get(network)
    if declared is None or declared.tag is None or not declared.tag.is_valid(tag):
        raise InvalidAddress(f"not a tag on {network}", reason=Reason.TAG_INVALID)
