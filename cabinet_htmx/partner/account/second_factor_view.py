"""What the page of the second factor shows: a secret as a QR code, and files to save."""

import base64
from collections.abc import Sequence
from typing import Final

import msgspec
import segno

from domain.cabinet.second_factor import enrolment_uri

QUIET_MODULES: Final = 4


class Enrolment(msgspec.Struct, frozen=True):
    """A secret for an app. `path` draws the dark modules of its QR code in a square of `size`."""

    secret: str
    path: str
    size: int

    def __repr__(self) -> str:
        """Hide the secret."""
        return "Enrolment(...)"


class Saved(msgspec.Struct, frozen=True):
    """Something to keep, and the address of a file with it: a link saves it without scripts."""

    values: Sequence[str]
    address: str

    def __repr__(self) -> str:
        """Hide it."""
        return "Saved(...)"


def enrolment(secret: str, *, issuer: str, account: str) -> Enrolment:
    """Return what is shown of a secret: in groups of four, and as a QR code."""
    code = segno.make(enrolment_uri(secret, issuer=issuer, account=account), error="m", micro=False)
    rows = [bytes(row) for row in code.matrix]
    dark = [
        f"M{x + QUIET_MODULES} {y + QUIET_MODULES}h1v1h-1z"
        for y, row in enumerate(rows)
        for x, module in enumerate(row)
        if module
    ]
    groups = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
    return Enrolment(groups, "".join(dark), len(rows) + 2 * QUIET_MODULES)


def saved_codes(codes: Sequence[str]) -> Saved:
    """Return recovery codes, and a text file of them."""
    return Saved(codes, text_file("\n".join(codes) + "\n"))


def text_file(text: str) -> str:
    """Return an address that is a text file: `<a download href=...>` saves it."""
    return f"data:text/plain;base64,{base64.b64encode(text.encode()).decode()}"
