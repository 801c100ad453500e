"""Check a webhook's signature for a partner."""

from uuid import UUID

from domain.errors import Unavailable
from domain.ids import id_in
from domain.webhooks.ports import WebhookPorts
from domain.webhooks.signature_check import Pasted, SignatureCheck, check_signature


async def check_webhook(desk: WebhookPorts, partner_id: UUID, pasted: Pasted) -> SignatureCheck:
    """Return how what was pasted is signed, and compares with what was sent.

    Raises NotFound, Unavailable.
    """
    secrets = await desk.book.secrets(partner_id, now=desk.clock.now())
    event_id = id_in(pasted.event_id)
    event_body = await desk.book.body(partner_id, event_id) if event_id else None
    try:
        return check_signature(pasted, secrets, event_body=event_body)
    except ValueError as error:
        raise Unavailable(str(error)) from None
