"""What a check of a webhook's signature shows: the steps, and what came of it in words."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from domain.webhooks.signature_check import (
    BodyMatch,
    ComputedSignature,
    PastedWebhook,
    SignatureCheck,
    SignatureMatch,
)

TOLERATED_SECONDS: Final = 300
"""What public libraries of Standard Webhooks let pass."""
AROUND: Final = 12

_WORDS: Final = {
    SignatureMatch.NOT_PROVIDED: ("", ""),
    SignatureMatch.UNKNOWN_FORMAT: (
        "bad",
        (
            "What you pasted as signature is neither of the two formats: 64 hexadecimal digits, or "
            "v1, and 44 characters of base64."
        ),
    ),
    SignatureMatch.ID_AND_TIMESTAMP_REQUIRED: (
        "bad",
        (
            "A Standard Webhooks signature covers id and timestamp too: please fill in both, from "
            "the headers webhook-id and webhook-timestamp."
        ),
    ),
    SignatureMatch.MATCHES: ("fine", "The signature agrees: body and secret are right."),
    SignatureMatch.MATCHES_PREVIOUS_SECRET: (
        "warn",
        (
            "The signature agrees with your webhookSecret before the last rotation: whoever "
            "computed it has yet to take the new one."
        ),
    ),
    SignatureMatch.MATCHES_WITHOUT_TRAILING_NEWLINE: (
        "warn",
        (
            "The signature agrees with this body without the line break at its end. No body of "
            "ours ends with one: it came along when it was copied."
        ),
    ),
    SignatureMatch.DIFFERS: ("bad", "The signature doesn't agree."),
}
_SAME_BODY: Final = (
    "The body is right, byte for byte, so the key is another: it must be the present webhookSecret "
    "as text, neither decoded nor with anything around it."
)
_OTHER_BODY: Final = (
    "Compare the bytes: take the body as it comes, before anything parses, formats or re-encodes "
    "it. Then compare the key: the present webhookSecret as text, not decoded."
)


class SignatureView(msgspec.Struct, frozen=True, kw_only=True):
    """What a check has found; `tone` is of the notice, and empty where there is nothing to say."""

    computed: Sequence[ComputedSignature]
    tone: str
    verdict: str
    advice: str
    body: str
    body_tone: str
    timestamp: str


def signature_view(pasted: PastedWebhook, found: SignatureCheck, *, now: datetime) -> SignatureView:
    """Return the view of a check."""
    tone, verdict = _WORDS[found.signature_match]
    advice = ""
    if found.signature_match is SignatureMatch.DIFFERS:
        advice = _SAME_BODY if found.body_match is BodyMatch.MATCHES else _OTHER_BODY
    body_tone, body = _body(pasted, found)
    return SignatureView(
        computed=found.computed,
        tone=tone,
        verdict=verdict,
        advice=advice,
        body=body,
        body_tone=body_tone,
        timestamp=_timestamp(found, pasted, now),
    )


def _body(pasted: PastedWebhook, found: SignatureCheck) -> tuple[str, str]:
    if found.body_match is BodyMatch.UNKNOWN_EVENT:
        return "warn", "None of your events has this id, so the body can't be compared with one."
    if found.body_match is BodyMatch.MATCHES:
        return "fine", "The body is that of the event, byte for byte."
    if found.body_match is not BodyMatch.DIFFERS or found.differs_at is None:
        return "", ""
    at, body = found.differs_at, pasted.body_bytes
    around = body[max(at - AROUND, 0) : at + AROUND].decode(errors="replace")
    return "bad", (
        f"The body isn't that of the event: it has {len(body):,} bytes, the event's has "
        f"{found.event_length:,}, and they part at byte {at + 1:,}, near “{around}”."
    )


def _timestamp(found: SignatureCheck, pasted: PastedWebhook, now: datetime) -> str:
    if len(found.computed) == 1:
        return ""
    if abs(now.timestamp() - int(pasted.timestamp)) <= TOLERATED_SECONDS:
        return ""
    return (
        "This timestamp is more than five minutes away from now: public libraries would refuse it "
        "for that alone. It is looked at here all the same."
    )
