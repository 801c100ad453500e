"""The operator's name, logo and colours on the public pages."""

import re
from pathlib import Path
from typing import Final

import msgspec

from cabinet_htmx.shared.document import Document

MAX_LOGO_BYTES: Final = 32 * 1024
MAX_NAME_LENGTH: Final = 40
MIN_CONTRAST: Final = 4.5
"""The minimum contrast between text and its background (WCAG 2.2, 1.4.3)."""
BACKGROUNDS: Final = {"accent": "#ffffff", "accent-dark": "#161d27"}
"""The background that each colour appears on: the surface of cards in the light and dark theme."""

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_LOGO_TYPES: Final = {
    ".svg": "image/svg+xml; charset=utf-8",
    ".png": "image/png",
    ".webp": "image/webp",
}


class InvalidBrand(ValueError):
    """A name, logo or colour is invalid; the message states why."""


class Brand(msgspec.Struct, frozen=True):
    """An operator's brand; the style sheet and logo are served at their own URLs."""

    name: str
    style: Document
    style_address: str
    logo: Document | None
    logo_address: str | None


def brand_of(*, name: str, colours: str = "", logo: Path | None = None) -> Brand:
    """Return a brand.

    `colours` has the form `accent=#0f766e, accent-dark=#4fd1c0`. Raises InvalidBrand for a name
    that is empty, too long or not printable, for a colour that is malformed or has too little
    contrast, and for a logo that cannot be read, exceeds 32 KiB or is not SVG, PNG or WebP.
    """
    if not name.strip() or len(name) > MAX_NAME_LENGTH or not name.isprintable():
        raise InvalidBrand(f"a brand name must have 1 to {MAX_NAME_LENGTH} printable characters")
    style = Document("text/css; charset=utf-8", _style(_parsed(colours)).encode())
    picture = _logo(logo) if logo is not None else None
    suffix = logo.suffix.lower() if logo is not None else ""
    return Brand(
        name=name.strip(),
        style=style,
        style_address=f"/brand/colours.{style.digest[:12]}.css",
        logo=picture,
        logo_address=f"/brand/logo.{picture.digest[:12]}{suffix}" if picture else None,
    )


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours written as #rrggbb, 1 to 21 (WCAG 2.2)."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _parsed(colours: str) -> dict[str, str]:
    parsed: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in colours.split(","))):
        name, _, value = (part.strip() for part in pair.partition("="))
        if name not in BACKGROUNDS or _COLOUR.fullmatch(value) is None:
            raise InvalidBrand(
                f"{pair!r} is not a valid colour: use accent=#rrggbb or accent-dark=#rrggbb"
            )
        if contrast(value, BACKGROUNDS[name]) < MIN_CONTRAST:
            raise InvalidBrand(
                f"{value} is not readable on {BACKGROUNDS[name]}: the contrast is "
                f"{contrast(value, BACKGROUNDS[name]):.1f}, the minimum is {MIN_CONTRAST}"
            )
        parsed[name] = value.lower()
    return parsed


def _style(colours: dict[str, str]) -> str:
    """Return the style sheet; without colours it is empty and the default colours apply."""
    rules = []
    if accent := colours.get("accent"):
        rules.append(f":root, :root:not([data-theme]) {{ {_variables(accent)} }}")
    if dark := colours.get("accent-dark"):
        rules.append(
            "@media (prefers-color-scheme: dark) "
            f"{{ :root:not([data-theme]) {{ {_variables(dark)} }} }}"
        )
    return "\n".join(rules) + "\n"


def _variables(accent: str) -> str:
    ink = max(("#ffffff", "#10151c"), key=lambda colour: contrast(accent, colour))
    return f"--accent: {accent}; --accent-ink: {ink};"


def _logo(path: Path) -> Document:
    content_type = _LOGO_TYPES.get(path.suffix.lower())
    if content_type is None:
        raise InvalidBrand(f"the logo {path} must be an SVG, PNG or WebP file")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InvalidBrand(f"the logo {path} cannot be read: {error.strerror}") from None
    if len(content) > MAX_LOGO_BYTES:
        raise InvalidBrand(f"the logo {path} is larger than {MAX_LOGO_BYTES // 1024} KiB")
    return Document(content_type, content)
