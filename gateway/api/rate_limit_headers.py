"""The headers `RateLimit-Policy` and `RateLimit` (IETF draft-ietf-httpapi-ratelimit-headers)."""

from domain.partners.weights import WINDOW_MS
from gateway.http.message import Header


def policy_header(budget: int) -> Header:
    """Return the header of a budget in weight units per window."""
    return b"ratelimit-policy", b'"default";q=%d;w=%d' % (budget, WINDOW_MS // 1000)


def remaining_header(remaining: int, reset_seconds: int) -> Header:
    """Return the header of the remaining weight, and of the seconds until more is available."""
    return b"ratelimit", b'"default";r=%d;t=%d' % (remaining, reset_seconds)
