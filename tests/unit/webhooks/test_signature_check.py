"""How a webhook's signature is checked, and which URLs are refused for what."""

import base64
import hashlib
import hmac
from typing import Any

import pytest

from cabinet_htmx.partner.webhooks_view import URL_FAULTS, without_tokens
from domain.orders.wire import OrderOut
from domain.webhooks.address_policy import checked_endpoint
from domain.webhooks.events import InvalidWebhookUrl, UrlProblem
from domain.webhooks.ports import SigningSecrets
from domain.webhooks.signature_check import (
    BodyVerdict,
    Pasted,
    Verdict,
    check_signature,
    told,
)

BODY = '{"event":"order.status_changed","label":"Grüße"}'
ID = "019a2b3c-0000-7000-8000-000000000001"
PRESENT, PREVIOUS = "p" * 43, "q" * 43
SECRETS = SigningSecrets(PRESENT, PREVIOUS)


def own(secret: str, body: str = BODY) -> str:
    return hmac.new(secret.encode(), body.encode(), hashlib.sha256).hexdigest()


def standard(secret: str, body: str = BODY, at: str = "1777636800") -> str:
    signed = f"{ID}.{at}.{body}".encode()
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def verdict(signature: str, **more: Any) -> Verdict:
    pasted = Pasted(**{"body": BODY, "signature": signature} | more)
    return check_signature(pasted, SECRETS, event_body=None).verdict


WITH_ID = {"event_id": ID, "timestamp": "1777636800"}


@pytest.mark.parametrize(
    ("signature", "more", "expected"),
    [
        ("", {}, Verdict.NONE_GIVEN),
        (own(PRESENT), {}, Verdict.AGREES),
        (own(PRESENT).upper(), {}, Verdict.AGREES),
        (own(PREVIOUS), {}, Verdict.AGREES_WITH_PREVIOUS),
        (own("x" * 43), {}, Verdict.DIFFERS),
        (own(PRESENT), {"body": BODY + "\r\n"}, Verdict.AGREES_WITHOUT_LINE_END),
        (own(PRESENT), {"body": BODY + " "}, Verdict.DIFFERS),
        (own(PRESENT)[:-1], {}, Verdict.NEITHER_FORMAT),
        ("v1,abc", WITH_ID, Verdict.NEITHER_FORMAT),
        (standard(PRESENT), {}, Verdict.NEEDS_ID_AND_TIME),
        (standard(PRESENT), {"event_id": ID, "timestamp": "now"}, Verdict.NEEDS_ID_AND_TIME),
        (standard(PRESENT), WITH_ID, Verdict.AGREES),
        (f"{standard(PREVIOUS)} {standard(PRESENT)}", WITH_ID, Verdict.AGREES),
        (standard(PREVIOUS), WITH_ID, Verdict.AGREES_WITH_PREVIOUS),
        (standard(PRESENT, at="1"), WITH_ID, Verdict.DIFFERS),
    ],
)
def test_a_pasted_signature_is_compared(
    signature: str, more: dict[str, str], expected: Verdict
) -> None:
    assert verdict(signature, **more) is expected


def test_the_steps_are_those_of_both_formats_and_no_signature_is_told_whole() -> None:
    pasted = Pasted(body=BODY, **WITH_ID)
    found = check_signature(pasted, SECRETS, event_body=BODY.encode())
    one, other = found.computed
    assert one.digest == hashlib.sha256(BODY.encode()).hexdigest()
    assert one.length == len(BODY.encode())
    assert one.beginning == own(PRESENT)[:8] + "…"
    assert other.signed == f"{ID}.1777636800."
    assert other.beginning == standard(PRESENT)[:11] + "…"
    assert found.body is BodyVerdict.SAME
    assert PRESENT not in repr(found) + repr(SECRETS)


def test_a_body_is_compared_with_the_event_by_its_first_other_byte() -> None:
    pasted = Pasted(body=BODY.replace("Grüße", "Grüsse"), event_id=ID)
    found = check_signature(pasted, SECRETS, event_body=BODY.encode())
    assert (found.body, found.differs_at) == (BodyVerdict.DIFFERS, BODY.index("ß") + 1)
    shorter = check_signature(Pasted(body=BODY[:-1], event_id=ID), SECRETS, event_body=b"{}")
    assert shorter.differs_at == 1
    cut = check_signature(Pasted(body=BODY[:-1], event_id=ID), SECRETS, event_body=BODY.encode())
    assert cut.differs_at == len(BODY[:-1].encode())
    unknown = check_signature(Pasted(body=BODY, event_id="x"), SECRETS, event_body=None)
    assert unknown.body is BodyVerdict.UNKNOWN_EVENT


def test_what_is_told_of_a_signature_is_its_beginning() -> None:
    assert told("0123456789abcdef") == "01234567…"
    assert told("v1,0123456789") == "v1,01234567…"


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("https://exa mple.org", UrlProblem.SHAPE),
        ("javascript:alert(1)", UrlProblem.SHAPE),
        ("http://example.org/", UrlProblem.PLAIN),
        ("https://user@example.org/", UrlProblem.PARTS),
        ("https://10.0.0.1/", UrlProblem.HOST),
        ("https://[::1]/", UrlProblem.HOST),
        ("https://169.254.169.254/latest", UrlProblem.HOST),
        ("https://2130706433/", UrlProblem.NUMBER),
        ("https://0x7f.1/", UrlProblem.NUMBER),
    ],
)
def test_a_url_that_nothing_could_be_sent_to_is_refused_in_words(
    url: str, fault: UrlProblem
) -> None:
    with pytest.raises(InvalidWebhookUrl) as refused:
        checked_endpoint(url, insecure_allowed=False)
    assert refused.value.fault is fault
    assert URL_FAULTS[fault]


def test_a_private_url_is_for_the_sandbox_and_metadata_for_nobody() -> None:
    assert checked_endpoint("http://127.0.0.1:8000/", insecure_allowed=True)
    with pytest.raises(InvalidWebhookUrl):
        checked_endpoint("http://169.254.169.254/", insecure_allowed=True)


def test_no_body_has_an_access_token_and_an_answer_hides_it() -> None:
    token = "t" * 42 + "-"
    assert "token" not in OrderOut.__struct_encode_fields__
    for said in (f'{{"token":"{token}"}}', f"token={token}", f"'token': '{token}'"):
        assert token not in without_tokens(said)
    address = f'"address":"{token}"'
    assert without_tokens(address) == address
