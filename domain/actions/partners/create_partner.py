"""Create a partner with new credentials."""

import msgspec

from domain.actions.partners.ports import OnboardingPorts
from domain.partners.credentials import Credentials, new_credentials
from domain.partners.partner import Partner, checked_email, checked_markup, checked_name
from domain.webhooks.urls import validate_webhook_url


class NewPartner(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of a new partner. Its name defaults to its e-mail address."""

    email: str
    name: str | None = None
    webhook_url: str | None = None
    markup_bps: int = 0


class CreatedPartner(msgspec.Struct, frozen=True):
    """A new partner and its credentials, which are not shown again."""

    partner: Partner
    credentials: Credentials


async def create_partner(ports: OnboardingPorts, request: NewPartner) -> CreatedPartner:
    """Store a new, enabled partner; raise InvalidCommand for invalid settings or a known e-mail."""
    email = checked_email(request.email)
    url = request.webhook_url or None
    if url is not None:
        validate_webhook_url(url, insecure_allowed=ports.insecure_webhooks)
    credentials = new_credentials(ports.randomness)
    partner = Partner(
        id=ports.new_id(),
        email=email,
        name=checked_name(email if request.name is None else request.name),
        enabled=True,
        api_key=credentials.api_key,
        webhook_url=url,
        markup_bps=checked_markup(request.markup_bps),
    )
    await ports.store(partner, credentials, ports.clock.now())
    return CreatedPartner(partner, credentials)
