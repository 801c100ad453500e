"""Messages of the partner dashboard that any page may show."""

from typing import Final

import msgspec

from domain.errors import (
    DomainError,
    EventArchived,
    InvalidCommand,
    NotFound,
    RateLimited,
    Unavailable,
)


class Message(msgspec.Struct, frozen=True):
    """The content of an error page."""

    heading: str
    text: str


ROLE_NOT_SUFFICIENT: Final = Message(
    "You don't have permission",
    "Your role doesn't allow this. Ask an owner of your team to do it or to change your role.",
)
CROSS_SITE_FORM: Final = Message(
    "Please try again",
    "This form didn't come from a page of your current session, so nothing was changed. Reload "
    "the page and try again.",
)
REPEATED_COOKIE: Final = Message(
    "Delete the cookies of this website",
    "Your browser sent two sign-in cookies, and another website may have set one of them, so "
    "neither was accepted. Delete the cookies of this website in your browser, then sign in again.",
)
SECOND_FACTOR_REQUIRED: Final = Message(
    "Set up two-factor authentication first",
    "This action requires a code from your authenticator app. Setting it up takes a minute.",
)
TOO_MANY_EXPORTS: Final = Message(
    "Exports are in progress",
    "Your team is already downloading as many files as is possible at a time. Try again when one "
    "of them is complete.",
)
NOT_FOUND: Final = (
    "This page doesn't exist, or it isn't your team's. Check the address, or choose a section from "
    "the menu."
)
EVENT_ARCHIVED: Final = Message(
    "Events of that time were archived",
    "They can no longer be shown here or sent again. Ask the operator for a copy.",
)
NOT_AN_OPTION: Final = "Choose an option from the list."
INVALID_DAY: Final = "Enter a date such as 2026-05-01."
WRONG_CODE: Final = "This code is wrong or was already used. Enter the next code from your app."

WRONG_PASSKEY: Final = "This passkey was not accepted. Try again, or enter a code."
SCRIPTS_NEEDED: Final = "Passkeys need JavaScript, which is off in your browser."


def error_message(error: DomainError) -> Message:
    """Return the content of the page for an error."""
    if isinstance(error, EventArchived):
        return EVENT_ARCHIVED
    if isinstance(error, NotFound):
        return Message("Page not found", NOT_FOUND)
    if isinstance(error, RateLimited):
        return Message("Too many attempts", too_many_attempts(error.retry_after))
    if isinstance(error, Unavailable):
        return Message(
            "Temporarily unavailable",
            "A service that this page needs can't be reached right now. Try again in a moment, "
            "and check whether your last change was saved.",
        )
    if isinstance(error, InvalidCommand):
        return Message("Invalid request", "The request was incomplete. Nothing was changed.")
    return Message("Not possible", "This isn't possible at the moment. Nothing was changed.")


def too_many_attempts(seconds: int) -> str:
    """Return when to try again."""
    return f"Too many attempts. Try again in {_duration(seconds)}."


def recovery_codes_left(count: int) -> str:
    """Return how many recovery codes are left after one was used."""
    if count == 0:
        return "You used your last recovery code. Generate new ones on your account page."
    return f"You used a recovery code. {count} left."


def _duration(seconds: int) -> str:
    minutes = -(-seconds // 60)
    if seconds < 60:
        return f"{seconds} second{'' if seconds == 1 else 's'}"
    return f"{minutes} minute{'' if minutes == 1 else 's'}"
