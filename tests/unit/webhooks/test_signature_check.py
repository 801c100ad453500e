"""The check of a pasted signature."""

import base64
import hashlib
import hmac
from typing import Any

import pytest

from cabinet_htmx.partner.webhooks.event_view import without_tokens
from domain.orders.wire import OrderOut
from domain.webhooks.ports import SigningSecrets
from domain.webhooks.signature_check import (
    BodyMatch,
    PastedWebhook,
    SignatureMatch,
    abbreviated,
    check_signature,
)

BODY = '{"event":"order.status_changed","label":"Grüße"}'
ID = "019a2b3c-0000-7000-8000-000000000001"
CURRENT, PREVIOUS = "p" * 43, "q" * 43
SECRETS = SigningSecrets(CURRENT, PREVIOUS)


def own(secret: str, body: str = BODY) -> str:
    return hmac.new(secret.encode(), body.encode(), hashlib.sha256).hexdigest()


def standard(secret: str, body: str = BODY, at: str = "1777636800") -> str:
    signed = f"{ID}.{at}.{body}".encode()
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def verdict(signature: str, **more: Any) -> SignatureMatch:
    pasted = PastedWebhook(**{"body": BODY, "signature": signature} | more)
    return check_signature(pasted, SECRETS, event_body=None).signature_match


WITH_ID = {"event_id": ID, "timestamp": "1777636800"}


@pytest.mark.parametrize(
    ("signature", "more", "expected"),
    [
        ("", {}, SignatureMatch.NOT_PROVIDED),
        (own(CURRENT), {}, SignatureMatch.MATCHES),
        (own(CURRENT).upper(), {}, SignatureMatch.MATCHES),
        (own(PREVIOUS), {}, SignatureMatch.MATCHES_PREVIOUS_SECRET),
        (own("x" * 43), {}, SignatureMatch.DIFFERS),
        (own(CURRENT), {"body": BODY + "\r\n"}, SignatureMatch.MATCHES_WITHOUT_TRAILING_NEWLINE),
        (own(CURRENT), {"body": BODY + " "}, SignatureMatch.DIFFERS),
        (own(CURRENT)[:-1], {}, SignatureMatch.UNKNOWN_FORMAT),
        ("v1,abc", WITH_ID, SignatureMatch.UNKNOWN_FORMAT),
        (standard(CURRENT), {}, SignatureMatch.ID_AND_TIMESTAMP_REQUIRED),
        (
            standard(CURRENT),
            {"event_id": ID, "timestamp": "now"},
            SignatureMatch.ID_AND_TIMESTAMP_REQUIRED,
        ),
        (standard(CURRENT), WITH_ID, SignatureMatch.MATCHES),
        (f"{standard(PREVIOUS)} {standard(CURRENT)}", WITH_ID, SignatureMatch.MATCHES),
        (standard(PREVIOUS), WITH_ID, SignatureMatch.MATCHES_PREVIOUS_SECRET),
        (standard(CURRENT, at="1"), WITH_ID, SignatureMatch.DIFFERS),
    ],
)
def test_pasted_signature_is_compared_with_those_of_both_secrets(
    signature: str, more: dict[str, str], expected: SignatureMatch
) -> None:
    assert verdict(signature, **more) is expected


def test_steps_of_both_formats_are_returned_without_a_complete_signature() -> None:
    pasted = PastedWebhook(body=BODY, **WITH_ID)
    check = check_signature(pasted, SECRETS, event_body=BODY.encode())
    one, other = check.computed
    assert one.digest == hashlib.sha256(BODY.encode()).hexdigest()
    assert one.length == len(BODY.encode())
    assert one.beginning == own(CURRENT)[:8] + "…"
    assert other.signed_prefix == f"{ID}.1777636800."
    assert other.beginning == standard(CURRENT)[:11] + "…"
    assert check.body_match is BodyMatch.MATCHES
    assert CURRENT not in repr(check) + repr(SECRETS)


def test_pasted_body_is_compared_with_the_event_up_to_the_first_differing_byte() -> None:
    pasted = PastedWebhook(body=BODY.replace("Grüße", "Grüsse"), event_id=ID)
    check = check_signature(pasted, SECRETS, event_body=BODY.encode())
    assert (check.body_match, check.differs_at) == (BodyMatch.DIFFERS, BODY.index("ß") + 1)
    shorter = check_signature(PastedWebhook(body=BODY[:-1], event_id=ID), SECRETS, event_body=b"{}")
    assert shorter.differs_at == 1
    cut = check_signature(
        PastedWebhook(body=BODY[:-1], event_id=ID), SECRETS, event_body=BODY.encode()
    )
    assert cut.differs_at == len(BODY[:-1].encode())
    unknown = check_signature(PastedWebhook(body=BODY, event_id="x"), SECRETS, event_body=None)
    assert unknown.body_match is BodyMatch.UNKNOWN_EVENT


def test_abbreviated_signature_is_its_beginning() -> None:
    assert abbreviated("0123456789abcdef") == "01234567…"
    assert abbreviated("v1,0123456789") == "v1,01234567…"


def test_order_document_has_no_access_token_and_tokens_in_responses_are_hidden() -> None:
    token = "t" * 42 + "-"
    assert "token" not in OrderOut.__struct_encode_fields__
    for text in (f'{{"token":"{token}"}}', f"token={token}", f"'token': '{token}'"):
        assert token not in without_tokens(text)
    address = f'"address":"{token}"'
    assert without_tokens(address) == address
