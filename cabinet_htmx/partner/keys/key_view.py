"""The API keys page: keys, their secrets with rotation, signature versions, and IP allowlists."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from cabinet_htmx.partner.text_file import text_file_url
from cabinet_htmx.shared.options import Option
from domain.partners.api_keys import MAX_KEYS, ApiKey, CreatedKey, PartnerKeys
from domain.partners.credentials import SecretName
from domain.partners.scopes import Scope
from domain.webhooks.signatures import standard_secret

SCOPES: Final[Mapping[Scope, str]] = {
    Scope.FULL: "Full: everything",
    Scope.TRADE: "Trade: quotes, orders and their status",
    Scope.READ: "Read: lists and statuses only",
}
_OVERLAPS: Final = ((0, "Reject immediately"), (3_600, "Accept for 1 hour"))
_DAY: Final = (86_400, "Accept for 24 hours")


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
        "The current apiSecret stops working immediately, or after the time that you choose. API "
        "calls fail then until your servers use the new one, so be ready to deploy it.",
        "Deploy it to your servers now: calls signed with the previous secret are rejected, at the "
        "latest after the time that you chose.",
    ),
    SecretDescription(
        SecretName.WEBHOOK,
        "Signs the webhooks we send, so that you can verify them. All your keys share it.",
        "All webhooks, including retries, will be signed with the new webhookSecret. Deliveries "
        "that your receiver rejects until it uses the new one are retried.",
        "Deploy it to your receiver now: webhooks are already signed with it.",
    ),
)


class NewKeyForm(msgspec.Struct, frozen=True):
    """The form of a new key as entered, with its errors."""

    label: str = ""
    scope: str = Scope.FULL.value
    errors: Mapping[str, str] = {}

    @property
    def scopes(self) -> list[Option]:
        """Return the choices of a scope."""
        return [Option(one.value, text, one.value == self.scope) for one, text in SCOPES.items()]


class KeysView(msgspec.Struct, frozen=True, kw_only=True):
    """A partner's keys, the one whose settings are shown, and its fields as stored or entered."""

    all: PartnerKeys
    key: ApiKey | None
    """None if all keys are revoked."""
    allowlist: str
    label: str
    form: NewKeyForm

    @property
    def active(self) -> Sequence[ApiKey]:
        """Return the keys that are not revoked."""
        return self.all.active

    @property
    def revoked(self) -> Sequence[ApiKey]:
        """Return the revoked keys."""
        return [key for key in self.all.keys if key.revoked_at is not None]

    @property
    def has_room(self) -> bool:
        """Return whether another key can be created."""
        return len(self.active) < MAX_KEYS

    @property
    def maximum(self) -> int:
        """Return how many keys are allowed."""
        return MAX_KEYS

    @property
    def overlaps(self) -> list[Option]:
        """Return the choices of how long the secret before a rotation is accepted."""
        return [Option(str(value), text, value == 0) for value, text in (*_OVERLAPS, _DAY)]

    def created_at(self, secret: SecretDescription) -> datetime:
        """Return when a secret was last rotated."""
        if secret.name is SecretName.API and self.key is not None:
            return self.key.secret_from
        return self.all.webhook_secret_from

    def name_of(self, key: ApiKey) -> str:
        """Return what a key is called: its label, or a description."""
        return key.label or f"Key {key.api_key[:6]}…"


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


class NewKeyView(msgspec.Struct, frozen=True):
    """A new key with its secret, shown once, and the URL of a text file with both."""

    key: ApiKey
    secret: str
    file_url: str

    def __repr__(self) -> str:
        """Hide the secret."""
        return f"NewKeyView({self.key.api_key!r})"


def new_secret(name: SecretName, secret: str) -> NewSecretView:
    """Return the view of a new secret."""
    description = next(one for one in SECRETS if one.name is name)
    standard = standard_secret(secret) if name is SecretName.WEBHOOK else None
    return NewSecretView(description, secret, text_file_url(f"{secret}\n"), standard)


def new_key(created: CreatedKey) -> NewKeyView:
    """Return the view of a new key."""
    text = f"apiKey: {created.key.api_key}\napiSecret: {created.api_secret}\n"
    return NewKeyView(created.key, created.api_secret, text_file_url(text))
