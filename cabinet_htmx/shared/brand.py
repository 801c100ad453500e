"""The operator's own name, logo and colours on the public pages."""

import re
from pathlib import Path
from typing import Final

import msgspec

from cabinet_htmx.shared.document import Document

MAX_LOGO_BYTES: Final = 32 * 1024
MAX_NAME_LENGTH: Final = 40
MIN_CONTRAST: Final = 4.5
"""Of text against what it stands on (WCAG 2.2, 1.4.3)."""
BACKGROUNDS: Final = {"accent": "#ffffff", "accent-dark": "#161d27"}
"""By the name of a colour, what it has to be told from: the surface of cards, light and dark."""

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_LOGO_TYPES: Final = {
    ".svg": "image/svg+xml; charset=utf-8",
    ".png": "image/png",
    ".webp": "image/webp",
}


class InvalidBrand(ValueError):
    """A name, logo or colour that pages can't carry; the text says why."""


class Brand(msgspec.Struct, frozen=True):
    """What the pages carry; the files are served under addresses of their own."""

    name: str
    style: Document
    style_address: str
    logo: Document | None
    logo_address: str | None


def brand_of(*, name: str, colours: str = "", logo: Path | None = None) -> Brand:
    """Return a brand.

    `colours` is such as `accent=#0f766e, accent-dark=#4fd1c0`. Raises InvalidBrand for a name that
    is empty, too long or doesn't print, for a colour that isn't one or that text in it couldn't be
    read in, and for a logo that can't be read, is over 32 KiB or of another type than SVG, PNG or
    WebP.
    """
    if not name.strip() or len(name) > MAX_NAME_LENGTH or not name.isprintable():
        raise InvalidBrand(f"a brand's name has 1 to {MAX_NAME_LENGTH} printable characters")
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
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
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
                f"{pair!r} is no colour: write accent=#rrggbb or accent-dark=#rrggbb"
            )
        if contrast(value, BACKGROUNDS[name]) < MIN_CONTRAST:
            raise InvalidBrand(
                f"text of {value} can't be read on {BACKGROUNDS[name]}: their contrast is "
                f"{contrast(value, BACKGROUNDS[name]):.1f}, and {MIN_CONTRAST} is needed"
            )
        parsed[name] = value.lower()
    return parsed


def _style(colours: dict[str, str]) -> str:
    """Return the style sheet; without colours an empty one, and the pages' own apply."""
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
    kind = _LOGO_TYPES.get(path.suffix.lower())
    if kind is None:
        raise InvalidBrand(f"the logo {path} is neither SVG, PNG nor WebP")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InvalidBrand(f"the logo {path} can't be read: {error.strerror}") from None
    if len(content) > MAX_LOGO_BYTES:
        raise InvalidBrand(f"the logo {path} is over {MAX_LOGO_BYTES // 1024} KiB")
    return Document(kind, content)
