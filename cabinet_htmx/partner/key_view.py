"""What the page of the keys shows."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from cabinet_htmx.partner.account.second_factor_view import text_file
from domain.partners.credentials import SecretName
from domain.partners.key_settings import KeySettings


class SecretText(msgspec.Struct, frozen=True):
    """What is said of a secret: what it is for, and what its rotation does."""

    name: SecretName
    purpose: str
    warning: str
    after: str


SECRETS: Final[Sequence[SecretText]] = (
    SecretText(
        SecretName.API,
        "Signs your calls of the API.",
        "The present apiSecret is refused everywhere at once: calls fail until your servers have "
        "the new one. Be ready to set it there.",
        "Set it on your servers now: calls signed with the former one are refused already.",
    ),
    SecretText(
        SecretName.WEBHOOK,
        "We sign our webhooks with it, so that you know they are ours.",
        "All webhooks from now on are signed with the new webhookSecret, repeated ones too. Your "
        "receiver refuses them until it has it; what it refuses is sent again later.",
        "Set it on your receiver now: webhooks are signed with it already.",
    ),
)


class KeyView(msgspec.Struct, frozen=True):
    """The keys, and the list of networks as it is shown or was typed."""

    settings: KeySettings
    networks: str

    def since(self, secret: SecretText) -> datetime:
        """Return since when a secret is what it is."""
        if secret.name is SecretName.API:
            return self.settings.api_secret_from
        return self.settings.webhook_secret_from


class NewSecretView(msgspec.Struct, frozen=True):
    """A secret that is shown this once; `address` is a file with it."""

    text: SecretText
    secret: str
    address: str

    def __repr__(self) -> str:
        """Hide the secret."""
        return f"NewSecretView({self.text.name.value})"


def new_secret(name: SecretName, secret: str) -> NewSecretView:
    """Return what is shown of a secret that was just made."""
    text = next(one for one in SECRETS if one.name is name)
    return NewSecretView(text, secret, text_file(f"{secret}\n"))
