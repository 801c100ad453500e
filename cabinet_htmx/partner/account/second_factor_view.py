"""Two-factor authentication: the secret as a QR code, and recovery codes as a file."""

from collections.abc import Sequence
from typing import Final

import msgspec
import segno

from cabinet_htmx.partner.text_file import text_file_url
from domain.cabinet.second_factor import enrollment_uri

QUIET_MODULES: Final = 4


class Enrollment(msgspec.Struct, frozen=True):
    """A secret for an app. `path` draws the dark modules of its QR code in a square of `size`."""

    secret: str
    path: str
    size: int

    def __repr__(self) -> str:
        """Hide the secret."""
        return "Enrollment(...)"


class SavedCodes(msgspec.Struct, frozen=True):
    """Recovery codes, and the URL of a text file with them."""

    codes: Sequence[str]
    file_url: str

    def __repr__(self) -> str:
        """Hide the codes."""
        return "SavedCodes(...)"


def enrollment(secret: str, *, issuer: str, account: str) -> Enrollment:
    """Return a secret in groups of four characters, and as a QR code."""
    uri = enrollment_uri(secret, issuer=issuer, account=account)
    rows = [bytes(row) for row in segno.make(uri, error="m", micro=False).matrix]
    dark = [
        f"M{x + QUIET_MODULES} {y + QUIET_MODULES}h1v1h-1z"
        for y, row in enumerate(rows)
        for x, module in enumerate(row)
        if module
    ]
    groups = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
    return Enrollment(groups, "".join(dark), len(rows) + 2 * QUIET_MODULES)


def saved_codes(codes: Sequence[str]) -> SavedCodes:
    """Return recovery codes with a text file of them."""
    return SavedCodes(codes, text_file_url("\n".join(codes) + "\n"))
