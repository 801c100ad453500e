"""The API keys page: secrets with their rotation, signature versions, and the IP allowlist."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from cabinet_htmx.partner.text_file import text_file_url
from domain.partners.credentials import SecretName
from domain.partners.ip_allowlist import MAX_NETWORKS, AllowlistProblem, InvalidAllowlist
from domain.partners.key_settings import KeySettings
from domain.webhooks.signatures import standard_secret

ROTATED_MEANWHILE: Final = (
    "Someone rotated a secret after you opened this page, so nothing was changed."
)
_ALLOWLIST_ERRORS: Final[Mapping[AllowlistProblem, str]] = {
    AllowlistProblem.NOT_A_NETWORK: "{entry} is not an IP address or network.",
    AllowlistProblem.HOST_BITS_SET: "{entry} is not a network address. Did you mean {network}?",
    AllowlistProblem.IPV4_MAPPED: "{entry} is an IPv4-mapped address. Enter it as IPv4.",
    AllowlistProblem.TOO_MANY_ENTRIES: f"Enter at most {MAX_NETWORKS} entries.",
}


class SecretDescription(msgspec.Struct, frozen=True):
    """A secret's purpose, and the consequences of rotating it."""

    name: SecretName
    purpose: str
    warning: str
    after: str


SECRETS: Final[Sequence[SecretDescription]] = (
    SecretDescription(
        SecretName.API,
        "Signs your API calls.",
        "The current apiSecret stops working immediately. API calls fail until your servers use "
        "the new one, so be ready to deploy it.",
        "Deploy it to your servers now: calls signed with the previous secret are rejected.",
    ),
    SecretDescription(
        SecretName.WEBHOOK,
        "Signs the webhooks we send, so that you can verify them.",
        "All webhooks, including retries, will be signed with the new webhookSecret. Deliveries "
        "that your receiver rejects until it uses the new one are retried.",
        "Deploy it to your receiver now: webhooks are already signed with it.",
    ),
)


class KeyView(msgspec.Struct, frozen=True):
    """The API key, and the allowlist as stored or as entered."""

    settings: KeySettings
    allowlist: str

    def created_at(self, secret: SecretDescription) -> datetime:
        """Return when a secret was last rotated."""
        if secret.name is SecretName.API:
            return self.settings.api_secret_from
        return self.settings.webhook_secret_from


class NewSecretView(msgspec.Struct, frozen=True):
    """A new secret, shown once, and the URL of a text file with it."""

    description: SecretDescription
    secret: str
    file_url: str
    standard: str | None
    """The form for Standard Webhooks libraries, of a webhookSecret."""

    def __repr__(self) -> str:
        """Hide the secret."""
        return f"NewSecretView({self.description.name.value})"


def new_secret(name: SecretName, secret: str) -> NewSecretView:
    """Return the view of a new secret."""
    description = next(one for one in SECRETS if one.name is name)
    standard = standard_secret(secret) if name is SecretName.WEBHOOK else None
    return NewSecretView(description, secret, text_file_url(f"{secret}\n"), standard)


def allowlist_error(rejected: InvalidAllowlist) -> str:
    """Return why an allowlist was rejected."""
    message = _ALLOWLIST_ERRORS[rejected.problem]
    return message.format(entry=rejected.entry, network=rejected.network)


def v2_only_changed(*, v2_only: bool) -> str:
    """Return the message after signatures of version 1 were rejected or accepted."""
    if v2_only:
        return "Saved. API calls signed with version 1 are rejected."
    return "Saved. API calls signed with version 1 are accepted."


def allowlist_changed(networks: Sequence[str]) -> str:
    """Return the message after the allowlist was changed."""
    if not networks:
        return "IP allowlist removed. API calls are accepted from any address."
    return "IP allowlist saved. API calls are accepted from these addresses only."
