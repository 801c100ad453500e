"""Messages of signing in, the account, two-factor authentication and the team."""

from collections.abc import Mapping
from typing import Final

from domain.cabinet.members import MAX_MEMBERS, Role
from domain.cabinet.passkeys import MAX_PASSKEYS
from domain.cabinet.passwords import MAX_BYTES, MIN_CHARACTERS, PasswordProblem

WRONG_CREDENTIALS: Final = "Wrong email address or password."
ACCOUNT_DISABLED: Final = "This account is disabled. Contact the operator of this service."
SIGNED_OUT: Final = "You are signed out."
PASSWORD_RESET: Final = "Your password was changed. Sign in with it."  # noqa: S105  a message
LINK_EXPIRED: Final = "This link is no longer valid. Links work once, for 30 minutes."

WRONG_PASSWORD: Final = "Wrong password."  # noqa: S105  a message
PASSWORD_CHANGED: Final = "Password changed. All other browsers were signed out."  # noqa: S105
NOT_REPEATED: Final = "The passwords don't match."
PASSWORD_PROBLEMS: Final[Mapping[PasswordProblem, str]] = {
    PasswordProblem.TOO_SHORT: f"Use at least {MIN_CHARACTERS} characters.",
    PasswordProblem.TOO_LONG: f"Use at most {MAX_BYTES} bytes.",
    PasswordProblem.UNCHANGED: "This is your current password. Choose a different one.",
    PasswordProblem.COMMON: "This password is too easy to guess. Choose a different one.",
}

BROWSER_SIGNED_OUT: Final = "Browser signed out."
SIGNED_OUT_ELSEWHERE: Final = "All other browsers were signed out."

FACTOR_ALREADY_ON: Final = "Two-factor authentication is already on."
FACTOR_REQUIRED: Final = "Your team requires two-factor authentication, so it can't be turned off."
FACTOR_OFF: Final = "Two-factor authentication is off."
SETUP_EXPIRED: Final = "The setup has expired. Please start again."

PASSKEY_NAME: Final = "Enter a name of 1 to 50 characters."
PASSKEY_REJECTED: Final = "The passkey was not accepted. Try again."
PASSKEY_NOT_ADDED: Final = (
    f"The passkey was not added: it is in use already, or you have {MAX_PASSKEYS} passkeys."
)

INVALID_EMAIL: Final = "Enter a valid email address."
INVITATION_REJECTED: Final = (
    "This address can't be invited: it is already registered, or the team has reached "
    f"{MAX_MEMBERS} members."
)
LAST_OWNER: Final = (
    "Nothing was changed. A team needs at least one owner, and only owners can change it."
)


def zone_changed(zone: str) -> str:
    """Return the message after the time zone was changed."""
    return f"Time zone changed to {zone}."


def role_changed(email: str, role: Role) -> str:
    """Return the message after a member's role was changed."""
    return f"{email} is now {_ARTICLES[role]} {role.value} and must sign in again."


def factor_required(*, required: bool) -> str:
    """Return the message after the requirement of a second factor was changed."""
    if required:
        return "Everyone in the team now needs two-factor authentication."
    return "Two-factor authentication is each member's own choice again."


def passkey_added(name: str) -> str:
    """Return the message after a passkey was added."""
    return f"The passkey {name} was added. You can use it instead of a code."


def passkey_removed(name: str) -> str:
    """Return the message after a passkey was removed."""
    return f"The passkey {name} was removed. Delete it on your device too."


def member_removed(email: str) -> str:
    """Return the message after a member was removed."""
    return f"{email} was removed from the team."


_ARTICLES: Final = {Role.OWNER: "an", Role.DEVELOPER: "a", Role.VIEWER: "a"}
