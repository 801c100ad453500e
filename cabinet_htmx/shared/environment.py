"""The Jinja2 environment of all pages, with autoescaping and the URLs of static files."""

from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from cabinet_htmx.shared.assets import Assets

TEMPLATES: Final = Path(__file__).parents[1] / "templates"


def environment(assets: Assets) -> Environment:
    """Return an environment in whose templates `asset("docs.css")` is the URL of a static file."""
    templates = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    templates.globals["asset"] = assets.address
    return templates
