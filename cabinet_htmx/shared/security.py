"""The headers that every page carries: what a browser may load, frame and tell others."""

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
    """Return the headers of a page that only shows something: no scripts, no forms.

    `directives` loosens that for pages that need more: `page_headers(form_action="'self'")`.
    """
    loosened = {name.replace("_", "-"): sources for name, sources in directives.items()}
    policy = _READ_ONLY | loosened | _ALWAYS
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
    }
