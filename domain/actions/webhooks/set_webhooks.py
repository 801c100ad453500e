"""Change a partner's webhook settings."""

from uuid import UUID

from domain.errors import InvalidCommand, NotFound
from domain.webhooks.ports import WebhookPorts, WebhookSettings
from domain.webhooks.subscriptions import SUBSCRIBABLE
from domain.webhooks.urls import validate_webhook_url


async def set_webhooks(ports: WebhookPorts, partner_id: UUID, settings: WebhookSettings) -> None:
    """Replace a partner's webhook settings; they apply from the next attempt on.

    Raises InvalidWebhookUrl, InvalidCommand, NotFound, Unavailable.
    """
    if settings.url is not None:
        validate_webhook_url(settings.url, insecure_allowed=ports.insecure_allowed)
    if not settings.events <= frozenset(SUBSCRIBABLE):
        raise InvalidCommand("test events cannot be subscribed to")
    if not await ports.repository.save_settings(partner_id, settings):
        raise NotFound(f"there is no partner {partner_id}")
