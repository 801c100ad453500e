"""Validation of webhook URLs."""

import re
from enum import Enum, auto
from urllib.parse import SplitResult, urlsplit

from domain.errors import InvalidCommand
from domain.webhooks.address_policy import is_public, is_public_or_private, literal_address

_URL = re.compile(r"[\x21-\x5b\x5d-\x7e]{1,2048}", re.ASCII)
_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+", re.ASCII)


class UrlProblem(Enum):
    """Why a webhook URL is rejected."""

    MALFORMED = auto()
    NOT_HTTPS = auto()
    FORBIDDEN_PART = auto()
    HOST_NOT_PUBLIC = auto()
    AMBIGUOUS_HOST = auto()


class InvalidWebhookUrl(InvalidCommand):
    """Events cannot be sent to this URL."""

    def __init__(self, problem: UrlProblem) -> None:
        super().__init__(f"webhook URL rejected: {problem.name}")
        self.problem = problem


def validate_url_syntax(text: str, *, insecure_allowed: bool) -> None:
    """Raise InvalidWebhookUrl unless events may be sent to a URL of this form.

    `insecure_allowed` permits plain http. Whether its host may be connected to is decided on each
    connection, by the address that the host has then.
    """
    parts = _split(text)
    if parts is None:
        raise InvalidWebhookUrl(UrlProblem.MALFORMED)
    if parts.scheme == "http" and not insecure_allowed:
        raise InvalidWebhookUrl(UrlProblem.NOT_HTTPS)
    if "@" in parts.netloc or "#" in text:
        raise InvalidWebhookUrl(UrlProblem.FORBIDDEN_PART)


def validate_webhook_url(text: str, *, insecure_allowed: bool) -> None:
    """Raise InvalidWebhookUrl unless a URL may be set as an endpoint.

    Beside the syntax this checks a host that is a literal address: one that could never be
    connected to is rejected at once. Names are resolved and checked on each connection.
    """
    validate_url_syntax(text, insecure_allowed=insecure_allowed)
    may_connect = is_public_or_private if insecure_allowed else is_public
    host = urlsplit(text).hostname or ""
    try:
        address = literal_address(host)
    except ValueError:
        raise InvalidWebhookUrl(UrlProblem.AMBIGUOUS_HOST) from None
    if address is not None and not may_connect(address):
        raise InvalidWebhookUrl(UrlProblem.HOST_NOT_PUBLIC)


def _split(text: str) -> SplitResult | None:
    if _URL.fullmatch(text) is None:
        return None
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and parts.port != 0
    except ValueError:
        return None
    return parts if usable and _HOST.fullmatch(parts.hostname or "") else None
