"""Create a partner, with credentials of its own."""

import msgspec

from domain.actions.partners.ports import OnboardingPorts
from domain.partners.credentials import Credentials, new_credentials
from domain.partners.partner import Partner, checked_email, checked_markup, checked_name
from domain.webhooks.urls import validate_webhook_url


class NewPartner(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator says of a new partner. Without a name it goes by its e-mail address."""

    email: str
    name: str | None = None
    webhook_url: str | None = None
    markup_bps: int = 0


class CreatedPartner(msgspec.Struct, frozen=True):
    """A new partner, and the only sight of its secrets."""

    partner: Partner
    credentials: Credentials


async def create_partner(ports: OnboardingPorts, wanted: NewPartner) -> CreatedPartner:
    """Store a new, enabled partner; raise InvalidRequest for what can't be, or exists already."""
    email = checked_email(wanted.email)
    url = wanted.webhook_url or None
    if url is not None:
        validate_webhook_url(url, insecure_allowed=ports.insecure_webhooks)
    credentials = new_credentials(ports.randomness)
    partner = Partner(
        id=ports.new_id(),
        email=email,
        name=checked_name(email if wanted.name is None else wanted.name),
        enabled=True,
        api_key=credentials.api_key,
        webhook_url=url,
        markup_bps=checked_markup(wanted.markup_bps),
    )
    await ports.store(partner, credentials, ports.clock.now())
    return CreatedPartner(partner, credentials)
