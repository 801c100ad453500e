"""Which of the files that the pages load are missing, as in an incomplete installation."""

import re
from typing import Final

from cabinet_htmx.docs.contents import entries
from cabinet_htmx.docs.site import DOCS
from cabinet_htmx.shared.assets import STATIC
from cabinet_htmx.shared.environment import TEMPLATES

_ASSET: Final = re.compile(r"""asset\(["']([^"']+)["']\)""")


def missing_files() -> list[str]:
    """Return the static files named by templates, and pages of the documentation, that are missing.

    Each is named relative to its directory, such as vendor/htmx.min.js or quickstart.md.
    """
    named = {
        name
        for template in TEMPLATES.rglob("*.html")
        for name in _ASSET.findall(template.read_text())
    }
    static = [name for name in sorted(named) if not (STATIC / name).is_file()]
    pages = [f"{entry.name}.md" for entry in entries() if not (DOCS / f"{entry.name}.md").is_file()]
    return [*static, *pages] if named else ["templates"]
