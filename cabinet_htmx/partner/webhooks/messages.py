"""Messages of the webhooks pages."""

from collections.abc import Mapping
from typing import Final

from domain.webhooks.urls import UrlProblem

URL_ERRORS: Final[Mapping[UrlProblem, str]] = {
    UrlProblem.MALFORMED: "Enter a complete URL such as https://example.com/webhooks.",
    UrlProblem.NOT_HTTPS: "Use https. Webhooks are sent over encrypted connections only.",
    UrlProblem.FORBIDDEN_PART: "Remove the user name, password or fragment (#) from the URL.",
    UrlProblem.HOST_NOT_PUBLIC: (
        "Webhooks can't be sent to this host. It must have a public address, not one of a private "
        "or reserved network."
    ),
    UrlProblem.AMBIGUOUS_HOST: "Enter the host as a name or as a standard IPv4 or IPv6 address.",
}
INVALID_ID: Final = "Enter a complete id of 36 characters, such as 019a2b3c-…"
BODY_REQUIRED: Final = "Paste the body."

SETTINGS_SAVED: Final = "Settings saved. Send a test event to verify your endpoint."
URL_REMOVED: Final = "Settings saved. No webhooks are sent without a URL."
NO_URL: Final = "Set a URL before you send a test event."
NOTHING_SELECTED: Final = "Select at least one event to resend."
EVENT_RESENT: Final = "The event is being resent."


def events_resent(count: int) -> str:
    """Return the message after events were made due again."""
    return f"{count_of_events(count)} {'is' if count == 1 else 'are'} being resent."


def failed_events_resent(count: int, *, maximum: int, period: str) -> str:
    """Return the message after all failed events of a period were made due again."""
    if count == 0:
        return f"No events failed in {period}."
    more = " There may be more: resend again to continue." if count >= maximum else ""
    return events_resent(count) + more


def count_of_events(count: int) -> str:
    """Return a number of events in words."""
    return "1 event" if count == 1 else f"{count:,} events"
