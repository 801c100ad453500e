"""What the cabinet says in words of what has gone wrong."""

from typing import Final

import msgspec

from domain.cabinet.passwords import MAX_BYTES, MIN_CHARACTERS, PasswordProblem
from domain.errors import DomainError, InvalidRequest, NotFound, RateLimited, Unavailable


class Message(msgspec.Struct, frozen=True):
    """What stands on a page instead of what was asked for."""

    heading: str
    text: str


NOT_FOR_THIS_ROLE: Final = Message(
    "Not for your role",
    "Your role in this team doesn't allow that. An owner of the team can do it, or change your "
    "role.",
)
FOREIGN_FORM: Final = Message(
    "Please try again",
    "This form wasn't sent from a page of your present session, so nothing was changed. Open the "
    "page anew and try again.",
)
NO_SECOND_FACTOR: Final = Message(
    "Set up a second factor first",
    "Whoever does this has to prove it with a code from a phone, beside the password. You haven't "
    "set that up yet: it takes a minute.",
)
ROTATED_MEANWHILE: Final = (
    "Somebody has rotated a secret since you opened this page, so nothing was changed now."
)
WRONG_CODE: Final = "That code isn't right, or was used before. The app shows a new one soon."
WRONG_SIGN_IN: Final = "E-mail address or password is wrong."
DISABLED: Final = "This account is disabled. Please ask whoever runs this service."
WRONG_PASSWORD: Final = "That isn't your present password."  # noqa: S105  a sentence
PASSWORD_CHANGED: Final = (  # a sentence
    "Your password is changed, and you are signed out everywhere else."  # noqa: S105
)
NOT_ADDRESS: Final = "Please enter an e-mail address."
NOT_INVITED: Final = (
    "Nobody can be invited by this address: somebody signs in with it already, or the team is full."
)
LAST_OWNER: Final = "Nothing was changed: a team needs an owner, and only its owners can change it."
NO_ZONE: Final = "Please choose one of the list."
NOT_REPEATED: Final = "The two don't match."

_PASSWORD_FAULTS: Final = {
    PasswordProblem.SHORT: f"Please take at least {MIN_CHARACTERS} characters.",
    PasswordProblem.LONG: f"Please take at most {MAX_BYTES} bytes.",
    PasswordProblem.SAME: "That is the password you have. Please choose another one.",
    PasswordProblem.COMMON: (
        "Too many people use this password, or one like it. Please choose another."
    ),
}


def password_fault(fault: PasswordProblem) -> str:
    """Return why a password won't do."""
    return _PASSWORD_FAULTS[fault]


def refusal(error: DomainError) -> Message:
    """Return heading and text for what can't be done now or can't be found."""
    if isinstance(error, NotFound):
        return Message("Nothing here", "There is no such page, or nothing of yours behind it.")
    if isinstance(error, RateLimited):
        return Message("A moment, please", too_often(error.retry_after))
    if isinstance(error, Unavailable):
        return Message(
            "Not at the moment",
            "Something this page needs can't be reached just now. Nothing was changed that you "
            "haven't been told of. Please try again in a moment.",
        )
    if isinstance(error, InvalidRequest):
        return Message(
            "That can't be done", "What was sent can't be understood. Nothing was changed."
        )
    return Message("That can't be done", "It isn't possible at the moment. Nothing was changed.")


def too_often(seconds: int) -> str:
    """Return when to try again."""
    return f"That was too often. Try again in {_span(seconds)}."


def codes_left(count: int) -> str:
    """Return how many recovery codes there are after one was used."""
    if count == 0:
        return "That was your last recovery code: make new ones on the page Account."
    return f"That recovery code is used up. You have {count} more."


def _span(seconds: int) -> str:
    minutes = -(-seconds // 60)
    if seconds < 60:
        return f"{seconds} second{'' if seconds == 1 else 's'}"
    return f"{minutes} minute{'' if minutes == 1 else 's'}"
