"""Which field of a JSON body has not the form of its wire type, and why, from msgspec's messages.

msgspec states path and cause of a ValidationError in its message only.
"""

import re
from typing import Final

import msgspec

from domain.errors import InvalidRequest
from domain.reasons import Reason

_PATH: Final = re.compile(r" - at `\$((?:\.\w{1,64}|\[(?:\d+|\.\.\.)\]){0,16})`$", re.ASCII)
_INDEX: Final = re.compile(r"\[[^\]]*\]")
_NAMED: Final = re.compile(
    r"Object (?:missing required|contains unknown) field `(\w{1,64})`", re.ASCII
)
_REASONS: Final = (
    ("Object missing required field ", Reason.MISSING),
    ("Object contains unknown field ", Reason.UNKNOWN_FIELD),
    ("Invalid enum value ", Reason.VALUE),
    ("Expected `str` matching regex ", Reason.FORMAT),
    ("Expected `str` of length ", Reason.LENGTH),
    ("Expected `array` of length ", Reason.LENGTH),
    ("Expected `object` of length ", Reason.LENGTH),
    ("Expected `int` >", Reason.RANGE),
    ("Expected `int` <", Reason.RANGE),
    ("Expected `float` ", Reason.RANGE),
    ("Integer value out of range", Reason.RANGE),
    ("Expected ", Reason.TYPE),
)


def json_problem(error: Exception) -> InvalidRequest:
    """Return the error of a body that does not have the form of its wire type."""
    message = str(error)
    if not isinstance(error, msgspec.ValidationError):
        return InvalidRequest(message, reason=Reason.MALFORMED)
    path = _PATH.search(message)
    names = _INDEX.sub("", path[1]).split(".")[1:] if path else []
    named = _NAMED.match(message)
    if named is not None:
        names.append(named[1])
    reason = next((reason for text, reason in _REASONS if message.startswith(text)), Reason.VALUE)
    return InvalidRequest(message, field=".".join(names) or None, reason=reason)
