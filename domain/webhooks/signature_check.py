"""Explains how a webhook's signature is computed, and compares a pasted signature with it.

A complete signature is never returned: anyone who sees one could send forged events with it.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import msgspec

from domain.webhooks.ports import SigningSecrets
from domain.webhooks.signatures import signature, standard_signature, standard_signed

SHOWN_CHARACTERS: Final = 8

_HEX = re.compile(r"[0-9a-f]{64}", re.ASCII)
_STANDARD = re.compile(r"v1,[A-Za-z0-9+/]{43}=", re.ASCII)
_SECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)
_ID = re.compile(r"[!-~]{1,64}", re.ASCII)


class SignatureFormat(StrEnum):
    """The two signature formats."""

    OWN = "own"
    STANDARD = "standard"


class SignatureMatch(StrEnum):
    """How a pasted signature compares with the one computed."""

    NOT_PROVIDED = "not provided"
    UNKNOWN_FORMAT = "unknown format"
    ID_AND_TIMESTAMP_REQUIRED = "id and timestamp required"
    MATCHES = "matches"
    MATCHES_PREVIOUS_SECRET = "matches previous secret"  # noqa: S105  a result, not a secret
    MATCHES_WITHOUT_TRAILING_NEWLINE = "matches without trailing newline"
    DIFFERS = "differs"


class BodyMatch(StrEnum):
    """How a pasted body compares with that of the event whose id was pasted."""

    NOT_COMPARED = "not compared"
    UNKNOWN_EVENT = "unknown event"
    MATCHES = "matches"
    DIFFERS = "differs"


class PastedWebhook(msgspec.Struct, frozen=True, kw_only=True):
    """What a partner pasted, as text: body, signature, and the event's id and timestamp."""

    body: str
    signature: str = ""
    event_id: str = ""
    timestamp: str = ""

    @property
    def body_bytes(self) -> bytes:
        """Return the body in bytes, with the CR LF that browsers put into forms undone."""
        return self.body.replace("\r\n", "\n").encode()


class ComputedSignature(msgspec.Struct, frozen=True, kw_only=True):
    """The steps of computing a signature.

    `signed_prefix` precedes the body in the signed bytes; `length` is the number of signed bytes
    and `digest` their SHA-256 in hex; `beginning` is the beginning of the signature.
    """

    format: SignatureFormat
    signed_prefix: str
    length: int
    digest: str
    beginning: str


class SignatureCheck(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a check. `differs_at` is the index of the first differing byte of the body."""

    computed: Sequence[ComputedSignature]
    signature_match: SignatureMatch
    body_match: BodyMatch
    differs_at: int | None
    event_length: int | None


def check_signature(
    pasted: PastedWebhook, secrets: SigningSecrets, *, event_body: bytes | None
) -> SignatureCheck:
    """Check a pasted webhook; `event_body` is that of the event whose id was pasted, if it exists.

    Raises ValueError where the current secret is not readable.
    """
    if secrets.current is None:
        raise ValueError("the webhookSecret is not readable")
    body = pasted.body_bytes
    computed = [_own(body, secrets.current)]
    if _can_be_standard(pasted):
        computed.append(_standard(pasted, body, secrets.current))
    body_match, differs_at = _compare_body(pasted, body, event_body)
    return SignatureCheck(
        computed=computed,
        signature_match=_match(pasted, body, secrets),
        body_match=body_match,
        differs_at=differs_at,
        event_length=len(event_body) if event_body is not None else None,
    )


def abbreviated(whole: str) -> str:
    """Return the beginning of a signature, enough to compare it by eye."""
    prefix_length = len("v1,") if whole.startswith("v1,") else 0
    return f"{whole[: prefix_length + SHOWN_CHARACTERS]}…"


def _can_be_standard(pasted: PastedWebhook) -> bool:
    return bool(_ID.fullmatch(pasted.event_id) and _SECONDS.fullmatch(pasted.timestamp))


def _own(body: bytes, secret: str) -> ComputedSignature:
    return ComputedSignature(
        format=SignatureFormat.OWN,
        signed_prefix="",
        length=len(body),
        digest=hashlib.sha256(body).hexdigest(),
        beginning=abbreviated(signature(body, secret)),
    )


def _standard(pasted: PastedWebhook, body: bytes, secret: str) -> ComputedSignature:
    at = int(pasted.timestamp)
    signed = standard_signed(body, message_id=pasted.event_id, timestamp=at)
    whole = standard_signature(body, secret, message_id=pasted.event_id, timestamp=at)
    return ComputedSignature(
        format=SignatureFormat.STANDARD,
        signed_prefix=f"{pasted.event_id}.{at}.",
        length=len(signed),
        digest=hashlib.sha256(signed).hexdigest(),
        beginning=abbreviated(whole),
    )


def _match(pasted: PastedWebhook, body: bytes, secrets: SigningSecrets) -> SignatureMatch:
    not_comparable = _why_not_comparable(pasted)
    if not_comparable is not None:
        return not_comparable
    if _verifies(pasted, body, secrets.current):
        return SignatureMatch.MATCHES
    if _verifies(pasted, body, secrets.previous):
        return SignatureMatch.MATCHES_PREVIOUS_SECRET
    if body.endswith(b"\n") and _verifies(pasted, body.rstrip(b"\r\n"), secrets.current):
        return SignatureMatch.MATCHES_WITHOUT_TRAILING_NEWLINE
    return SignatureMatch.DIFFERS


def _why_not_comparable(pasted: PastedWebhook) -> SignatureMatch | None:
    if not pasted.signature:
        return SignatureMatch.NOT_PROVIDED
    if _HEX.fullmatch(pasted.signature.lower()):
        return None
    if not all(_STANDARD.fullmatch(part) for part in pasted.signature.split()):
        return SignatureMatch.UNKNOWN_FORMAT
    return None if _can_be_standard(pasted) else SignatureMatch.ID_AND_TIMESTAMP_REQUIRED


def _verifies(pasted: PastedWebhook, body: bytes, secret: str | None) -> bool:
    if secret is None:
        return False
    own = pasted.signature.lower()
    if _HEX.fullmatch(own):
        return hmac.compare_digest(own, signature(body, secret))
    expected = standard_signature(
        body, secret, message_id=pasted.event_id, timestamp=int(pasted.timestamp)
    )
    return any(hmac.compare_digest(part, expected) for part in pasted.signature.split())


def _compare_body(
    pasted: PastedWebhook, body: bytes, event_body: bytes | None
) -> tuple[BodyMatch, int | None]:
    if not pasted.event_id:
        return BodyMatch.NOT_COMPARED, None
    if event_body is None:
        return BodyMatch.UNKNOWN_EVENT, None
    if body == event_body:
        return BodyMatch.MATCHES, None
    pairs = enumerate(zip(body, event_body, strict=False))
    shorter = min(len(body), len(event_body))
    return BodyMatch.DIFFERS, next((at for at, (one, other) in pairs if one != other), shorter)
