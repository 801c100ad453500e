"""The signature check: how a signature is computed, and the result of a comparison."""

from collections.abc import Mapping, Sequence
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

TOLERANCE_SECONDS: Final = 300
"""What Standard Webhooks libraries accept."""
EXCERPT_BYTES: Final = 12


class Notice(msgspec.Struct, frozen=True):
    """A result in words, and its tone."""

    tone: str
    text: str


_RESULTS: Final[Mapping[SignatureMatch, Notice]] = {
    SignatureMatch.UNKNOWN_FORMAT: Notice(
        "bad",
        "Unknown signature format. Paste 64 hexadecimal digits, or v1, followed by 44 characters "
        "of base64.",
    ),
    SignatureMatch.ID_AND_TIMESTAMP_REQUIRED: Notice(
        "bad",
        "A Standard Webhooks signature also covers the event id and the timestamp. Enter both, "
        "from the headers webhook-id and webhook-timestamp.",
    ),
    SignatureMatch.MATCHES: Notice("good", "Signature verified. Body and secret are correct."),
    SignatureMatch.MATCHES_PREVIOUS_SECRET: Notice(
        "warn",
        "The signature matches your previous webhookSecret. Update the secret in your code.",
    ),
    SignatureMatch.MATCHES_WITHOUT_TRAILING_NEWLINE: Notice(
        "warn",
        "The signature matches without the line break at the end of the body. Our bodies never "
        "end with one: it was probably added by copying.",
    ),
    SignatureMatch.DIFFERS: Notice("bad", "Signature mismatch."),
}
_WRONG_KEY: Final = (
    "The body is correct, so the key is wrong. Use the current webhookSecret as text, without "
    "decoding it and without anything around it."
)
_WRONG_BODY_OR_KEY: Final = (
    "Check the body first: sign the raw bytes of the request, before they are parsed or "
    "re-encoded. Then check the key: use the current webhookSecret as text, without decoding it."
)
_OLD_TIMESTAMP: Final = Notice(
    "warn",
    "This timestamp is more than five minutes from now. Libraries reject it for that reason alone; "
    "this check ignores it.",
)


class SignatureView(msgspec.Struct, frozen=True, kw_only=True):
    """The steps of the computation, and the results of the comparison."""

    computed: Sequence[ComputedSignature]
    notices: Sequence[Notice]


def signature_view(pasted: PastedWebhook, check: SignatureCheck, *, now: datetime) -> SignatureView:
    """Return the view of a check."""
    notices = [_signature_notice(check), _body_notice(pasted, check)]
    if len(check.computed) > 1 and _is_old(pasted, now):
        notices.append(_OLD_TIMESTAMP)
    return SignatureView(
        computed=check.computed, notices=[one for one in notices if one is not None]
    )


def _signature_notice(check: SignatureCheck) -> Notice | None:
    notice = _RESULTS.get(check.signature_match)
    if notice is None or check.signature_match is not SignatureMatch.DIFFERS:
        return notice
    advice = _WRONG_KEY if check.body_match is BodyMatch.MATCHES else _WRONG_BODY_OR_KEY
    return Notice(notice.tone, f"{notice.text} {advice}")


def _body_notice(pasted: PastedWebhook, check: SignatureCheck) -> Notice | None:
    if check.body_match is BodyMatch.UNKNOWN_EVENT:
        return Notice("warn", "You have no event with this id to compare the body with.")
    if check.body_match is BodyMatch.MATCHES:
        return Notice("good", "The body is identical to the event's body.")
    if check.body_match is not BodyMatch.DIFFERS or check.differs_at is None:
        return None
    at, body = check.differs_at, pasted.body_bytes
    excerpt = body[max(at - EXCERPT_BYTES, 0) : at + EXCERPT_BYTES].decode(errors="replace")
    return Notice(
        "bad",
        f"The body differs from the event's body: it has {len(body):,} bytes instead of "
        f"{check.event_length:,}. The first difference is at byte {at + 1:,}, near “{excerpt}”.",
    )


def _is_old(pasted: PastedWebhook, now: datetime) -> bool:
    return abs(now.timestamp() - int(pasted.timestamp)) > TOLERANCE_SECONDS
