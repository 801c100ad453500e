"""What the API keys page says after an action, and why an entry was rejected."""

from collections.abc import Mapping, Sequence
from typing import Final

from domain.partners.api_keys import MAX_KEYS
from domain.partners.codes import MAX_LABEL_LENGTH
from domain.partners.ip_allowlist import MAX_NETWORKS, AllowlistProblem, InvalidAllowlist

ROTATED_MEANWHILE: Final = (
    "Someone rotated a secret after you opened this page, so nothing was changed."
)
INVALID_LABEL: Final = (
    f"Enter at most {MAX_LABEL_LENGTH} characters, without line breaks or hidden characters."
)
LIMIT_REACHED: Final = f"You have {MAX_KEYS} keys. Revoke one that you no longer use first."
LABEL_CHANGED: Final = "Label saved."
REVOKED: Final = "Key revoked. Calls with it are rejected."
_ALLOWLIST_ERRORS: Final[Mapping[AllowlistProblem, str]] = {
    AllowlistProblem.NOT_A_NETWORK: "{entry} is not an IP address or network.",
    AllowlistProblem.HOST_BITS_SET: "{entry} is not a network address. Did you mean {network}?",
    AllowlistProblem.IPV4_MAPPED: "{entry} is an IPv4-mapped address. Enter it as IPv4.",
    AllowlistProblem.TOO_MANY_ENTRIES: f"Enter at most {MAX_NETWORKS} entries.",
}


def allowlist_error(rejected: InvalidAllowlist) -> str:
    """Return why an allowlist was rejected."""
    message = _ALLOWLIST_ERRORS[rejected.problem]
    return message.format(entry=rejected.entry, network=rejected.network)


def v2_only_changed(*, v2_only: bool) -> str:
    """Return the message after signatures of version 1 were rejected or accepted."""
    if v2_only:
        return "Saved. API calls signed with version 1 are rejected."
    return "Saved. API calls signed with version 1 are accepted."


def allowlist_changed(networks: Sequence[str]) -> str:
    """Return the message after the allowlist was changed."""
    if not networks:
        return "IP allowlist removed. API calls are accepted from any address."
    return "IP allowlist saved. API calls are accepted from these addresses only."
