"""The one Jinja2 environment of all pages: escapes everything, knows where static files are."""

from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from cabinet_htmx.shared.assets import Assets

TEMPLATES: Final = Path(__file__).parents[1] / "templates"


def environment(assets: Assets) -> Environment:
    """Return an environment whose templates say `asset("docs.css")` for a file's address."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals["asset"] = assets.address
    return made
