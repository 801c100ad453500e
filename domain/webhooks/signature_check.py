"""Why a webhook's signature is what it is, step by step, and whether a pasted one agrees.

No signature is told as a whole: whoever gets to see this could sign events of their own with it.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import msgspec

from domain.webhooks.events import signature, standard_signature, standard_signed
from domain.webhooks.ports import SigningSecrets

TOLD_CHARACTERS: Final = 8

_HEX = re.compile(r"[0-9a-f]{64}", re.ASCII)
_STANDARD = re.compile(r"v1,[A-Za-z0-9+/]{43}=", re.ASCII)
_SECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)
_ID = re.compile(r"[!-~]{1,64}", re.ASCII)


class Format(StrEnum):
    """The two kinds of signature."""

    OWN = "own"
    STANDARD = "standard"


class Verdict(StrEnum):
    """How a pasted signature compares."""

    NONE_GIVEN = "none given"
    NEITHER_FORMAT = "neither format"
    NEEDS_ID_AND_TIME = "needs id and time"
    AGREES = "agrees"
    AGREES_WITH_PREVIOUS = "agrees with the secret before"
    AGREES_WITHOUT_LINE_END = "agrees without the line break at the end"
    DIFFERS = "differs"


class BodyVerdict(StrEnum):
    """How a pasted body compares with the event that its id names."""

    NO_EVENT = "no event"
    UNKNOWN_EVENT = "unknown event"
    SAME = "same"
    DIFFERS = "differs"


class Pasted(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants checked, as texts: body, signature, and the event's id and timestamp."""

    body: str
    signature: str = ""
    event_id: str = ""
    timestamp: str = ""

    @property
    def bytes_(self) -> bytes:
        """Return the body's bytes. Browsers send line ends of a form as CR LF; that is undone."""
        return self.body.replace("\r\n", "\n").encode()


class Computed(msgspec.Struct, frozen=True, kw_only=True):
    """A signature's computation.

    `signed` is what stands before the body in what is signed, `length` and `digest` are the bytes
    and their SHA-256 in hex, and `beginning` is how the signature begins.
    """

    format: Format
    signed: str
    length: int
    digest: str
    beginning: str


class SignatureCheck(msgspec.Struct, frozen=True, kw_only=True):
    """What a check found. `differs_at` is the first byte of the body that is another."""

    computed: Sequence[Computed]
    verdict: Verdict
    body: BodyVerdict
    differs_at: int | None
    event_length: int | None


def check_signature(
    pasted: Pasted, secrets: SigningSecrets, *, event_body: bytes | None
) -> SignatureCheck:
    """Check what was pasted; `event_body` is of the event that its id names, if there is one.

    Raises ValueError where the present secret can't be read.
    """
    if secrets.present is None:
        raise ValueError("the webhookSecret can't be read")
    body = pasted.bytes_
    computed = [_own(body, secrets.present)]
    if _can_be_standard(pasted):
        computed.append(_standard(pasted, body, secrets.present))
    compared, differs_at = _compared(pasted, body, event_body)
    return SignatureCheck(
        computed=computed,
        verdict=_verdict(pasted, body, secrets),
        body=compared,
        differs_at=differs_at,
        event_length=len(event_body) if event_body is not None else None,
    )


def told(whole: str) -> str:
    """Return the beginning of a signature, enough to compare it by eye."""
    kept = TOLD_CHARACTERS + (len("v1,") if whole.startswith("v1,") else 0)
    return f"{whole[:kept]}…"


def _can_be_standard(pasted: Pasted) -> bool:
    return bool(_ID.fullmatch(pasted.event_id) and _SECONDS.fullmatch(pasted.timestamp))


def _own(body: bytes, secret: str) -> Computed:
    return Computed(
        format=Format.OWN,
        signed="",
        length=len(body),
        digest=hashlib.sha256(body).hexdigest(),
        beginning=told(signature(body, secret)),
    )


def _standard(pasted: Pasted, body: bytes, secret: str) -> Computed:
    at = int(pasted.timestamp)
    signed = standard_signed(body, message_id=pasted.event_id, timestamp=at)
    return Computed(
        format=Format.STANDARD,
        signed=f"{pasted.event_id}.{at}.",
        length=len(signed),
        digest=hashlib.sha256(signed).hexdigest(),
        beginning=told(standard_signature(body, secret, message_id=pasted.event_id, timestamp=at)),
    )


def _verdict(pasted: Pasted, body: bytes, secrets: SigningSecrets) -> Verdict:
    unusable = _unusable(pasted)
    if unusable is not None:
        return unusable
    if _agrees(pasted, body, secrets.present):
        return Verdict.AGREES
    if _agrees(pasted, body, secrets.previous):
        return Verdict.AGREES_WITH_PREVIOUS
    if body.endswith(b"\n") and _agrees(pasted, body.rstrip(b"\r\n"), secrets.present):
        return Verdict.AGREES_WITHOUT_LINE_END
    return Verdict.DIFFERS


def _unusable(pasted: Pasted) -> Verdict | None:
    """Return why there is nothing to compare, if so."""
    if not pasted.signature:
        return Verdict.NONE_GIVEN
    if _HEX.fullmatch(pasted.signature.lower()):
        return None
    if not all(_STANDARD.fullmatch(one) for one in pasted.signature.split()):
        return Verdict.NEITHER_FORMAT
    return None if _can_be_standard(pasted) else Verdict.NEEDS_ID_AND_TIME


def _agrees(pasted: Pasted, body: bytes, secret: str | None) -> bool:
    if secret is None:
        return False
    own = pasted.signature.lower()
    if _HEX.fullmatch(own):
        return hmac.compare_digest(own, signature(body, secret))
    expected = standard_signature(
        body, secret, message_id=pasted.event_id, timestamp=int(pasted.timestamp)
    )
    return any(hmac.compare_digest(one, expected) for one in pasted.signature.split())


def _compared(
    pasted: Pasted, body: bytes, event_body: bytes | None
) -> tuple[BodyVerdict, int | None]:
    if not pasted.event_id:
        return BodyVerdict.NO_EVENT, None
    if event_body is None:
        return BodyVerdict.UNKNOWN_EVENT, None
    if body == event_body:
        return BodyVerdict.SAME, None
    shared = zip(body, event_body, strict=False)
    shorter = min(len(body), len(event_body))
    return BodyVerdict.DIFFERS, next(
        (at for at, (one, other) in enumerate(shared) if one != other), shorter
    )
