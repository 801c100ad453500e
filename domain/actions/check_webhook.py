"""Check a webhook's signature for a partner."""

from uuid import UUID

from domain.errors import Unavailable
from domain.signature_check import Pasted, SignatureCheck, check_signature
from domain.webhook_desk import WebhookDesk


async def check_webhook(desk: WebhookDesk, partner_id: UUID, pasted: Pasted) -> SignatureCheck:
    """Return how what was pasted is signed, and compares with what was sent.

    Raises NotFound, Unavailable.
    """
    secrets = await desk.book.secrets(partner_id, now=desk.clock.now())
    event_body = await _body_of(desk, partner_id, pasted.event_id)
    try:
        return check_signature(pasted, secrets, event_body=event_body)
    except ValueError as error:
        raise Unavailable(str(error)) from None


async def _body_of(desk: WebhookDesk, partner_id: UUID, event_id: str) -> bytes | None:
    try:
        return await desk.book.body(partner_id, UUID(event_id))
    except ValueError:
        return None
