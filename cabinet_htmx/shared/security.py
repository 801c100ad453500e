"""The security headers of every page: content security policy, MIME sniffing and referrers."""

from typing import Final

_ALWAYS: Final = {
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}

_READ_ONLY: Final = {
    "default-src": "'none'",
    "style-src": "'self'",
    "img-src": "'self'",
    "form-action": "'none'",
}


def page_headers(**directives: str) -> dict[str, str]:
    """Return the headers of a read-only page: no scripts, no forms.

    `directives` relaxes the policy where needed: `page_headers(form_action="'self'")`.
    """
    relaxed = {name.replace("_", "-"): sources for name, sources in directives.items()}
    policy = _READ_ONLY | relaxed | _ALWAYS
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
    }
