"""Our cookies: set in one form, and read so that malformed ones of other sites do not hide them.

`http.cookies.SimpleCookie` discards a whole header at the first cookie that breaks RFC 6265. A
browser sends whatever was set for the host, so one such cookie would end a referral or a session.
"""

from collections.abc import Iterable
from typing import Final

MAX_COOKIE_LENGTH: Final = 512
"""More than any cookie of ours has."""


class RepeatedCookie(Exception):
    """A cookie of ours was sent twice: at least one of the two was set by somebody else.

    Another host below the same domain can set a cookie for all of them, and a request does not tell
    who set which (RFC 6265, 8.6). So neither counts.
    """


def cookie_of(headers: Iterable[bytes], name: str) -> str | None:
    """Return the value of a cookie, None without one or if it is too long to be ours.

    A pair of quotes around the value is removed. Raises RepeatedCookie.
    """
    values = [value for header in headers for value in cookie_values(header, name)]
    if len(values) > 1:
        raise RepeatedCookie(name)
    if not values or len(values[0]) > MAX_COOKIE_LENGTH:
        return None
    return _unquoted(values[0])


def set_cookie(name: str, value: str, *, path: str, seconds: int, secure: bool) -> str:
    """Return the Set-Cookie value of a cookie that scripts cannot read; 0 seconds remove it."""
    text = f"{name}={value}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Lax"
    return f"{text}; Secure" if secure else text


def cookie_values(header: bytes, name: str) -> list[str]:
    """Return every value of a cookie in one `Cookie` header, in order and as sent.

    Each part between semicolons stands alone: one without `=` or with bytes that are not allowed
    only counts as not ours. Values are latin-1, so any byte is one character.
    """
    wanted = name.encode()
    pairs = (part.strip(b" \t").partition(b"=") for part in header.split(b";"))
    return [value.decode("latin-1") for found, equals, value in pairs if equals and found == wanted]


def _unquoted(value: str) -> str:
    quoted = len(value) > 1 and value.startswith('"') and value.endswith('"')
    return value[1:-1] if quoted else value
