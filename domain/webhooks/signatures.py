"""Signatures of a webhook: our own, and those of the Standard Webhooks specification (1.0.0)."""

import base64
import hashlib
import hmac


def signature(body: bytes, webhook_secret: str) -> str:
    """Return `X-Partner-Webhook-Sign`: hex HMAC-SHA256 of the raw body."""
    return hmac.new(webhook_secret.encode(), body, hashlib.sha256).hexdigest()


def standard_secret(webhook_secret: str) -> str:
    """Return a webhookSecret in the form that the Standard Webhooks libraries take.

    They decode the base64 after `whsec_` and use the result as HMAC key: the text's own bytes.
    """
    return "whsec_" + base64.b64encode(webhook_secret.encode()).decode()


def standard_signed(body: bytes, *, message_id: str, timestamp: int) -> bytes:
    """Return what a signature of the Standard Webhooks specification (1.0.0) is computed over."""
    return f"{message_id}.{timestamp}.".encode() + body


def standard_signature(body: bytes, webhook_secret: str, *, message_id: str, timestamp: int) -> str:
    """Return a signature of the Standard Webhooks specification (1.0.0): v1 and base64.

    The HMAC key is the webhookSecret's text, as for our own signature. The public libraries take it
    as raw bytes, or as `standard_secret`.
    """
    signed = standard_signed(body, message_id=message_id, timestamp=timestamp)
    digest = hmac.new(webhook_secret.encode(), signed, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()
