"""The command's messages for errors."""

from collections.abc import Mapping
from typing import Final

from domain.webhooks.urls import InvalidWebhookUrl, UrlProblem

_URL_MESSAGES: Final[Mapping[UrlProblem, str]] = {
    UrlProblem.MALFORMED: "a webhook URL looks like https://host/path: ASCII, no spaces",
    UrlProblem.NOT_HTTPS: "a webhook URL must be https: plain http is for sandbox mode",
    UrlProblem.FORBIDDEN_PART: ("a webhook URL must not contain a user name, password or fragment"),
    UrlProblem.HOST_NOT_PUBLIC: "the host of a webhook URL must be a public address",
    UrlProblem.AMBIGUOUS_HOST: (
        "the host of a webhook URL must be a name or a standard IP address"
    ),
}


def message_of(error: Exception) -> str:
    """Return the message for an error: its own text, unless the error only names a problem."""
    if isinstance(error, InvalidWebhookUrl):
        return _URL_MESSAGES[error.problem]
    return str(error) or type(error).__name__
