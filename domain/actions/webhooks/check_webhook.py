"""Check a webhook's signature for a partner."""

from uuid import UUID

from domain.errors import Unavailable
from domain.ids import id_in
from domain.webhooks.ports import WebhookPorts
from domain.webhooks.signature_check import PastedWebhook, SignatureCheck, check_signature


async def check_webhook(
    ports: WebhookPorts, partner_id: UUID, pasted: PastedWebhook
) -> SignatureCheck:
    """Return how a pasted webhook is signed, and how it compares with the event that was sent.

    Raises NotFound, Unavailable.
    """
    secrets = await ports.repository.read_secrets(partner_id, now=ports.clock.now())
    event_id = id_in(pasted.event_id)
    event_body = await ports.repository.read_body(partner_id, event_id) if event_id else None
    try:
        return check_signature(pasted, secrets, event_body=event_body)
    except ValueError as error:
        raise Unavailable(str(error)) from None
