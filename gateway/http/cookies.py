"""Cookies of a request, read so that other sites' malformed cookies do not hide ours.

`http.cookies.SimpleCookie` discards a whole header at the first cookie that breaks RFC 6265. A
browser sends whatever was set for the host, so one such cookie would end a referral or a session.
"""

from collections.abc import Iterable


def first_cookie(headers: Iterable[bytes], name: str, *, max_length: int) -> str | None:
    """Return the first value of a cookie that has at most `max_length` bytes, None without one.

    Browsers send the cookie with the longest matching path first (RFC 6265, 5.4): for a cookie with
    a path of its own, such as the cabinet's, that is ours. Quotes are part of the value.
    """
    values = (value for header in headers for value in cookie_values(header, name))
    return next((value for value in values if len(value) <= max_length), None)


def last_cookie(headers: Iterable[bytes], name: str) -> str | None:
    """Return the last value of a cookie in the first header that has it, None without one.

    For a cookie with the path `/`, such as the referral: browsers send one set for a longer path
    before it (RFC 6265, 5.4). A pair of quotes around the value is removed.
    """
    for header in headers:
        values = cookie_values(header, name)
        if values:
            return _unquoted(values[-1])
    return None


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
